"""NI-FGEN: puts out standard and arbitrary waveforms from the moment that it is initiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from session_fakes.device import faults
from session_fakes.device.bench.elements import VoltageSource
from session_fakes.device.bench.waveforms import Points, Shape, Started
from session_fakes.device.channels import expanded
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import generator_table as table
from session_fakes.device.instruments.generator_memory import GeneratorMemory, checked
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

_CHANNELS = {"5423": 2, "5433": 2, "5441": 1, "5442": 1, "5451": 2}
_SHAPES = {
    table.SINE: "sine",
    table.SQUARE: "square",
    table.TRIANGLE: "triangle",
    table.RAMP_UP: "ramp up",
    table.RAMP_DOWN: "ramp down",
}
_POINTS = 1000
"""Of a period that no shape describes."""


class Generator(GeneratorMemory):
    """A signal generator."""

    INITIALIZERS = frozenset({"Init", "InitWithOptions", "InitializeWithChannels"})
    MODEL = "5433"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._is_initiated = False
        self._started: float | None = None
        self._users: dict[str, list[float]] = {}

    def channel_names(self, opening: Opening) -> Sequence[str]:
        """Those that the client names; all that there are when it names none."""
        given = expanded(getattr(opening.request, "channel_name", ""))
        usual = _CHANNELS.get(self.options.model or self.MODEL, 1)
        there = [str(number) for number in range(self.count_channels(self.resource, usual))]
        unknown = [name for name in given if name not in there]
        if unknown:
            raise DriverError(faults.UNKNOWN_CHANNEL, f"There is no channel {unknown[0]!r}.")
        return given or there

    # Generation -----------------------------------------------------------------------------------

    @rpc("InitiateGeneration")
    def initiate(self, request: Any) -> Answer:
        """Put the waveform out, at once or when the start trigger comes."""
        self.commit(request)  # refuses what cannot be put out before anything is
        self._is_initiated, self._started = True, None
        if self.options.simulate or self.attributes["start_trigger_type"] == table.NO_TRIGGER:
            self._start()
        return None

    @rpc("AbortGeneration")
    def abort(self, _: Any) -> Answer:
        """Generate no more; the outputs stay connected, at 0 V."""
        self._is_initiated, self._started = False, None
        self._put_out()
        return None

    def switch_off(self) -> None:
        """Switch all outputs off."""
        self._is_initiated, self._started = False, None
        for name in self.channels.names:
            self.bench.drive(self.terminal(name), None)

    @rpc("Commit")
    def commit(self, _: Any) -> Answer:
        """Check what is set."""
        for name in self.channels.names:
            self._wave(name)
            self._gain(name)
        return None

    @rpc("SendSoftwareEdgeTrigger")
    def send_trigger(self, request: Any) -> Answer:
        """Start what waits for it."""
        if value_of(request, "trigger") != table.START_TRIGGER:
            raise Refusal("UNIMPLEMENTED", "NI-FGEN: script triggers are not simulated.")
        waits_for_it = self.attributes["start_trigger_type"] == table.SOFTWARE_EDGE
        if self._is_initiated and self._started is None and waits_for_it:
            self._start()
        return None

    def attributes_changed(self, channels: str) -> None:  # noqa: ARG002 - all are put out anew
        """Put out what was changed at once, where it generates."""
        if self._started is not None:
            self._put_out()

    def _start(self) -> None:
        self._started = self.bench.clock.now()
        self._put_out()

    def _put_out(self) -> None:
        for name in self.channels.names:
            is_on = self.attributes.of("output_enabled", name)
            self.bench.drive(self.terminal(name), self._element(name) if is_on else None)

    def _element(self, name: str) -> VoltageSource:
        own = self.attributes.number("output_impedance", name)
        if self._started is None:
            return VoltageSource(0.0, own)
        wave = Started(self._wave(name), self._started, self._gain(name))
        return VoltageSource(0.0, own, wave=wave)

    @fidelity(
        "FGEN-AMPLITUDE",
        evidence="documented",
        rule="An amplitude is that at a load of load_impedance, and at one that matches the output"
        " impedance as long as that is not set: a load of high impedance, such as the 1 megohm of"
        " an oscilloscope, then sees twice the amplitude, as on hardware",
    )
    def _gain(self, name: str) -> float:
        """How much more than the amplitude it puts out, for its own resistance takes some."""
        own = self.attributes.number("output_impedance", name)
        is_set = self.attributes.is_set("load_impedance", name)
        load = self.attributes.number("load_impedance", name) if is_set else table.MATCHED
        if load == table.MATCHED:
            return 2.0 if own else 1.0
        if not load > 0:
            raise DriverError(faults.INVALID_VALUE, "load_impedance is positive, or -1: matched.")
        return (own + load) / load

    @rpc("IsDone")
    def is_done(self, _: Any) -> Answer:
        """Say whether it generates no more: what goes on for ever is never done."""
        return (not self._is_initiated,)

    @rpc("WaitUntilDone", waits=True)
    def wait_until_done(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Wait until somebody aborts the generation."""
        seconds = request.max_time / 1000 if request.max_time >= 0 else -1.0
        if not self.bench.wait_until(lambda: not self._is_initiated, seconds, gone):
            raise DriverError(faults.FGEN_TIMEOUT)
        return None

    @rpc("GetHardwareState")
    def get_state(self, _: Any) -> Answer:
        """Say whether it generates."""
        if not self._is_initiated:
            return (table.IDLE,)
        return (table.WAITING if self._started is None else table.RUNNING,)

    # What is put out ------------------------------------------------------------------------------

    @fidelity(
        "FGEN-WAVEFORM",
        evidence="our choice",
        rule="Standard and user waveforms, arbitrary waveforms and sequences of them are put out,"
        " for ever; noise, frequency lists, scripts and other trigger modes are UNIMPLEMENTED",
    )
    def _wave(self, name: str) -> Shape | Points:
        mode = self.attributes["output_mode"]
        if self.attributes.of("trigger_mode", name) != table.CONTINUOUS:
            raise _not_simulated("the trigger mode", self.attributes.of("trigger_mode", name))
        if mode == table.FUNCTION:
            return self._function(name)
        if mode == table.ARBITRARY:
            values = self._waveform(int(self.attributes.of("arb_waveform_handle", name)))
        elif mode == table.SEQUENCE:
            values = self._whole_sequence(int(self.attributes.of("arb_sequence_handle", name)))
        else:
            raise _not_simulated("the output mode", mode)
        gain = self.attributes.number("arb_gain", name) * self.attributes.number("digital_gain")
        offset = self.attributes.number("arb_offset", name)
        rate = self.attributes.number("arb_sample_rate")
        return Points([offset + gain * value for value in values], rate)

    def _function(self, name: str) -> Shape | Points:
        number = int(self.attributes.of("func_waveform", name))
        frequency = self.attributes.number("func_frequency", name)
        amplitude = self.attributes.number("func_amplitude", name) / 2
        offset = self.attributes.number("func_dc_offset", name)
        phase = self.attributes.number("func_start_phase", name) / 360
        if number == table.DIRECT:
            return Points([offset], 1.0)
        if number == table.USER:
            values = self._users.get(name)
            if values is None:
                raise DriverError(faults.INVALID_VALUE, "No user waveform is defined.")
        elif number == table.SQUARE and self.attributes.of("func_duty_cycle_high", name) != 50.0:
            high = self.attributes.number("func_duty_cycle_high", name) / 100
            values = [1.0 if place < high * _POINTS else -1.0 for place in range(_POINTS)]
        elif number in _SHAPES:
            return Shape(_SHAPES[number], frequency, amplitude, offset, phase)
        else:
            raise _not_simulated("the waveform", number)
        first = round(phase * len(values)) % len(values)
        values = [offset + amplitude * value for value in values[first:] + values[:first]]
        return Points(values, frequency * len(values))

    @rpc("DefineUserStandardWaveform")
    def define_user_waveform(self, request: Any) -> Answer:
        """Keep the period of the waveform USER."""
        for name in self.channels.find(request.channel_name):
            self._users[name] = checked(request.waveform_data_array)
        return None

    @rpc("ClearUserStandardWaveform")
    def clear_user_waveform(self, request: Any) -> Answer:
        """Forget it."""
        for name in self.channels.find(request.channel_name):
            self._users.pop(name, None)
        return None


def _not_simulated(what: str, value: object) -> Refusal:
    return Refusal("UNIMPLEMENTED", f"NI-FGEN: {what} {value} is not simulated.")


SIMULATION = Generator
