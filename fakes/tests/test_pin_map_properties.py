"""Random pin maps: written as XML and read back, and resolved as a slow and plain oracle does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from session_fakes.errors import Refusal
from session_fakes.pinmaps import (
    DAQMX,
    DC_POWER,
    DIGITAL_PATTERN,
    DMM,
    FGEN,
    RELAY_DRIVER,
    SCOPE,
    SYSTEM_SITE,
    ChannelGroup,
    ChannelMapping,
    Connection,
    Group,
    Instrument,
    Multiplexer,
    PinMap,
    Resource,
    Terminal,
    read_pin_map,
    resolve,
)

EVERYTHING = (Path(__file__).parent / "pin_maps" / "everything.pinmap").read_text("utf-8")
MULTIPLEXERS = (Multiplexer("mux 0", ""), Multiplexer("mux 1", "switch"))

name_texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=6,
).filter(str.strip)


def cut(count: int, marks: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
    """The channels 0 to count - 1, dealt out to groups as the marks say."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for channel in range(count):
        ranges = groups.setdefault(marks[channel], [])
        if ranges and ranges[-1][1] == channel - 1:
            ranges[-1] = ranges[-1][0], channel
        else:
            ranges.append((channel, channel))
    return [tuple(ranges) for ranges in groups.values()]


@st.composite
def instruments(draw: st.DrawFn, name: str) -> Instrument:
    """An instrument of any kind."""
    type_id = draw(st.sampled_from([DC_POWER, SCOPE, DIGITAL_PATTERN, FGEN, DMM, DAQMX, "own"]))
    count = draw(st.integers(1, 4))
    if type_id == "own":
        channels = draw(st.lists(name_texts, min_size=1, max_size=3, unique=True))
        return Instrument(name, "own type", channels=tuple(channels))
    if type_id == DC_POWER:
        marks = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
        ranges = cut(count, marks) if draw(st.booleans()) else []
        groups = tuple(ChannelGroup(f"group {at}", one) for at, one in enumerate(ranges))
        return Instrument(name, DC_POWER, channel_count=count, channel_groups=groups)
    if type_id == DAQMX:
        return Instrument(name, DAQMX)
    group = draw(st.sampled_from(["", name])) if type_id in (SCOPE, DIGITAL_PATTERN) else ""
    return Instrument(name, type_id, channel_count=1 if type_id == DMM else count, group=group)


def channels_of(instrument: Instrument) -> list[str]:
    if instrument.channels is not None:
        return list(instrument.channels)
    if instrument.channel_count is not None:
        return [str(channel) for channel in range(instrument.channel_count)]
    return ["Dev1/ai0", "Dev1/ai1"]


@st.composite
def groups_of(draw: st.DrawFn, names: list[str], terminals: list[str]) -> tuple[Group, ...]:
    """Groups of terminals and of groups before them."""
    found: list[Group] = []
    for name in names:
        known = [*terminals, *(group.name for group in found)]
        members = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
        found.append(Group(name, tuple(members)))
    return tuple(found)


@st.composite
def pin_maps(draw: st.DrawFn) -> PinMap:
    """A valid pin map."""
    sites = draw(st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=3))
    names = draw(st.lists(name_texts, unique=True, min_size=8, max_size=8))
    pins = [Terminal(name, draw(st.booleans())) for name in names[:3]]
    relays = [Terminal(name, draw(st.booleans())) for name in names[3:5]]
    devices = [draw(instruments(f"device {at}")) for at in range(draw(st.integers(1, 4)))]
    driver = Instrument("driver", RELAY_DRIVER)
    found: dict[tuple[str, int, str], Connection] = {}
    for pin in draw(st.lists(st.sampled_from(pins), max_size=6)):
        at = draw(st.sampled_from(devices))
        site = SYSTEM_SITE if pin.is_system else draw(st.sampled_from(sites))
        mux = "" if pin.is_system else draw(st.sampled_from(["", "mux 0", "mux 1"]))
        channel = draw(st.sampled_from(channels_of(at)))
        one = Connection(pin.name, site, at.name, channel, mux, f"route {site}" if mux else "")
        found.setdefault((pin.name, site, at.type_id), one)
    for relay in draw(st.lists(st.sampled_from(relays), max_size=2)):
        site = SYSTEM_SITE if relay.is_system else draw(st.sampled_from(sites))
        one = Connection(relay.name, site, driver.name, draw(st.sampled_from(["K0", "K1"])))
        found.setdefault((relay.name, site, RELAY_DRIVER), one)
    return PinMap(
        tuple(sites),
        (*devices, driver),
        MULTIPLEXERS,
        tuple(pins),
        draw(groups_of(names[5:7], names[:3])),
        tuple(relays),
        draw(groups_of(names[7:], names[3:5])),
        tuple(found.values()),
    )


