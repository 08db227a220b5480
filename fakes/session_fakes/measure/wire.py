"""Values of a measurement as bytes, and back, by nothing but the numbers and kinds of its fields.

A measurement tells the fields of its messages, never a .proto file. So a message type is made of
them at run time, in a pool of its own: other measurements may use the same names.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from session_fakes.errors import quoted
from session_fakes.measure import structures
from session_fakes.measure.failures import BadMetadata

Value: TypeAlias = "bool | int | float | str | bytes | list[Any] | dict[str, Any] | None"
"""A value of a parameter: a list where it is repeated, a number for an enum, None for no message.

A message whose type is known is a dict or, for a 2D array, a list of rows; any other is bytes.
"""

_Proto = descriptor_pb2.FieldDescriptorProto
KINDS: dict[int, str] = {
    _Proto.TYPE_DOUBLE: "double",
    _Proto.TYPE_FLOAT: "float",
    _Proto.TYPE_INT64: "int64",
    _Proto.TYPE_UINT64: "uint64",
    _Proto.TYPE_INT32: "int32",
    _Proto.TYPE_FIXED64: "fixed64",
    _Proto.TYPE_FIXED32: "fixed32",
    _Proto.TYPE_BOOL: "bool",
    _Proto.TYPE_STRING: "string",
    _Proto.TYPE_MESSAGE: "message",
    _Proto.TYPE_BYTES: "bytes",
    _Proto.TYPE_UINT32: "uint32",
    _Proto.TYPE_ENUM: "enum",
    _Proto.TYPE_SFIXED32: "sfixed32",
    _Proto.TYPE_SFIXED64: "sfixed64",
    _Proto.TYPE_SINT32: "sint32",
    _Proto.TYPE_SINT64: "sint64",
}
"""The kinds of a field by their number in the metadata."""

_LENGTH_DELIMITED = ("string", "message", "bytes")
# The same bytes on the wire, and no pool has to know the enum, the message or its file.
_SENT_AS: dict[str, descriptor_pb2.FieldDescriptorProto.Type.ValueType] = {
    **{name: _Proto.Type.Value(f"TYPE_{name.upper()}") for name in KINDS.values()},
    "enum": _Proto.TYPE_INT32,
    "string": _Proto.TYPE_BYTES,
    "message": _Proto.TYPE_BYTES,
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a message, as much as the wire needs to know."""

    name: str
    number: int
    kind: str
    """A value of :data:`KINDS`."""
    repeated: bool = False
    message_type: str = ""
    """The full name of the message, for a field of kind ``message``."""


class Codec:
    """Writes and reads the message that a list of fields makes."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._message = _message_class(fields)

    def encode(self, values: Mapping[int, Value]) -> bytes:
        """The message as bytes; a field that is absent or None is not written.

        Args:
            values: The values by field number.
        """
        message = self._message()
        for field in self._fields:
            value = values.get(field.number)
            if value is not None:
                _put(message, field, value)
        return message.SerializeToString()

    def decode(self, data: bytes) -> dict[int, Value]:
        """The values by field number; a field that is absent has the zero of its kind.

        Raises:
            BadMetadata: The bytes are not what the fields say.
        """
        try:
            message = self._message.FromString(data)
        except DecodeError as error:
            raise BadMetadata(
                f"{len(data)} bytes from the measurement are no message of the fields that its "
                f"metadata lists: {error}. Its metadata and what it sends differ."
            ) from None
        return {field.number: _taken(message, field) for field in self._fields}


def _message_class(fields: Sequence[Field]) -> type[Message]:
    # proto2, as NI's host makes it: every field knows whether it was sent.
    file = descriptor_pb2.FileDescriptorProto(name="measurement.proto")
    described = file.message_type.add(name="Fields")
    for field in fields:
        added = described.field.add(name=_attribute(field), number=field.number)
        added.type = _SENT_AS[field.kind]
        added.label = _Proto.LABEL_REPEATED if field.repeated else _Proto.LABEL_OPTIONAL
        if field.repeated and field.kind not in _LENGTH_DELIMITED:
            added.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    try:
        pool.Add(file)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName("Fields"))
    except (TypeError, KeyError) as error:
        numbers = ", ".join(f"{quoted(field.name)} {field.number}" for field in fields)
        raise BadMetadata(
            f"The field numbers that the measurement lists make no message: {numbers}. Each has "
            f"to be its own, from 1 to 536870911 ({error})."
        ) from None


def _attribute(field: Field) -> str:
    return f"f{field.number}" if field.number >= 0 else f"minus{-field.number}"


def _put(message: Message, field: Field, value: Value) -> None:
    if field.repeated and isinstance(value, list):
        getattr(message, _attribute(field)).extend(_packed(field, item) for item in value)
    else:
        setattr(message, _attribute(field), _packed(field, value))


def _packed(field: Field, value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    if field.kind == "message" and not isinstance(value, bytes):
        return structures.pack(field.message_type, value)
    return value


def _taken(message: Message, field: Field) -> Value:
    value = getattr(message, _attribute(field))
    if field.repeated:
        return [_unpacked(field, item) for item in value]
    if field.kind == "message" and not message.HasField(_attribute(field)):
        return None
    return _unpacked(field, value)


def _unpacked(field: Field, value: bool | float | bytes) -> Value:
    if isinstance(value, bytes):
        return _unpacked_bytes(field, value)
    return shortest_float(value) if field.kind == "float" else value


def _unpacked_bytes(field: Field, value: bytes) -> Value:
    try:
        if field.kind == "string":
            return value.decode()
        return structures.unpack(field.message_type, value)
    except ValueError as error:
        raise BadMetadata(
            f"The value of {quoted(field.name)} is no {field.message_type or 'UTF-8 text'}: {error}"
        ) from None


def shortest_float(value: float) -> float:
    """The number with the fewest digits that is the same 32-bit float: 0.1, not 0.10000000149."""
    if not math.isfinite(value):
        return value
    exact = struct.pack("<f", value)
    candidates = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next((each for each in candidates if struct.pack("<f", each) == exact), value)
