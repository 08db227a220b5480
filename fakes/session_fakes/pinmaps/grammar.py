"""Which elements a pin map may have, where, and with which attributes: as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NAMESPACE", "NEWEST", "OLDEST", "ROOT", "Rule"]

NAMESPACE = "http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"

OLDEST = (1, 0)
NEWEST = (1, 7)
"""The versions of the format that are known."""


@dataclass(frozen=True)
class Rule:
    """What an element may have: attributes (with ? where optional) and child elements."""

    attributes: str = ""
    children: Mapping[str, Rule] = field(default_factory=dict[str, "Rule"])
    once: bool = False
    """Whether its parent has it at most once."""
    is_open: bool = False
    """Whether it may also have any other attribute, any element and text."""
    other_children: re.Pattern[str] | None = None
    """The names of further elements, open ones, that it may have."""

    @property
    def required(self) -> list[str]:
        """The attributes that have to be there."""
        return [name for name in self.attributes.split() if not name.endswith("?")]

    @property
    def allowed(self) -> list[str]:
        """The attributes that may be there."""
        return [name.rstrip("?") for name in self.attributes.split()]

    def child(self, tag: str) -> Rule | None:
        """What a child element may have; None for one that may not be there."""
        if self.is_open:
            return _ANYTHING
        others = self.other_children
        named = _NAMED if others is not None and others.fullmatch(tag) else None
        return self.children.get(tag, named)


_ANYTHING = Rule(is_open=True)
_NAMED = Rule("name", is_open=True)


def _section(other_children: re.Pattern[str] | None = None, /, **children: Rule) -> Rule:
    return Rule(children=children, once=True, other_children=other_children)


_CHANNEL = Rule("id")

_INSTRUMENTS = _section(
    # NI has more kinds than anything public describes.
    re.compile("NI[A-Za-z0-9]+Instrument|ModelBasedInstrument"),
    NIDCPowerInstrument=Rule("name numberOfChannels", {"ChannelGroup": Rule("name channels?")}),
    NIDigitalPatternInstrument=Rule("name numberOfChannels group?"),
    NIScopeInstrument=Rule("name numberOfChannels group?"),
    NIFGenInstrument=Rule("name numberOfChannels"),
    NIDmmInstrument=Rule("name"),
    NIDAQmxTask=Rule("name taskType channelList"),
    NIRelayDriverModule=Rule("name numberOfControlLines"),
    Multiplexer=Rule("name multiplexerTypeId"),
    Instrument=Rule(
        "name instrumentTypeId",
        {"Channel": _CHANNEL, "ChannelGroup": Rule("id", {"Channel": _CHANNEL})},
    ),
)

_CONNECTIONS = _section(
    Connection=Rule("pin siteNumber instrument channel"),
    SystemConnection=Rule("pin instrument channel"),
    MultiplexedConnection=Rule(
        "instrument channel",
        {"MultiplexedDUTPinRoute": Rule("pin siteNumber multiplexer routeName")},
    ),
    RelayConnection=Rule("relay siteNumber relayDriverModule controlLine"),
    SystemRelayConnection=Rule("relay relayDriverModule controlLine"),
)

ROOT = Rule(
    "schemaVersion",
    {
        "Instruments": _INSTRUMENTS,
        "Pins": _section(DUTPin=Rule("name"), SystemPin=Rule("name")),
        "PinGroups": _section(PinGroup=Rule("name", {"PinReference": Rule("pin")})),
        "Relays": _section(SiteRelay=Rule("name"), SystemRelay=Rule("name")),
        "RelayGroups": _section(RelayGroup=Rule("name", {"RelayReference": Rule("relay")})),
        "RelayConfigurations": _section(
            RelayConfiguration=Rule("name", {"RelayPosition": Rule("relay position")})
        ),
        "Sites": _section(Site=Rule("siteNumber")),
        "Connections": _CONNECTIONS,
    },
)
"""The element PinMap."""
