"""A net: all that is connected at one moment, its voltage, its currents, its signal over time."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from session_fakes.device.bench.elements import (
    Element,
    OperatingPoint,
    VoltageSource,
    operating_point,
    voltage,
)
from session_fakes.device.bench.waveforms import Waveform

__all__ = ["Net"]

_MOST_LOOKED_AT = 100_000
"""Samples in which a trigger is looked for."""
_IN_A_PERIOD = 200


class Net(NamedTuple):
    """The elements on one net, each with the terminal that it is the output of, or none."""

    elements: tuple[Element, ...]
    owners: tuple[str, ...]
    celsius: float

    def point(self, time: float | None = None) -> OperatingPoint:
        """Its voltage and currents at a time; without one, with all signals at their means."""
        return operating_point([_still(element, time) for element in self.elements])

    def volts(self, time: float | None = None) -> float:
        """Its voltage alone, as :meth:`point` has it."""
        return voltage([_still(element, time) for element in self.elements])

    def current_of(self, owner: str) -> float:
        """The current that the output of a terminal delivers; 0 when it is off."""
        if owner not in self.owners:
            return 0.0
        return self.point().currents[self.owners.index(owner)]

    @property
    def ohms(self) -> float:
        """What an ohmmeter reads: all resistors side by side; infinite when there are none."""
        resistors = [each for each in self.elements if isinstance(each, VoltageSource)]
        siemens = sum(1 / each.ohms if each.ohms else math.inf for each in resistors)
        return 1 / siemens if siemens else math.inf

    @property
    def waves(self) -> list[Waveform]:
        """The signals that drive it."""
        return [wave for each in self.elements if (wave := _wave(each))]

    @property
    def ac_rms(self) -> float:
        """What an AC meter reads: signals of different sources count as unrelated."""
        _, parts = self._parts()
        return math.sqrt(sum((gain * wave.rms) ** 2 for gain, wave in parts))

    def samples(self, start: float, step: float, count: int) -> array[float]:
        """Its voltage at equal distances of time.

        It is found once, with all signals at their means; each signal adds its share. So a source
        in its current limit stays there: what limits at the peaks of a signal alone is not seen.
        """
        volts, parts = self._parts()
        if not parts:
            return array("d", [volts]) * count
        (gain, wave), *others = parts
        found = wave.samples(start, step, count)
        offset = volts - gain * wave.mean
        if gain != 1.0 or abs(offset) > 1e-12:
            found = array("d", [offset + gain * value for value in found])
        for gain, wave in others:
            mean, more = wave.mean, wave.samples(start, step, count)
            pairs = zip(found, more, strict=True)
            found = array("d", [value + gain * (other - mean) for value, other in pairs])
        return found

    def crossing(
        self, start: float, step: float, level: float, window: float = 0.0, *, rising: bool
    ) -> float | None:
        """When its voltage first crosses a level after a time; None when it never does.

        With a window it has to come from beyond that, on the near side of the level. What repeats
        is looked at for two periods of the slowest signal, all else to its end.
        """
        if not self.waves:
            return None
        ends = [wave.ends_after(start) for wave in self.waves]
        periods = [1 / wave.frequency for wave in self.waves if wave.frequency]
        step = min(step, *(period / _IN_A_PERIOD for period in periods))
        count = min(_MOST_LOOKED_AT, math.ceil(max(ends) / step) + 2)
        found = trigger_place(self.samples(start, step, count), level, rising, window)
        return None if found is None else start + found * step

    def _parts(self) -> tuple[float, list[tuple[float, Waveform]]]:
        """The voltage with all signals at their means, and the share that each has in it."""
        still = [_still(element, None) for element in self.elements]
        volts = voltage(still)
        parts: list[tuple[float, Waveform]] = []
        for place, element in enumerate(self.elements):
            wave, source = _wave(element), still[place]
            if wave and isinstance(source, VoltageSource):
                moved = [*still]
                moved[place] = replace(source, volts=source.volts + 1.0)
                parts.append((round(voltage(moved) - volts, 12), wave))
        return volts, parts


def _wave(element: Element) -> Waveform | None:
    return element.wave if isinstance(element, VoltageSource) else None


def _still(element: Element, time: float | None) -> Element:
    """The element with its signal as a constant."""
    wave = _wave(element)
    if wave is None or not isinstance(element, VoltageSource):
        return element
    value = wave.mean if time is None else wave.at(time)
    return replace(element, volts=element.volts + value, wave=None)


def trigger_place(
    samples: Sequence[float], level: float, rising: bool, window: float = 0.0
) -> float | None:
    """Where a signal first crosses a level, as a fraction of sample numbers; None when nowhere."""
    is_over: Callable[[float], bool] = level.__le__ if rising else level.__ge__
    near = level - window if rising else level + window
    is_near: Callable[[float], bool] = near.__gt__ if rising else near.__lt__
    is_armed = False
    for place, value in enumerate(samples):
        if is_armed and is_over(value):
            last = samples[place - 1]
            return place - 1 + (level - last) / (value - last)
        is_armed = is_armed or is_near(value)
    return None