def element(tag: str, *children: str, **attributes: object) -> str:
    """An element as text."""
    inside = "".join(f" {name}={quoteattr(str(value))}" for name, value in attributes.items())
    return f"<{tag}{inside}>{''.join(children)}</{tag}>"


def instrument_xml(instrument: Instrument) -> str:
    name, count = instrument.name, instrument.channel_count
    if instrument.channels is not None:
        channels = [element("Channel", id=channel) for channel in instrument.channels]
        return element("Instrument", *channels, name=name, instrumentTypeId=instrument.type_id)
    if instrument.type_id == DC_POWER:
        groups = [
            element(
                "ChannelGroup",
                name=group.name,
                channels=",".join(str(a) if a == b else f"{a}:{b}" for a, b in group.ranges),
            )
            for group in instrument.channel_groups
        ]
        return element("NIDCPowerInstrument", *groups, name=name, numberOfChannels=count)
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        DAQMX: ("NIDAQmxTask", {"taskType": "AI", "channelList": "Dev1/ai0:1"}),
        DMM: ("NIDmmInstrument", {}),
        FGEN: ("NIFGenInstrument", {"numberOfChannels": count}),
        RELAY_DRIVER: ("NIRelayDriverModule", {"numberOfControlLines": 2}),
        SCOPE: ("NIScopeInstrument", {"numberOfChannels": count, "group": instrument.group}),
        DIGITAL_PATTERN: (
            "NIDigitalPatternInstrument",
            {"numberOfChannels": count, "group": instrument.group},
        ),
    }
    tag, attributes = kinds[instrument.type_id]
    return element(tag, name=name, **attributes)


def connection_xml(one: Connection) -> str:
    site = {} if one.site == SYSTEM_SITE else {"siteNumber": one.site}
    at = {"instrument": one.instrument, "channel": one.channel}
    if one.instrument == "driver":
        tag = "RelayConnection" if site else "SystemRelayConnection"
        line = {"relayDriverModule": one.instrument, "controlLine": one.channel}
        return element(tag, relay=one.terminal, **site, **line)
    if not one.multiplexer:
        tag = "Connection" if site else "SystemConnection"
        return element(tag, pin=one.terminal, **site, **at)
    end = {"multiplexer": one.multiplexer, "routeName": one.route}
    route = element("MultiplexedDUTPinRoute", pin=one.terminal, **site, **end)
    return element("MultiplexedConnection", route, **at)


def written(pin_map: PinMap) -> str:
    """A pin map as XML."""

    def terminals(tag: str, kind: str, every: Sequence[Terminal]) -> str:
        tags = {True: f"System{kind}", False: "DUTPin" if kind == "Pin" else "SiteRelay"}
        return element(tag, *(element(tags[one.is_system], name=one.name) for one in every))

    def groups(kind: str, every: Sequence[Group]) -> str:
        key = kind.lower()
        inside = [
            element(
                f"{kind}Group",
                *(element(f"{kind}Reference", **{key: member}) for member in group.members),
                name=group.name,
            )
            for group in every
        ]
        return element(f"{kind}Groups", *inside)

    muxes = [
        element("Multiplexer", name=one.name, multiplexerTypeId=one.type_id)
        for one in pin_map.multiplexers
    ]
    return element(
        "PinMap",
        element("Connections", *map(connection_xml, pin_map.connections)),
        element("Sites", *(element("Site", siteNumber=site) for site in pin_map.sites)),
        groups("Relay", pin_map.relay_groups),
        terminals("Relays", "Relay", pin_map.relays),
        groups("Pin", pin_map.pin_groups),
        terminals("Pins", "Pin", pin_map.pins),
        element("Instruments", *map(instrument_xml, pin_map.instruments), *muxes),
        schemaVersion="1.7",
        xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd",
    )


@settings(max_examples=60, deadline=None)
@given(pin_maps())
def test___any_pin_map___written_and_read___is_the_same(pin_map: PinMap) -> None:
    assert read_pin_map(written(pin_map)) == pin_map


@settings(max_examples=60, deadline=None)
@given(st.data())
def test___any_damaged_text___read___is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EVERYTHING)))
    end = data.draw(st.integers(start, min(len(EVERYTHING), start + 40)))
    xml = EVERYTHING[:start] + data.draw(st.text(max_size=5)) + EVERYTHING[end:]

    refusal = refusal_of(xml)

    assert refusal is None or refusal.code == "INVALID_ARGUMENT"
    assert refusal is None or ", line " in refusal.text


