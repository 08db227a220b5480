"""The attributes of a task of NI-DAQmx: what follows from it, and what is set."""

from __future__ import annotations

import re
from typing import Any

from session_fakes.device.attributes import Value
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.daq_channels import Channel
from session_fakes.device.instruments.daq_system import attribute_of
from session_fakes.device.instruments.daq_task import DaqTask
from session_fakes.device.instruments.daq_timing import unknown_attribute
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of

__all__ = ["DaqAttributes"]

_FAMILY = re.compile(r"[GS]et(\w+?)Attribute(\w+)Request")
_GOT = {
    "Buffer": ("UInt32",),
    "Chan": ("Double", "Int32", "String", "UInt32"),
    "Read": ("Bool", "String", "UInt32", "UInt64"),
    "Task": ("Bool", "String", "UInt32"),
    "Timing": ("Double", "Int32", "UInt64"),
    "Write": ("UInt32", "UInt64"),
}
"""The attributes that have values: what they are of, and their types."""
_SET = {
    "Buffer": ("UInt32",),
    "Chan": ("Double", "Int32"),
    "Read": ("Bool", "String"),
    "Timing": ("Double", "Int32", "UInt64"),
}
_OF_CHANNELS = {"AI_MIN", "AI_MAX", "AI_TERM_CFG", "AO_MIN", "AO_MAX"}
"""What can be set for a channel."""


class DaqAttributes(DaqTask):
    """The part of a task that answers for its attributes."""

    @rpc(*(f"Get{family}Attribute{kind}" for family in _GOT for kind in _GOT[family]))
    def get_attribute(self, request: Any) -> Answer:
        """Answer the value of an attribute."""
        family, name = _family_of(request), attribute_of(request)
        if family == "Chan":
            return (self._channel_fact(name, request.channel),)
        found = self._derived(family, name)
        found = self._facts.get((family, name)) if found is None else found
        if found is None:
            raise unknown_attribute(name)
        return (found,)

    def _channel_fact(self, name: str, text: str) -> Value:
        found = {channel.facts.get(name) for channel in self._named(text)}
        if len(found) != 1:
            raise DriverError(-200197, f"{name} is not the same on these channels.")
        value = found.pop()
        if value is None:
            raise unknown_attribute(name)
        return value

    def _derived(self, family: str, name: str) -> Value | None:
        """What follows from the task, and cannot be set."""
        names = ", ".join(channel.name for channel in self.channels)
        found: dict[tuple[str, str], Value] = {
            ("Task", "NAME"): self.name,
            ("Task", "CHANNELS"): names,
            ("Task", "NUM_CHANS"): len(self.channels),
            ("Task", "DEVICES"): ", ".join(self._devices()),
            ("Task", "NUM_DEVICES"): len(self._devices()),
            ("Task", "COMPLETE"): self.is_done,
            ("Read", "NUM_CHANS"): len(self.channels),
            ("Write", "NUM_CHANS"): len(self.channels),
            ("Read", "DIGITAL_LINES_BYTES_PER_CHAN"): self.lines_of_channel,
            ("Write", "DIGITAL_LINES_BYTES_PER_CHAN"): self.lines_of_channel,
            ("Read", "TOTAL_SAMP_PER_CHAN_ACQUIRED"): self.passed,
            ("Write", "TOTAL_SAMP_PER_CHAN_GENERATED"): self.passed,
            ("Read", "CURR_READ_POS"): self.read_count,
            ("Read", "AVAIL_SAMP_PER_CHAN"): self.passed - self.read_count,
        }
        if (family, name) == ("Read", "CHANNELS_TO_READ"):
            return self._facts.get((family, name), names)
        if (family, name) == ("Buffer", "INPUT_BUF_SIZE") and self.is_clocked:
            return self.buffer_size
        return found.get((family, name))

    def _devices(self) -> list[str]:
        found = [str(channel.facts["PHYSICAL_CHAN_NAME"]) for channel in self.channels]
        return list(dict.fromkeys(name.partition("/")[0] for name in found))

    @rpc(*(f"Set{family}Attribute{kind}" for family in _SET for kind in _SET[family]))
    def set_attribute(self, request: Any) -> Answer:
        """Set an attribute; what is simulated follows those of timing, limits and buffers."""
        family, name = _family_of(request), attribute_of(request)
        raw = request.DESCRIPTOR.fields_by_name.get("value_raw")
        value = value_of(request, "value") if raw is not None else request.value
        if family == "Chan":
            self._put_for_channels(name, value, self._named(request.channel))
            return None
        self._put(family, name, value)
        return None

    def _put_for_channels(self, name: str, value: Value, wanted: list[Channel]) -> None:
        if name not in _OF_CHANNELS or not all(name in channel.facts for channel in wanted):
            raise unknown_attribute(name)
        for channel in wanted:
            channel.facts[name] = value


def _family_of(request: Any) -> str:
    found = _FAMILY.fullmatch(request.DESCRIPTOR.name)
    assert found is not None
    return found[1].removesuffix("Attribute")
