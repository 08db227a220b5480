"""The short form: whether the references are far slower than they were, on whatever machine."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.figures import Call, Rounds
from benchmarks.references import DEVICE_PAIR, LOG_PAIR, sides

LIMITS = {"LogMeasurementData": 0.85, "ReadRegister": 0.90, LOG_PAIR: 0.40, DEVICE_PAIR: 0.40}
_TRIES = 40
_ROUNDS = 4
_SLICE = 0.02


def lagging(clients: Mapping[str, dict[str, Call]], tries: int = _TRIES) -> dict[str, float]:
    """What never reached its limit beside the echo, and the best that it reached.

    One good try is enough: others on the machine can make a server slow, but none can make it fast.

    Args:
        clients: The calls of each server; one of them is the ``echo``.
        tries: How often to measure what has not been good yet.
    """
    best = dict.fromkeys(
        ((what, name) for what in LIMITS for name in clients if name != "echo"), 0.0
    )
    for _ in range(tries):
        for what in {what for what, name in best if best[what, name] < LIMITS[what]}:
            seen = Rounds.of(sides(clients, what), _ROUNDS, _SLICE)
            for name in clients:
                if name != "echo":
                    reached = max(best[what, name], seen.ratio(name, "echo").median)
                    best[what, name] = reached
    return {
        f"{what}, {name}": reached
        for (what, name), reached in best.items()
        if reached < LIMITS[what]
    }
