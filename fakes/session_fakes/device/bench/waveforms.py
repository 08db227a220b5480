"""Signals over time: shapes, points, recordings. Pure functions of time, in volts."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from session_fakes.errors import FakeError, listed, quoted

__all__ = ["SHAPES", "Points", "Recording", "Shape", "Started", "Waveform"]

_TURN = 2 * math.pi
_PERIODS = 2
"""How many of them show all that a periodic signal does."""


def _sine(phase: float) -> float:
    return math.sin(_TURN * phase)


def _square(phase: float) -> float:
    return 1.0 if phase % 1.0 < 0.5 else -1.0


def _triangle(phase: float) -> float:
    return 1.0 - 4.0 * abs((phase + 0.25) % 1.0 - 0.5)


def _ramp_up(phase: float) -> float:
    return 2.0 * ((phase + 0.5) % 1.0) - 1.0


def _ramp_down(phase: float) -> float:
    return -_ramp_up(phase)


SHAPES: Mapping[str, tuple[Callable[[float], float], float]] = {
    "sine": (_sine, math.sqrt(0.5)),
    "square": (_square, 1.0),
    "triangle": (_triangle, math.sqrt(1 / 3)),
    "ramp up": (_ramp_up, math.sqrt(1 / 3)),
    "ramp down": (_ramp_down, math.sqrt(1 / 3)),
}
"""Each as a function of the phase in turns between -1 and 1, with its root mean square."""


@dataclass(frozen=True)
class Shape:
    """A periodic signal of one of the shapes."""

    shape: str
    frequency: float
    amplitude: float
    """From the mean to the peak."""
    mean: float = 0.0
    phase: float = 0.0
    """In turns."""

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise FakeError(f"There is no shape {quoted(self.shape)}: {listed(tuple(SHAPES))}.")

    @property
    def rms(self) -> float:
        """Of the AC part."""
        return abs(self.amplitude) * SHAPES[self.shape][1]

    def at(self, time: float) -> float:
        """Its value at a time."""
        return self.mean + self.amplitude * SHAPES[self.shape][0](
            time * self.frequency + self.phase
        )

    def ends_after(self, time: float) -> float:  # noqa: ARG002 - the same at any time
        """How long to look at it from a time on to have seen all of it."""
        return _PERIODS / self.frequency if self.frequency else 0.0

    def samples(self, start: float, step: float, count: int) -> array[float]:
        """Its values at equal distances."""
        mean, amplitude = self.mean, self.amplitude
        first, turn = start * self.frequency + self.phase, step * self.frequency
        if self.shape == "sine":
            # By far the most frequent, and written out: a million of them take 0.1 s.
            sine, begin, by = math.sin, _TURN * (first % 1.0), _TURN * turn
            return array("d", [mean + amplitude * sine(begin + by * i) for i in range(count)])
        form = SHAPES[self.shape][0]
        return array("d", [mean + amplitude * form(first + turn * i) for i in range(count)])


@dataclass(frozen=True)
class Points:
    """Values at a constant rate, each held until the next; over and over again, or once."""

    values: Sequence[float]
    rate: float
    repeats: bool = True
    """Otherwise the last value stays."""

    @property
    def frequency(self) -> float:
        """How often all of them pass in a second."""
        return self.rate / len(self.values) if self.repeats else 0.0

    @cached_property
    def mean(self) -> float:
        """Of the values."""
        return math.fsum(self.values) / len(self.values)

    @cached_property
    def rms(self) -> float:
        """Of the AC part."""
        return math.sqrt(math.fsum((v - self.mean) ** 2 for v in self.values) / len(self.values))

    def at(self, time: float) -> float:
        """Its value at a time."""
        place = math.floor(time * self.rate)
        last = len(self.values) - 1
        return self.values[place % (last + 1) if self.repeats else max(0, min(place, last))]

    def ends_after(self, time: float) -> float:
        """How long to look at it from a time on to have seen all of it."""
        whole = len(self.values) / self.rate
        return _PERIODS * whole if self.repeats else max(0.0, whole - time)

    def samples(self, start: float, step: float, count: int) -> array[float]:
        """Its values at equal distances."""
        if not self.repeats:
            return array("d", [self.at(start + step * i) for i in range(count)])
        values, length = self.values, len(self.values)
        first, by = start * self.rate, step * self.rate
        return array("d", [values[int((first + by * i) // 1) % length] for i in range(count)])


@dataclass(frozen=True)
class Recording:
    """Values at given times, straight lines between them; the last one stays."""

    times: Sequence[float]
    values: Sequence[float]
    frequency: float = 0.0

    @cached_property
    def mean(self) -> float:
        """Of the values."""
        return math.fsum(self.values) / len(self.values)

    @cached_property
    def rms(self) -> float:
        """Of the AC part."""
        return math.sqrt(math.fsum((v - self.mean) ** 2 for v in self.values) / len(self.values))

    def at(self, time: float) -> float:
        """Its value at a time."""
        place = bisect_right(self.times, time)
        if place == 0:
            return self.values[0]
        if place == len(self.times):
            return self.values[-1]
        before, after = self.times[place - 1], self.times[place]
        part = (time - before) / (after - before)
        return self.values[place - 1] * (1 - part) + self.values[place] * part

    def ends_after(self, time: float) -> float:
        """How long to look at it from a time on to have seen all of it."""
        return max(0.0, self.times[-1] - time)

    def samples(self, start: float, step: float, count: int) -> array[float]:
        """Its values at equal distances."""
        return array("d", [self.at(start + step * i) for i in range(count)])


@dataclass(frozen=True)
class Started:
    """A signal whose time 0 is when it was started, times a gain."""

    wave: Shape | Points
    start: float
    gain: float = 1.0

    @property
    def frequency(self) -> float:
        """How often it repeats in a second."""
        return self.wave.frequency

    @property
    def mean(self) -> float:
        """Of its values."""
        return self.gain * self.wave.mean

    @property
    def rms(self) -> float:
        """Of the AC part."""
        return abs(self.gain) * self.wave.rms

    def at(self, time: float) -> float:
        """Its value at a time."""
        return self.gain * self.wave.at(time - self.start)

    def ends_after(self, time: float) -> float:
        """How long to look at it from a time on to have seen all of it."""
        return self.wave.ends_after(time - self.start)

    def samples(self, start: float, step: float, count: int) -> array[float]:
        """Its values at equal distances."""
        found = self.wave.samples(start - self.start, step, count)
        return found if self.gain == 1.0 else array("d", [self.gain * v for v in found])


Waveform = Shape | Points | Recording | Started
"""A signal over time. Its ``rms`` is that of what is left without the mean, as an AC meter reads;
its ``frequency`` is 0 when it does not repeat."""
