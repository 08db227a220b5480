"""The connections of a pin map, each taken apart into one per site and checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.document import Node
from session_fakes.pinmaps.elements import SYSTEM_SITE, Connection, Instrument, Terminal
from session_fakes.pinmaps.hints import choices
from session_fakes.pinmaps.instruments import Equipment
from session_fakes.pinmaps.names import filled, referred, site_numbers, whole_number

__all__ = ["Terminals", "Wires"]


@dataclass(frozen=True)
class Terminals:
    """Pins or relays: in the order of the file, and by name those of sites and of the system."""

    everything: list[Terminal] = field(default_factory=list[Terminal])
    site: dict[str, Terminal] = field(default_factory=dict[str, Terminal])
    system: dict[str, Terminal] = field(default_factory=dict[str, Terminal])


class Wires:
    """Reads connections; knows what they may refer to, and which there have been."""

    def __init__(
        self, equipment: Equipment, pins: Terminals, relays: Terminals, sites: Collection[int]
    ) -> None:
        self._equipment = equipment
        self._pins = pins
        self._relays = relays
        self._sites = sites
        self._lines: dict[tuple[str, int, str], int] = {}
        self._channels = {
            name: frozenset(instrument.channels)
            for name, instrument in equipment.instruments.items()
            if instrument.channels is not None
        }

    def read(self, nodes: Iterable[Node]) -> tuple[Connection, ...]:
        """The connections in the order of the file; raise Refusal for what is wrong."""
        return tuple(one for node in nodes for one in self._read(node))

    def _read(self, node: Node) -> Iterator[Connection]:
        if node.tag == "MultiplexedConnection":
            return self._multiplexed(node)
        if "relay" in node.attributes:
            return self._relay(node)
        return self._pin(node)

    def _pin(self, node: Node) -> Iterator[Connection]:
        at = self._instrument(node)
        for pin, site in self._ends(node, "pin", self._pins, "SystemConnection"):
            yield self._once(node, at, Connection(pin, site, at.name, node["channel"]))

    def _relay(self, node: Node) -> Iterator[Connection]:
        drivers = self._equipment.relay_drivers
        at = referred(node, "relayDriverModule", drivers, "relay driver module")
        line = filled(node, "controlLine")
        for relay, site in self._ends(node, "relay", self._relays, "SystemRelayConnection"):
            yield self._once(node, at, Connection(relay, site, at.name, line))

    def _multiplexed(self, node: Node) -> Iterator[Connection]:
        at = self._instrument(node)
        if not node.children:
            raise node.fault("has no <MultiplexedDUTPinRoute>: add one for each pin.")
        for route in node.children:
            mux = referred(route, "multiplexer", self._equipment.multiplexers, "multiplexer")
            name = filled(route, "routeName")
            for pin, site in self._ends(route, "pin", self._pins, "SystemConnection"):
                one = Connection(pin, site, at.name, node["channel"], mux.name, name)
                yield self._once(route, at, one)

    def _ends(
        self, node: Node, attribute: str, terminals: Terminals, system_tag: str
    ) -> Iterator[tuple[str, int]]:
        if node.tag == system_tag:
            yield (
                referred(node, attribute, terminals.system, f"system {attribute}").name,
                SYSTEM_SITE,
            )
            return
        kind = "DUT pin" if attribute == "pin" else "site relay"
        name = referred(node, attribute, terminals.site, kind).name
        for site in site_numbers(node, self._sites):
            yield name, site

    def _instrument(self, node: Node) -> Instrument:
        instrument = referred(node, "instrument", self._equipment.instruments, "instrument")
        self._check_channel(node, instrument)
        return instrument

    @fidelity(
        "MAP-CHANNEL-DECLARED",
        evidence="our choice",
        rule="A connection to a channel that its instrument does not declare is refused; those "
        "of tasks and relay drivers only when they are empty",
    )
    def _check_channel(self, node: Node, instrument: Instrument) -> None:
        channel = filled(node, "channel")
        ids = self._channels.get(instrument.name)
        if ids is not None and channel not in ids:
            exist = choices(instrument.channels or ())
        elif instrument.channel_count is not None and not _is_below(channel, instrument):
            exist = f"0 to {instrument.channel_count - 1}"
        else:
            return
        raise node.fault(
            f"{quoted(instrument.name)} has no channel {quoted(channel)}. There is: {exist}."
        )

    @fidelity(
        "MAP-ONE-PER-TYPE",
        evidence="our choice",
        rule="A pin is connected once for each site and instrument type: NI's client asserts it",
    )
    def _once(self, node: Node, instrument: Instrument, one: Connection) -> Connection:
        key = one.terminal, one.site, instrument.type_id
        if key in self._lines:
            raise node.fault(
                f"{quoted(one.terminal)} at site {one.site} has a connection to an instrument of "
                f"type {quoted(instrument.type_id)} already, in line {self._lines[key]}."
            )
        self._lines[key] = node.line
        return one


def _is_below(channel: str, instrument: Instrument) -> bool:
    number = whole_number(channel)
    return (
        str(number) == channel and number is not None and number < (instrument.channel_count or 0)
    )
