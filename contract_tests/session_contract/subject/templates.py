"""Texts of a target file with something to fill in: ``{tmp}/log.txt``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each ``{key}`` that has a value; other braces stay as they are."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def filled(data: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever TOML can say
    """Texts in tables and lists, filled in."""
    return changed(data, lambda leaf: fill(leaf, values) if isinstance(leaf, str) else leaf)


def changed(data: object, change: Callable[[object], object]) -> Any:  # noqa: ANN401
    """The same tables and lists, with whatever is in them changed."""
    if isinstance(data, Mapping):
        table = cast("Mapping[str, object]", data)
        return {key: changed(value, change) for key, value in table.items()}
    if isinstance(data, (list, tuple)):
        return [changed(value, change) for value in cast("list[object]", data)]
    return change(data)
