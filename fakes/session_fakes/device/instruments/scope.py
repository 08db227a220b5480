"""NI-SCOPE: an oscilloscope, which records, and measures what it has recorded."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from session_fakes.device.bench.scalars import scalar
from session_fakes.device.instruments.ivi import channels_of
from session_fakes.device.instruments.scope_acquisition import ScopeAcquisition
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of

_ALL_MEASUREMENTS = 10000
_CAL_DAY = (2024, 1, 1)


class Scope(ScopeAcquisition):
    """An oscilloscope."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._statistics: dict[tuple[str, int, int], list[float]] = defaultdict(list)

    # Measurements ---------------------------------------------------------------------------------

    @rpc("ReadMeasurement", waits=True)
    def read_measurement(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Record, and measure what was recorded."""
        self.initiate(request)
        return self.fetch_measurement(request, gone)

    @rpc("FetchMeasurement", waits=True)
    def fetch_measurement(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Measure what was recorded."""
        return {"result": [found for _, found in self._measured(request, gone)]}

    @rpc("FetchMeasurementStats", waits=True)
    def fetch_statistics(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Measure what was recorded, and tell what was measured since the last clearing."""
        series: list[list[float]] = []
        for key, found in self._measured(request, gone):
            self._statistics[key].append(found)
            series.append(self._statistics[key])
        return {
            "result": [each[-1] for each in series],
            "mean": [statistics.fmean(each) for each in series],
            "stdev": [_deviation(each) for each in series],
            "min": [min(each) for each in series],
            "max": [max(each) for each in series],
            "num_in_stats": [len(each) for each in series],
        }

    @rpc("ClearWaveformMeasurementStats")
    def clear_statistics(self, request: Any) -> Answer:
        """Forget what was measured."""
        names = self.channels.find(channels_of(request))
        which = value_of(request, "clearable_measurement_function")
        for key in list(self._statistics):
            if key[0] in names and which in (key[1], _ALL_MEASUREMENTS):
                del self._statistics[key]
        return None

    def _measured(
        self, request: Any, gone: Callable[[], bool]
    ) -> list[tuple[tuple[str, int, int], float]]:
        names = self._enabled(request)
        begins = self._await(request, gone)
        which = value_of(request, "scalar_meas_function")
        return [
            (
                (name, which, number),
                scalar(which, self._samples(name, begins[number], self._points), self._step),
            )
            for number in self._wanted_records()
            for name in names
        ]

    # Calibration ----------------------------------------------------------------------------------

    @rpc("CalFetchDate")
    def get_calibration_day(self, _: Any) -> Answer:
        """Say when it was calibrated."""
        return _CAL_DAY

    @rpc("CalFetchTemperature")
    def get_temperature_then(self, _: Any) -> Answer:
        """Say how warm it was then."""
        return (23.0,)


def _deviation(values: Sequence[float]) -> float:
    """The standard deviation; NaN when a value is."""
    mean = statistics.fmean(values)
    return math.sqrt(statistics.fmean((value - mean) ** 2 for value in values))


SIMULATION = Scope
