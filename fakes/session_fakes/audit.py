"""What a test left behind on a fake station, in words: each thing, who made it, and the remedy.

It needs no pytest, and neither it nor its import loads gRPC::

    with FakeStation("bench.pinmap") as station, station.installed():
        run_the_sequence()
        assert audit.check(station) == []
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from session_fakes.bootstrap.path.sitecustomize import CALLER_KEY, PROCESS_KEY, tags
from session_fakes.errors import quoted
from session_fakes.views import Leak

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

__all__ = [
    "ChannelWatch",
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
    "service": (
        "Call unregister_service() with the id that register_service() gave, leave the `with`"
        " block of host_service(), or stop() the process that launch() gave."
    ),
    "channel": (
        "Use the client in a `with` block, or close the GrpcChannelPool. A DiscoveryClient cannot"
        " be closed: give it a pool, DiscoveryClient(grpc_channel_pool=pool). If a fixture closes"
        " it, have that fixture end with the test."
    ),
}
_POOLS = "ni_grpc_extensions.channelpool"


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
    return [_with_maker(station, leak) for leak in station.leaks()]


def describe(leak: Leak) -> str:
    """A leak and, in a second line, its remedy."""
    remedy = _REMEDIES.get(leak.kind, "Undo it before the end.")
    return f"{leak.kind} {leak.what}, by {_who(leak.who)}\n{remedy}"


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


def _with_maker(station: FakeStation, leak: Leak) -> Leak:
    """A service with the one who registered it; of others the station knows that already."""
    if leak.kind != "service":
        return leak
    for call in reversed(station.calls.of("*.DiscoveryService/RegisterService")):
        request: Any = call.request
        facts = request.service_description
        if call.code == "OK" and leak.what == f"{facts.display_name} ({facts.service_class})":
            return Leak(leak.kind, leak.what, _maker(dict(call.metadata)) or leak.who)
    return leak


def _maker(metadata: dict[str, str | bytes]) -> str:
    pid, _, script = str(metadata.get(PROCESS_KEY, "")).partition(" ")
    place = str(metadata.get(CALLER_KEY, ""))
    parts = [
        f"plug-in {quoted(script)}" if script else "",
        f"process {pid}" if pid else "",
        f"at {quoted(place)}" if place else "",
    ]
    return ", ".join(filter(None, parts))


def _who(holder: str) -> str:
    return re.sub(rf"\bprocess {os.getpid()}\b", "this process", holder)


@dataclass(frozen=True)
class _Made:
    """A channel that a pool of NI's made, and where."""

    pool: weakref.ref[Any]
    channel: weakref.ref[Any]
    target: str
    place: str


class ChannelWatch:
    """Notes the gRPC channels that NI's channel pools make, from ``start`` to ``stop``.

    Channels that nobody can reach any more are closed, and no leak. Where NI's package has no
    pool as this kit knows it, nothing is noted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[_Made] = []
        self._active = False
        self._undo: list[tuple[type[Any], str, object, object]] = []

    def start(self) -> None:
        """Begin to note; from now on NI's pools are imported."""
        try:
            pool: type[Any] = importlib.import_module(_POOLS).GrpcChannelPool
            methods: dict[str, Any] = dict(vars(pool))
            create, close = methods["_create_channel"], methods["close"]
        except (ImportError, AttributeError, KeyError):
            return
        self._active = True
        self._replace(pool, "_create_channel", create, self._noting(create))
        self._replace(pool, "close", close, self._forgetting(close))

    def stop(self) -> None:
        """Put NI's pools back as they were; what was noted stays."""
        self._active = False
        while self._undo:
            pool, name, original, ours = self._undo.pop()
            if vars(pool).get(name) is ours:  # otherwise somebody wraps it, who has to go first
                setattr(pool, name, original)

    def still_open(self) -> list[Leak]:
        """The channels that were made and are open, and the line that made them."""
        if self._open():
            # One in a cycle of references that nobody holds is nobody's leak.
            gc.collect()
        return [Leak("channel", f"to {each.target}", _this(each.place)) for each in self._open()]

    def _open(self) -> list[_Made]:
        with self._lock:
            return [made for made in self._made if made.channel() is not None]

    def _replace(self, pool: type[Any], name: str, original: object, ours: object) -> None:
        self._undo.append((pool, name, original, ours))
        setattr(pool, name, ours)

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def create_channel(pool: object, target: str) -> Any:  # noqa: ANN401 - NI's own type
            channel = original(pool, target)
            if self._active:
                place = dict(tags()).get(CALLER_KEY, "")
                made = _Made(weakref.ref(pool), weakref.ref(channel), target, place)
                with self._lock:
                    self._made.append(made)
            return channel

        return create_channel

    def _forgetting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def close(pool: object) -> Any:  # noqa: ANN401 - passed on as it is
            try:
                return original(pool)
            finally:
                with self._lock:
                    self._made = [made for made in self._made if made.pool() is not pool]

        return close


def _this(place: str) -> str:
    return f"this process, at {quoted(place)}" if place else "this process"
