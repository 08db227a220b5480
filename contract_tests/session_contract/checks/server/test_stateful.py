"""Random calls one after the other, each answer judged by the model."""

from __future__ import annotations

from typing import Any

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.server.exploring import explored
from session_contract.subject.finding import NotEstablished, Violated
from session_contract.subject.subject import Subject
from session_spec.matrix import SERVER_MATRIX

_MATRIX = [name for c in SERVER_MATRIX.values() for name in (c.requirement, c.flag_requirement)]
_NAMES = [
    *dict.fromkeys(name for name in _MATRIX if name),
    *("INIT-NEW-UNTOUCHED", "INIT-ATTACH-NOTHING", "INIT-ID-PRESENT", "ISO-OWN-SESSION"),
    *("ISO-CLOSE-ONE", "CLOSE-OPEN", "CLOSE-UNKNOWN", "CLOSE-RELEASES", "CLOSE-FOR-ALL"),
    *("USE-CLOSED", "USE-NO-EFFECT"),
    *("INPUT-BEHAVIOR", "INPUT-NO-EFFECT", "INPUT-ID-REUSED"),
]


def _cases() -> list[Any]:
    return [
        pytest.param(name, marks=requirement(name, 1, kind="stateful"), id=name) for name in _NAMES
    ]


@pytest.mark.parametrize("name", _cases())
def test___random_calls_in_a_row___their_answers___are_allowed(
    subject: Subject, budget: Budget, seed: int, name: str
) -> None:
    result = explored(subject, budget, seed)

    subject.executions = result.programs
    if found := result.found.get(name):
        raise Violated(found)
    unlisted = [found for other, found in result.found.items() if other not in _NAMES]
    if unlisted and name == _NAMES[0]:
        # A requirement without a check of this kind: its finding must not go unsaid.
        raise Violated(unlisted[0])
    if len(result.found) >= 4:
        raise NotEstablished(
            f"The programs ended early: {', '.join(sorted(result.found))} are violated."
        )
