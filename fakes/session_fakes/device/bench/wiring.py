"""What is connected to what: by the pin maps, through multiplexers and relays, by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from session_fakes.pinmaps import PinMap
from session_fakes.pinmaps.elements import DAQMX, Instrument

__all__ = ["Node", "Pin", "Wiring", "terminal"]


class Pin(NamedTuple):
    """A pin at a site; -1 for system pins."""

    name: str
    site: int


Node = Pin | str
"""A pin, or a terminal of an instrument such as ``dcpower1/0``."""


class _Edge(NamedTuple):
    """A wire between two nodes, which may be there only while a switch is closed."""

    a: Node
    b: Node
    switch: str = ""
    """The multiplexer or relay, in lower case; empty for a wire that is always there."""
    route: frozenset[frozenset[str]] = frozenset()
    """The connections that a multiplexer has to have."""


def terminal(instrument: str, channel: str) -> str:
    """The node of an instrument's channel; channels may bear the name of the instrument already."""
    is_whole = not instrument or channel.casefold().startswith(f"{instrument.casefold()}/")
    name = channel if is_whole else f"{instrument}/{channel}"
    return name.replace(" ", "").casefold()


class Wiring:
    """The wires of the station, found by nodes."""

    def __init__(self, pin_maps: Callable[[], Sequence[PinMap]]) -> None:
        """Make the wiring of the pin maps that are registered whenever it is asked."""
        self._pin_maps = pin_maps
        self._read: Sequence[PinMap] = ()
        self._by_map: dict[Node, list[_Edge]] = {}
        self._instruments: dict[str, Instrument] = {}
        self._relays: dict[tuple[str, str], set[tuple[str, int]]] = {}
        self._multiplexers: dict[str, set[frozenset[str]]] = {}
        """The connections in the routes of each, by its name in lower case."""
        self._by_hand: dict[Node, list[_Edge]] = defaultdict(list)
        self.routes: dict[str, set[frozenset[str]]] = defaultdict(set)
        """What each switch connects now, by its name in lower case."""
        self.lines: dict[str, set[str]] = defaultdict(set)
        """The control lines of each relay driver that are on, by its name in lower case."""
        self.closed: set[tuple[str, int]] = set()
        """The relays that are closed, by name and site."""
        self._relay_edges: list[tuple[str, _Edge]] = []

    # What the pin maps say ------------------------------------------------------------------------

    def instrument(self, name: str) -> Instrument | None:
        """What the pin maps say of an instrument; names of NI's have no letter case."""
        self._refresh()
        return self._instruments.get(name.casefold())

    def has(self, name: str) -> bool:
        """Whether the pin maps have an instrument or a multiplexer of this name."""
        return self.instrument(name) is not None or name.casefold() in self._multiplexers

    def devices(self) -> set[str]:
        """The NI-DAQmx devices that pins are on, in lower case."""
        self._refresh()
        return {
            link.mapping.channel.strip().partition("/")[0].casefold()
            for pin_map in self._read
            for link in pin_map.links
            if link.unit.type_id == DAQMX
        }

    def knows_instruments(self) -> bool:
        """Whether any pin map is registered that says which instruments there are."""
        self._refresh()
        return bool(self._instruments)

    def pins(self) -> set[str]:
        """The names of all pins."""
        self._refresh()
        return {pin.name for pin_map in self._read for pin in pin_map.pins}

    def sites_of(self, name: str) -> list[int]:
        """The sites at which a pin is connected."""
        self._refresh()
        return sorted({n.site for n in self._by_map if isinstance(n, Pin) and n.name == name})

    def relays_on(self, module: str, line: str) -> set[tuple[str, int]]:
        """The relays on a control line of a relay driver, each with its site."""
        self._refresh()
        return self._relays.get((module.casefold(), line.casefold()), set())

    def lines_of(self, module: str) -> tuple[str, ...]:
        """The control lines of a relay driver that the pin maps have relays on, in lower case."""
        self._refresh()
        return tuple(line for name, line in self._relays if name == module.casefold())

    def route_ends(self, switch: str) -> tuple[str, ...]:
        """The channels in the routes of a multiplexer, in lower case."""
        self._refresh()
        pairs = self._multiplexers.get(switch.casefold(), ())
        return tuple(sorted({name for pair in pairs for name in pair}))

    def relay_names(self) -> set[str]:
        """The names of all relays."""
        self._refresh()
        return {relay.name for pin_map in self._read for relay in pin_map.relays}

    def _refresh(self) -> None:
        pin_maps = self._pin_maps()
        if len(pin_maps) == len(self._read) and all(map(_same, pin_maps, self._read)):
            return
        self._read = pin_maps
        self._by_map = defaultdict(list)
        self._relays = defaultdict(set)
        self._instruments = {
            each.name.casefold(): each for pin_map in pin_maps for each in pin_map.instruments
        }
        self._multiplexers = {
            each.name.casefold(): set() for pin_map in pin_maps for each in pin_map.multiplexers
        }
        for pin_map in pin_maps:
            self._add_relays(pin_map)
            for edge in _edges(pin_map):
                _add(self._by_map, edge)
                if edge.route:
                    self._multiplexers[edge.switch] |= edge.route

    def _add_relays(self, pin_map: PinMap) -> None:
        names = {relay.name for relay in pin_map.relays}
        for each in pin_map.connections:
            if each.terminal in names:
                key = (each.instrument.casefold(), each.channel.casefold())
                self._relays[key].add((each.terminal, each.site))

    # What a test says -----------------------------------------------------------------------------

    def connect(self, a: Node, b: Node) -> None:
        """Add a wire."""
        _add(self._by_hand, _Edge(a, b))

    def put_relay(self, relay: str, site: int | None, a: Pin, b: Pin) -> None:
        """Add a wire that is there while a relay is closed."""
        _add(self._by_hand, _Edge(a, b, f"{relay}@{b.site if site is None else site}"))

    def reset(self) -> None:
        """Forget what was added, and open all switches."""
        self._by_hand.clear()
        self.routes.clear()
        self.lines.clear()
        self.closed.clear()

    # What follows ---------------------------------------------------------------------------------

    def net(self, start: Node) -> list[Node]:
        """All nodes that are connected to one now, itself first."""
        self._refresh()
        found = {start: None}
        waiting = [start]
        while waiting:
            for other in self._neighbours(waiting.pop()):
                if other not in found:
                    found[other] = None
                    waiting.append(other)
        return list(found)

    def _neighbours(self, node: Node) -> Iterator[Node]:
        for edge in (*self._by_map.get(node, ()), *self._by_hand.get(node, ())):
            if self._is_closed(edge):
                yield edge.b if edge.a == node else edge.a

    def _is_closed(self, edge: _Edge) -> bool:
        if edge.route:
            return edge.route <= self.routes.get(edge.switch, set())
        relay, at, site = edge.switch.rpartition("@")
        return not at or (relay, int(site)) in self.closed


