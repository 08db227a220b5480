"""Calls at the same time: whether some order of them explains the answers."""

from __future__ import annotations

from typing import Any

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.server.racing import finding, raced
from session_contract.subject.finding import NotEstablished, Violated
from session_contract.subject.subject import Subject

_NAMES = (
    *("RACE-ORDER", "RACE-ONE-NEW", "RACE-ONE-CREATOR"),
    *("RACE-AUTO-NEVER-EXISTS", "RACE-ONE-CLOSE", "RACE-ID-USABLE", "USE-ORDER"),
)


def _cases() -> list[Any]:
    return [pytest.param(name, marks=requirement(name, 1, kind="race"), id=name) for name in _NAMES]


@pytest.mark.parametrize("name", _cases())
def test___calls_at_the_same_time___their_answers___have_an_order(
    subject: Subject, budget: Budget, seed: int, name: str
) -> None:
    if name == "USE-ORDER" and not subject.target.uses:
        raise NotEstablished(
            "The target names no call that uses a session: add [[use]] to the target file."
        )

    result = raced(subject, budget, seed)

    subject.executions = result.rounds
    if found := finding(result, name):
        raise Violated(found)
    if result.serial:
        named, sentence = next(iter(result.serial.items()))
        raise NotEstablished(
            f"The rounds could not come to their point, because {named} is violated: {sentence}."
        )
    if result.undecided:
        raise NotEstablished(
            f"{result.undecided} of {result.rounds} histories had too many orders to try."
        )
