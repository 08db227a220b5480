"""What a measurement says: rates in paired rounds, their medians and spread, and their aims."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

Call = Callable[[], object]
Rate = Callable[[float], float]
"""Calls again and again for about so many seconds, and says how often in one second."""
SLICE = 0.05
"""Seconds of calls to one side before it is the next one's turn."""


class Spread(NamedTuple):
    """The median of what the rounds said, and the quartiles beside it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the values of the rounds."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, and what it should be at least, or at most."""

    part: str
    what: str
    spread: Spread
    unit: str = "ratio"
    least: float | None = None
    most: float | None = None
    detail: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or nothing where there is no aim."""
        if self.least is None and self.most is None:
            return ""
        reached = self.least is None or self.spread.median >= self.least
        kept = self.most is None or self.spread.median <= self.most
        return "met" if reached and kept else "missed"

    @property
    def aim(self) -> str:
        """The aim as people read it."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.most is None else f"≤ {self.most:g}"

    def line(self) -> str:
        """The figure as a console shows it."""
        median, low, high = self.spread
        value = f"{median:.3g} {self.unit} ({low:.3g} to {high:.3g})"
        return f"{self.what:<62} {value:<32} {self.aim:<8} {self.verdict}".rstrip()


@dataclass(frozen=True)
class Curve:
    """How something grows: points for each of several lines."""

    name: str
    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass
class Findings:
    """All that a run has measured so far."""

    tell: Callable[[str], None] = lambda _: None
    figures: list[Figure] = field(default_factory=list[Figure])
    curves: list[Curve] = field(default_factory=list[Curve])

    def add(self, figure: Figure) -> None:
        """Keep a figure, and show it."""
        self.figures.append(figure)
        self.tell(figure.line())


def alone(call: Call) -> Rate:
    """The rate of one client that calls again and again."""

    def rate(seconds: float) -> float:
        count, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            call()
            count += 1
        return count / passed

    return rate


def together(calls: Sequence[Call], pool: ThreadPoolExecutor) -> Rate:
    """The rate of several clients at once, each with a call of its own."""
    rates = [alone(call) for call in calls]

    def rate(seconds: float) -> float:
        return sum(future.result() for future in [pool.submit(one, seconds) for one in rates])

    return rate


class Rounds:
    """Rates that were measured in turn: what slows the machine slows all of a round."""

    def __init__(self, rates: Mapping[str, Sequence[float]]) -> None:
        self._rates = rates

    @classmethod
    def of(cls, sides: Mapping[str, Rate], rounds: int, seconds: float = SLICE) -> Rounds:
        """Measure all sides in each round, in an order that changes; a first round warms up."""
        names = list(sides)
        found: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds + 1):
            for name in names if number % 2 else reversed(names):
                rate = sides[name](seconds)
                if number:
                    found[name].append(rate)
        return cls(found)

    def ratio(self, name: str, other: str) -> Spread:
        """What the rate of one is of the rate of the other, in the same round."""
        pairs = zip(self._rates[name], self._rates[other], strict=True)
        return Spread.of([one / two for one, two in pairs])

    def rate(self, name: str) -> Spread:
        """Calls in a second."""
        return Spread.of(self._rates[name])

    def seconds(self, name: str) -> Spread:
        """How long a call takes."""
        return Spread.of([1 / rate for rate in self._rates[name]])