def _edges(pin_map: PinMap) -> Iterator[_Edge]:
    multiplexers = {each.name: each for each in pin_map.multiplexers}
    relays = {relay.name for relay in pin_map.relays}
    for link, connection in zip(pin_map.links, pin_map.connections, strict=True):
        mapping = link.mapping
        if mapping.pin_or_relay_name in relays:
            continue
        if link.unit.type_id == DAQMX:
            node = terminal("", mapping.channel)
        else:
            node = terminal(connection.instrument, connection.channel)
        pin = Pin(mapping.pin_or_relay_name, mapping.site)
        if mapping.multiplexer_resource_name in multiplexers:
            name = mapping.multiplexer_resource_name.casefold()
            yield _Edge(pin, node, name, frozenset(pairs(mapping.multiplexer_route)))
        else:
            yield _Edge(pin, node)


def pairs(route: str) -> Iterable[frozenset[str]]:
    """The connections of a route, ``C1->r2, C2->r2``, in lower case and without direction."""
    for part in route.split(","):
        a, _, b = part.partition("->")
        yield frozenset((a.strip().casefold(), b.strip().casefold()))


def _add(edges: dict[Node, list[_Edge]], edge: _Edge) -> None:
    edges.setdefault(edge.a, []).append(edge)
    edges.setdefault(edge.b, []).append(edge)


def _same(one: PinMap, other: PinMap) -> bool:
    return one is other
