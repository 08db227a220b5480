"""NI-SCOPE's acquisition: it records what the nets of its channels do from its trigger on."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from session_fakes.device import faults
from session_fakes.device.bench.elements import VoltageSource
from session_fakes.device.bench.nets import Net
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import scope_table as table
from session_fakes.device.instruments.ivi import IviSimulation, channels_of
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity

__all__ = ["ScopeAcquisition"]

_CHANNELS = {"5105": 8, "5110": 2, "5111": 2, "5113": 2, "5160": 4, "5170": 8, "5172": 8}
_USUAL = 2
_COMPLETE, _IN_PROGRESS, _UNKNOWN = 1, 0, -1
_TRIGGERS = (table.EDGE, table.HYSTERESIS, table.DIGITAL, table.SOFTWARE, table.IMMEDIATE)
_DDC = 1002
_REFERENCE = 2


class ScopeAcquisition(IviSimulation):
    """The part of an oscilloscope that records."""

    MODEL = "5172"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._started: float | None = None
        self._software_triggers = 0
        self._read_pointer = 0
        self._records: list[float] = []
        """When each record begins whose trigger has come."""
        self._free_from = 0.0
        """When the next one may begin."""
        self._derive()

    def channel_names(self, opening: Opening) -> Sequence[str]:  # noqa: ARG002 - others use it
        """As many as the pin map says, or else its model has."""
        usual = _CHANNELS.get(self.options.model or self.MODEL, _USUAL)
        return [str(number) for number in range(self.count_channels(self.resource, usual))]

    # Configuration --------------------------------------------------------------------------------

    def attributes_changed(self, channels: str) -> None:  # noqa: ARG002 - timing has no channels
        """Keep what follows from the timing in step."""
        self._derive()

    def switch_off(self) -> None:
        """Record no more."""
        self._started = None
        self._derive()

    def _derive(self) -> None:
        points = int(self.attributes["horz_min_num_pts"])
        rate = self.attributes.number("min_sample_rate")
        self.attributes.fix("horz_record_length", points)
        self.attributes.fix("horz_sample_rate", rate)
        enabled = [c for c in self.channels.names if self.attributes.of("channel_enabled", c)]
        self.attributes.fix("enabled_channels", ",".join(enabled))

    @property
    def _points(self) -> int:
        return int(self.attributes["horz_min_num_pts"])

    @property
    def _step(self) -> float:
        return 1 / self.attributes.number("min_sample_rate")

    @property
    def _before_trigger(self) -> int:
        return round(self._points * self.attributes.number("horz_record_ref_position") / 100)

    def _check_settings(self) -> None:
        trigger = self.attributes["trigger_type"]
        if trigger not in _TRIGGERS:
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-SCOPE: the trigger type {trigger} is not simulated; EDGE, HYSTERESIS, DIGITAL,"
                " SOFTWARE and IMMEDIATE are.",
            )
        if self.attributes["acquisition_type"] == _DDC:
            raise Refusal("UNIMPLEMENTED", "NI-SCOPE: DDC acquisitions are not simulated.")

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

    @rpc("SendSoftwareTriggerEdge")
    def send_trigger(self, request: Any) -> Answer:
        """Trigger what waits for it."""
        if value_of(request, "which_trigger") != _REFERENCE:
            raise Refusal("UNIMPLEMENTED", "NI-SCOPE: only the reference trigger is simulated.")
        self._software_triggers += 1
        self.bench.stir()
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

    def _begins(self) -> list[float] | None:
        """When each record begins; None while a trigger has not come."""
        before = self._before_trigger * self._step
        while len(self._records) < int(self.attributes["horz_num_records"]):
            at = self._trigger_time(self._free_from + before)
            if at is None:
                return None
            self._records.append(at - before)
            self._free_from = max(at - before + self._points * self._step, at + self._holdoff)
        return self._records

    @property
    def _holdoff(self) -> float:
        return self.attributes.number("trigger_holdoff")

    @fidelity(
        "SCP-TRIGGER",
        evidence="our choice",
        rule="An edge trigger comes where the signal of its channel crosses the level, and not"
        " before, one with hysteresis only where the signal comes from beyond that; a software"
        " trigger when it is sent; one from outside never, for the bench has no such signal. With"
        " Simulate=1, or the modifier AUTO, every trigger comes at once; an acquisition takes no"
        " time",
    )
    def _trigger_time(self, earliest: float) -> float | None:
        """When a trigger comes that may come from a time on."""
        trigger = self.attributes["trigger_type"]
        delay = self.attributes.number("trigger_delay_time")
        found: float | None = None
        if trigger in (table.EDGE, table.HYSTERESIS):
            found = self._edge(earliest)
        elif trigger == table.IMMEDIATE or (
            trigger == table.SOFTWARE and self._software_triggers > len(self._records)
        ):
            found = earliest
        is_free = self.options.simulate or self.attributes["trigger_modifier"] != table.NO_MODIFIER
        if found is None and is_free:
            found = earliest
        return None if found is None else found + delay

    def _edge(self, earliest: float) -> float | None:
        try:
            (name,) = self.channels.find(str(self.attributes["trigger_source"]))
        except DriverError:
            return None  # an external one
        slope, level = self.attributes["trigger_slope"], self.attributes.number("trigger_level")
        net, gain = self._net(name), self.attributes.number("probe_attenuation", name)
        slopes = [True, False] if slope == table.EITHER else [slope != table.NEGATIVE]
        is_ac = self._is_ac(name) or self.attributes["trigger_coupling"] == table.AC
        shift = net.point().volts if is_ac else 0.0
        window = self._hysteresis / gain
        places = [
            net.crossing(earliest, self._step, level / gain + shift, window, rising=rising)
            for rising in slopes
        ]
        return min((place for place in places if place is not None), default=None)

    @property
    def _hysteresis(self) -> float:
        has_window = self.attributes["trigger_type"] == table.HYSTERESIS
        return self.attributes.number("trigger_hysteresis") if has_window else 0.0

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

    def _net(self, name: str) -> Net:
        net = self.bench.net(self.terminal(name))
        own = VoltageSource(ohms=self.attributes.number("input_impedance", name) or 1e6)
        return net._replace(elements=(*net.elements, own), owners=(*net.owners, ""))

    def _is_ac(self, name: str) -> bool:
        return self.attributes.of("vertical_coupling", name) == table.AC

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
        shift = net.point().volts if self._is_ac(name) else 0.0
        if gain != 1.0 or shift:
            found = array("d", [(value - shift) * gain for value in found])
        offset = self.attributes.number("vertical_offset", name)
        half = self.attributes.number("vertical_range", name) / 2
        low, high = offset - half, offset + half
        if found and (max(found) > high or min(found) < low):
            found = array("d", [min(high, max(low, value)) for value in found])
        return found
