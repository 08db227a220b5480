"""Random calls one after the other, each answer judged by the model."""

from __future__ import annotations

from typing import Any

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement, specification
from session_contract.checks.station.exploring import explored
from session_contract.station.station import Station
from session_contract.subject.finding import NotEstablished, Violated

_NOT_IN_A_ROW = {"RES-WAITS", "RES-FIFO", "RES-DROPPED", "REG-RESERVE-ALL-CHANNELS"}
"""What takes calls at the same time, or others' sessions."""
_MOST = 4
"""Requirements that are found to be violated, from which on programs end too early to tell."""


def _cases() -> list[Any]:
    return [
        pytest.param(
            each.id, marks=requirement(each.id, each.revision, kind="stateful"), id=each.id
        )
        for each in specification().of_class("station")
        if each.id not in _NOT_IN_A_ROW
    ]


@pytest.mark.parametrize("name", _cases())
def test___random_calls_in_a_row___their_answers___are_allowed(
    station: Station, budget: Budget, seed: int, name: str
) -> None:
    result = explored(station, budget, seed)

    station.executions = result.programs
    if found := result.found.get(name):
        raise Violated(found)
    if len(result.found) >= _MOST:
        raise NotEstablished(
            f"The programs ended early: {', '.join(sorted(result.found))} are violated."
        )
