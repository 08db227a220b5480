"""Outputs as a person reads them, as a program reads them, and as somebody would type them."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import cast

from session_fakes.measure.metadata import Parameter
from session_fakes.measure.wire import Value

_GAP = "  "
_LEAST_VALUE = 20


@dataclass(frozen=True)
class Reading:
    """One output and its value."""

    parameter: Parameter
    value: Value


@dataclass(frozen=True)
class Outputs:
    """What a measurement answered at once: its outputs in their order."""

    readings: tuple[Reading, ...] = ()

    def __getitem__(self, name: str) -> Value:
        """The value of an output; a number for an enum."""
        return self.as_dict()[name]

    def as_dict(self) -> dict[str, Value]:
        """The values by the names of the outputs."""
        return {reading.parameter.name: reading.value for reading in self.readings}


def as_data(outputs: Outputs) -> dict[str, object]:
    """The outputs as data for JSON, by name.

    Enums are names, bytes are base64, and numbers that JSON lacks are ``"NaN"``, ``"Infinity"``
    and ``"-Infinity"``, as in the JSON form of protobuf.
    """
    return {each.parameter.name: _plain(each.parameter, each.value) for each in outputs.readings}


def as_json(outputs: Outputs, indent: int | None = 2) -> str:
    """The outputs as JSON text; see :func:`as_data`."""
    return json.dumps(as_data(outputs), indent=indent, ensure_ascii=False, allow_nan=False)


def as_table(outputs: Outputs, width: int = 100) -> str:
    """The outputs as lines of name, type and value, none longer than ``width`` if it can be."""
    rows = [
        (each.parameter.name, each.parameter.type_name, text_of(each.parameter, each.value))
        for each in outputs.readings
    ]
    if not rows:
        return "no outputs"
    names = max(len(name) for name, _, _ in rows)
    types = max(len(kind) for _, kind, _ in rows)
    room = max(width - names - types - 2 * len(_GAP), _LEAST_VALUE)
    lines = (
        f"{name:{names}}{_GAP}{kind:{types}}{_GAP}{_fitted(each, text, room)}"
        for each, (name, kind, text) in zip(outputs.readings, rows, strict=True)
    )
    return "\n".join(line.rstrip() for line in lines)


def text_of(parameter: Parameter, value: Value) -> str:
    """A value as text that :func:`~session_fakes.measure.values.parse` reads as the same value."""
    plain = _plain(parameter, value)
    if value is None:
        return ""
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _fitted(reading: Reading, text: str, room: int) -> str:
    # A plug-in's text must not move the cursor of the terminal or break the table.
    shown = text if text.isprintable() else json.dumps(text)
    shown = shown if shown.isprintable() else ascii(text)
    if len(shown) <= room:
        return shown
    count = f"… ({len(reading.value)} values)" if isinstance(reading.value, list) else "…"
    return shown[: room - len(count)] + count


def _plain(parameter: Parameter, value: object) -> object:
    if parameter.repeated and isinstance(value, list):
        return [_plain_one(parameter, item) for item in cast("list[object]", value)]
    return _plain_one(parameter, value)


def _plain_one(parameter: Parameter, value: object) -> object:
    if parameter.kind == "enum":
        return value if (name := parameter.name_of(value)) is None else name
    return _json(value)


def _json(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _json(part) for key, part in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_json(item) for item in cast("list[object]", value)]
    return value
