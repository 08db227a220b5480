"""The short form: whether the references are far slower than they were, on whatever machine."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.figures import Call, Rate
from benchmarks.references import DEVICE_PAIR, LOG_PAIR, sides

LIMITS = {"LogMeasurementData": 0.70, "ReadRegister": 0.75, LOG_PAIR: 0.30, DEVICE_PAIR: 0.30}
"""Well below what was measured: what a file costs beside a call differs between machines."""
_TRIES = 200
_SLICE = 0.01
_CALM = 0.6
"""What the median rate of an echo is of its best one at least, where others do not disturb."""

_FAR = 0.75
"""Below such a part of its limit a server is slow, however busy the machine is."""


@dataclass
class Compared:
    """The best rates so far: others on the machine make a server slow, but none makes it fast."""

    limit: float
    rates: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, sides: Mapping[str, Rate]) -> None:
        """Measure each once more."""
        for name, rate in sides.items():
            self.rates.setdefault(name, []).append(rate(_SLICE))

    def lagging(self) -> dict[str, float]:
        """What the best rate of each is of the echo's best one, if that is below the limit."""
        best = {name: max(rates) for name, rates in self.rates.items()}
        ratios = {name: rate / best["echo"] for name, rate in best.items() if name != "echo"}
        return {name: ratio for name, ratio in ratios.items() if ratio < self.limit}

    @property
    def cannot_tell(self) -> bool:
        """Whether others disturb the echo itself, and what lags does so by no more than that."""
        echoes = self.rates["echo"]
        disturbed = statistics.median(echoes) < _CALM * max(echoes)
        return disturbed and min(self.lagging().values(), default=0) > _FAR * self.limit


def compare(clients: Mapping[str, dict[str, Call]], tries: int = _TRIES) -> dict[str, Compared]:
    """Compare each call with that of the ``echo``, until none lags, or the tries are used up.

    Args:
        clients: The calls of each server; one of them is the ``echo``.
        tries: How often to measure at most.
    """
    found = {what: Compared(limit) for what, limit in LIMITS.items()}
    for number in range(tries):
        for what, compared in found.items():
            if number < 3 or compared.lagging():
                compared.add(sides(clients, what))
    return found
