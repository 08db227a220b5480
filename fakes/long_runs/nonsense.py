"""Makes requests for the fuzz: sensible ones, odd ones, mutated ones and no requests at all."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from long_runs.shared import pin_map_xml

MAPS = ("map A", "map B")
"""Ids of pin maps that are registered at the start of each round."""
_PINS = 6
_GROUPS = (
    '</Pins><PinGroups><PinGroup name="G"><PinReference pin="P0"/><PinReference pin="P1"/>'
    '</PinGroup><PinGroup name="GG"><PinReference pin="G"/></PinGroup></PinGroups>'
)
VALID_XML = (
    pin_map_xml(_PINS, 2),
    pin_map_xml(2).replace("</Pins>", _GROUPS),
    pin_map_xml(2).replace(
        "</Instruments>",
        '<NIDmmInstrument name="DMM1"/><NIDCPowerInstrument name="PS1" numberOfChannels="2"/>'
        '<Multiplexer name="MUX1" multiplexerTypeId="Mux"/></Instruments>',
    ),
)

_SENSIBLE: dict[str, tuple[Any, ...]] = {
    "pin_map_id": (*MAPS, *MAPS, ""),
    "pin_or_relay_names": (*(f"P{pin}" for pin in range(_PINS)), "G"),
    "sites": (0, 0, 1, -1),
    "instrument_type_id": ("", "", "Custom", "niDMM"),
    "multiplexer_type_id": ("", "Mux"),
    "name": tuple(f"Custom-dev{pin}" for pin in range(_PINS)),
    "resource_name": ("dev0", "dev1", "DMM1"),
    # A call that waits keeps its place among the calls in flight until its deadline.
    "timeout_in_milliseconds": (*[0] * 30, 1, 5, -1),
    "provided_interface": ("i.A", "i.B", "ni.measurementlink.pinmap.v1.PinMapService"),
    "provided_interfaces": ("i.A", "i.B"),
    "service_class": ("", "c.A", "c.B", "ni.measurementlink.pinmap.v1.PinMapService"),
    "version": ("", "1.0.0.0", "2.1"),
    "versions": ("1.0.0.0", "2.1"),
    "location": ("localhost", "127.0.0.1"),
    "insecure_port": ("1", "50051", ""),
    "ssl_authenticated_port": ("", "", "50052"),
    "deployment_target": ("", "localhost"),
    "display_name": ("A", "B"),
}
_STRINGS = (
    "", " ", "0", "-1", "P0", "a/b\\c", "..", "%s%n", "{0}", "'\"`$(x)",
    "\x00", "a\x00b", "\x07\x1b[31m", "\r\nx: y", "\x7f\x80\x9f", "\u200b\u202e\ufeff",
    "\ud7ff\ue000\ufffd\uffff", "\U0001f600", "\U0010ffff", "e\u0301\u0327" * 20,
    "\u0130\u00df\ufb01", "x" * 300,
    "\u00e9" * 9000, "\x01" * 5000,
)  # fmt: skip
_HUGE = 200_000
_INTEGERS = (0, 1, -1, 2, 7, -2, 127, 128, 65535, 65536, 2**31 - 1, -(2**31))
_LONG = (2**31, 2**32, 2**53, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -0.0, 1.5, -1.0, 1e38, float("inf"), float("-inf"), float("nan"))
_MOST_DEEP = 5


def request_bytes(chance: random.Random, descriptor: Descriptor) -> tuple[str, bytes]:
    """Choose a request for a message type: its kind, and its bytes."""
    kind = chance.choices(["sensible", "odd", "mutated", "bytes"], [40, 25, 25, 10])[0]
    return kind, _MAKERS[kind](chance, descriptor)


def _sensible(chance: random.Random, descriptor: Descriptor) -> bytes:
    return filled(chance, descriptor, 0.0).SerializeToString()


def _odd(chance: random.Random, descriptor: Descriptor) -> bytes:
    return filled(chance, descriptor, 0.5).SerializeToString()


def _mutated(chance: random.Random, descriptor: Descriptor) -> bytes:
    data = bytearray(filled(chance, descriptor, 0.02).SerializeToString())
    for _ in range(chance.choice([1, 1, 1, 2, 6])):
        _mutate(chance, data)
    return bytes(data)


def _any_bytes(chance: random.Random, _: Descriptor) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 2, 5, 20, 100, 5000]))


_MAKERS: dict[str, Callable[[random.Random, Descriptor], bytes]] = {
    "sensible": _sensible,
    "odd": _odd,
    "mutated": _mutated,
    "bytes": _any_bytes,
}


def _mutate(chance: random.Random, data: bytearray) -> None:
    """Flip, cut, insert, repeat or move some bytes."""
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice([1, 1, 2, 8, 40]))
    what = chance.randrange(5)
    if what == 0 and start < end:
        data[start] ^= 1 << chance.randrange(8)
    elif what == 1:
        del data[start:end]
    elif what == 2:
        data[start:start] = chance.randbytes(chance.choice([1, 2, 10]))
    elif what == 3:
        data[end:end] = data[start:end] * chance.choice([1, 3])
    else:
        piece = data[start:end]
        del data[start:end]
        place = chance.randrange(len(data) + 1)
        data[place:place] = piece


# Messages -----------------------------------------------------------------------------------------


def filled(
    chance: random.Random, descriptor: Descriptor, oddness: float, depth: int = 0
) -> Message:
    """A message with values in most of its fields, so many of them odd."""
    message: Message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if chance.random() < 0.93 and depth < _MOST_DEEP:
            _put(chance, message, field, oddness, depth)
    return message


def _put(
    chance: random.Random, message: Message, field: FieldDescriptor, oddness: float, depth: int
) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _put_entries(chance, getattr(message, field.name), field.message_type, oddness)
    elif field.message_type is not None:
        _put_messages(chance, message, field, oddness, depth)
    elif _is_repeated(field):
        count = chance.choice([0, 1, 1, 2, 5] + [100] * (oddness > 0))
        getattr(message, field.name).extend(_value(chance, field, oddness) for _ in range(count))
    else:
        setattr(message, field.name, _value(chance, field, oddness))


def _put_messages(
    chance: random.Random, message: Message, field: FieldDescriptor, oddness: float, depth: int
) -> None:
    target = getattr(message, field.name)
    made = field.message_type
    assert made is not None
    if _is_repeated(field):
        for _ in range(chance.choice([0, 1, 1, 2, 4])):
            target.add().CopyFrom(filled(chance, made, oddness, depth + 1))
    else:
        target.CopyFrom(filled(chance, made, oddness, depth + 1))


def _put_entries(
    chance: random.Random,
    target: Any,  # noqa: ANN401 - a map of some type
    entry: Descriptor,
    oddness: float,
) -> None:
    value = entry.fields_by_name["value"]
    if value.message_type is not None:
        return  # Only answers have these.
    for _ in range(chance.choice([0, 1, 3])):
        key = _value(chance, entry.fields_by_name["key"], oddness)
        target[key] = _value(chance, value, oddness)


def _is_repeated(field: FieldDescriptor) -> bool:
    # The newer protobuf has the property, and warns of the label.
    known: bool | None = getattr(field, "is_repeated", None)
    if known is None:
        old: Any = field
        return bool(old.label == old.LABEL_REPEATED)
    return known


def _value(chance: random.Random, field: FieldDescriptor, oddness: float) -> Any:  # noqa: ANN401
    if field.name == "pin_map_xml":
        return _xml(chance, oddness)
    if field.name in _SENSIBLE and chance.random() >= oddness:
        return chance.choice(_SENSIBLE[field.name])
    return _of_type(chance, field, oddness)


def _of_type(chance: random.Random, field: FieldDescriptor, oddness: float) -> Any:  # noqa: ANN401
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = _string(chance) if oddness else chance.choice(["", "x", "P0"])
        return text.encode() if field.type == field.TYPE_BYTES else text
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}:
        return chance.choice(_FLOATS)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice([0, 1, 2])
    return _integer(chance, kind)


def _integer(chance: random.Random, kind: int) -> int:
    number = chance.choice(_INTEGERS)
    if kind == FieldDescriptor.CPPTYPE_INT32:
        return number
    if kind == FieldDescriptor.CPPTYPE_INT64:
        return chance.choice([number, chance.choice(_LONG)])
    return abs(number)


def _string(chance: random.Random) -> str:
    """A string of the odd ones, some of them together, or any characters, seldom huge."""
    kind = chance.randrange(200)
    if kind == 0:
        return chance.choice(["x", "\x00", "\u20ac", "<a>"]) * _HUGE
    if kind < 120:
        return chance.choice(_STRINGS)
    if kind < 150:
        return "".join(chance.choices(_STRINGS[:20], k=3))
    return "".join(_character(chance) for _ in range(chance.choice([1, 3, 30])))


def _character(chance: random.Random) -> str:
    number = chance.choice([0x80, 0x800, 0xD800, 0x110000])
    code = chance.randrange(number)
    return chr(code) if not 0xD800 <= code < 0xE000 else "?"


# Pin maps -----------------------------------------------------------------------------------------


def _xml(chance: random.Random, oddness: float) -> str:
    """A pin map, in most cases with something wrong."""
    if chance.random() < oddness / 3:
        return _string(chance)
    text = chance.choice(VALID_XML)
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 6])):
        text = chance.choice(_XML_MUTATIONS)(chance, text)
    return text


def _other_value(chance: random.Random, text: str) -> str:
    """Another value for an attribute: of another one, or an odd one."""
    values = list(re.finditer(r'"([^"<]*)"', text))
    if not values:
        return text
    at = chance.choice(values)
    new = chance.choice([chance.choice(values)[1], _escaped(_string(chance)[:400]), "", "99", "-1"])
    return text[: at.start(1)] + new + text[at.end(1) :]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _without_element(chance: random.Random, text: str) -> str:
    elements = list(re.finditer(r"<[^<>]*/>", text))
    if not elements:
        return text
    at = chance.choice(elements)
    return text[: at.start()] + text[at.end() :]


def _element_twice(chance: random.Random, text: str) -> str:
    elements = list(re.finditer(r"<[^<>]*/>", text))
    if not elements:
        return text
    return text.replace(chance.choice(elements)[0], chance.choice(elements)[0] * 2, 1)


def _other_word(chance: random.Random, text: str) -> str:
    words = sorted(set(re.findall(r"[A-Za-z]{3,}", text)))
    if not words:
        return text
    return text.replace(chance.choice(words), chance.choice(words), chance.choice([1, 1, -1]))


def _cut(chance: random.Random, text: str) -> str:
    start = chance.randrange(len(text) + 1)
    return text[:start] + text[start + chance.choice([1, 5, 50, 10**6]) :]


def _inserted(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text) + 1)
    new = chance.choice(
        ["<", ">", "&", "&x;", "<!--", "]]>", "<x/>", "<x>", '"', "<![CDATA[", "<?p?>", "\x00"]
    )  # fmt: skip
    return text[:place] + new + text[place:]


def _doctype(chance: random.Random, text: str) -> str:
    entity = chance.choice(['<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///none">', ""])
    return text.replace("<PinMap", f"<!DOCTYPE PinMap [{entity}]><PinMap", 1)


_XML_MUTATIONS: tuple[Callable[[random.Random, str], str], ...] = (
    _other_value,
    _other_value,
    _other_value,
    _without_element,
    _element_twice,
    _other_word,
    _cut,
    _inserted,
    _doctype,
)

__all__ = ["MAPS", "VALID_XML", "filled", "request_bytes"]
