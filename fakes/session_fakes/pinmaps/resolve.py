"""What has to be opened to get at pins and relays: resources, channels, multiplexers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from session_fakes.errors import Refusal, listed
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.elements import DAQMX, SYSTEM_SITE, Multiplexer
from session_fakes.pinmaps.hints import instead
from session_fakes.pinmaps.links import ChannelMapping, Link, Unit
from session_fakes.pinmaps.pin_map import PinMap

__all__ = ["Access", "Resource", "connected_multiplexers", "resolve", "session_name"]

_MOST_SITES = 16
"""Site numbers in one text."""


class Resource(NamedTuple):
    """What one session is opened for, with the channels that were asked for."""

    resource_name: str
    channel_list: str
    instrument_type_id: str
    channel_mappings: tuple[ChannelMapping, ...]


class Access(NamedTuple):
    """The resources behind the pins and relays of a request."""

    resources: tuple[Resource, ...]
    group_mappings: Mapping[str, tuple[str, ...]]
    """The groups of the request, and the pins or relays that each stands for."""
    multiplexers: tuple[Multiplexer, ...]
    """Each multiplexer of the mappings, once."""


@dataclass(frozen=True)
class _Draft:
    """A resource in the making."""

    mappings: list[ChannelMapping] = field(default_factory=list[ChannelMapping])
    channels: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, mapping: ChannelMapping) -> None:
        self.mappings.append(mapping)
        self.channels[mapping.channel] = None

    def resource(self, unit: Unit) -> Resource:
        channel_list = ", ".join(self.channels)
        return Resource(unit.resource_name, channel_list, unit.type_id, tuple(self.mappings))


def resolve(
    pin_map: PinMap,
    sites: Sequence[int],
    names: Sequence[str],
    instrument_type_id: str,
    *,
    unknown_site: str,
) -> Access:
    """The resources behind some pins and relays; time linear in the connections touched.

    Args:
        pin_map: Where the names are looked up.
        sites: Sites to look at; none means all.
        names: Pins, relays and groups of either, in any mixture; none means all pins and relays.
        instrument_type_id: The type of instruments wanted; empty means all.
        unknown_site: The status code for a site that the pin map has not: NI's services differ.

    Raises:
        Refusal: A name or a site is not in the pin map.
    """
    _check_names(pin_map, names)
    _check_sites(pin_map, sites, unknown_site)
    groups = {name: pin_map.expanded(name) for name in names if name in pin_map.groups_by_name}
    links = _of_type(_at_sites(_named(pin_map, names, groups), sites), instrument_type_id)
    drafts: dict[Unit, _Draft] = {}
    for unit, mapping in links:
        drafts.setdefault(unit, _Draft()).add(mapping)
    return Access(_resources(drafts), groups, _multiplexers(pin_map, drafts.values()))


@fidelity(
    "MAP-MULTIPLEXERS-CONNECTED",
    evidence="documented",
    rule="The multiplexers of a context are those connected at its sites, whatever is reserved",
)
def connected_multiplexers(
    pin_map: PinMap, sites: Sequence[int], multiplexer_type_id: str, *, unknown_site: str
) -> tuple[Multiplexer, ...]:
    """The multiplexers in front of any pin at some sites; an empty type means all types."""
    _check_sites(pin_map, sites, unknown_site)
    mappings = (link.mapping for link in _at_sites(pin_map.links, sites))
    used = dict.fromkeys(one.multiplexer_resource_name for one in mappings)
    found = (pin_map.multiplexers_by_name[name] for name in used if name)
    return tuple(one for one in found if multiplexer_type_id in ("", one.type_id))


@fidelity(
    "MAP-SESSION-NAME",
    evidence="tested by NI",
    rule="A session is named type-resource, by older releases resource; DAQmx tasks and "
    "multiplexers always bear their bare names",
)
@fidelity(
    "MAP-SESSION-NAME-CUSTOM",
    evidence="our choice",
    rule="The session of a custom instrument is named like any other",
)
def session_name(resource: Resource | Multiplexer, *, prefixed: bool) -> str:
    """The name of the session for a resource, the same for any pins and sites."""
    if isinstance(resource, Multiplexer):
        return resource.name
    if not prefixed or resource.instrument_type_id == DAQMX:
        return resource.resource_name
    return f"{resource.instrument_type_id}-{resource.resource_name}"


@fidelity(
    "MAP-NAME-UNKNOWN",
    evidence="documented",
    rule="An empty name, and one that is no pin, relay or group, are INVALID_ARGUMENT",
)
def _check_names(pin_map: PinMap, names: Sequence[str]) -> None:
    unknown = list(dict.fromkeys(name for name in names if name not in pin_map.names))
    if "" in unknown:
        raise Refusal(
            "INVALID_ARGUMENT",
            "A pin or relay name is empty: leave it out, or send no names at all for all pins "
            "and relays.",
        )
    if unknown:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"The pin map has no pin, relay or group {listed(unknown, most=1)}. "
            f"{instead(unknown[0], pin_map.names)}",
        )


@fidelity(
    "MAP-SITE-UNKNOWN",
    evidence="tested by NI",
    rule="A site that is not in the pin map is refused, with NI's words; each service has the "
    "code that its own proto documents",
)
def _check_sites(pin_map: PinMap, sites: Sequence[int], code: str) -> None:
    unknown = list(dict.fromkeys(site for site in sites if site not in pin_map.site_set))
    if unknown:
        asked = _numbers(unknown, quote='"')
        exist = _numbers(pin_map.sites) or "none"
        raise Refusal(
            code,
            f"Pin map does not contain site numbers: {asked}. There is: "
            f"{exist}. Ask for these, or send no sites for all.",
        )


def _numbers(sites: Sequence[int], quote: str = "") -> str:
    shown = ", ".join(f"{quote}{site}{quote}" for site in sites[:_MOST_SITES])
    rest = len(sites) - _MOST_SITES
    return f"{shown} and {rest} more" if rest > 0 else shown


@fidelity(
    "MAP-NAMES-EMPTY",
    evidence="documented",
    rule="No names means all pins and relays",
)
@fidelity(
    "MAP-UNCONNECTED",
    evidence="our choice",
    rule="A pin without a connection, named or not, adds no resource and is no error",
)
@fidelity(
    "MAP-MAPPING-ORDER",
    evidence="our choice",
    rule="Channels, mappings and resources stand in the order of the pin map's connections",
)
def _named(
    pin_map: PinMap, names: Sequence[str], groups: Mapping[str, tuple[str, ...]]
) -> Iterable[Link]:
    if not names:
        return pin_map.links
    wanted = {leaf for name in names for leaf in groups.get(name, (name,))}
    places = sorted(place for leaf in wanted for place in pin_map.places.get(leaf, ()))
    return [pin_map.links[place] for place in places]


@fidelity(
    "MAP-SITE-FILTER",
    evidence="tested by NI",
    rule="With sites only their mappings are left, of shared connections too; system pins and "
    "relays that are named stay, at site -1",
)
@fidelity(
    "MAP-SITE-FILTER-SYSTEM",
    evidence="our choice",
    rule="System pins and relays stay at any sites, also when no names are given",
)
def _at_sites(links: Iterable[Link], sites: Sequence[int]) -> Iterable[Link]:
    if not sites:
        return links
    wanted = {SYSTEM_SITE, *sites}
    return (link for link in links if link.mapping.site in wanted)


@fidelity(
    "MAP-TYPE-FILTER",
    evidence="our choice",
    rule="An instrument type that no instrument has leaves no resources, and is no error",
)
def _of_type(links: Iterable[Link], type_id: str) -> Iterable[Link]:
    return (link for link in links if type_id in ("", link.unit.type_id))


@fidelity(
    "MAP-INSTRUMENT-GROUP",
    evidence="our choice",
    rule="Scopes, or digital instruments, that share a group are UNIMPLEMENTED once asked for: "
    "nothing public says what their one resource is",
)
@fidelity(
    "MAP-NI-INSTRUMENTS",
    evidence="our choice",
    rule="Other instruments of NI (NIRFSAInstrument and the like, whose names are guesses) are "
    "read whatever they have in them, and UNIMPLEMENTED once asked for; the type in a filter is "
    "guessed from the element (niRFSA)",
)
@fidelity(
    "MAP-CHANNEL-LIST",
    evidence="tested by NI",
    rule="The channel list has the channels that were asked for, and no others",
)
@fidelity(
    "MAP-CHANNEL-LIST-DISTINCT",
    evidence="our choice",
    rule="A channel that pins or sites share is in the channel list once, and in the mappings "
    "once for each",
)
def _resources(drafts: Mapping[Unit, _Draft]) -> tuple[Resource, ...]:
    for unit in drafts:
        if unit.obstacle:
            raise Refusal("UNIMPLEMENTED", unit.obstacle)
    return tuple(draft.resource(unit) for unit, draft in drafts.items())


@fidelity(
    "MAP-MULTIPLEXERS-USED",
    evidence="tested by NI",
    rule="Each multiplexer of the mappings that are answered is listed once",
)
def _multiplexers(pin_map: PinMap, drafts: Iterable[_Draft]) -> tuple[Multiplexer, ...]:
    used = dict.fromkeys(
        mapping.multiplexer_resource_name for draft in drafts for mapping in draft.mappings
    )
    return tuple(pin_map.multiplexers_by_name[name] for name in used if name)
