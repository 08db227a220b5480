"""NI-DMM: waits for its trigger, reads what its input says, once or several times."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import dmm_table as table
from session_fakes.device.instruments.dmm_reading import DmmReading
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of

_AUTO_TIME = 5.0
"""Seconds that a read waits when the driver chooses the limit."""
_NO_LIMIT = -2
_FINISHED, _NONE_IN_PROGRESS = 2, 4
_FEWEST, _MOST = 3.5, 7.5
"""Digits."""


class Dmm(DmmReading):
    """A multimeter on one input."""

    MODEL = "4081"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._started: float | None = None
        self._triggers = 0
        self._fitted = self.attributes.number("resolution_absolute")
        """The absolute resolution that fits the digits."""

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
        self._fitted = math.nan  # it leads, also when it is what it was
        self._fit_resolution()
        return None

    def _configure(self, request: Any) -> None:
        self.attributes.put("function", value_of(request, "measurement_function"))
        self.attributes.put("range", request.range)

    def _fit_resolution(self) -> None:
        """Have the digits follow an absolute resolution that was set, else that the digits."""
        absolute = self.attributes.number("resolution_absolute")
        if absolute != self._fitted and absolute > 0:
            digits = math.log10(self._range() / absolute) + 0.5
            self.attributes.put("resolution_digits", max(_FEWEST, min(_MOST, digits)))
        else:
            digits = self.attributes.number("resolution_digits")
            absolute = self._range() * 10 ** (0.5 - digits)
            self.attributes.put("resolution_absolute", absolute)
        self._fitted = absolute

    def attributes_changed(self, channels: str) -> None:  # noqa: ARG002 - there is one
        """Keep digits and absolute resolution in step."""
        self._fit_resolution()

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
        triggers = int(self.attributes["trigger_count"])
        self._await(request, gone, triggers)
        count = int(self.attributes["sample_count"]) * triggers
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
        count = min(int(self.attributes["waveform_points"]), request.array_size)
        return {"waveform_array": self._waveform(start, count), "actual_number_of_points": count}

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

    def _await(self, request: Any, gone: Callable[[], bool], triggers: int = 1) -> float:
        """Wait for the triggers; the time at which the measurement was initiated."""
        milliseconds = value_of(request, "maximum_time")
        seconds = _AUTO_TIME if milliseconds == -1 else milliseconds / 1000
        limit = -1.0 if milliseconds == _NO_LIMIT else seconds
        has_come = self._started is not None and self.bench.wait_until(
            lambda: self._are_there(triggers), limit, gone
        )
        if not has_come:
            raise DriverError(faults.MAX_TIME_EXCEEDED)
        return self._started or 0.0

    def _are_there(self, triggers: int) -> bool:
        source = self.attributes["trigger_source"]
        return source == table.IMMEDIATE or self.options.simulate or self._triggers >= triggers

    @staticmethod
    def _warned(field: str, value: float) -> Answer:
        return {field: value, "status": faults.OVER_RANGE} if math.isnan(value) else {field: value}


SIMULATION = Dmm
