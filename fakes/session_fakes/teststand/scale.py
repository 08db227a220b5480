"""A scale of time on which nothing is too short to be seen."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

_LEAST = 0.5
"""How wide a piece is at least, as a part of what it would be were all pieces alike."""


class Scale:
    """Places times between 0 and 1: in their order, but with short pieces widened.

    A run has steps of milliseconds beside measurements of seconds; on an even scale the former,
    and who held a session during them, would be invisible.
    """

    def __init__(self, times: Iterable[float]) -> None:
        """Cut the time at these moments."""
        self._times = sorted(set(times)) or [0.0]
        lengths = [b - a for a, b in zip(self._times, self._times[1:], strict=False)]
        total = sum(lengths) or 1.0
        floor = _LEAST / max(len(lengths), 1)
        weights = [max(length / total, floor) for length in lengths]
        whole = sum(weights) or 1.0
        self._places = [0.0]
        for weight in weights:
            self._places.append(self._places[-1] + weight / whole)

    def __call__(self, time: float) -> float:
        """The place of a time, between 0 and 1; those outside are at the ends."""
        if time <= self._times[0] or len(self._times) == 1:
            return 0.0
        if time >= self._times[-1]:
            return 1.0
        after = bisect.bisect_right(self._times, time)
        begin, end = self._times[after - 1], self._times[after]
        part = (time - begin) / (end - begin)
        return self._places[after - 1] + part * (self._places[after] - self._places[after - 1])
