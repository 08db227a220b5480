"""What a pin map answers about its pins, its relays and their groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.elements import Group, Terminal
from session_fakes.pinmaps.pin_map import PinMap

__all__ = ["GroupDefinition", "Listing", "query_pins", "query_relays"]


class GroupDefinition(NamedTuple):
    """A group: what it refers to, and the distinct pins or relays that it stands for."""

    name: str
    references: tuple[str, ...]
    resolved: tuple[str, ...]


class Listing(NamedTuple):
    """Pins or relays, and their groups, in the order of the pin map."""

    terminals: tuple[Terminal, ...]
    groups: tuple[GroupDefinition, ...]


@fidelity(
    "MAP-QUERY-PINS",
    evidence="documented",
    rule="QueryPins lists DUT and system pins; with a type, those connected to such an "
    "instrument, and the groups all of whose pins are",
)
@fidelity(
    "MAP-QUERY-PINS-EMPTY-GROUP",
    evidence="our choice",
    rule="With a type, a group without pins is left out",
)
def query_pins(pin_map: PinMap, instrument_type_id: str = "") -> Listing:
    """The pins and pin groups; with a type, those that belong to such instruments."""
    listing = Listing(pin_map.pins, _defined(pin_map, pin_map.pin_groups))
    if not instrument_type_id:
        return listing
    types = pin_map.types_by_name
    pins = tuple(p for p in pin_map.pins if instrument_type_id in types.get(p.name, ()))
    left = {pin.name for pin in pins}
    groups = (g for g in listing.groups if g.resolved and left.issuperset(g.resolved))
    return Listing(pins, tuple(groups))


@fidelity(
    "MAP-QUERY-RELAYS",
    evidence="documented",
    rule="QueryRelays lists site and system relays, and their groups",
)
def query_relays(pin_map: PinMap) -> Listing:
    """The relays and relay groups."""
    return Listing(pin_map.relays, _defined(pin_map, pin_map.relay_groups))


def _defined(pin_map: PinMap, groups: Iterable[Group]) -> tuple[GroupDefinition, ...]:
    return tuple(
        GroupDefinition(group.name, group.members, pin_map.expanded(group.name)) for group in groups
    )
