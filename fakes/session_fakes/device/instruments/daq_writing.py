"""Tasks of NI-DAQmx that write: single values at once, buffers with the station's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_fakes.device.bench.elements import VoltageSource
from session_fakes.device.bench.waveforms import Points, Started
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import daq_channels as channels
from session_fakes.device.instruments.daq_channels import Channel
from session_fakes.device.instruments.daq_task import DaqTask
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.fidelity import fidelity

__all__ = ["DaqWriting"]

_BY_SCAN = 1
_LOGIC_HIGH = 5.0
_LINE_AMPS = 0.024
_OUTPUT_AMPS = 0.005


class DaqWriting(DaqTask):
    """The part of a task that writes."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._buffer: list[list[float]] = []
        """The volts of each node, one after the other."""

    # Analog ---------------------------------------------------------------------------------------

    @rpc("WriteAnalogF64")
    def write_analog(self, request: Any) -> Answer:
        """Put out samples of all channels."""
        self._check_output(channels.OUTPUT)
        rows = _rows(list(request.write_array), len(self.channels), request)
        for channel, row in zip(self.channels, rows, strict=True):
            self._check_values(channel, row)
        self._write(rows, start=request.auto_start)
        return (len(rows[0]),)

    @rpc("WriteAnalogScalarF64")
    def write_analog_scalar(self, request: Any) -> Answer:
        """Put out one sample of the one channel."""
        self._check_output(channels.OUTPUT, single=True)
        self._check_values(self.channels[0], [request.value])
        self._write([[request.value]], start=request.auto_start)
        return None

    def _check_output(self, kind: int, *, single: bool = False) -> None:
        if not self.channels or self.is_input:
            raise DriverError(-200459)
        if self.channels[0].kind != kind:
            raise DriverError(-200526)
        if single and len(self.channels) != 1:
            raise DriverError(-200524)

    def _check_values(self, channel: Channel, values: Sequence[float]) -> None:
        low, high = float(channel.facts["AO_MIN"]), float(channel.facts["AO_MAX"])
        outside = [value for value in values if not low <= value <= high]
        if outside:
            raise DriverError(-200490, f"{outside[0]} is not from {low} to {high} V.")

    # Digital --------------------------------------------------------------------------------------

    @rpc("WriteDigitalLines")
    def write_lines(self, request: Any) -> Answer:
        """Put out samples of all lines, one in a byte."""
        self._check_output(channels.LINES_OUT)
        width = self.lines_of_channel
        data = request.write_array
        samples = [data[place : place + width] for place in range(0, len(data), width)]
        rows = _rows(samples, len(self.channels), request)
        self._write(
            [
                [_volts(sample[line]) for sample in row]
                for channel, row in zip(self.channels, rows, strict=True)
                for line in range(len(channel.nodes))
            ],
            start=request.auto_start,
        )
        return (len(rows[0]),)

    @rpc("WriteDigitalU8", "WriteDigitalU16", "WriteDigitalU32")
    def write_numbers(self, request: Any) -> Answer:
        """Put out samples of all channels, each line by the bit of its number."""
        self._check_output(channels.LINES_OUT)
        rows = _rows(list(request.write_array), len(self.channels), request)
        self._write(self._levels(rows), start=request.auto_start)
        return (len(rows[0]),)

    @rpc("WriteDigitalScalarU32")
    def write_number(self, request: Any) -> Answer:
        """Put out one sample of the one channel."""
        self._check_output(channels.LINES_OUT, single=True)
        self._write(self._levels([[request.value]]), start=request.auto_start)
        return None

    def _levels(self, rows: list[list[int]]) -> list[list[float]]:
        return [
            [_volts(number >> place & 1) for number in row]
            for channel, row in zip(self.channels, rows, strict=True)
            for place in channel.places
        ]

    # Putting out ----------------------------------------------------------------------------------

    @fidelity(
        "DAQ-OUTPUT",
        evidence="our choice",
        rule="Without a clock the last value of a write is put out at once; with one a buffer is"
        " put out from the start on, over and over when the task is continuous, else once, and its"
        " last value stays. A line puts out 0 or 5 V and is read as 1 above 1.5 V",
    )
    def _write(self, volts: list[list[float]], *, start: bool) -> None:
        if not self.is_clocked:
            self._put_at_once(volts, start=start)
            return
        self._buffer = volts
        if self.started is not None:
            self._put_out(self.started)
        elif start:
            self.start()

    def _put_at_once(self, volts: list[list[float]], *, start: bool) -> None:
        is_started_here = self.started is None
        if is_started_here:
            if not start:
                raise DriverError(-200846)
            self.start()
        for node, row in zip(self._nodes, volts, strict=True):
            self.bench.drive(node, VoltageSource(row[-1], 0.0, self._amps))
        if is_started_here and start:
            self.stop()

    @property
    def _nodes(self) -> list[str]:
        return [node for channel in self.channels for node in channel.nodes]

    @property
    def _amps(self) -> float:
        return _OUTPUT_AMPS if self.channels[0].kind == channels.OUTPUT else _LINE_AMPS

    def start(self) -> None:
        """Start it; raise DriverError when it cannot be."""
        is_output = bool(self.channels) and not self.is_input
        if is_output and self.is_clocked and not self._buffer:
            raise DriverError(-200462)
        super().start()
        if is_output and self.is_clocked and self.started is not None:
            self._put_out(self.started)

    def _put_out(self, started: float) -> None:
        for node, row in zip(self._nodes, self._buffer, strict=True):
            values = row
            if self.is_finite:
                values = (row * (self.total // len(row) + 1))[: self.total]
            wave = Started(Points(values, self.rate, repeats=not self.is_finite), started)
            self.bench.drive(node, VoltageSource(0.0, 0.0, self._amps, wave))

    def stop(self) -> None:
        """Stop it; what is put out now stays."""
        if self.started is not None and self._buffer:
            for node in self._nodes:
                source = self.bench.output(node)
                if isinstance(source, VoltageSource) and source.wave:
                    now = source.wave.at(self.bench.clock.now())
                    self.bench.drive(node, VoltageSource(now, 0.0, self._amps))
        super().stop()


def _rows(samples: list[Any], count: int, request: Any) -> list[list[Any]]:
    """The samples of each channel."""
    size = request.num_samps_per_chan
    if size < 1 or size * count != len(samples):
        raise DriverError(
            -200524, f"{len(samples)} samples are not {size} for each of {count} channels."
        )
    if value_of(request, "data_layout") == _BY_SCAN:
        return [samples[place::count] for place in range(count)]
    return [samples[place * size : (place + 1) * size] for place in range(count)]


def _volts(state: int) -> float:
    return _LOGIC_HIGH if state else 0.0
