"""What a connection means to a session: its resource, and the channel as the driver names it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from session_fakes.errors import listed, quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.elements import (
    DC_POWER,
    DIGITAL_PATTERN,
    SYSTEM_SITE,
    Connection,
    Instrument,
    Multiplexer,
)

__all__ = ["ChannelMapping", "Link", "Unit", "links_of"]


class ChannelMapping(NamedTuple):
    """A pin or relay at a site, and the channel that it is on."""

    pin_or_relay_name: str
    site: int
    channel: str
    multiplexer_resource_name: str = ""
    multiplexer_route: str = ""
    multiplexer_type_id: str = ""


@dataclass(frozen=True, eq=False)
class Unit:
    """What one session is opened for. Compared by identity: a pin map has each one once."""

    resource_name: str
    type_id: str
    obstacle: str = ""
    """Why it cannot be resolved, in words."""


class Link(NamedTuple):
    """A connection as a session sees it."""

    unit: Unit
    mapping: ChannelMapping


class _Key(NamedTuple):
    """Tells units apart; the kind keeps a group from being taken for an instrument."""

    kind: str
    name: str


def links_of(
    instruments: Mapping[str, Instrument],
    multiplexers: Mapping[str, Multiplexer],
    connections: Iterable[Connection],
) -> tuple[Link, ...]:
    """The links of all connections, in their order, in time linear in their number."""
    told = list(connections)
    units = _units(instruments, told)
    return tuple(
        Link(
            units[_key(instruments[one.instrument], one)],
            _mapping(instruments[one.instrument], one, multiplexers),
        )
        for one in told
    )


@fidelity(
    "MAP-SESSION-UNIT",
    evidence="tested by NI",
    rule="One session for a DC power channel group across instruments, else for an instrument",
)
@fidelity(
    "MAP-NO-CHANNEL-GROUP",
    evidence="our choice",
    rule="A DC power instrument of an old pin map, without channel groups, is a group of its own",
)
@fidelity(
    "MAP-CUSTOM-GROUPS",
    evidence="our choice",
    rule="The channel groups of a custom instrument make no sessions: it is one as a whole",
)
def _key(instrument: Instrument, connection: Connection) -> _Key:
    if instrument.channel_groups:
        group = instrument.channel_group(int(connection.channel))
        return _Key("channel group", group or "")
    return _Key("instrument", instrument.name)


def _units(instruments: Mapping[str, Instrument], told: list[Connection]) -> dict[_Key, Unit]:
    channels: dict[_Key, set[tuple[str, int]]] = defaultdict(set)
    users: dict[_Key, Instrument] = {}
    for one in told:
        instrument = instruments[one.instrument]
        key = _key(instrument, one)
        users.setdefault(key, instrument)
        if instrument.type_id == DC_POWER:
            channels[key].add((one.instrument, int(one.channel)))
    sharing = _sharing(instruments.values())
    return {
        key: Unit(
            _resource_name(instrument, channels.get(key)),
            instrument.type_id,
            _obstacle(instrument, sharing.get((instrument.type_id, instrument.group), ())),
        )
        for key, instrument in users.items()
    }


@fidelity(
    "MAP-RESOURCE-NAME",
    evidence="tested by NI",
    rule="The resource name is the instrument's; of a DC power group all of its connected "
    "channels, whichever pins and sites are asked for",
)
@fidelity(
    "MAP-CHANNEL-ORDER",
    evidence="our choice",
    rule="In the resource name of a channel group channels stand by instrument, then by number",
)
def _resource_name(instrument: Instrument, channels: set[tuple[str, int]] | None) -> str:
    if channels is None:
        return instrument.name
    return ", ".join(f"{name}/{channel}" for name, channel in sorted(channels))


def _obstacle(instrument: Instrument, sharing: tuple[str, ...]) -> str:
    if instrument.unsimulated:
        return (
            f"{quoted(instrument.name)} is an {quoted(instrument.unsimulated)[1:-1]}, a kind of "
            "instrument that is not simulated; ask for other pins, or make it an <Instrument> "
            "with an instrumentTypeId in a pin map for the fakes."
        )
    if sharing:
        return (
            f"The {quoted(instrument.type_id)} instruments {listed(sharing, most=5)} share a "
            "group, which this fake cannot resolve; give each a group of its own."
        )
    return ""


def _sharing(instruments: Iterable[Instrument]) -> dict[tuple[str, str], tuple[str, ...]]:
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for instrument in instruments:
        if instrument.group:
            members[instrument.type_id, instrument.group].append(instrument.name)
    return {key: tuple(names) for key, names in members.items() if len(names) > 1}


def _mapping(
    instrument: Instrument, connection: Connection, multiplexers: Mapping[str, Multiplexer]
) -> ChannelMapping:
    channel = _driver_channel(instrument, connection)
    if not connection.multiplexer:
        return ChannelMapping(connection.terminal, connection.site, channel)
    multiplexer = multiplexers[connection.multiplexer]
    return ChannelMapping(
        connection.terminal,
        connection.site,
        channel,
        multiplexer.name,
        connection.route,
        multiplexer.type_id,
    )


@fidelity(
    "MAP-CHANNEL-NAMES",
    evidence="tested by NI",
    rule="Channels of DC power are qualified (DCPower1/0), those of digital instruments are pins "
    "(site0/CS), all others as in the pin map",
)
@fidelity(
    "MAP-DIGITAL-SYSTEM-PIN",
    evidence="our choice",
    rule="The channel of a system pin on a digital instrument is the bare name of the pin",
)
def _driver_channel(instrument: Instrument, connection: Connection) -> str:
    if instrument.type_id == DC_POWER:
        return f"{instrument.name}/{connection.channel}"
    if instrument.type_id != DIGITAL_PATTERN:
        return connection.channel
    if connection.site == SYSTEM_SITE:
        return connection.terminal
    return f"site{connection.site}/{connection.terminal}"
