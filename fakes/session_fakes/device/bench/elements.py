"""What can be connected to a node: sources with limits, and loads, each with its characteristic.

The current that an element delivers never rises with the voltage of the node. So a node has one
operating point, and it is found from the corners of the characteristics without iteration. An
ideal source is a step: at its own voltage it delivers any current between its limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from session_fakes.device.bench.waveforms import Waveform

__all__ = [
    "CurrentSource",
    "Element",
    "OperatingPoint",
    "VoltageSource",
    "operating_point",
    "voltage",
]

UNLIMITED = 1e9
"""Amperes: so that two ideal sources against each other have an answer as well."""


class Element(Protocol):
    """Something with one end on the node and the other on ground."""

    @property
    def corners(self) -> tuple[float, ...]:
        """The voltages at which its characteristic has a corner or a step."""
        raise NotImplementedError

    def current(self, volts: float) -> tuple[float, float]:
        """The least and the greatest current that it delivers at a voltage."""
        raise NotImplementedError


@dataclass(frozen=True)
class VoltageSource:
    """A source with an internal resistance and a current limit; at 0 V without limit, a load."""

    volts: float = 0.0
    ohms: float = 0.0
    limit: float = UNLIMITED
    wave: Waveform | None = None
    """What is added to its voltage over time."""

    @property
    def corners(self) -> tuple[float, ...]:
        """Its voltage, and where its limits begin."""
        if self.ohms == 0 or self.limit >= UNLIMITED:
            return (self.volts,)
        return (self.volts - self.limit * self.ohms, self.volts + self.limit * self.ohms)

    def current(self, volts: float) -> tuple[float, float]:
        """By Ohm's law, between the limits."""
        if self.ohms:
            amps = max(-self.limit, min(self.limit, (self.volts - volts) / self.ohms))
            return amps, amps
        if volts == self.volts:
            return -self.limit, self.limit
        amps = self.limit if volts < self.volts else -self.limit
        return amps, amps


@dataclass(frozen=True)
class CurrentSource:
    """A source of current; from its voltage limit on it holds that voltage."""

    amps: float
    limit: float

    @property
    def corners(self) -> tuple[float, ...]:
        """Its voltage limits."""
        return (-self.limit, self.limit)

    def current(self, volts: float) -> tuple[float, float]:
        """Its current between the limits; beyond them, against the voltage."""
        most = abs(self.amps)
        if volts == self.limit:
            return -most, self.amps
        if volts == -self.limit:
            return self.amps, most
        amps = self.amps if abs(volts) < self.limit else -most if volts > 0 else most
        return amps, amps


@dataclass(frozen=True)
class OperatingPoint:
    """The voltage of a node, and the current that each of its elements delivers."""

    volts: float
    currents: tuple[float, ...]


def operating_point(elements: Sequence[Element]) -> OperatingPoint:
    """The one voltage at which the currents of all elements add up to nothing."""
    volts = voltage(elements)
    ranges = [element.current(volts) for element in elements]
    return OperatingPoint(volts, tuple(_shared(ranges)))


def _shared(ranges: Sequence[tuple[float, float]]) -> list[float]:
    """The currents: what some elements leave open at the voltage, those share that the sum is 0."""
    currents = [low for low, _ in ranges]
    # The narrowest first: what it cannot take the others can.
    is_open = [place for place, (low, high) in enumerate(ranges) if low < high]
    is_open.sort(key=lambda place: ranges[place][1] - ranges[place][0])
    rest = -sum(low for low, high in ranges if low == high)
    for left, place in zip(range(len(is_open), 0, -1), is_open, strict=True):
        low, high = ranges[place]
        currents[place] = max(low, min(high, rest / left))
        rest -= currents[place]
    return currents


def voltage(elements: Sequence[Element]) -> float:
    """The voltage of the operating point alone; 0 where nothing is."""
    found = _of_resistors(elements) if elements else 0.0
    return _by_corners(elements) if found is None else found


def _of_resistors(elements: Sequence[Element]) -> float | None:
    """The voltage where each has a resistance and none a limit, which is most often so."""
    amps = siemens = 0.0
    for each in elements:
        if not isinstance(each, VoltageSource) or not each.ohms or each.limit < UNLIMITED:
            return None
        amps += each.volts / each.ohms
        siemens += 1 / each.ohms
    return amps / siemens


def _by_corners(elements: Sequence[Element]) -> float:
    corners = sorted({corner for element in elements for corner in element.corners})
    # One more at either end: between two of them all is linear.
    places = [corners[0] - 1.0, *corners, corners[-1] + 1.0]
    previous = places[0]
    for volts in places:
        low, high = _total(elements, volts)
        if low <= 0 <= high:
            return volts
        if high < 0:
            break
        previous = volts
    else:
        volts = places[-1]
        previous = places[-2]
    return _crossing(elements, previous, volts)


def _total(elements: Sequence[Element], volts: float) -> tuple[float, float]:
    ranges = [element.current(volts) for element in elements]
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _crossing(elements: Sequence[Element], before: float, after: float) -> float:
    """Where a straight line through two inner points is nothing."""
    if before == after:  # already beyond the first place: on the line through the next two
        after = before + 0.5
    first, second = before + (after - before) / 4, before + (after - before) * 3 / 4
    (one, _), (other, _) = _total(elements, first), _total(elements, second)
    if one == other:
        # No resistance at all that could decide: current sources against each other.
        return before
    return first + one * (second - first) / (one - other)
