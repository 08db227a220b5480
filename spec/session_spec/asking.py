"""Asks a model which answers it allows to a call: each of those that there could be is tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from session_spec.model import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    UNKNOWN,
    Answer,
    Call,
    Initialize,
    Rules,
    State,
    Verdict,
    step,
)

RESOURCE: Final = "R"
SESSION: Final = "s1"
_REFUSALS = (NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT, FAILED_PRECONDITION, UNKNOWN)


def verdicts(state: State, call: Call, rules: Rules) -> Iterator[tuple[Answer, Verdict]]:
    """Every answer to a call about :data:`RESOURCE` or :data:`SESSION`, and what is said of it.

    Those that say nothing of ids come first, as they break the plainest rule.
    """
    return ((answer, step(state, call, answer, rules)) for answer in _answers(call))


def _answers(call: Call) -> Iterator[Answer]:
    yield from map(Answer, _REFUSALS)
    if not isinstance(call, Initialize):
        yield Answer(OK)
        return
    # The device server takes the name of a resource for the id; elsewhere it is another id.
    for session in (SESSION, RESOURCE):
        for new in (True, False):
            yield Answer(OK, session, new)


def is_own(state: State, answer: Answer) -> bool:
    """Whether an answer has the id of the session that is open."""
    return state.is_open(RESOURCE) and answer.session == state.session_of(RESOURCE)
