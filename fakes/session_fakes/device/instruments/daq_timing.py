"""The timing of a task of NI-DAQmx, its buffers, and the attributes that can be set of them."""

from __future__ import annotations

import itertools
import math
from typing import Any

from session_fakes.device.attributes import Value
from session_fakes.device.channels import expanded
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.daq_channels import Channel
from session_fakes.device.instruments.daq_system import DaqSystem
from session_fakes.device.instruments.simulation import Answer, Opening, Simulation, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, listed, quoted
from session_fakes.fidelity import fidelity

__all__ = ["DaqTiming", "unknown_attribute"]

ON_DEMAND, SAMPLE_CLOCK, IMPLICIT = 10390, 10388, 10451
FINITE, CONTINUOUS = 10178, 10123
_FASTEST = 1e7
_BUFFERS = ((100.0, 1_000), (1e4, 10_000), (1e6, 100_000), (math.inf, 1_000_000))
"""Samples of a buffer, by the rate that it is enough for."""
_unnamed = itertools.count()


class DaqTiming(DaqSystem, Simulation):
    """The part of a task that says when samples are due, and how many."""

    INITIALIZERS = frozenset({"CreateTask"})
    CLOSER = "ClearTask"

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening.bench, opening.driver)
        self.name = opening.session_name or f"_unnamedTask<{next(_unnamed):X}>"
        self.channels: list[Channel] = []
        self.started: float | None = None
        """When it was started; None while it does not run."""
        self._facts: dict[tuple[str, str], Value] = {
            ("Timing", "SAMP_TIMING_TYPE"): ON_DEMAND,
            ("Timing", "SAMP_QUANT_SAMP_MODE"): CONTINUOUS,
            ("Timing", "SAMP_QUANT_SAMP_PER_CHAN"): 1000,
            ("Read", "READ_ALL_AVAIL_SAMP"): False,
        }
        self.read_count = 0
        """Samples of each channel that were read since it was started."""

    @classmethod
    def without_session(cls, bench: Any, driver: Any) -> DaqSystem:
        """What answers the RPCs that name no task."""
        return DaqSystem(bench, driver)

    @rpc("CfgSampClkTiming")
    def set_sample_clock(self, request: Any) -> Answer:
        """Have samples taken, or put out, at a rate."""
        if self.started is not None:
            raise DriverError(-200450)
        if not self.channels:
            raise DriverError(-200478)
        if request.source not in ("", "OnboardClock"):
            raise Refusal("UNIMPLEMENTED", "NI-DAQmx: only the onboard clock is simulated.")
        self._put("Timing", "SAMP_CLK_RATE", request.rate)
        self._put("Timing", "SAMP_QUANT_SAMP_MODE", value_of(request, "sample_mode"))
        self._put("Timing", "SAMP_QUANT_SAMP_PER_CHAN", request.samps_per_chan)
        self._put("Timing", "SAMP_TIMING_TYPE", SAMPLE_CLOCK)
        self._put("Timing", "SAMP_CLK_ACTIVE_EDGE", value_of(request, "active_edge"))
        return None

    @rpc("CfgInputBuffer", "CfgOutputBuffer")
    def set_buffer(self, request: Any) -> Answer:
        """Set the size of the buffer."""
        is_input = request.DESCRIPTOR.name == "CfgInputBufferRequest"
        name = "INPUT_BUF_SIZE" if is_input else "OUTPUT_BUF_SIZE"
        self._put("Buffer", name, request.num_samps_per_chan)
        return None

    @property
    def is_clocked(self) -> bool:
        """Whether a sample clock times it."""
        return self._facts["Timing", "SAMP_TIMING_TYPE"] == SAMPLE_CLOCK

    @property
    def is_finite(self) -> bool:
        """Whether it ends by itself."""
        return self._facts["Timing", "SAMP_QUANT_SAMP_MODE"] == FINITE

    @property
    def total(self) -> int:
        """The samples of each channel, when it is finite."""
        return int(self._facts["Timing", "SAMP_QUANT_SAMP_PER_CHAN"])

    @property
    def rate(self) -> float:
        """Samples a second."""
        return float(self._facts["Timing", "SAMP_CLK_RATE"])

    @property
    def buffer_size(self) -> int:
        """Samples of each channel that may wait to be read."""
        found = self._facts.get(("Buffer", "INPUT_BUF_SIZE"))
        if found is not None:
            return int(found)
        usual = next(size for rate, size in _BUFFERS if self.rate <= rate)
        return max(usual, self.total) if not self.is_finite else self.total

    def due(self, count: int) -> float:
        """When so many samples of each channel have passed."""
        return (self.started or 0.0) + count / self.rate

    @property
    def passed(self) -> int:
        """The samples of each channel that have passed since it was started."""
        if self.started is None or not self.is_clocked:
            return 0
        # A little more: a wait ends at a time that was computed from a number of samples.
        count = int((self.bench.clock.now() - self.started) * self.rate + 1e-6)
        return min(count, self.total) if self.is_finite else count

    def _named(self, text: str) -> list[Channel]:
        if not text:
            return self.channels
        known = {channel.name.casefold(): channel for channel in self.channels}
        wanted = [text] if text.casefold() in known else expanded(text)
        missing = [name for name in wanted if name.casefold() not in known]
        if missing:
            raise DriverError(-200461, f"{quoted(missing[0])}; it has {listed(sorted(known))}.")
        return [known[name.casefold()] for name in wanted]

    @fidelity(
        "DAQ-ATTRIBUTES",
        evidence="our choice",
        rule="Attributes of channels, timing, buffer and reading that the simulation follows can be"
        " set and got; all others are UNIMPLEMENTED, for what they would change nobody would see",
    )
    def _put(self, family: str, name: str, value: Value) -> None:
        if (family, name) not in _SETTABLE:
            raise unknown_attribute(name)
        if family == "Timing" and self.started is not None:
            raise DriverError(-200450)
        allowed = _SETTABLE[family, name]
        if allowed and value not in allowed:
            raise Refusal("UNIMPLEMENTED", f"NI-DAQmx: {name} = {value} is not simulated.")
        if name == "SAMP_CLK_RATE" and not 0 < float(value) <= _FASTEST:
            raise DriverError(-200077, f"The rate goes up to {_FASTEST:g} samples a second.")
        if name == "SAMP_QUANT_SAMP_PER_CHAN" and not 0 < int(value) <= 2**26:
            raise DriverError(-200077, f"{value} samples for each channel are too few or too many.")
        if name == "CHANNELS_TO_READ" and self._named(str(value)) != self.channels:
            raise Refusal("UNIMPLEMENTED", "NI-DAQmx: only all channels of a task are read.")
        self._facts[family, name] = value


_SETTABLE: dict[tuple[str, str], tuple[Value, ...]] = {
    ("Timing", "SAMP_CLK_RATE"): (),
    ("Timing", "SAMP_QUANT_SAMP_MODE"): (FINITE, CONTINUOUS),
    ("Timing", "SAMP_QUANT_SAMP_PER_CHAN"): (),
    ("Timing", "SAMP_TIMING_TYPE"): (SAMPLE_CLOCK, ON_DEMAND),
    ("Timing", "SAMP_CLK_ACTIVE_EDGE"): (),
    ("Buffer", "INPUT_BUF_SIZE"): (),
    ("Buffer", "OUTPUT_BUF_SIZE"): (),
    ("Read", "READ_ALL_AVAIL_SAMP"): (),
    ("Read", "CHANNELS_TO_READ"): (),
}
"""What can be set, with the values that are simulated where not all are."""


def unknown_attribute(name: str) -> Refusal:
    """What to raise for an attribute that is not simulated."""
    return Refusal(
        "UNIMPLEMENTED",
        f"NI-DAQmx: the attribute {name} is not simulated. Answer the call with a fault (reply).",
    )