def refusal_of(xml: str) -> Refusal | None:
    """Why a text is refused; None for one that is read."""
    try:
        read_pin_map(xml)
    except Refusal as refusal:
        return refusal
    return None


# The oracle: told from the rules, without any look-up, quadratic.


@dataclass(frozen=True)
class Oracle:
    """Resolves a pin map by searching it from end to end for every question."""

    pin_map: PinMap

    def leaves(self, name: str) -> list[str]:
        """What a name stands for, by recursion."""
        for group in (*self.pin_map.pin_groups, *self.pin_map.relay_groups):
            if group.name == name:
                inner = [leaf for member in group.members for leaf in self.leaves(member)]
                return [leaf for at, leaf in enumerate(inner) if leaf not in inner[:at]]
        return [name]

    def instrument(self, name: str) -> Instrument:
        """The instrument of this name."""
        return next(one for one in self.pin_map.instruments if one.name == name)

    def resource_name(self, one: Connection) -> str:
        """The name of the resource behind a connection."""
        at = self.instrument(one.instrument)
        if at.type_id != DC_POWER:
            return at.name
        together = {
            (other.instrument, int(other.channel))
            for other in self.pin_map.connections
            if self.instrument(other.instrument).type_id == DC_POWER
            and self.group(other) == self.group(one)
        }
        return ", ".join(f"{name}/{channel}" for name, channel in sorted(together))

    def group(self, one: Connection) -> tuple[bool, str]:
        """The channel group of a connection, or its instrument when that has no groups."""
        at = self.instrument(one.instrument)
        for group in at.channel_groups:
            if any(a <= int(one.channel) <= b for a, b in group.ranges):
                return True, group.name
        return False, at.name

    def mapping(self, one: Connection) -> ChannelMapping:
        """A connection as the answer lists it."""
        at = self.instrument(one.instrument)
        channel = one.channel
        if at.type_id == DC_POWER:
            channel = f"{at.name}/{channel}"
        if at.type_id == DIGITAL_PATTERN:
            channel = one.terminal if one.site < 0 else f"site{one.site}/{one.terminal}"
        types = [mux.type_id for mux in MULTIPLEXERS if mux.name == one.multiplexer]
        return ChannelMapping(
            one.terminal, one.site, channel, one.multiplexer, one.route, "".join(types)
        )

    def resources(self, sites: list[int], names: list[str], type_id: str) -> list[Resource]:
        """The answer, in the order of the connections."""
        wanted = [leaf for name in names for leaf in self.leaves(name)]
        found: list[tuple[str, str, list[ChannelMapping]]] = []
        for one in self.pin_map.connections:
            own_type = self.instrument(one.instrument).type_id
            if (names and one.terminal not in wanted) or type_id not in ("", own_type):
                continue
            if sites and one.site not in (*sites, -1):
                continue
            name = self.resource_name(one)
            new: tuple[str, str, list[ChannelMapping]] = (name, own_type, [])
            entry = next((old for old in found if old[:2] == new[:2]), new)
            entry[2].append(self.mapping(one))
            found += [] if entry in found else [entry]
        return [self.resource(*entry) for entry in found]

    def resource(self, name: str, type_id: str, mappings: list[ChannelMapping]) -> Resource:
        """A resource with its list of distinct channels."""
        channels = [mapping.channel for mapping in mappings]
        distinct = [one for at, one in enumerate(channels) if one not in channels[:at]]
        return Resource(name, ", ".join(distinct), type_id, tuple(mappings))


@settings(max_examples=100, deadline=None)
@given(pin_maps(), st.data())
def test___any_request___resolved___as_the_oracle_says(
    pin_map: PinMap, data: st.DataObject
) -> None:
    sites = data.draw(st.lists(st.sampled_from(pin_map.sites), max_size=3))
    names = data.draw(st.lists(st.sampled_from(list(pin_map.names)), max_size=4))
    types = ["", "own type", "unknown", *(one.type_id for one in pin_map.instruments)]
    type_id = data.draw(st.sampled_from(types))
    oracle = Oracle(pin_map)

    access = resolve(pin_map, sites, names, type_id, unknown_site="NOT_FOUND")

    assert list(access.resources) == oracle.resources(sites, names, type_id)
    groups = {group.name for group in (*pin_map.pin_groups, *pin_map.relay_groups)}
    assert access.group_mappings == {
        name: tuple(oracle.leaves(name)) for name in names if name in groups
    }
    used = {m.multiplexer_resource_name for r in access.resources for m in r.channel_mappings}
    assert {one.name for one in access.multiplexers} == used - {""}
    assert len(access.multiplexers) == len(used - {""})
