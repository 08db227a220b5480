"""Holds the events of a sequence against the model, and says what the first violation is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from session_contract.subject.finding import Event as Told
from session_contract.subject.finding import Finding
from session_spec.class_models.sequence import SequenceModel
from session_spec.examples import Event
from session_spec.model import Violation

_SHOWN = 20
"""Events of a finding at most: those before have been judged, and were right."""


def judge(events: Sequence[Event]) -> Finding | None:
    """The first violation, with what led to it; None when there is none."""
    model = SequenceModel()
    state = model.initial()
    for index, event in enumerate(events):
        verdict = model.apply(state, event)
        if isinstance(verdict, Violation):
            return Finding(verdict.requirement, verdict.sentence, events=shown(events[: index + 1]))
        (state,) = verdict
    return None


def shown(events: Sequence[Event]) -> list[Told]:
    """The last events, for a reader: with the names of the specification for ids."""
    ids = [e.outcome[1] for e in events if e.call == "Initialize" and e.code == "OK" and e.outcome]
    short = {name: f"s{n}" for n, name in enumerate(dict.fromkeys(ids), 1)}
    left_out = len(events) - _SHOWN
    earlier = [Told("", f"({left_out} events before)")] if left_out > 0 else []
    return [*earlier, *(Told(e.actor, _shortened(e.text, short)) for e in events[-_SHOWN:])]


def _shortened(text: str, short: dict[str, str]) -> str:
    for name, its in short.items():
        text = text.replace(name, its)
    return text


def happened(events: Sequence[Event], section: str, call: str, codes: Collection[str]) -> bool:
    """Whether a step of a section made a call, and was answered one of these codes."""
    return any(e.actor.startswith(section) and e.call == call and e.code in codes for e in events)
