"""Files named .serviceconfig: JSON, with ``//`` comments that some readers accept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*')
_GAP = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Service:
    """One service of a file, and where its parts stand."""

    path: Path
    data: dict[str, Any]
    text: str
    first_line: int

    def line(self, key: str) -> int:
        """Where a key stands; where the service begins when it has none."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        return self.first_line + (self.text.count("\n", 0, found.start()) if found else 0)

    def word(self, key: str) -> str:
        """A value that is a text; empty for any other."""
        value = self.data.get(key)
        return value if isinstance(value, str) else ""

    @property
    def interfaces(self) -> list[str]:
        """The interfaces, under whichever key."""
        several, single = self.data.get("providedInterfaces"), self.data.get("providedInterface")
        values = cast("list[object]", several) if isinstance(several, list) else [several]
        return [each for each in [*values, single] if isinstance(each, str)]


class Config:
    """A file.

    Attributes:
        path: Where it is.
        services: Its services; none when it cannot be read.
        fault: Why it cannot be read, with its line: empty when it can.
        comment_line: The line of its first comment, or 0.
    """

    def __init__(self, path: Path, text: str) -> None:
        """Read it."""
        self.path = path
        self.services: list[Service] = []
        self.fault = ""
        self.fault_line = 1
        comments = [found for found in _COMMENT.finditer(text) if found[0].startswith("//")]
        self.comment_line = text.count("\n", 0, comments[0].start()) + 1 if comments else 0
        self._text = _COMMENT.sub(_blank, text)
        try:
            self._check()
        except json.JSONDecodeError as error:
            self.fault, self.fault_line = f"this is no JSON: {error.msg}", error.lineno
        except (ValueError, RecursionError) as error:
            self.fault = f"{error}"

    def _check(self) -> None:
        whole = json.loads(self._text)
        services = (
            cast("dict[str, Any]", whole).get("services") if isinstance(whole, dict) else None
        )
        if not isinstance(services, list) or not services:
            raise ValueError("it has no list of services")
        if not all(isinstance(each, dict) for each in cast("list[object]", services)):
            raise ValueError("a service is no object in braces")
        self.services = list(self._services())

    def _services(self) -> Iterator[Service]:
        place = self._text.index("[", self._text.index('"services"')) + 1
        while self._text[place := _end_of_gap(self._text, place)] != "]":
            data, end = _DECODER.raw_decode(self._text, place)
            line = self._text.count("\n", 0, place) + 1
            yield Service(self.path, data, self._text[place:end], line)
            place = end


def _end_of_gap(text: str, place: int) -> int:
    found = _GAP.match(text, place)
    return found.end() if found else place


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0]) if found[0].startswith("//") else found[0]
