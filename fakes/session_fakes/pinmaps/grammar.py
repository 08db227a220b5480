"""Which elements a pin map may have, where, and with which attributes: as data."""

from __future__ import annotations

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

    @property
    def required(self) -> list[str]:
        """The attributes that have to be there."""
        return [name for name in self.attributes.split() if not name.endswith("?")]

    @property
    def allowed(self) -> list[str]:
        """The attributes that may be there."""
        return [name.rstrip("?") for name in self.attributes.split()]


def _section(**children: Rule) -> Rule:
    return Rule(children=children, once=True)


_CHANNEL = Rule("id")

_INSTRUMENTS = _section(
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
