"""Values of parameters: read from what somebody typed, and checked.

What was typed is read by the type that the metadata of the measurement tells; a refusal says what
is expected, with the nearest name for one that was mistyped.
"""

from __future__ import annotations

import ast
import base64
import binascii
import difflib
import json
import struct
from collections.abc import Callable, Sequence
from typing import cast

from session_fakes.errors import quoted
from session_fakes.measure import structures
from session_fakes.measure.failures import BadSetting
from session_fakes.measure.metadata import Parameter
from session_fakes.measure.wire import Value

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WORDS = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
_SIGNED = {"int32": 32, "sint32": 32, "sfixed32": 32, "int64": 64, "sint64": 64, "sfixed64": 64}
_UNSIGNED = {"uint32": 32, "fixed32": 32, "uint64": 64, "fixed64": 64}
RANGES: dict[str, tuple[int, int]] = {
    **{kind: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for kind, bits in _SIGNED.items()},
    **{kind: (0, 2**bits - 1) for kind, bits in _UNSIGNED.items()},
}
"""The least and the greatest number of each integer kind."""


def parse(parameter: Parameter, text: str) -> Value:
    """The value of a parameter that somebody typed.

    Lists are JSON, ``[1, 2]``, or values with commas between, ``1,2``; a list of messages is JSON.
    An enum is a name or a number, a structure such as ``DoubleXYData`` is JSON.

    Raises:
        BadSetting: The text is no such value; the error says what is expected.
    """
    if parameter.repeated:
        return [check_one(parameter, item) for item in _items(parameter, text)]
    if parameter.kind == "message":
        return check_one(parameter, _structure(parameter, text)) if text.strip() else None
    return _read(parameter, text)


def check(parameter: Parameter, value: object) -> Value:
    """A value of Python as the parameter's value, or a refusal; a string is read as if typed.

    Raises:
        BadSetting: The parameter cannot take it.
    """
    if isinstance(value, str):
        return parse(parameter, value)
    if not parameter.repeated:
        return check_one(parameter, value)
    if not isinstance(value, (list, tuple)):
        raise _expects(parameter, value)
    return [check_one(parameter, item) for item in cast("Sequence[object]", value)]


def check_one(parameter: Parameter, value: object) -> Value:
    """As :func:`check`, for one value or one element of a list."""
    if isinstance(value, str) and parameter.kind != "message":
        return _read(parameter, value)
    checked = _CHECKS.get(parameter.kind, _whole)(parameter, value)
    if checked is None and (value is not None or parameter.kind != "message"):
        raise _expects(parameter, value)
    return checked


def _expects(parameter: Parameter, value: object, why: str = "") -> BadSetting:
    because = f" ({why})" if why else ""
    return BadSetting(
        f"{quoted(parameter.name)} ({parameter.type_name}) expects {expectation(parameter)}, "
        f"got {quoted(_shown(value))}{because}."
    )


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return f"a huge {type(value).__name__}"


def expectation(parameter: Parameter) -> str:
    """What a value of a parameter has to be, for a text."""
    if parameter.kind in RANGES:
        low, high = RANGES[parameter.kind]
        one = f"a whole number from {low} to {high}"
    elif parameter.kind == "enum":
        one = _expected_enum(parameter)
    elif parameter.kind == "message":
        one = _expected_message(parameter)
    else:
        one = _WORDED[parameter.kind]
    return f"a list, as JSON or with commas between, each {one}" if parameter.repeated else one


_WORDED = {
    "bool": "true or false",
    "double": "a number",
    "float": "a number that 32 bits can hold, up to 3.4e38",
    "string": "text",
    "bytes": "bytes in base64",
}


def _expected_enum(parameter: Parameter) -> str:
    if not parameter.enum:
        return "the number of an enum value"
    return "one of " + ", ".join(f"{name} ({number})" for name, number in parameter.enum)


def _expected_message(parameter: Parameter) -> str:
    if structures.known(parameter.message_type):
        return f"JSON: {structures.expected(parameter.message_type)}"
    return "to keep its default: values of its message type cannot be written here"


def _items(parameter: Parameter, text: str) -> list[object]:
    if not text.strip():
        return []
    if parameter.kind != "message" and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",")]
    items = _structure(parameter, text)
    if not isinstance(items, list):
        raise _expects(parameter, text)
    return cast("list[object]", items)


def _structure(parameter: Parameter, text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        # Quotes as Python writes them survive every shell; JSON's do not.
        try:
            return cast("object", ast.literal_eval(text.strip()))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise _expects(parameter, text, f"as JSON: {error}") from None


def _read(parameter: Parameter, text: str) -> Value:
    reader = _READERS.get(parameter.kind, _read_whole)
    try:
        value = reader(parameter, text)
    except (ValueError, binascii.Error):
        value = None
    if value is None:
        raise _expects(parameter, text, _nearest_enum(parameter, text))
    return value


def _nearest_enum(parameter: Parameter, text: str) -> str:
    names = {name.casefold(): name for name, _ in parameter.enum}
    near = difflib.get_close_matches(text.strip().casefold(), list(names), n=1)
    return f"did you mean {names[near[0]]}?" if near else ""


def _read_whole(parameter: Parameter, text: str) -> Value:
    try:
        number = int(text)
    except ValueError:
        number = int(text.strip(), 0)
    return _whole(parameter, number)


def _read_number(parameter: Parameter, text: str) -> Value:
    return _number(parameter, float(text))


def _read_bool(_parameter: Parameter, text: str) -> Value:
    return _WORDS.get(text.strip().casefold())


def _read_text(_parameter: Parameter, text: str) -> Value:
    text.encode()
    return text


def _read_bytes(_parameter: Parameter, text: str) -> Value:
    return base64.b64decode(text, validate=True)


def _read_enum(parameter: Parameter, text: str) -> Value:
    named = parameter.number_of(text.strip())
    return _enum_number(parameter, int(text.strip(), 0)) if named is None else named


def _whole(parameter: Parameter, value: object) -> Value:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    low, high = RANGES[parameter.kind]
    return value if low <= value <= high else None


def _number(parameter: Parameter, value: object) -> Value:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
        if parameter.kind == "float":
            struct.pack("<f", number)
    except OverflowError:
        return None
    return number


def _bool(_parameter: Parameter, value: object) -> Value:
    return value if isinstance(value, bool) else None


def _bytes(_parameter: Parameter, value: object) -> Value:
    return value if isinstance(value, bytes) else None


def _text(_parameter: Parameter, _value: object) -> Value:
    return None


def _enum_number(parameter: Parameter, value: object) -> Value:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if parameter.enum:
        return int(value) if parameter.name_of(value) is not None else None
    return int(value) if -(2**31) <= value < 2**31 else None


def _message(parameter: Parameter, value: object) -> Value:
    if value is None and not parameter.repeated:
        return None
    try:
        # What comes back from the wire is the value as every later caller will see it.
        return structures.unpack(
            parameter.message_type, structures.pack(parameter.message_type, value)
        )
    except ValueError as error:
        raise _expects(parameter, value, str(error)) from None


_Reader = Callable[[Parameter, str], Value]
_READERS: dict[str, _Reader] = {
    "double": _read_number,
    "float": _read_number,
    "bool": _read_bool,
    "string": _read_text,
    "bytes": _read_bytes,
    "enum": _read_enum,
}
_CHECKS: dict[str, Callable[[Parameter, object], Value]] = {
    "double": _number,
    "float": _number,
    "bool": _bool,
    "string": _text,
    "bytes": _bytes,
    "enum": _enum_number,
    "message": _message,
}
