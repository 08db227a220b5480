"""Between the drivers' messages and plain values, the same way for all RPCs.

NI's messages follow patterns: an enum is given by name, as a number (``…_raw``) or as a mapped
value, and is answered by name and as a number.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from session_fakes.errors import Refusal

__all__ = ["built", "check_enums", "value_of"]

_LENGTH_DELIMITED = 2
_MOST_IN_A_BYTE = 0x7F


def value_of(request: Any, field: str) -> Any:
    """The value of an enum field, in whichever form the client gave it."""
    for name in (f"{field}_raw", field):
        if name in request.DESCRIPTOR.fields_by_name and request.HasField(name):
            return getattr(request, name)
    raise Refusal(
        "UNIMPLEMENTED",
        f"{field}: a mapped value is not simulated; send {field}_raw, as NI's Python packages do.",
    )


def check_enums(request: Message) -> None:
    """Refuse a request that leaves the value of an enum out, in NI's words."""
    for oneof, field in _oneofs(request.DESCRIPTOR):
        if request.WhichOneof(oneof) is None:
            raise Refusal(
                "INVALID_ARGUMENT", f"The value for {field} was not specified or out of range"
            )


@cache
def _oneofs(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    names = [oneof.name for oneof in descriptor.oneofs if oneof.name.endswith("_enum")]
    return tuple((name, name.removesuffix("_enum")) for name in names)


def built(response_class: type[Message], fields: Mapping[str, Any]) -> Message:
    """A response with these fields.

    Args:
        response_class: Its class.
        fields: By name. A number for an enum goes into both of its forms. An ``array`` of floats
            becomes a repeated field as a whole, which is a hundred times faster than one by one.
    """
    response = response_class()
    known = response.DESCRIPTOR.fields_by_name
    for name, value in fields.items():
        if isinstance(value, array):
            samples = cast("array[float]", value)  # pyright knows one of nothing in particular
            response.MergeFromString(_packed(known[name].number, samples))
        elif f"{name}_raw" in known:
            _set(response, f"{name}_raw", value)
            if not isinstance(value, float):  # an enum of numbers that are none
                _set(response, name, value)
        else:
            _set(response, name, value)
    return response


def _set(response: Message, name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        values = cast("Sequence[Any]", value)
        if response.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_BYTES:
            setattr(response, name, bytes(values))  # numbers of an enum, one in a byte
        else:
            _extend(getattr(response, name), values)
    elif isinstance(value, Message):
        getattr(response, name).CopyFrom(value)
    else:
        setattr(response, name, value)


def _extend(field: Any, values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, Mapping):  # the fields of a message
            field.add(**cast("Mapping[str, Any]", value))
        else:
            field.append(value)


def _packed(number: int, values: array[float]) -> bytes:
    """A repeated field of doubles as it goes over the wire: little-endian, one after the other."""
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    data = values.tobytes()
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > _MOST_IN_A_BYTE:
        digits.append(number & _MOST_IN_A_BYTE | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
