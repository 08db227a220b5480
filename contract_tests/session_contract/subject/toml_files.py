"""Reads TOML that people write: a key that nobody asked for is refused, with the nearest name."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from session_contract.subject.target import TargetError

# Since Python 3.11 it is part of the standard library, under another name.
_toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

_DEEPEST = 20
_KINDS = {str: "a text in quotes", bool: "true or false", dict: "a table", list: "a list"}


def read_toml(path: Path) -> Section:
    """Read a file; a TargetError says where it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}. Name a file there.") from None
    except UnicodeDecodeError:
        raise TargetError(f"{path} is no UTF-8: save it with that encoding.") from None
    try:
        data = _toml.loads(text)
    except ValueError as error:
        raise TargetError(f"{path} is no TOML: {error}. Correct that line.") from None
    except RecursionError:
        data = None
    if data is None or not _is_flat(data, _DEEPEST):
        raise TargetError(f"{path} has tables or lists within each other beyond measure.")
    return Section(str(path), "", data)


def _is_flat(value: object, levels: int) -> bool:
    """Whether it has no more levels than that: beyond some hundred Python cannot even print it."""
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return not inner or (levels > 0 and all(_is_flat(one, levels - 1) for one in inner))


def nearest(word: str, known: Collection[str]) -> str:
    """What somebody may have meant, as the end of a sentence."""
    near = difflib.get_close_matches(word, known, 1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."


class Section:
    """A table of a file. What is asked for is known; ``finish`` refuses the rest."""

    def __init__(self, file: str, name: str, data: Mapping[str, Any]) -> None:
        """Look at a table; the name is empty for the top of the file."""
        self.data = data
        self._file = file
        self._name = name
        self._known: dict[str, None] = {}

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return str(self._get(key, str, default))

    def flag(self, key: str) -> bool:
        """True or false."""
        return bool(self._get(key, bool, False))

    def seconds(self, key: str, default: float) -> float:
        """A number above 0."""
        self._known[key] = None
        value = self.data.get(key, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise self.error(key, f"is {value!r} and has to be a number of seconds, such as 5")
        return float(value)

    def day(self, key: str) -> date:
        """A date, which has to be there."""
        self._known[key] = None
        value = self.data.get(key)
        if type(value) is not date:
            raise self.error(key, f"is {value!r} and has to be a date, such as 2026-12-31")
        return value

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts."""
        values = self._get(key, list, default)
        if not all(isinstance(value, str) for value in values):
            raise self.error(key, 'has to be a list of texts, such as ["one", "two"]')
        return tuple(values)

    def items(self, key: str) -> list[Any]:
        """A list of anything."""
        return list(self._get(key, list, []))

    def words(self, key: str, known: Collection[str], default: Sequence[str] = ()) -> list[str]:
        """A list of texts of which each is one of those that are known."""
        words = self.texts(key, default)
        for word in words:
            if word not in known:
                raise self.error(key, f"has {word!r}; {nearest(word, known)}")
        return list(words)

    def table(self, key: str) -> dict[str, Any]:
        """A table whose keys are not ours."""
        return dict(self._get(key, dict, {}))

    def section(self, key: str) -> Section:
        """A table whose keys are ours."""
        return Section(self._file, f"{self._name}.{key}".lstrip("."), self.table(key))

    def sections(self, key: str) -> list[Section]:
        """A list of tables: ``[[key]]``."""
        tables: list[Any] = self._get(key, list, [])
        if not all(isinstance(table, dict) for table in tables):
            raise self.error(key, f"has to be tables: write [[{key}]] above each")
        return [Section(self._file, f"[{key}]", table) for table in tables]

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.data:
            if key not in self._known:
                raise self.error(key, f"is no key of ours; {nearest(key, self._known)}", end="")

    def error(self, key: str, fault: str, *, end: str = ".") -> TargetError:
        """What is wrong with the value of a key, for the reader of the file."""
        where = f"[{self._name}] {key}" if self._name else f"[{key}]"
        return TargetError(f"{self._file}: {where} {fault}{end}")

    def _get(self, key: str, kind: type, default: object) -> Any:  # noqa: ANN401 - any TOML
        self._known[key] = None
        value = self.data.get(key, default)
        if key in self.data and not isinstance(value, kind):
            raise self.error(key, f"is {value!r} and has to be {_KINDS[kind]}")
        return value
