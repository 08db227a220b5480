"""The race checker: how its time grows with the length of a history and with its clients."""

from __future__ import annotations

import random
import time

from benchmarks.figures import Curve, Figure, Findings, Spread
from session_contract.races import Possible, judge_history
from session_contract.races.simulation import CorrectServer, Traffic, simulate
from session_spec.model import CORE

PART = "Race checker"
LENGTHS = (50, 100, 200, 400, 800)
CLIENTS = (2, 4, 8, 12)


def measure(findings: Findings, rounds: int, lengths: tuple[int, ...] = LENGTHS) -> None:
    """Judge simulated histories of a correct server: one resource, and all clients always busy."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for clients in CLIENTS:
        for calls in lengths:
            taken = _milliseconds(clients, calls, max(rounds // 6, 3))
            if taken is None:
                break  # there are too many orders to try, which the checker says, too
            lines.setdefault(f"{clients} clients", []).append((calls, taken.median))
            findings.add(Figure(PART, f"{calls} calls of {clients} clients", taken, "ms"))
    findings.curves.append(
        Curve("checker", "Time to judge a history", "calls", "milliseconds", lines)
    )


def _milliseconds(clients: int, calls: int, rounds: int) -> Spread | None:
    """How long it takes; None where it gives up."""
    taken: list[float] = []
    for seed in range(rounds):
        traffic = Traffic(clients, calls // clients)
        history = simulate(random.Random(seed), traffic, CorrectServer())
        begun = time.perf_counter()
        if not isinstance(judge_history(history, CORE), Possible):
            return None
        taken.append(1000 * (time.perf_counter() - begun))
    return Spread.of(taken)
