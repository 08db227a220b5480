"""What the kit and the driver of a client say to each other: one JSON object a line.

``lines.schema.json`` beside this module describes both sides, ``contract_tests/clients.md`` tells
what they mean. Here the kit's lines are written, and the driver's are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import grpc

from session_spec.class_models.client import OTHER

BODY: Final = "body"
"""The exception that the driver itself raised in the body of the block."""
LONGEST: Final = 1 << 20
"""Bytes of a line, at most."""
_CODES = {code.name for code in grpc.StatusCode} - {"OK"}


class Garbage(Exception):  # noqa: N818 - names what was read
    """The driver wrote what is no answer; the text says what is wrong with it."""


@dataclass(frozen=True)
class Said:
    """The driver's answer to a line."""

    raised: str = ""
    """What came out: nothing, BODY, the name of a status code, or OTHER for an exception."""
    text: str = ""
    """The words of what came out."""
    cannot: str = ""
    """Why the driver cannot do it; everybody may say so of what is not needed for the core."""
    failed: str = ""
    """Why the driver itself could not work: a client that cannot be imported, for example."""
    remains: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many there are of what should not become more, by kind."""


def line(number: int, do: str, **given: object) -> bytes:
    """A line that asks the driver to do something."""
    return json.dumps({"id": number, "do": do, **given}).encode() + b"\n"


def read(data: bytes, number: int) -> Said:
    """Read the answer to line ``number``; Garbage says what is wrong with it."""
    try:
        answer: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise Garbage("it is no JSON") from None
    if not isinstance(answer, dict):
        raise Garbage("it is no JSON object")
    fields = cast("dict[str, Any]", answer)
    if fields.get("id") != number:
        raise Garbage(f'its id has to be {number}, the "id" of the line that it answers')
    said = Said(
        raised=_raised(fields),
        remains=_remains(fields.get("remains", {})),
        **{key: _text(fields, key) for key in ("text", "cannot", "failed")},
    )
    if not {"raised", "cannot", "failed", "remains"} & fields.keys():
        raise Garbage('it has to say what was "raised": null, "body", a status code or "other"')
    return said


def _raised(fields: Mapping[str, Any]) -> str:
    raised = fields.get("raised")
    if raised is None or raised in (BODY, OTHER, *_CODES):
        return raised or ""
    raise Garbage(
        f'"raised" is {raised!r}: it is null, "body", the name of a gRPC status code such as '
        '"NOT_FOUND", or "other"'
    )


def _remains(counts: object) -> dict[str, int]:
    table = cast("dict[str, object]", counts) if isinstance(counts, dict) else {"": counts}
    for kind, count in table.items():
        if not kind or type(count) is not int:
            raise Garbage('"remains" is an object of counts, such as {"channel": 2, "thread": 5}')
    return cast("dict[str, int]", table)


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise Garbage(f'"{key}" is {value!r} and has to be a text')
    return value
