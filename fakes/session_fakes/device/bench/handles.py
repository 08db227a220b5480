"""What a test says of a pin: what hangs on it, and what drives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from session_fakes.device.bench.elements import UNLIMITED, Element, VoltageSource
from session_fakes.device.bench.replay import read_recording
from session_fakes.device.bench.waveforms import Points, Shape
from session_fakes.errors import FakeError

__all__ = ["Attached", "PinHandle", "RelayHandle"]


@dataclass
class Attached:
    """What is attached to a node, one of each kind."""

    elements: dict[str, Element] = field(default_factory=dict[str, Element])
    celsius: float | None = None


class PinHandle:
    """A pin of the device under test, at one site or at all; or a channel of an instrument.

    What is said last of a kind (load, drive, temperature) holds. Each call returns the handle:
    ``bench.pin("VCC").load(ohms=1000).source(volts=3.3, ohms=10)``.
    """

    def __init__(
        self,
        attached: Attached,
        volts: Callable[[], Mapping[int, float]],
        changed: Callable[[], None],
    ) -> None:
        self._attached = attached
        self._volts = volts
        self._changed = changed

    def load(self, ohms: float) -> PinHandle:
        """Put a resistor between it and ground."""
        if ohms <= 0:
            raise FakeError(f"A load has more than 0 ohms, not {ohms}; source(volts=0) is a short.")
        return self._attach("load", VoltageSource(ohms=ohms))

    def source(self, volts: float, *, ohms: float = 0.0, limit: float = UNLIMITED) -> PinHandle:
        """Have the device drive it with a constant voltage.

        Args:
            volts: Without load.
            ohms: The internal resistance.
            limit: The greatest current, in amperes.
        """
        return self._attach("drive", VoltageSource(volts, ohms, limit))

    def waveform(
        self,
        shape: str | Sequence[float],
        *,
        frequency: float,
        amplitude: float = 1.0,
        offset: float = 0.0,
        phase: float = 0.0,
        ohms: float = 0.0,
    ) -> PinHandle:
        """Have the device drive it with a periodic signal; time 0 is that of the station's clock.

        Args:
            shape: ``sine``, ``square``, ``triangle``, ``ramp up`` or ``ramp down``; or the
                values of one period, which are multiplied by the amplitude.
            frequency: In hertz.
            amplitude: From the mean to the peak, in volts.
            offset: The mean, in volts.
            phase: In degrees.
            ohms: The internal resistance.
        """
        wave: Shape | Points
        if isinstance(shape, str):
            wave = Shape(shape, frequency, amplitude, offset, phase / 360)
        else:
            values = [offset + amplitude * value for value in shape]
            wave = Points(values, frequency * len(values))
        return self._attach("drive", VoltageSource(0.0, ohms, wave=wave))

    def replay(
        self, path: str | Path, *, column: str = "", rate: float = 0.0, ohms: float = 0.0
    ) -> PinHandle:
        """Have the device drive it with the values of a CSV file.

        Args:
            path: A file with a header.
            column: The column with the values, in volts; when empty, the last one.
            rate: Values a second, over and over again. Without it the first column holds times in
                seconds of the station's clock, and the last value stays.
            ohms: The internal resistance.
        """
        wave = read_recording(Path(path), column, rate)
        return self._attach("drive", VoltageSource(0.0, ohms, wave=wave))

    def temperature(self, celsius: float) -> PinHandle:
        """Have sensors on it see a temperature; without, they see the room's."""
        self._attached.celsius = celsius
        return self

    def clear(self) -> PinHandle:
        """Take off all that was put on it here."""
        self._attached.elements.clear()
        self._attached.celsius = None
        self._changed()
        return self

    @property
    def volts(self) -> dict[int, float]:
        """Its mean voltage now, by site."""
        return dict(self._volts())

    def _attach(self, kind: str, element: Element) -> PinHandle:
        self._attached.elements[kind] = element
        self._changed()
        return self


class RelayHandle:
    """A relay of the pin map, which does not say what its contacts are on."""

    def __init__(self, put: Callable[[str, str], None]) -> None:
        self._put = put

    def connects(self, pin: str, other: str) -> RelayHandle:
        """Have it connect two pins while it is closed."""
        self._put(pin, other)
        return self
