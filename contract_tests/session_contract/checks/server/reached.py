"""Which places the checks reached: in which state a call was made, and what it got."""

from __future__ import annotations

from session_contract.results.run_result import Cell
from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import Answer, Initialize, State

FREE, OPEN, CLOSED, NEVER = "no open session", "open session", "closed session", "made-up session"


def cell(state: State, record: Record) -> Cell:
    """The place that a call was at."""
    return Cell(_state(state, record), _call(record), _answer(record))


def _state(state: State, record: Record) -> str:
    call = record.call
    if isinstance(call, Initialize):
        return OPEN if state.is_open(call.resource) else FREE
    if state.resource_of(call.session) is not None:
        return OPEN
    return CLOSED if call.session in state.issued else NEVER


def _call(record: Record) -> str:
    call = record.call
    if not isinstance(call, Initialize):
        return type(call).__name__
    known = {behavior.value: behavior.name for behavior in Behavior}
    return known.get(call.behavior, "unknown behaviour")


def _answer(record: Record) -> str:
    answer = record.answer
    return f"{answer.code}, new" if isinstance(answer, Answer) and answer.new else record.code
