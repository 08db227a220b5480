"""What a test left behind on a fake station, in words: each thing, who made it, and the remedy.

It needs no pytest, and neither it nor its import loads gRPC::

    with FakeStation("bench.pinmap") as station, station.installed():
        run_the_sequence()
        assert audit.check(station) == []
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from session_fakes.views import Leak

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

__all__ = [
    "check",
    "describe",
    "internal_errors",
    "last_calls",
    "leaks",
    "numbered",
    "text_of_faults",
    "text_of_leaks",
    "unused_faults",
]

_REMEDIES = {
    "reservation": (
        "Leave the `with` block of the reservation, or call its unreserve(), also when the code"
        " in between raises."
    ),
    "session registration": (
        "Call unregister_sessions() when the session is closed: it is the counterpart of"
        " register_sessions()."
    ),
    "multiplexer registration": (
        "Call unregister_multiplexer_sessions() when the session of the multiplexer is closed."
    ),
    "driver session": (
        "Close the session, or leave its `with` block: it closes what it has created. One opened"
        " with INITIALIZE_SESSION_THEN_DETACH needs another with ATTACH_TO_SESSION_THEN_CLOSE."
    ),
    "device reservation": "Call Unreserve of SessionUtilities with the same client id.",
    "service": (
        "Call unregister_service() with the id that register_service() gave, leave the `with`"
        " block of host_service(), or stop() the process that launch() gave."
    ),
    "waiting call": (
        "Have the call end before the test does: release what it waits for, give it a timeout, or"
        " cancel it, and join its thread."
    ),
    "channel": (
        "Use the client, or the channel, in a `with` block, or close the GrpcChannelPool."
        " A DiscoveryClient cannot be closed: give it a pool,"
        " DiscoveryClient(grpc_channel_pool=pool). If a fixture closes it, have that fixture end"
        " with the test."
    ),
}
_MOMENT = 1.0
"""Seconds within which a call that was given up no longer waits."""


def check(station: FakeStation) -> list[str]:
    """What is wrong with a station that should be clean now; empty when nothing is.

    Args:
        station: The station; it is looked at, not changed.

    Returns:
        A text for each thing left behind, and for each fault of the fakes themselves.
    """
    return [*map(describe, leaks(station)), *internal_errors(station)]


def leaks(station: FakeStation) -> list[Leak]:
    """What was left behind on a station, and by whom, as far as its calls tell.

    Services that the station itself started are its own: they end with it.
    """
    _await_those_given_up(station)
    return station.leaks()


def describe(leak: Leak) -> str:
    """A leak and, in a second line, its remedy."""
    remedy = _REMEDIES.get(leak.kind, "Undo it before the end.")
    return f"{_ours(str(leak))}\n{remedy}"


def numbered(found: Sequence[Leak]) -> list[str]:
    """The leaks described, as a numbered list."""
    texts = [describe(leak).replace("\n", "\n     ") for leak in found]
    return [f"  {number}. {text}" for number, text in enumerate(texts, 1)]


def text_of_leaks(found: Sequence[Leak]) -> str:
    """What a test that passed is told of its leaks; empty when there are none."""
    if not found:
        return ""
    things = "1 thing" if len(found) == 1 else f"{len(found)} things"
    return "\n".join([f"The test passed, but left {things} behind:", *numbered(found)])


def text_of_faults(faults: Sequence[str]) -> str:
    """What a test that passed is told of faults without effect; empty when there are none."""
    if not faults:
        return ""
    remedy = "Have the test make the call, or take the fault back with remove()."
    lines = [f"  {fault}" for fault in faults]
    return "\n".join(["The test passed, but no call has met:", *lines, remedy])


def internal_errors(station: FakeStation) -> list[str]:
    """What went wrong inside the fakes: never the fault of a test."""
    return [
        f"a fault of the fake station itself, please report it:\n{trace.rstrip()}"
        for trace in station.internal_errors
    ]


def unused_faults(station: FakeStation) -> list[str]:
    """The faults that no call has met: what they were for was not tested."""
    return [f"fault on {fault.pattern} ({fault.words})" for fault in station.faults.unused]


def last_calls(station: FakeStation, most: int = 20) -> str:
    """The last calls that a station answered, one a line; empty when there were none."""
    calls = list(station.calls)
    lines = [str(call) for call in calls[-most:]]
    if len(calls) > most:
        lines.insert(0, f"({len(calls) - most} earlier calls)")
    return "\n".join(lines)


def _await_those_given_up(station: FakeStation) -> None:
    """Give the station a moment: of a call that its client gave up it hears a little later."""
    end = time.monotonic() + _MOMENT
    while station.waiting() and time.monotonic() < end:
        time.sleep(0.01)


def _ours(text: str) -> str:
    return re.sub(rf"\bprocess {os.getpid()}\b", "this process", text)
