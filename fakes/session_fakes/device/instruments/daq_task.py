"""A task of NI-DAQmx: its channels, and whether it runs."""

from __future__ import annotations

from typing import Any

from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import daq_channels as channels
from session_fakes.device.instruments.daq_channels import Channel, analog_channels, line_channels
from session_fakes.device.instruments.daq_timing import DaqTiming
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity

__all__ = ["DaqTask"]

_START, _STOP, _ABORT = 0, 1, 6
_INPUTS = (channels.INPUT, channels.LINES_IN)


class DaqTask(DaqTiming):
    """What all tasks have in common."""

    def close(self) -> None:
        """Stop; outputs stay as they are."""
        self.stop()

    # Channels -------------------------------------------------------------------------------------

    @rpc("CreateAIVoltageChan")
    def add_voltage(self, request: Any) -> Answer:
        """Add channels that measure voltages."""
        return self._add(analog_channels(request, channels.INPUT))

    @rpc("CreateAIResistanceChan")
    def add_resistance(self, request: Any) -> Answer:
        """Add channels that measure resistances."""
        return self._add(analog_channels(request, channels.INPUT, channels.OHMS))

    @rpc("CreateAIRTDChan")
    def add_rtd(self, request: Any) -> Answer:
        """Add channels with resistors that measure temperatures."""
        return self._add(analog_channels(request, channels.INPUT, channels.RTD))

    @rpc("CreateAIThrmcplChan")
    def add_thermocouple(self, request: Any) -> Answer:
        """Add channels with thermocouples."""
        return self._add(analog_channels(request, channels.INPUT, channels.THERMOCOUPLE))

    @rpc("CreateAOVoltageChan")
    def add_output(self, request: Any) -> Answer:
        """Add channels that put out voltages."""
        return self._add(analog_channels(request, channels.OUTPUT))

    @rpc("CreateDIChan")
    def add_lines_in(self, request: Any) -> Answer:
        """Add channels of digital lines that are read."""
        return self._add(line_channels(request, channels.LINES_IN))

    @rpc("CreateDOChan")
    def add_lines_out(self, request: Any) -> Answer:
        """Add channels of digital lines that are written."""
        return self._add(line_channels(request, channels.LINES_OUT))

    @fidelity(
        "DAQ-CHANNELS",
        evidence="our choice",
        rule="Channels are on devices that a task of the pin map names, when there is a pin map;"
        " one task has channels of one kind, each name once; counters, currents, bridges and the"
        " like are UNIMPLEMENTED. Codes are NI's where its package lists them",
    )
    def _add(self, added: list[Channel]) -> Answer:
        if self.started is not None:
            raise DriverError(-200479)
        names = [channel.name.casefold() for channel in (*self.channels, *added)]
        if len(set(names)) != len(names):
            raise DriverError(-200489)
        if len({channel.kind for channel in (*self.channels, *added)}) > 1:
            raise DriverError(-200559)
        for channel in added:
            for node in channel.nodes:
                self.check_device(node.partition("/")[0])
        self.channels += added
        return None

    @property
    def is_input(self) -> bool:
        """Whether it reads."""
        return bool(self.channels) and self.channels[0].kind in _INPUTS

    # Running --------------------------------------------------------------------------------------

    @rpc("StartTask")
    def start_task(self, _: Any) -> Answer:
        """Start it."""
        if self.started is None:
            self.start()
        return None

    @rpc("StopTask")
    def stop_task(self, _: Any) -> Answer:
        """Stop it."""
        self.stop()
        return None

    @rpc("TaskControl")
    def control(self, request: Any) -> Answer:
        """Start, stop or abort it; to verify, reserve or commit it changes nothing else."""
        action = value_of(request, "action")
        if action == _START:
            return self.start_task(request)
        if action in (_STOP, _ABORT):
            return self.stop_task(request)
        if not self.channels:
            raise DriverError(-200478)
        return None

    @fidelity(
        "DAQ-RESERVED",
        evidence="our choice",
        rule="One running task at a time uses the analog inputs of a device, and one its clocked"
        " outputs: another is the driver's error -50103 when it starts; so is one that a test left"
        " running",
    )
    def start(self) -> None:
        """Start it; raise DriverError when it cannot be."""
        if not self.channels:
            raise DriverError(-200478)
        for part in self._parts():
            user = self.bench.reserved.get(part)
            if user not in (None, self):
                name = user.name if isinstance(user, DaqTask) else "something else"
                raise DriverError(-50103, f"The task {quoted(name)} uses {part}.")
        self.bench.reserved.update(dict.fromkeys(self._parts(), self))
        self.started, self.read_count = self.bench.clock.now(), 0
        self.bench.stir()

    def _parts(self) -> set[str]:
        kind = self.channels[0].kind
        if kind == channels.INPUT:
            return {f"{channel.nodes[0].partition('/')[0]}/ai" for channel in self.channels}
        if self.is_clocked:
            part = {channels.OUTPUT: "ao", channels.LINES_IN: "di"}.get(kind, "do")
            return {f"{channel.nodes[0].partition('/')[0]}/{part}" for channel in self.channels}
        outputs = () if kind == channels.LINES_IN else self.channels
        return {node for channel in outputs for node in channel.nodes}

    def stop(self) -> None:
        """Stop it."""
        self.started = None
        for part, user in list(self.bench.reserved.items()):
            if user is self:
                del self.bench.reserved[part]
        self.bench.stir()

    @property
    def lines_of_channel(self) -> int:
        """The most lines that a channel has."""
        return max((len(channel.nodes) for channel in self.channels), default=0)

    @property
    def is_done(self) -> bool:
        """Whether it does not run, or has taken all of its samples."""
        if self.started is None:
            return True
        return self.is_clocked and self.is_finite and self.passed >= self.total
