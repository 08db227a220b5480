"""A pin map as data, with the look-ups that every question needs, made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.elements import Connection, Group, Instrument, Multiplexer, Terminal
from session_fakes.pinmaps.links import Link, links_of

__all__ = ["PinMap"]


@dataclass(frozen=True)
class PinMap:
    """A valid pin map, in the order of its file; ``read_pin_map`` makes one from XML.

    The look-ups are made at the first use of each. Two threads that come first at once make the
    same look-up twice, which does no harm.
    """

    sites: tuple[int, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    multiplexers: tuple[Multiplexer, ...] = ()
    pins: tuple[Terminal, ...] = ()
    pin_groups: tuple[Group, ...] = ()
    relays: tuple[Terminal, ...] = ()
    relay_groups: tuple[Group, ...] = ()
    connections: tuple[Connection, ...] = ()

    @cached_property
    def site_set(self) -> frozenset[int]:
        """The site numbers."""
        return frozenset(self.sites)

    @cached_property
    def groups_by_name(self) -> dict[str, Group]:
        """The groups of pins and those of relays."""
        return {group.name: group for group in (*self.pin_groups, *self.relay_groups)}

    @cached_property
    def names(self) -> dict[str, None]:
        """All that can be asked for: pins, relays, groups of either."""
        terminals = (terminal.name for terminal in (*self.pins, *self.relays))
        return dict.fromkeys((*terminals, *self.groups_by_name))

    @cached_property
    def multiplexers_by_name(self) -> dict[str, Multiplexer]:
        """The multiplexers."""
        return {multiplexer.name: multiplexer for multiplexer in self.multiplexers}

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The connections as sessions see them, in the order of the file."""
        instruments = {instrument.name: instrument for instrument in self.instruments}
        return links_of(instruments, self.multiplexers_by_name, self.connections)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where the links of a pin or relay are in ``links``."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, link in enumerate(self.links):
            found[link.mapping.pin_or_relay_name].append(place)
        return dict(found)

    @cached_property
    def types_by_name(self) -> dict[str, set[str]]:
        """The types of the instruments that a pin or relay is connected to."""
        found: dict[str, set[str]] = defaultdict(set)
        for link in self.links:
            found[link.mapping.pin_or_relay_name].add(link.unit.type_id)
        return dict(found)

    @fidelity(
        "MAP-GROUPS-NESTED",
        evidence="tested by NI",
        rule="A group stands for its distinct pins, those of groups in it as well, in their order",
    )
    def expanded(self, name: str) -> tuple[str, ...]:
        """The pins or relays that a name stands for: those of a group, else the name itself.

        Without recursion, and each group is entered once: groups may share groups.
        """
        seen: dict[str, None] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen[current] = None
                group = self.groups_by_name.get(current)
                waiting += reversed(group.members) if group else ()
        return tuple(self._leaves(seen))

    def _leaves(self, names: Iterable[str]) -> Iterable[str]:
        return (name for name in names if name not in self.groups_by_name)
