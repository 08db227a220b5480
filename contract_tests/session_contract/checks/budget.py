"""How often the checks that repeat do so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Numbers of repetitions; more of them find rarer faults."""

    name: str
    creating: int
    """Rounds of calls at the same time in which a server can create twice."""
    closing: int
    """Such rounds around Close, and as many around calls that use a session."""
    random: int
    """Rounds of random plans."""
    programs: int
    """Programs of the random check of one call after the other."""
    steps: int
    """Calls of such a program."""
    ids: int
    """Sessions created to compare their ids."""
    cycles: int
    """Openings and closings of one resource in a row."""
    lost: int
    """Times that each way to lose a call is tried."""
    uses: int
    """Clients that come and go before what they left is counted."""


BUDGETS: Mapping[str, Budget] = {
    budget.name: budget
    for budget in (
        Budget("quick", 60, 20, 10, programs=10, steps=15, ids=50, cycles=10, lost=1, uses=40),
        Budget(
            "default", 600, 120, 60, programs=50, steps=30, ids=200, cycles=50, lost=3, uses=200
        ),
        Budget(
            "thorough",
            5000,
            1000,
            1000,
            programs=500,
            steps=50,
            ids=2000,
            cycles=200,
            lost=20,
            uses=2000,
        ),
    )
}
"""By the name of the option that asks for it."""
