"""The instruments of a pin map, with their channels and channel groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.document import Node
from session_fakes.pinmaps.elements import (
    DAQMX,
    DC_POWER,
    DIGITAL_PATTERN,
    DMM,
    FGEN,
    RELAY_DRIVER,
    SCOPE,
    ChannelGroup,
    Instrument,
    Multiplexer,
)
from session_fakes.pinmaps.hints import choices
from session_fakes.pinmaps.names import NameSpace, filled, whole_number

__all__ = ["Equipment", "read_equipment"]

_MOST_CHANNELS = 10**9

_BUILT_IN = {DAQMX, DC_POWER, DIGITAL_PATTERN, DMM, FGEN, RELAY_DRIVER, SCOPE}


@dataclass(frozen=True)
class Equipment:
    """What pins and relays can be connected to: in the order of the file, and by name."""

    everything: list[Instrument]
    instruments: dict[str, Instrument]
    relay_drivers: dict[str, Instrument]
    multiplexers: dict[str, Multiplexer]


@fidelity(
    "MAP-INSTRUMENT-NAMES",
    evidence="our choice",
    rule="Instruments, tasks, relay drivers and multiplexers have names of their own; those of "
    "NI instruments that differ in case alone are refused, for NI tells them not apart",
)
def read_equipment(nodes: Iterable[Node]) -> Equipment:
    """The instruments, relay drivers and multiplexers; raise Refusal for what is wrong."""
    equipment = Equipment([], {}, {}, {})
    names, folded = NameSpace(), NameSpace()
    for node in nodes:
        name = names.claim(node)
        if node.tag not in ("Instrument", "Multiplexer"):
            folded.claim(node, key=name.casefold())
        if node.tag == "Multiplexer":
            equipment.multiplexers[name] = Multiplexer(name, node["multiplexerTypeId"])
            continue
        instrument = _READERS.get(node.tag, _unsimulated)(node)
        equipment.everything.append(instrument)
        is_driver = instrument.type_id == RELAY_DRIVER
        (equipment.relay_drivers if is_driver else equipment.instruments)[name] = instrument
    return equipment


def _relay_driver(node: Node) -> Instrument:
    _count(node, "numberOfControlLines")
    return Instrument(node["name"], RELAY_DRIVER)


def _task(node: Node) -> Instrument:
    filled(node, "channelList")
    return Instrument(node["name"], DAQMX)


def _dmm(node: Node) -> Instrument:
    return Instrument(node["name"], DMM, channel_count=1)


def _numbered(type_id: str) -> Callable[[Node], Instrument]:
    def read(node: Node) -> Instrument:
        count = _count(node, "numberOfChannels")
        group = node.attributes.get("group", "")
        return Instrument(node["name"], type_id, channel_count=count, group=group)

    return read


@fidelity(
    "MAP-CUSTOM-CHANNELS",
    evidence="our choice",
    rule="The channel ids of a custom instrument differ, also those of its channel groups",
)
def _custom(node: Node) -> Instrument:
    ids, groups = NameSpace(), NameSpace()
    channels: list[str] = []
    for child in node.children:
        if child.tag == "ChannelGroup":
            groups.claim(child, "id")
        inner = child.children if child.tag == "ChannelGroup" else [child]
        channels += [ids.claim(channel, "id") for channel in inner]
    return Instrument(node["name"], _custom_type(node), channels=tuple(channels))


@fidelity(
    "MAP-CUSTOM-TYPE",
    evidence="our choice",
    rule="A custom instrument has a type, and none that has an element of its own",
)
def _custom_type(node: Node) -> str:
    type_id = filled(node, "instrumentTypeId")
    if type_id in _BUILT_IN:
        raise node.fault(
            f"instrumentTypeId={quoted(type_id)} is the type of NI's instruments, which have an "
            "element of their own: use it."
        )
    return type_id


def _dc_power(node: Node) -> Instrument:
    count = _count(node, "numberOfChannels")
    names = NameSpace()
    groups = [
        (child, ChannelGroup(names.claim(child), _ranges(child, count))) for child in node.children
    ]
    if groups:
        _check_partition(node, count, groups)
    return Instrument(
        node["name"], DC_POWER, channel_count=count, channel_groups=tuple(g for _, g in groups)
    )


def _unsimulated(node: Node) -> Instrument:
    # NIRFSAInstrument is niRFSA; of ModelBasedInstrument NI's client has the whole name.
    kind = node.tag.removeprefix("NI").removesuffix("Instrument")
    type_id = f"ni{kind}" if node.tag.startswith("NI") else f"ni{node.tag}"
    return Instrument(node["name"], type_id, unsimulated=node.tag)


_READERS: dict[str, Callable[[Node], Instrument]] = {
    "NIDCPowerInstrument": _dc_power,
    "NIDigitalPatternInstrument": _numbered(DIGITAL_PATTERN),
    "NIScopeInstrument": _numbered(SCOPE),
    "NIFGenInstrument": _numbered(FGEN),
    "NIDmmInstrument": _dmm,
    "NIDAQmxTask": _task,
    "NIRelayDriverModule": _relay_driver,
    "Instrument": _custom,
}


def _count(node: Node, attribute: str) -> int:
    number = whole_number(node[attribute])
    if number is None or not 1 <= number <= _MOST_CHANNELS:
        raise node.fault(f"{attribute}={quoted(node[attribute])} is no number from 1 on.")
    return number


@fidelity(
    "MAP-GROUP-CHANNELS",
    evidence="documented",
    rule='The channels of a group are numbers and ranges ("0,1,3", "0:3"), all when left out; '
    "that an empty text and ranges that run down are refused is our choice",
)
def _ranges(node: Node, count: int) -> tuple[tuple[int, int], ...]:
    if "channels" not in node.attributes:
        return ((0, count - 1),)
    return tuple(_range(node, part, count) for part in node["channels"].split(","))


def _range(node: Node, text: str, count: int) -> tuple[int, int]:
    first, _, last = text.partition(":")
    ends = whole_number(first), whole_number(last if ":" in text else first)
    if ends[0] is None or ends[1] is None or ends[0] > ends[1]:
        raise node.fault(f'channels: {quoted(text)} is neither like "1" nor like "0:3".')
    if ends[1] >= count:
        raise node.fault(f"channels: there is no channel {ends[1]}, the last is {count - 1}.")
    return ends[0], ends[1]


@fidelity(
    "MAP-GROUP-PARTITION",
    evidence="documented",
    rule="Each channel of a DC power instrument with groups is in exactly one of them",
)
def _check_partition(node: Node, count: int, groups: list[tuple[Node, ChannelGroup]]) -> None:
    owners = sorted(
        (
            (first, last, index)
            for index, (_, group) in enumerate(groups)
            for first, last in group.ranges
        )
    )
    following, before = 0, 0
    for first, last, index in owners:
        if first < following:
            raise groups[max(index, before)][0].fault(
                f"channel {first} is in two channel groups, or twice in one; there are: "
                f"{choices([group.name for _, group in groups])}."
            )
        if first > following:
            break
        following, before = last + 1, index
    if following < count:
        raise node.fault(f"channel {following} is in no channel group: add it to one.")
