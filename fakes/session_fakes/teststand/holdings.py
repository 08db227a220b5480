"""Who held which session when, from the calls that the station answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from session_fakes.bootstrap.path.sitecustomize import STEP_KEY
from session_fakes.services.callers import holder_of, process_of
from session_fakes.serving.calls import RecordedCall
from session_fakes.serving.dispatch import Caller

if TYPE_CHECKING:
    from session_fakes.teststand.report import StepResult

__all__ = ["Span", "makers_of", "spans"]

Kind = Literal["waited", "reserved", "registered"]
_EFFECTS: Mapping[str, tuple[Kind, bool]] = {
    "ReserveSessions": ("reserved", True),
    "ReserveAllRegisteredSessions": ("reserved", True),
    "UnreserveSessions": ("reserved", False),
    "RegisterSessions": ("registered", True),
    "UnregisterSessions": ("registered", False),
}
"""What a method begins, or ends."""


@dataclass(frozen=True)
class Span:
    """A time during which a session was waited for, reserved or registered."""

    session: str
    kind: Kind
    step: int | None
    """The number of the step that asked for it; None when it is not known, or there was none."""
    who: str
    started: float
    ended: float | None = None
    """None when it was still so after the run."""


def spans(calls: Iterable[RecordedCall], steps: Sequence[StepResult]) -> list[Span]:
    """All spans of a run, by their start; those that are open at its end have no end.

    Args:
        calls: The calls of the run.
        steps: Its steps, to say which made a call.
    """
    held: dict[tuple[str, Kind], Span] = {}
    done: list[Span] = []
    freed: dict[str, float] = {}
    """When each session was given back last: who had asked before has waited for that."""
    effective = [call for call in calls if call.code == "OK" and call.method in _EFFECTS]
    for call in sorted(effective, key=_when):
        kind, begins = _EFFECTS[call.method]
        step, who = _named(call, makers_of(call, steps))
        for session in _sessions(call):
            if ended := held.pop((session, kind), None):
                done.append(replace(ended, ended=_when(call)))
            if begins:
                held[session, kind] = Span(session, kind, step, who, _when(call))
            if begins and kind == "reserved" and freed.get(session, 0.0) > call.started:
                done.append(Span(session, "waited", step, who, call.started, _when(call)))
            if kind == "reserved" and not begins:
                freed[session] = _when(call)
    return sorted([*done, *held.values()], key=lambda span: span.started)


def _when(call: RecordedCall) -> float:
    """When a call took effect: what is given back may be taken before its giver has the answer."""
    return call.started + (call.elapsed if _EFFECTS[call.method][1] else 0.0)


def _sessions(call: RecordedCall) -> list[str]:
    message: Any = call.response if "Reserve" in call.method else call.request
    return [information.session.name for information in message.sessions]


def makers_of(call: RecordedCall, steps: Sequence[StepResult]) -> list[StepResult]:
    """The steps that may have made a call: one, unless several ran in one process meanwhile."""
    caller = _caller(call)
    tag, process = caller.tag(STEP_KEY), f"process {process_of(caller)[0]}"
    running = [step for step in steps if step.started <= call.started <= step.ended]
    for found in (
        [step for step in running if str(step.number) == tag],
        [step for step in running if step.process == process],
    ):
        if found:
            return found
    return running


def _named(call: RecordedCall, makers: Sequence[StepResult]) -> tuple[int | None, str]:
    """The step that made a call, and its name; else the caller as the station knows it."""
    if len(makers) == 1:
        return makers[0].number, makers[0].name
    return None, str(holder_of(_caller(call)))


def _caller(call: RecordedCall) -> Caller:
    return Caller(cast("Any", None), call.peer, call.metadata)
