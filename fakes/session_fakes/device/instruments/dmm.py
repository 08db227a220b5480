"""NI-DMM: reads what the net of its input says, with the range and resolution that are set."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from session_fakes.device import faults
from session_fakes.device.attributes import Facts
from session_fakes.device.bench.elements import CurrentSource, VoltageSource, operating_point
from session_fakes.device.bench.nets import Net
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.ivi import IVI_DEFAULTS, IVI_READ_ONLY, IviSimulation
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

DC_VOLTS, AC_VOLTS, DC_CURRENT, AC_CURRENT, TWO_WIRES = 1, 2, 3, 4, 5
FOUR_WIRES, FREQUENCY, PERIOD, TEMPERATURE = 101, 104, 105, 108
AC_VOLTS_DC_COUPLED, DIODE, WAVEFORM_VOLTAGE = 1001, 1002, 1003

_AUTO_RANGE = -1.0
_VOLTS = (0.1, 1.0, 10.0, 100.0, 1000.0)
_OHMS = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
_AMPS = (0.02, 0.2, 1.0, 3.0)
_RANGES = {
    DC_VOLTS: _VOLTS,
    AC_VOLTS: _VOLTS,
    AC_VOLTS_DC_COUPLED: _VOLTS,
    WAVEFORM_VOLTAGE: _VOLTS,
    DC_CURRENT: _AMPS,
    TWO_WIRES: _OHMS,
    FOUR_WIRES: _OHMS,
    DIODE: (10.0,),
}
"""The ranges that auto range chooses from; other functions have none."""
_OVER = 1.05
"""How far a reading may be over its range."""
_SHUNT = 0.1
_IMMEDIATE, _SOFTWARE = 1, 3
_AUTO_TIME = 5.0
"""Seconds that a read waits when the driver chooses the limit."""
_NO_LIMIT = -2
_FINISHED, _NONE_IN_PROGRESS = 2, 4


class Dmm(IviSimulation):
    """A multimeter on one input."""

    MODEL = "4081"
    FACTS = Facts(
        defaults={
            **IVI_DEFAULTS,
            "ac_max_freq": 300e3,
            "ac_min_freq": 20.0,
            "adc_calibration": -1,
            "aperture_time": 1 / 60,
            "aperture_time_units": 0,
            "auto_range_value": 10.0,
            "auto_zero": -1,
            "buffer_size": 1,
            "cable_comp_type": 0,
            "current_source": 1e-3,
            "dc_noise_rejection": -1,
            "freq_voltage_auto_range": 10.0,
            "freq_voltage_range": 10.0,
            "function": DC_VOLTS,
            "input_resistance": 10e6,
            "meas_complete_dest": -1,
            "number_of_averages": 1,
            "offset_comp_ohms": 0,
            "operation_mode": 0,
            "powerline_freq": 60.0,
            "range": 10.0,
            "resolution_absolute": 1e-4,
            "resolution_digits": 5.5,
            "sample_count": 1,
            "sample_interval": -1.0,
            "sample_trigger": 1,
            "settle_time": -1.0,
            "temp_rtd_a": 3.9083e-3,
            "temp_rtd_b": -5.775e-7,
            "temp_rtd_c": -4.183e-12,
            "temp_rtd_res": 100.0,
            "temp_rtd_type": 1,
            "temp_tc_fixed_ref_junc": 25.0,
            "temp_tc_ref_junc_type": 2,
            "temp_tc_type": 6,
            "temp_transducer_type": 1,
            "trigger_count": 1,
            "trigger_delay": -1.0,
            "trigger_source": 1,
            "waveform_coupling": 0,
            "waveform_points": 500,
            "waveform_rate": 1.8e6,
        },
        read_only=IVI_READ_ONLY | {"auto_range_value", "freq_voltage_auto_range"},
        limits={
            "resolution_digits": (3.5, 7.5),
            "sample_count": (0, 2**31 - 1),
            "trigger_count": (0, 2**31 - 1),
            "range": (-3.0, 1e9),
            "waveform_points": (1, 2**31 - 1),
            "waveform_rate": (1e-3, 1.8e6),
            "number_of_averages": (1, 2**31 - 1),
        },
    )
    CONFIGURES: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "ConfigureACBandwidth": {
            "ac_minimum_frequency_hz": "ac_min_freq",
            "ac_maximum_frequency_hz": "ac_max_freq",
        },
        "ConfigureADCCalibration": {"adc_calibration": "adc_calibration"},
        "ConfigureAutoZeroMode": {"auto_zero_mode": "auto_zero"},
        "ConfigureCableCompType": {"cable_comp_type": "cable_comp_type"},
        "ConfigureCurrentSource": {"current_source": "current_source"},
        "ConfigureFixedRefJunction": {"fixed_reference_junction": "temp_tc_fixed_ref_junc"},
        "ConfigureFrequencyVoltageRange": {"voltage_range": "freq_voltage_range"},
        "ConfigureMeasCompleteDest": {"meas_complete_destination": "meas_complete_dest"},
        "ConfigureMultiPoint": {
            "trigger_count": "trigger_count",
            "sample_count": "sample_count",
            "sample_trigger": "sample_trigger",
            "sample_interval": "sample_interval",
        },
        "ConfigureOffsetCompOhms": {"offset_comp_ohms": "offset_comp_ohms"},
        "ConfigureOpenCableCompValues": {
            "conductance": "open_cable_comp_conductance",
            "susceptance": "open_cable_comp_susceptance",
        },
        "ConfigurePowerLineFrequency": {"power_line_frequency_hz": "powerline_freq"},
        "ConfigureRTDCustom": {"rtd_a": "temp_rtd_a", "rtd_b": "temp_rtd_b", "rtd_c": "temp_rtd_c"},
        "ConfigureRTDType": {"rtd_type": "temp_rtd_type", "rtd_resistance": "temp_rtd_res"},
        "ConfigureShortCableCompValues": {
            "resistance": "short_cable_comp_resistance",
            "reactance": "short_cable_comp_reactance",
        },
        "ConfigureThermistorCustom": {
            "thermistor_a": "temp_thermistor_a",
            "thermistor_b": "temp_thermistor_b",
            "thermistor_c": "temp_thermistor_c",
        },
        "ConfigureThermistorType": {"thermistor_type": "temp_thermistor_type"},
        "ConfigureThermocouple": {
            "thermocouple_type": "temp_tc_type",
            "reference_junction_type": "temp_tc_ref_junc_type",
        },
        "ConfigureTransducerType": {"transducer_type": "temp_transducer_type"},
        "ConfigureTrigger": {"trigger_source": "trigger_source", "trigger_delay": "trigger_delay"},
        "ConfigureWaveformAcquisition": {
            "measurement_function": "function",
            "range": "range",
            "rate": "waveform_rate",
            "waveform_points": "waveform_points",
        },
        "ConfigureWaveformCoupling": {"waveform_coupling": "waveform_coupling"},
    }

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._started: float | None = None
        self._triggers = 0

    # Configuration --------------------------------------------------------------------------------

    @rpc("ConfigureMeasurementDigits")
    def configure_digits(self, request: Any) -> Answer:
        """Set function, range and digits."""
        self._configure(request)
        self.attributes.put("resolution_digits", request.resolution_digits)
        self._fit_resolution()
        return None

    @rpc("ConfigureMeasurementAbsolute")
    def configure_absolute(self, request: Any) -> Answer:
        """Set function, range and the absolute resolution."""
        self._configure(request)
        self.attributes.put("resolution_absolute", request.resolution_absolute)
        if request.resolution_absolute > 0:
            digits = math.log10(self._range() / request.resolution_absolute) + 0.5
            self.attributes.put("resolution_digits", max(3.5, min(7.5, digits)))
        return None

    def _configure(self, request: Any) -> None:
        self.attributes.put("function", value_of(request, "measurement_function"))
        self.attributes.put("range", request.range)

    def _fit_resolution(self) -> None:
        digits = self.attributes.number("resolution_digits")
        self.attributes.put("resolution_absolute", self._range() * 10 ** (0.5 - digits))

    def attributes_changed(self, channels: str) -> None:  # noqa: ARG002 - there is one
        """Keep the absolute resolution in step with the digits."""
        self._fit_resolution()

    def _range(self) -> float:
        """The range in use: the one that is set, or what fits what is there."""
        wanted = self.attributes.number("range")
        function = int(self.attributes["function"])
        if wanted > 0 or function not in _RANGES:
            return wanted if wanted > 0 else 1.0
        size = abs(self._value())
        ranges = _RANGES[function]
        return next((each for each in ranges if size <= each), ranges[-1])

    # Readings -------------------------------------------------------------------------------------

    @rpc("Read", waits=True)
    def read(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Take one reading."""
        self.initiate(request)
        return self.fetch(request, gone)

    @rpc("Fetch", waits=True)
    def fetch(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer the next reading of what was initiated."""
        self._await(request, gone)
        return self._warned("reading", self._reading())

    @rpc("ReadMultiPoint", waits=True)
    def read_points(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Take several readings."""
        self.initiate(request)
        return self.fetch_points(request, gone)

    @rpc("FetchMultiPoint", waits=True)
    def fetch_points(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer the readings of what was initiated, at most as many as fit."""
        self._await(request, gone)
        count = int(self.attributes["sample_count"]) * int(self.attributes["trigger_count"])
        count = min(count or request.array_size, request.array_size)
        found = [self._reading() for _ in range(count)]
        return {"reading_array": array("d", found), "actual_number_of_points": count}

    @rpc("ReadWaveform", waits=True)
    def read_waveform(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Take a waveform."""
        self.initiate(request)
        return self.fetch_waveform(request, gone)

    @rpc("FetchWaveform", waits=True)
    def fetch_waveform(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer the waveform of what was initiated."""
        start = self._await(request, gone)
        if self.attributes["function"] != WAVEFORM_VOLTAGE:
            raise self._not_simulated()
        count = min(int(self.attributes["waveform_points"]), request.array_size)
        step = 1 / self.attributes.number("waveform_rate")
        found = self._net.samples(start, step, count)
        return {"waveform_array": found, "actual_number_of_points": count}

    @rpc("Initiate")
    def initiate(self, _: Any) -> Answer:
        """Begin to measure."""
        self._started = self.bench.clock.now()
        self._triggers = 0
        return None

    @rpc("Abort")
    def abort(self, _: Any) -> Answer:
        """Measure no more."""
        self._started = None
        return None

    def switch_off(self) -> None:
        """Measure no more."""
        self._started = None

    @rpc("ReadStatus")
    def read_status(self, _: Any) -> Answer:
        """Say whether readings are ready: at once, when something was initiated."""
        status = _NONE_IN_PROGRESS if self._started is None else _FINISHED
        return {"acquisition_backlog": 0, "acquisition_status": status}

    @rpc("SendSoftwareTrigger")
    def send_trigger(self, _: Any) -> Answer:
        """Trigger what waits for it."""
        self._triggers += 1
        self.bench.stir()
        return None

    @rpc("IsOverRange")
    def is_over_range(self, request: Any) -> Answer:
        """Say whether a reading is none because it was too large."""
        return (math.isnan(request.measurement_value),)

    @rpc("IsUnderRange")
    def is_under_range(self, _: Any) -> Answer:
        """Say that no reading is too small."""
        return (False,)

    @rpc("GetAutoRangeValue")
    def get_auto_range(self, _: Any) -> Answer:
        """Answer the range in use."""
        return (self._range(),)

    @rpc("GetMeasurementPeriod")
    def get_period(self, _: Any) -> Answer:
        """Answer the time that a reading takes."""
        return (self.attributes.number("aperture_time"),)

    @rpc("GetApertureTimeInfo")
    def get_aperture(self, _: Any) -> Answer:
        """Answer the aperture time and its unit."""
        return self.attributes["aperture_time"], self.attributes["aperture_time_units"]

    def _await(self, request: Any, gone: Callable[[], bool]) -> float:
        """Wait for the trigger; the time at which the measurement was initiated."""
        milliseconds = value_of(request, "maximum_time")
        seconds = _AUTO_TIME if milliseconds == -1 else milliseconds / 1000
        limit = -1.0 if milliseconds == _NO_LIMIT else seconds
        if self._started is None or not self.bench.wait_until(self._is_triggered, limit, gone):
            raise DriverError(faults.MAX_TIME_EXCEEDED)
        return self._started or 0.0

    def _is_triggered(self) -> bool:
        source = self.attributes["trigger_source"]
        return bool(source == _IMMEDIATE or self.options.simulate or self._triggers)

    @property
    def _net(self) -> Net:
        return self.bench.net(self.terminal("0"))

    @fidelity(
        "DMM-READING",
        evidence="our choice",
        rule="A reading has the resolution that is set; one over the range is NaN, with NI's"
        " warning; what reactive parts would decide is UNIMPLEMENTED",
    )
    def _reading(self) -> float:
        value = self._value()
        limit = self._range()
        if int(self.attributes["function"]) not in _RANGES:
            return value
        if abs(value) > limit * _OVER:
            return math.nan
        step = limit * 10 ** (0.5 - self.attributes.number("resolution_digits"))
        return round(round(self.bench.noisy(self.resource, value, step / 4) / step) * step, 12)

    def _value(self) -> float:
        """What an ideal meter would read."""
        net, function = self._net, int(self.attributes["function"])
        if function in (TWO_WIRES, FOUR_WIRES):
            return net.ohms
        if function in (AC_VOLTS, AC_VOLTS_DC_COUPLED):
            return net.ac_rms
        if function == TEMPERATURE:
            return net.celsius
        if function in (FREQUENCY, PERIOD):
            hertz = next((wave.frequency for wave in net.waves), 0.0)
            return hertz if function == FREQUENCY else 1 / hertz if hertz else math.nan
        return self._dc_value(net, function)

    def _dc_value(self, net: Net, function: int) -> float:
        if function == DC_VOLTS:
            return self._mean_volts(net)
        if function == DC_CURRENT:
            point = operating_point([*net.elements, VoltageSource(ohms=_SHUNT)])
            return -point.currents[-1]
        if function == DIODE:
            source = CurrentSource(self.attributes.number("current_source"), 20.0)
            return operating_point([*net.elements, source]).volts
        if function == WAVEFORM_VOLTAGE:
            return net.point().volts
        raise self._not_simulated()

    def _mean_volts(self, net: Net) -> float:
        """Of what does not repeat, the voltage now; of what does, the mean."""
        repeats = all(wave.frequency for wave in net.waves)
        return net.point(None if repeats else self.bench.clock.now()).volts

    def _not_simulated(self) -> Refusal:
        return Refusal(
            "UNIMPLEMENTED",
            f"NI-DMM: the function {self.attributes['function']} is not simulated: the bench knows "
            "direct voltages, currents and resistances, and the RMS and frequency of signals. "
            "Answer the call with a fault (reply).",
        )

    @staticmethod
    def _warned(field: str, value: float) -> Answer:
        return {field: value, "status": faults.OVER_RANGE} if math.isnan(value) else {field: value}


SIMULATION = Dmm
