"""What stands in a pin map: instruments, pins, relays, groups and what is connected to what."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

__all__ = [
    "DAQMX",
    "DC_POWER",
    "DIGITAL_PATTERN",
    "DMM",
    "FGEN",
    "RELAY_DRIVER",
    "SCOPE",
    "SYSTEM_SITE",
    "ChannelGroup",
    "Connection",
    "Group",
    "Instrument",
    "Multiplexer",
    "Terminal",
]

DC_POWER = "niDCPower"
DIGITAL_PATTERN = "niDigitalPattern"
SCOPE = "niScope"
FGEN = "niFGen"
DMM = "niDMM"
DAQMX = "niDAQmx"
RELAY_DRIVER = "niRelayDriver"

SYSTEM_SITE = -1
"""The site of system pins and system relays, which belong to no site."""


class ChannelGroup(NamedTuple):
    """Channels of a DC power instrument that belong to one session, as ranges with both ends.

    Groups of the same name on several instruments are one group.
    """

    name: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Instrument:
    """An instrument, a DAQmx task, a relay driver module, or a custom instrument."""

    name: str
    type_id: str
    channel_count: int | None = None
    """How many numbered channels it has; None where channels are no plain numbers."""
    channels: tuple[str, ...] | None = None
    """The ids of the channels of a custom instrument, else None."""
    channel_groups: tuple[ChannelGroup, ...] = ()
    group: str = ""
    """The group of a scope or of a digital instrument."""
    unsimulated: str = ""
    """The element of an instrument of NI that is not simulated."""

    @cached_property
    def grouped_ranges(self) -> tuple[tuple[int, int, str], ...]:
        """First channel, last channel and group name of every range, in the order of channels."""
        return tuple(
            sorted((a, b, group.name) for group in self.channel_groups for a, b in group.ranges)
        )

    def channel_group(self, channel: int) -> str | None:
        """The name of the channel group that a channel is in; None without groups."""
        ranges = self.grouped_ranges
        place = bisect_right(ranges, channel, key=lambda entry: entry[0]) - 1
        return ranges[place][2] if place >= 0 and channel <= ranges[place][1] else None


class Multiplexer(NamedTuple):
    """A switch in front of an instrument; its type may be empty."""

    name: str
    type_id: str


class Terminal(NamedTuple):
    """A pin or a relay: of every site, or of the system as a whole."""

    name: str
    is_system: bool = False


class Group(NamedTuple):
    """Pins or relays under one name; members may be groups themselves."""

    name: str
    members: tuple[str, ...]


class Connection(NamedTuple):
    """One pin or relay, at one site, on one channel; a connection shared by sites is several."""

    terminal: str
    site: int
    instrument: str
    channel: str
    multiplexer: str = ""
    route: str = ""
