"""Pin maps: read from XML, kept by id, and asked what a pin is connected to."""

from __future__ import annotations

from session_fakes.pinmaps.elements import (
    DAQMX,
    DC_POWER,
    DIGITAL_PATTERN,
    DMM,
    FGEN,
    RELAY_DRIVER,
    SCOPE,
    SYSTEM_SITE,
    ChannelGroup,
    Connection,
    Group,
    Instrument,
    Multiplexer,
    Terminal,
)
from session_fakes.pinmaps.links import ChannelMapping
from session_fakes.pinmaps.pin_map import PinMap
from session_fakes.pinmaps.queries import GroupDefinition, Listing, query_pins, query_relays
from session_fakes.pinmaps.reader import read_pin_map
from session_fakes.pinmaps.resolve import (
    Access,
    Resource,
    connected_multiplexers,
    resolve,
    session_name,
)
from session_fakes.pinmaps.store import PinMapStore

__all__ = [
    "DAQMX",
    "DC_POWER",
    "DIGITAL_PATTERN",
    "DMM",
    "FGEN",
    "RELAY_DRIVER",
    "SCOPE",
    "SYSTEM_SITE",
    "Access",
    "ChannelGroup",
    "ChannelMapping",
    "Connection",
    "Group",
    "GroupDefinition",
    "Instrument",
    "Listing",
    "Multiplexer",
    "PinMap",
    "PinMapStore",
    "Resource",
    "Terminal",
    "connected_multiplexers",
    "query_pins",
    "query_relays",
    "read_pin_map",
    "resolve",
    "session_name",
]
