"""What a text says about a name that is not known: the nearest one, and those that exist."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from session_fakes.errors import listed, quoted

__all__ = ["choices", "instead"]

_SHOWN = 5
"""Names in one text: with the longest of names it still fits into a header."""

_COMPARED = 1000
"""Names that are compared letter by letter: a text is not worth a second of work."""


def instead(name: str, known: Collection[str]) -> str:
    """The sentences after a name that is not known."""
    near = _nearest(name[:200], known)
    hint = f"Did you mean {quoted(near)}? " if near is not None else ""
    return f"{hint}There is: {choices(known)}."


def choices(known: Collection[str]) -> str:
    """Names in a row, the rest counted."""
    return listed(list(known), most=_SHOWN)


def _nearest(name: str, known: Collection[str]) -> str | None:
    folded = name.casefold()
    for candidate in known:
        if candidate.casefold() == folded:
            return candidate
    import difflib  # slow to import, seldom needed

    near = difflib.get_close_matches(name, [k[:200] for k in islice(known, _COMPARED)], n=1)
    return near[0] if near else None
