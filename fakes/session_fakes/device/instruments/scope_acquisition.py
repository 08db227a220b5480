"""NI-SCOPE's acquisition: it records what the nets of its channels do from its trigger on."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import scope_table as table
from session_fakes.device.instruments.ivi import channels_of
from session_fakes.device.instruments.scope_timing import ScopeTiming
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity

__all__ = ["ScopeAcquisition"]

_COMPLETE, _IN_PROGRESS, _UNKNOWN = 1, 0, -1


class ScopeAcquisition(ScopeTiming):
    """The part of an oscilloscope that records."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._read_pointer = 0

    # The acquisition ------------------------------------------------------------------------------

    @rpc("InitiateAcquisition")
    def initiate(self, _: Any) -> Answer:
        """Begin to record, and to wait for the trigger."""
        self._check_settings()
        self._started = self._free_from = self.bench.clock.now()
        self._records = []
        self._software_triggers = self._read_pointer = 0
        return None

    @rpc("Abort")
    def abort(self, _: Any) -> Answer:
        """Record no more."""
        self._started = None
        return None

    @rpc("Commit")
    def commit(self, _: Any) -> Answer:
        """Check what is set."""
        self._check_settings()
        return None

    @rpc("ProbeCompensationSignalStart")
    def start_compensation(self, _: Any) -> Answer:
        """Put out the signal for probes; it is on a terminal of its own, not on the bench."""
        self.attributes.fix("is_probe_comp_on", value=True)
        return None

    @rpc("ProbeCompensationSignalStop")
    def stop_compensation(self, _: Any) -> Answer:
        """Put it out no more."""
        self.attributes.fix("is_probe_comp_on", value=False)
        return None

    @rpc("AcquisitionStatus")
    def get_status(self, _: Any) -> Answer:
        """Say whether all records are there."""
        if self._started is None:
            return (_UNKNOWN,)
        return (_IN_PROGRESS if self._begins() is None else _COMPLETE,)

    @rpc("ActualRecordLength")
    def get_record_length(self, _: Any) -> Answer:
        """Answer the samples in a record."""
        return (self._points,)

    @rpc("ActualNumWfms")
    def get_waveform_count(self, request: Any) -> Answer:
        """Answer how many waveforms a fetch brings."""
        return (len(self.channels.find(channels_of(request))) * len(self._wanted_records()),)

    @rpc("SampleRate")
    def get_rate(self, _: Any) -> Answer:
        """Answer the samples a second."""
        return (self.attributes.number("min_sample_rate"),)

    @rpc("SampleMode")
    def get_mode(self, _: Any) -> Answer:
        """Say that it samples in real time."""
        return (0,)

    def get_attribute(self, request: Any) -> Answer:
        """Answer the value of an attribute."""
        is_done = self._started is not None and self._begins() is not None
        self.attributes.fix("records_done", int(self.attributes["horz_num_records"]) * is_done)
        self.attributes.fix("points_done", float(self._points * is_done))
        return super().get_attribute(request)

    # Waveforms ------------------------------------------------------------------------------------

    @rpc("Read", waits=True)
    def read(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Record, and answer what was recorded."""
        self.initiate(request)
        return self.fetch(request, gone)

    @rpc("Fetch", waits=True)
    def fetch(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer the waveforms of what was initiated, for each record those of all channels."""
        names = self._enabled(request)
        begins = self._await(request, gone)
        stride = request.num_samples if request.num_samples >= 0 else self._points
        first, count = self._window(stride)
        waveform, infos = array("d"), list[dict[str, float]]()
        for number in self._wanted_records():
            for name in names:
                begin = begins[number] + first * self._step
                waveform += self._samples(name, begin, count)
                waveform += array("d", bytes(8 * (stride - count)))
                infos.append(self._info(name, begin, first, count))
        return {"waveform": waveform, "wfm_info": infos}

    def _enabled(self, request: Any) -> tuple[str, ...]:
        names = self.channels.find(channels_of(request))
        off = [name for name in names if not self.attributes.of("channel_enabled", name)]
        if off:
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"Channel {quoted(off[0])} is not enabled: nothing is recorded on it.",
            )
        return names

    def _await(self, request: Any, gone: Callable[[], bool]) -> list[float]:
        """Wait for the triggers; when the records begin."""
        if self._started is None:
            raise DriverError(faults.MAX_TIME_EXCEEDED, "No acquisition was initiated.")
        begins: list[float] | None = None

        def has_come() -> bool:
            nonlocal begins
            begins = None if self._started is None else self._begins()
            return begins is not None

        if not self.bench.wait_until(has_come, request.timeout, gone) or begins is None:
            raise DriverError(faults.MAX_TIME_EXCEEDED, "The trigger did not come.")
        return begins

    def _window(self, wanted: int) -> tuple[int, int]:
        """The first sample of a record to fetch, and how many."""
        offset = int(self.attributes["_fetch_offset"])
        relative = self.attributes["_fetch_relative_to"]
        if relative == table.READ_POINTER:
            first = self._read_pointer + offset
        elif relative == table.PRETRIGGER:
            first = offset
        elif relative == table.AT_TRIGGER:
            first = self._before_trigger + offset
        else:
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-SCOPE: fetching relative to {relative} is not simulated; READ_POINTER, "
                "PRETRIGGER and TRIGGER are.",
            )
        if not 0 <= first < self._points:
            raise DriverError(
                faults.INVALID_PARAMETER, f"There is no sample {first} of {self._points}."
            )
        count = min(wanted, self._points - first)
        self._read_pointer = first + count
        return first, count

    def _wanted_records(self) -> range:
        count = int(self.attributes["horz_num_records"])
        first = int(self.attributes["_fetch_record_number"])
        wanted = int(self.attributes["_fetch_num_records"])
        last = count if wanted == -1 else first + wanted
        if not 0 <= first < last <= count:
            raise DriverError(
                faults.INVALID_PARAMETER, f"There are {count} records, counted from 0."
            )
        return range(first, last)

    def _info(self, name: str, begin: float, first: int, count: int) -> dict[str, float]:
        return {
            "absolute_initial_x": begin,
            "relative_initial_x": (first - self._before_trigger) * self._step,
            "x_increment": self._step,
            "actual_samples": count,
            "offset": self.attributes.number("vertical_offset", name),
            "gain": self.attributes.number("vertical_range", name) / 2**16,
        }

    @fidelity(
        "SCP-WAVEFORM",
        evidence="our choice",
        rule="A channel loads its net with its impedance and shows it times the probe attenuation,"
        " without its mean when coupled to AC, cut off at the vertical range; without noise, and"
        " whatever the bandwidth",
    )
    def _samples(self, name: str, begin: float, count: int) -> array[float]:
        if self.attributes.of("vertical_coupling", name) == table.GROUND:
            return array("d", bytes(8 * count))
        net, gain = self._net(name), self.attributes.number("probe_attenuation", name)
        found = net.samples(begin, self._step, count)
        shift = net.volts() if self._is_ac(name) else 0.0
        if gain != 1.0 or shift:
            found = array("d", [(value - shift) * gain for value in found])
        offset = self.attributes.number("vertical_offset", name)
        half = self.attributes.number("vertical_range", name) / 2
        low, high = offset - half, offset + half
        if found and (max(found) > high or min(found) < low):
            found = array("d", [min(high, max(low, value)) for value in found])
        return found
