"""From the XML of a pin map to its data; whatever is wrong is refused with its line."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable

from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.document import Node, parse
from session_fakes.pinmaps.elements import Group, Terminal
from session_fakes.pinmaps.grammar import NEWEST, OLDEST
from session_fakes.pinmaps.hints import choices
from session_fakes.pinmaps.instruments import read_equipment
from session_fakes.pinmaps.names import NameSpace, referred, site_number
from session_fakes.pinmaps.pin_map import PinMap
from session_fakes.pinmaps.resolve import Resource, session_name
from session_fakes.pinmaps.wires import Terminals, Wires

__all__ = ["read_pin_map"]

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_POSITIONS = {"Open": "Open", "Closed": "Closed"}


def read_pin_map(xml: str) -> PinMap:
    """A pin map from the text of its file.

    Raises:
        Refusal: INVALID_ARGUMENT, with the line, for the first thing that is wrong.
    """
    root = parse(xml)
    _check_version(root)
    sections: dict[str, list[Node]] = {one.tag: one.children for one in root.children}
    equipment = read_equipment(sections.get("Instruments", []))
    shared = _Names(sections)
    sites = _sites(sections.get("Sites", []))
    wires = Wires(equipment, shared.pins, shared.relays, sites)
    pin_map = PinMap(
        sites=tuple(sites),
        instruments=tuple(equipment.everything),
        multiplexers=tuple(equipment.multiplexers.values()),
        pins=tuple(shared.pins.everything),
        pin_groups=shared.pin_groups,
        relays=tuple(shared.relays.everything),
        relay_groups=shared.relay_groups,
        connections=wires.read(sections.get("Connections", [])),
    )
    _check_session_names(pin_map, sections.get("Instruments", []))
    return pin_map


@fidelity(
    "MAP-SCHEMA-VERSION",
    evidence="our choice",
    rule="A schemaVersion newer than 1.7, older than 1.0 or of another form is refused; what "
    "came with which version is not looked at",
)
def _check_version(root: Node) -> None:
    text = root["schemaVersion"]
    form = _VERSION.fullmatch(text)
    if form is None or not OLDEST <= (int(form[1]), int(form[2])) <= NEWEST:
        raise root.fault(
            f"schemaVersion={quoted(text)} is not known; known are {_dotted(OLDEST)} to "
            f"{_dotted(NEWEST)}. Save the pin map for an older version."
        )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@fidelity(
    "MAP-SITES-UNIQUE",
    evidence="documented",
    rule="Each site number is given once",
)
def _sites(nodes: Iterable[Node]) -> dict[int, Node]:
    sites: dict[int, Node] = {}
    for node in nodes:
        number = site_number(node, node["siteNumber"])
        if number in sites:
            raise node.fault(f"site {number} is in line {sites[number].line} already.")
        sites[number] = node
    return sites


@fidelity(
    "MAP-SESSION-NAME-UNIQUE",
    evidence="our choice",
    rule="A pin map is refused when sessions of two resources would have one name, which would "
    "make them one session",
)
def _check_session_names(pin_map: PinMap, nodes: Iterable[Node]) -> None:
    instruments = {node["name"]: node for node in nodes}
    users = {
        link.unit: connection.instrument
        for link, connection in zip(pin_map.links, pin_map.connections, strict=True)
    }
    for prefixed in (True, False):
        taken: dict[str, str] = {}
        for unit, user in users.items():
            resource = Resource(unit.resource_name, "", unit.type_id, ())
            name = session_name(resource, prefixed=prefixed)
            if name in taken:
                raise instruments[user].fault(
                    f"its session would be named {quoted(name)}, as that of "
                    f"{quoted(taken[name])} in the same pin map. Rename one of the two."
                )
            taken[name] = user


class _Names:
    """The pins, relays and their groups, which share one name space."""

    @fidelity(
        "MAP-NAMES-UNIQUE",
        evidence="documented",
        rule="Pins, pin groups, relays and relay groups share one name space without duplicates",
    )
    def __init__(self, sections: dict[str, list[Node]]) -> None:
        names = NameSpace()
        self.pins = _terminals(sections.get("Pins", []), names)
        groups = _claimed(sections.get("PinGroups", []), names)
        self.relays = _terminals(sections.get("Relays", []), names)
        relay_groups = _claimed(sections.get("RelayGroups", []), names)
        self.pin_groups = _groups(groups, self.pins, "pin")
        self.relay_groups = _groups(relay_groups, self.relays, "relay")
        known = _known(self.relays, relay_groups)
        _check_configurations(sections.get("RelayConfigurations", []), known)


def _terminals(nodes: Iterable[Node], names: NameSpace) -> Terminals:
    found = Terminals()
    for node in nodes:
        one = Terminal(names.claim(node), is_system=node.tag.startswith("System"))
        (found.system if one.is_system else found.site)[one.name] = one
        found.everything.append(one)
    return found


def _claimed(nodes: Iterable[Node], names: NameSpace) -> dict[str, Node]:
    return {names.claim(node): node for node in nodes}


def _known(terminals: Terminals, groups: dict[str, Node]) -> dict[str, str]:
    return {name: name for name in (*terminals.site, *terminals.system, *groups)}


def _groups(nodes: dict[str, Node], terminals: Terminals, kind: str) -> tuple[Group, ...]:
    known = _known(terminals, nodes)
    members = {
        name: tuple(
            referred(child, kind, known, f"{kind} or {kind} group") for child in node.children
        )
        for name, node in nodes.items()
    }
    _check_cycles(nodes, members)
    return tuple(Group(name, inside) for name, inside in members.items())


@fidelity(
    "MAP-GROUP-CYCLE",
    evidence="our choice",
    rule="A group that contains itself, directly or through others, is refused",
)
def _check_cycles(nodes: dict[str, Node], members: dict[str, tuple[str, ...]]) -> None:
    graph = {name: [m for m in inside if m in members] for name, inside in members.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        cycle: list[str] = sorted(set(error.args[1]), key=lambda name: nodes[name].line)
        raise nodes[cycle[0]].fault(
            f"the group contains itself; round in a circle go: {choices(cycle)}. Remove one "
            "of the references."
        ) from None


@fidelity(
    "MAP-RELAY-CONFIGURATIONS",
    evidence="our choice",
    rule="Relay configurations are checked (names, relays, Open or Closed), and have no effect",
)
def _check_configurations(nodes: Iterable[Node], relays: dict[str, str]) -> None:
    names = NameSpace()
    for node in nodes:
        names.claim(node)
        for child in node.children:
            referred(child, "relay", relays, "relay or relay group")
            referred(child, "position", _POSITIONS, "position")
