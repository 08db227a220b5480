"""What NI-Digital loads: pin map, specifications, levels, timing, patterns, time sets, waveforms.

Their files are looked for, and their names kept; only the pin map is read. So nobody knows the
levels of a sheet, nor what a pattern expects: a test says which bursts fail.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import digital_table as table
from session_fakes.device.instruments.digital_pins import DigitalChannels
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, listed, quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps import read_pin_map

__all__ = ["DigitalFiles"]


class TimeSet:
    """A time set that a client has made."""

    def __init__(self) -> None:
        self.period: float | None = None
        self.edges: dict[tuple[str, int], float] = {}
        """By channel and edge."""
        self.formats: dict[str, int] = {}
        self.multipliers: dict[str, int] = {}


class DigitalFiles(IviSimulation):
    """The part of NI-Digital that loads files and keeps what it is told."""

    CHANNELS = DigitalChannels

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._sheets: dict[str, set[str]] = defaultdict(set)
        """The names of what was loaded, by kind."""
        self._time_sets: dict[str, TimeSet] = {}
        self._waveforms: dict[str, set[str]] = defaultdict(set)
        self._flags: dict[str, bool] = {}
        self._registers: dict[str, int] = {}

    @property
    def pins(self) -> DigitalChannels:
        """The channels, with the pins on them."""
        return cast("DigitalChannels", self.channels)

    # Files ----------------------------------------------------------------------------------------

    @rpc("LoadPinMap")
    def load_pin_map(self, request: Any) -> Answer:
        """Read a pin map, once in the life of a session."""
        path = _found(request.file_path)
        if self.pins.pin_map is not None:
            raise DriverError(faults.INVALID_PARAMETER, "A pin map is loaded already.")
        try:
            pin_map = read_pin_map(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, Refusal) as error:
            raise DriverError(faults.INVALID_PARAMETER, f"{path.name}: {error}") from error
        self.pins.load(pin_map)
        return None

    @rpc("LoadSpecifications")
    def load_specifications(self, request: Any) -> Answer:
        """Keep the name of a file of specifications."""
        self._load("specifications", request.file_path)
        return None

    @rpc("UnloadSpecifications")
    def unload_specifications(self, request: Any) -> Answer:
        """Forget it."""
        self._check_loaded("specifications", request.file_path)
        self._sheets["specifications"].difference_update(_names(request.file_path))
        return None

    @rpc("LoadLevels")
    def load_levels(self, request: Any) -> Answer:
        """Keep the name of a levels sheet."""
        self._load("levels", request.file_path)
        return None

    @rpc("LoadTiming")
    def load_timing(self, request: Any) -> Answer:
        """Keep the name of a timing sheet."""
        self._load("timing", request.file_path)
        return None

    @rpc("LoadPattern")
    def load_pattern(self, request: Any) -> Answer:
        """Keep the name of a pattern."""
        if self.pins.pin_map is None:
            raise DriverError(faults.INVALID_PARAMETER, "Load a pin map before a pattern.")
        self._load("pattern", request.file_path)
        return None

    @rpc("UnloadAllPatterns")
    def unload_patterns(self, _: Any) -> Answer:
        """Forget all patterns."""
        self._sheets["pattern"].clear()
        return None

    def _load(self, kind: str, path: str) -> None:
        _found(path)
        self._sheets[kind].update(_names(path))

    def _check_loaded(self, kind: str, name: str) -> None:
        if name not in self._sheets[kind]:
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"{quoted(name)} was not loaded as {kind}: {listed(sorted(self._sheets[kind]))}.",
            )

    @fidelity(
        "DIG-SHEETS",
        evidence="our choice",
        rule="Sheets have to be loaded before they are applied, but are not read: the levels that"
        " one sets are not known, and what needs them is UNIMPLEMENTED until they are set by hand",
    )
    def check_sheets(self, levels: str, timing: str, sites: str) -> list[str]:
        """Refuse sheets that were not loaded; forget the levels that a sheet sets.

        Returns:
            The channels whose levels are not known now.
        """
        for kind, name in (("levels", levels), ("timing", timing)):
            if name:
                self._check_loaded(kind, name)
        if not levels:
            return []
        wanted = self.pins.sites_of(sites) if sites else None
        found = [p.channel for p in self.pins.places("") if wanted is None or p.site in wanted]
        for channel in found:
            self.attributes.forget(table.LEVELS, channel)
        return found

    # Time sets ------------------------------------------------------------------------------------

    @rpc("CreateTimeSet")
    def create_time_set(self, request: Any) -> Answer:
        """Make a time set."""
        if not request.name or request.name in self._time_sets:
            raise DriverError(
                faults.INVALID_PARAMETER, f"{quoted(request.name)} is no name for a new time set."
            )
        self._time_sets[request.name] = TimeSet()
        return None

    @rpc("DeleteAllTimeSets")
    def delete_time_sets(self, _: Any) -> Answer:
        """Forget all time sets."""
        self._time_sets.clear()
        return None

    @rpc("ConfigureTimeSetPeriod")
    def set_period(self, request: Any) -> Answer:
        """Keep the period of a time set."""
        self._time_set(request).period = request.period
        return None

    @rpc("ConfigureTimeSetEdge")
    def set_edge(self, request: Any) -> Answer:
        """Keep the time of an edge."""
        for channel in self.channels.find(request.pin_list):
            self._time_set(request).edges[channel, value_of(request, "edge")] = request.time
        return None

    @rpc("ConfigureTimeSetDriveFormat")
    def set_format(self, request: Any) -> Answer:
        """Keep the format of the drive."""
        for channel in self.channels.find(request.pin_list):
            self._time_set(request).formats[channel] = value_of(request, "drive_format")
        return None

    @rpc("ConfigureTimeSetEdgeMultiplier")
    def set_multiplier(self, request: Any) -> Answer:
        """Keep how many edges there are in a period."""
        for channel in self.channels.find(request.pin_list):
            self._time_set(request).multipliers[channel] = request.edge_multiplier
        return None

    @rpc("GetTimeSetPeriod")
    def get_period(self, request: Any) -> Answer:
        """Answer the period."""
        return (_known(self._time_set(request).period),)

    @rpc("GetTimeSetEdge")
    def get_edge(self, request: Any) -> Answer:
        """Answer the time of an edge."""
        edges, edge = self._time_set(request).edges, value_of(request, "edge")
        return (self._one(request, {c: t for (c, kind), t in edges.items() if kind == edge}),)

    @rpc("GetTimeSetDriveFormat")
    def get_format(self, request: Any) -> Answer:
        """Answer the format of the drive."""
        return (self._one(request, self._time_set(request).formats),)

    @rpc("GetTimeSetEdgeMultiplier")
    def get_multiplier(self, request: Any) -> Answer:
        """Answer how many edges there are in a period."""
        return (self._one(request, self._time_set(request).multipliers),)

    def _time_set(self, request: Any) -> TimeSet:
        found = self._time_sets.get(request.time_set_name)
        if found is None:
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"There is no time set {quoted(request.time_set_name)} that was made by hand: "
                f"{listed(sorted(self._time_sets))}. Those of timing sheets are not known.",
            )
        return found

    def _one(self, request: Any, values: dict[str, Any]) -> Any:
        found = {values.get(channel) for channel in self.channels.find(request.pin)}
        if len(found) > 1:
            raise DriverError(faults.INVALID_PARAMETER, "It is not the same on these pins.")
        return _known(found.pop())

    # Waveforms of the sequencer -------------------------------------------------------------------

    @rpc("CreateSourceWaveformParallel", "CreateSourceWaveformSerial")
    def create_source(self, request: Any) -> Answer:
        """Keep the name of a waveform that patterns send."""
        self.channels.find(request.pin_list)
        self._waveforms["source"].add(request.waveform_name)
        return None

    @rpc("WriteSourceWaveformBroadcastU32", "WriteSourceWaveformSiteUniqueU32")
    def write_source(self, request: Any) -> Answer:
        """Take its data, which no pattern sends: a test says how bursts end."""
        if request.waveform_name not in self._waveforms["source"]:
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"There is no source waveform {quoted(request.waveform_name)}.",
            )
        return None

    @rpc("CreateCaptureWaveformParallel", "CreateCaptureWaveformSerial")
    def create_capture(self, request: Any) -> Answer:
        """Keep the name of a waveform that patterns capture; what they captured is not known."""
        self.channels.find(request.pin_list)
        self._waveforms["capture"].add(request.waveform_name)
        return None

    @rpc("WriteSequencerFlag")
    def write_flag(self, request: Any) -> Answer:
        """Keep a flag."""
        self._flags[request.flag] = request.value
        return None

    @rpc("ReadSequencerFlag")
    def read_flag(self, request: Any) -> Answer:
        """Answer a flag; it is off before it is written."""
        return (self._flags.get(request.flag, False),)

    @rpc("WriteSequencerRegister")
    def write_register(self, request: Any) -> Answer:
        """Keep a register."""
        self._registers[request.reg] = request.value
        return None

    @rpc("ReadSequencerRegister")
    def read_register(self, request: Any) -> Answer:
        """Answer a register; it is 0 before it is written."""
        return (self._registers.get(request.reg, 0),)


def _found(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise DriverError(faults.INVALID_PARAMETER, f"There is no file {quoted(text)}.")
    return path


def _names(text: str) -> set[str]:
    """What a client may call a file that it has loaded."""
    name = PureWindowsPath(text)  # splits at both kinds of slashes
    return {text, name.name, name.stem}


def _known(value: Any) -> Any:
    if value is None:
        raise Refusal("UNIMPLEMENTED", "NI-Digital: this was not set, and nobody knows it.")
    return value
