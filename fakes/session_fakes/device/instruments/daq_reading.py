"""Tasks of NI-DAQmx that read: samples as the station's clock brings them, and their events."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

from session_fakes.device.bench.nets import Net
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import daq_channels as channels
from session_fakes.device.instruments.daq_channels import Channel
from session_fakes.device.instruments.daq_task import DaqTask
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of
from session_fakes.fidelity import fidelity

__all__ = ["DaqReading"]

_BY_SCAN = 1
_ALL = -1
_NOT_YET = -200284
_HIGH = 1.5
"""Volts from which a line is read as 1."""
_SHARE_OF_RANGE = 2e-6
"""The noise of single readings."""


class _Acquired(NamedTuple):
    """Which samples a read brings: when the first was taken, the time between them, how many."""

    begin: float
    step: float
    size: int
    status: int = 0


class DaqReading(DaqTask):
    """The part of a task that reads."""

    # Samples --------------------------------------------------------------------------------------

    @fidelity(
        "DAQ-SAMPLES",
        evidence="our choice",
        rule="Samples come with the station's clock; a read waits for its samples, a finite task"
        " has no more than was asked for, a continuous one whose reader falls behind by more than"
        " its buffer is the error -200279; a task that was not started runs for one read",
    )
    def _acquire(self, wanted: int, timeout: float, gone: Callable[[], bool]) -> _Acquired:
        if not self.channels:
            raise DriverError(-200460)
        if not self.is_clocked:
            return self._at_once(wanted)
        is_started_here = self.started is None
        if is_started_here:
            self.start()
        try:
            return self._clocked(wanted, timeout, gone)
        finally:
            if is_started_here:
                self.stop()

    def _at_once(self, wanted: int) -> _Acquired:
        is_started_here = self.started is None
        if is_started_here:
            self.start()  # refused when somebody else has the inputs
            self.stop()
        return _Acquired(self.bench.clock.now(), 1e-5, max(1, wanted))

    def _clocked(self, wanted: int, timeout: float, gone: Callable[[], bool]) -> _Acquired:
        if wanted == _ALL:
            waits = self.is_finite and not self._facts["Read", "READ_ALL_AVAIL_SAMP"]
            wanted = (self.total if waits else self.passed) - self.read_count
        last = self.read_count + wanted
        if self.is_finite and last > self.total:
            raise DriverError(-200278)
        started = self.started
        left = self.due(last) - self.bench.clock.now()
        seconds = left if timeout < 0 else min(left, timeout)
        self.bench.wait_until(
            lambda: self.started != started or self.passed >= last, max(0.0, seconds), gone
        )
        if self.started != started:
            raise DriverError(-88709)
        passed = self.passed
        if passed - self.read_count > self.buffer_size:
            raise DriverError(-200279)
        count = min(wanted, passed - self.read_count)
        begin = self.due(self.read_count)
        self.read_count += count
        return _Acquired(begin, 1 / self.rate, count, 0 if count == wanted else _NOT_YET)

    @rpc("WaitUntilTaskDone", waits=True)
    def wait_until_done(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Wait until it has taken or put out all of its samples, or was stopped."""
        limit = request.time_to_wait
        left = limit
        if self.started is not None and self.is_clocked and self.is_finite:
            left = max(0.0, self.due(self.total) - self.bench.clock.now())
        seconds = left if limit < 0 else min(left, limit)
        self.bench.wait_until(lambda: self.is_done, seconds, gone)
        if not self.is_done:
            raise DriverError(-200560)
        return None

    @rpc("IsTaskDone")
    def is_task_done(self, _: Any) -> Answer:
        """Say whether it has taken or put out all of its samples, or does not run."""
        return (self.is_done,)

    # Analog ---------------------------------------------------------------------------------------

    @rpc("ReadAnalogF64", waits=True)
    def read_analog(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer samples of all channels."""
        self._check_kind(channels.INPUT)
        got = self._acquire(request.num_samps_per_chan, request.timeout, gone)
        rows = [self._values(channel, got) for channel in self.channels]
        return {
            "status": got.status,
            "read_array": _laid_out(rows, request),
            "samps_per_chan_read": got.size,
        }

    @rpc("ReadAnalogScalarF64", waits=True)
    def read_analog_scalar(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer one sample of the one channel."""
        self._check_kind(channels.INPUT, single=True)
        got = self._acquire(1, request.timeout, gone)
        if not got.size:
            raise DriverError(_NOT_YET)
        return (self._values(self.channels[0], got)[0],)

    def _values(self, channel: Channel, got: _Acquired) -> array[float]:
        node = channel.nodes[0]
        net = self.bench.net(node)
        volts = net.samples(got.begin, got.step, got.size)
        found = array("d", [channel.value(net, value) for value in volts])
        if not self.is_clocked and channel.facts["AI_MEAS_TYPE"] == channels.VOLTS:
            scale = channel.limit * _SHARE_OF_RANGE
            found = array("d", [self.bench.noisy(node, value, scale) for value in found])
        return found

    def _check_kind(self, kind: int, *, single: bool = False) -> None:
        if not self.channels or self.channels[0].kind in (channels.OUTPUT,):
            raise DriverError(-200460)
        if self.channels[0].kind != kind:
            raise DriverError(-200525)
        if single and len(self.channels) != 1:
            raise DriverError(-200525, "Name one channel.")

    # Digital --------------------------------------------------------------------------------------

    @rpc("ReadDigitalLines", waits=True)
    def read_lines(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer samples of all lines, one in a byte."""
        got, states = self._lines(request.num_samps_per_chan, request.timeout, gone)
        width = self.lines_of_channel
        rows = [
            [
                bytes(rows_of[line][sample] if line < len(rows_of) else 0 for line in range(width))
                for sample in range(got.size)
            ]
            for rows_of in states
        ]
        order = (
            [row[sample] for sample in range(got.size) for row in rows]
            if value_of(request, "fill_mode") == _BY_SCAN
            else [sample for row in rows for sample in row]
        )
        return {
            "status": got.status,
            "read_array": b"".join(order),
            "samps_per_chan_read": got.size,
            "num_bytes_per_samp": width,
        }

    @rpc("ReadDigitalU8", "ReadDigitalU16", "ReadDigitalU32", waits=True)
    def read_numbers(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer samples of all channels, each line in the bit of its number."""
        got, states = self._lines(request.num_samps_per_chan, request.timeout, gone)
        rows = [
            [_number(channel, rows_of, sample) for sample in range(got.size)]
            for channel, rows_of in zip(self.channels, states, strict=True)
        ]
        found = _laid_out(rows, request)
        width = (
            8 if "U8" in request.DESCRIPTOR.name else 16 if "U16" in request.DESCRIPTOR.name else 32
        )
        if max(found, default=0) >= 1 << width:
            raise DriverError(-200525, f"A channel has lines above bit {width}.")
        return {
            "status": got.status,
            "read_array": found,
            "samps_per_chan_read": got.size,
        }

    @rpc("ReadDigitalScalarU32", waits=True)
    def read_number(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer one sample of the one channel."""
        got, states = self._lines(1, request.timeout, gone)
        if len(self.channels) != 1:
            raise DriverError(-200525, "Name one channel.")
        if not got.size:
            raise DriverError(_NOT_YET)
        return (_number(self.channels[0], states[0], 0),)

    def _lines(
        self, wanted: int, timeout: float, gone: Callable[[], bool]
    ) -> tuple[_Acquired, list[list[list[int]]]]:
        """The samples of each line of each channel."""
        if not self.channels:
            raise DriverError(-200460)
        if self.channels[0].kind not in (channels.LINES_IN, channels.LINES_OUT):
            raise DriverError(-200525)
        got = self._acquire(wanted, timeout, gone)
        return got, [
            [_states(self.bench.net(node), got) for node in channel.nodes]
            for channel in self.channels
        ]


def _laid_out(rows: list[Any], request: Any) -> Any:
    """The samples channel after channel, or scan after scan."""
    if value_of(request, "fill_mode") != _BY_SCAN:
        found = rows[0]
        for row in rows[1:]:
            found += row
        return found
    flat = [value for scan in zip(*rows, strict=True) for value in scan]
    return array("d", flat) if isinstance(rows[0], array) else flat


def _states(net: Net, got: _Acquired) -> list[int]:
    return [int(volts > _HIGH) for volts in net.samples(got.begin, got.step, got.size)]


def _number(channel: Channel, states: list[list[int]], sample: int) -> int:
    return sum(
        states_of[sample] << place for place, states_of in zip(channel.places, states, strict=True)
    )
