"""NI's message types for data of more than one dimension, as plain dicts and lists.

``DoubleXYData`` is ``{"x_data": [...], "y_data": [...]}``, with ``"attributes"`` if it has any; a
2D array is the list of its rows. A message of any other type stays the bytes that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from google.protobuf.message import DecodeError, Message
from ni.protobuf.types import array_pb2, xydata_pb2

Structure: TypeAlias = "bytes | list[Any] | dict[str, Any]"
"""A message as a value: a dict, a list of rows, or the bytes of a type that is not known."""

_XY_KEYS = ("x_data", "y_data", "attributes")
_Pack: TypeAlias = Callable[[object], Message]
_SHORT = {"x": "x_data", "y": "y_data"}


def known(message_type: str) -> bool:
    """Whether values of this message type can be written as text."""
    return message_type in _TYPES


def expected(message_type: str) -> str:
    """What a value of a known message type looks like, for a text."""
    if message_type == xydata_pb2.DoubleXYData.DESCRIPTOR.full_name:
        return '{"x_data": [0, 1], "y_data": [2.5, 3]}'
    return "rows of the same length, such as [[1, 2], [3, 4]]"


def pack(message_type: str, value: object) -> bytes:
    """A value of a known message type as bytes.

    Raises:
        ValueError: The value has not the form of that type; the text says what is expected.
    """
    if message_type not in _TYPES:
        raise ValueError(f"nothing is known of the message type {message_type}")
    try:
        return _TYPES[message_type][0](value).SerializeToString()
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def unpack(message_type: str, data: bytes) -> Structure:
    """The value in the bytes of a message; the bytes themselves if its type is not known.

    Raises:
        ValueError: The bytes are no such message, or a 2D array does not add up.
    """
    if message_type not in _TYPES:
        return data
    try:
        return _TYPES[message_type][1](data)
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _to_xy(value: object) -> Message:
    if not isinstance(value, dict):
        raise TypeError(f"not an object with x_data and y_data but a {type(value).__name__}")
    given = cast("dict[str, Any]", value)
    parts = {_SHORT.get(str(key), str(key)): part for key, part in given.items()}
    if unknown := sorted(set(parts) - set(_XY_KEYS)):
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(_XY_KEYS)}")
    message = xydata_pb2.DoubleXYData()
    message.x_data.extend(_numbers(parts.get("x_data", [])))
    message.y_data.extend(_numbers(parts.get("y_data", [])))
    for name, attribute in parts.get("attributes", {}).items():
        setattr(message.attributes[name], _attribute_field(attribute), attribute)
    return message


def _attribute_field(value: object) -> str:
    fields: dict[type, str] = {
        bool: "bool_value",
        int: "integer_value",
        float: "double_value",
        str: "string_value",
    }
    if type(value) not in fields:
        raise ValueError(f"an attribute is a bool, a number or a string, not {value!r}")
    return fields[type(value)]


def _from_xy(data: bytes) -> dict[str, Any]:
    message = xydata_pb2.DoubleXYData.FromString(data)
    value: dict[str, Any] = {"x_data": list(message.x_data), "y_data": list(message.y_data)}
    attributes = {
        name: getattr(attribute, attribute.WhichOneof("attribute") or "string_value")
        for name, attribute in sorted(message.attributes.items())
    }
    return {**value, "attributes": attributes} if attributes else value


def _numbers(values: object) -> list[float]:
    return [_number(value) for value in _list(values)]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no string")
    return value


def _to_rows(make: Callable[..., Message], cell: Callable[[object], object]) -> _Pack:
    def to_rows(value: object) -> Message:
        rows = [[cell(item) for item in _list(row)] for row in _list(value)]
        columns = len(rows[0]) if rows else 0
        if any(len(row) != columns for row in rows):
            raise ValueError(f"rows of {', '.join(str(len(row)) for row in rows)} values")
        return make(rows=len(rows), columns=columns, data=[item for row in rows for item in row])

    return to_rows


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return cast("list[object]", value)


def _from_rows(make: Callable[..., Any]) -> Callable[[bytes], list[list[Any]]]:
    def from_rows(data: bytes) -> list[list[Any]]:
        array = make()
        array.ParseFromString(data)
        rows, columns, cells = array.rows, array.columns, list(array.data)
        if rows < 0 or columns < 0 or rows * columns != len(cells):
            raise ValueError(f"{rows} rows of {columns} with {len(cells)} values")
        # Rows without columns may be as many as the message likes to say.
        return [cells[at : at + columns] for at in range(0, len(cells), columns or 1)]

    return from_rows


_TYPES: dict[str, tuple[_Pack, Callable[[bytes], Structure]]] = {
    xydata_pb2.DoubleXYData.DESCRIPTOR.full_name: (_to_xy, _from_xy),
    array_pb2.Double2DArray.DESCRIPTOR.full_name: (
        _to_rows(array_pb2.Double2DArray, _number),
        _from_rows(array_pb2.Double2DArray),
    ),
    array_pb2.String2DArray.DESCRIPTOR.full_name: (
        _to_rows(array_pb2.String2DArray, _string),
        _from_rows(array_pb2.String2DArray),
    ),
}
