"""NI-Digital's pins: what they drive and compare, their clocks, their PPMUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_fakes.device import faults
from session_fakes.device.bench.elements import CurrentSource, Element, VoltageSource
from session_fakes.device.bench.waveforms import Shape, Started
from session_fakes.device.bench.wiring import terminal
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import digital_table as table
from session_fakes.device.instruments.digital_files import DigitalFiles
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["DigitalDriving"]

_DRIVER_OHMS = 50.0
_PPMU_NOISE = {table.MEASURE_CURRENT: 1e-9}
_VOLT_NOISE = 1e-5


class DigitalDriving(DigitalFiles):
    """The part of NI-Digital that puts something out, and measures."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._states: dict[str, int] = {}
        """What static states channels drive."""
        self._sources: set[str] = set()
        """The channels whose PPMU sources."""
        self._clocks: dict[str, float] = {}
        """Since when channels put out a clock."""

    # Static states --------------------------------------------------------------------------------

    @rpc("ApplyLevelsAndTiming")
    def apply(self, request: Any) -> Answer:
        """Apply sheets, and drive pins to their first states."""
        changed = self.check_sheets(request.levels_sheet, request.timing_sheet, request.site_list)
        self._release(changed)
        for pins, state in (
            (request.initial_state_high_pins, table.ONE),
            (request.initial_state_low_pins, table.ZERO),
            (request.initial_state_tristate_pins, table.X),
        ):
            if pins:
                self._drive(self.channels.find(pins), state)
        return None

    @rpc("WriteStatic")
    def write_static(self, request: Any) -> Answer:
        """Drive pins."""
        self._drive(self.channels.find(request.channel_list), value_of(request, "state"))
        return None

    def _release(self, names: Sequence[str]) -> None:
        for name in names:
            self._states.pop(name, None)
            if self.attributes.of("selected_function", name) == table.DIGITAL:
                self.bench.drive(terminal("", name), None)

    def _drive(self, names: Sequence[str], state: int) -> None:
        self._states.update(dict.fromkeys(names, state))
        self._put_out(names)

    @rpc("ReadStatic")
    def read_static(self, request: Any) -> Answer:
        """Compare the voltages of pins with their levels."""
        found = [self._compared(p.channel) for p in self.pins.places(request.channel_list)]
        return {"data": found, "actual_num_read": len(found)}

    @fidelity(
        "DIG-STATIC",
        evidence="our choice",
        rule="A pin drives VIH or VIL behind 50 ohms while its function is DIGITAL; read, it is"
        " below VOL (L), above VOH (H), both or neither; what is not connected reads 0 V",
    )
    def _compared(self, name: str) -> int:
        self.attributes.of("termination_mode", name)  # refused while a sheet has set it
        volts = self._volts(name)
        is_low = volts < self.attributes.number("vol", name)
        is_high = volts > self.attributes.number("voh", name)
        if is_low and is_high:
            return table.BOTH
        return table.LOW if is_low else table.HIGH if is_high else table.MIDBAND

    def _volts(self, name: str) -> float:
        if self.attributes.of("selected_function", name) == table.DISCONNECT:
            return 0.0
        return self.bench.net(terminal("", name)).volts()

    def attributes_changed(self, channels: str) -> None:
        """Put out what was changed, where it is put out already."""
        for name in self.channels.find(channels):
            if self.attributes.of("selected_function", name) != table.PPMU:
                self._sources.discard(name)
        self._put_out(self.channels.find(channels))

    def _put_out(self, names: Sequence[str]) -> None:
        # All of them first: one that cannot be put out leaves everything as it was.
        found = [(name, self._element(name)) for name in names]
        for name, element in found:
            place = terminal("", name)
            if self.bench.output(place) != element:
                self.bench.drive(place, element)

    def _element(self, name: str) -> Element | None:
        function = self.attributes.of("selected_function", name)
        if function == table.PPMU and name in self._sources:
            return self._ppmu(name)
        if function != table.DIGITAL:
            return None
        if name in self._clocks:
            return self._clock(name)
        state = self._states.get(name, table.X)
        if state in (table.ONE, table.ZERO):
            level = "vih" if state == table.ONE else "vil"
            return VoltageSource(self.attributes.number(level, name), _DRIVER_OHMS)
        return self._termination(name)

    def _termination(self, name: str) -> Element | None:
        if not self.attributes.is_known("termination_mode", name):
            return None  # nor is anything read then
        mode = self.attributes.of("termination_mode", name)
        if mode == table.ACTIVE_LOAD:
            raise Refusal("UNIMPLEMENTED", "NI-Digital: active loads are not simulated.")
        if mode == table.VTERM:
            return VoltageSource(self.attributes.number("vterm", name), _DRIVER_OHMS)
        return None

    def switch_off(self) -> None:
        """Drive nothing any more."""
        self._states.clear()
        self._sources.clear()
        self._clocks.clear()
        for name in self.channels.names:
            self.bench.drive(terminal("", name), None)

    # Clocks and frequencies -----------------------------------------------------------------------

    @rpc("ClockGeneratorGenerateClock")
    def generate_clock(self, request: Any) -> Answer:
        """Put out a clock between VIL and VIH."""
        where = request.channel_list
        self.attributes.put("clock_generator_frequency", request.frequency, where)
        if request.select_digital_function:
            self.attributes.put("selected_function", table.DIGITAL, where)
        self._clocks.update(dict.fromkeys(self.channels.find(where), self.bench.clock.now()))
        self._clocks_changed(where)
        return None

    @rpc("ClockGeneratorAbort")
    def abort_clock(self, request: Any) -> Answer:
        """Put it out no more."""
        for name in self.channels.find(request.channel_list):
            self._clocks.pop(name, None)
        self._clocks_changed(request.channel_list)
        return None

    def _clocks_changed(self, where: str) -> None:
        for name in self.channels.find(where):
            self.attributes.put("clock_generator_is_running", name in self._clocks, name)
        self._put_out(self.channels.find(where))

    def _clock(self, name: str) -> Element:
        low, high = (self.attributes.number(level, name) for level in ("vil", "vih"))
        hertz = self.attributes.number("clock_generator_frequency", name)
        wave = Shape("square", hertz, (high - low) / 2, (high + low) / 2)
        return VoltageSource(0.0, _DRIVER_OHMS, wave=Started(wave, self._clocks[name]))

    @rpc("FrequencyCounterMeasureFrequency")
    def measure_frequency(self, request: Any) -> Answer:
        """Answer the frequencies of pins; 0 where nothing repeats."""
        found: list[float] = []
        for place in self.pins.places(request.channel_list):
            waves = self.bench.net(terminal("", place.channel)).waves
            found.append(next((wave.frequency for wave in waves if wave.frequency), 0.0))
        return {"frequencies": found, "actual_num_frequencies": len(found)}

    # PPMU -----------------------------------------------------------------------------------------

    @rpc("PPMUSource")
    def source(self, request: Any) -> Answer:
        """Have PPMUs put out what is set."""
        names = self.channels.find(request.channel_list)
        self.attributes.put("selected_function", table.PPMU, request.channel_list)
        self._sources.update(names)
        self._put_out(names)
        return None

    def _ppmu(self, name: str) -> Element:
        if self.attributes.of("ppmu_output_function", name) == table.VOLTAGE:
            limit = self.attributes.number("ppmu_current_limit_range", name)
            return VoltageSource(self.attributes.number("ppmu_voltage_level", name), 0.0, limit)
        amps = self.attributes.number("ppmu_current_level", name)
        # The limit that the current itself can come to.
        limit = (
            self.attributes.number("ppmu_voltage_limit_high", name)
            if amps >= 0
            else -self.attributes.number("ppmu_voltage_limit_low", name)
        )
        return CurrentSource(amps, max(0.0, limit))

    @rpc("PPMUMeasure")
    def measure(self, request: Any) -> Answer:
        """Answer the voltages or currents of pins."""
        kind = value_of(request, "measurement_type")
        found: list[float] = []
        for place in self.pins.places(request.channel_list):
            node = terminal("", place.channel)
            is_current = kind == table.MEASURE_CURRENT
            value = (
                self.bench.net(node).current_of(node) if is_current else self._volts(place.channel)
            )
            scale = _PPMU_NOISE.get(kind, _VOLT_NOISE)
            found.append(self.bench.noisy(f"{node} ppmu", value, scale))
        return {"measurements": found, "actual_num_read": len(found)}

    @rpc("ApplyTDROffsets")
    def apply_offsets(self, request: Any) -> Answer:
        """Keep the delays of cables."""
        names = self.channels.find(request.channel_list)
        if len(names) != len(request.offsets):
            raise DriverError(faults.INVALID_PARAMETER, "Give one offset for each channel.")
        for name, offset in zip(names, request.offsets, strict=True):
            self.attributes.put("tdr_offset", offset, name)
        return None
