"""What a fake refuses, as NI's services do: a status code by name, and a text that helps.

The pure cores raise :class:`Refusal`; one place, the dispatcher, makes a gRPC status of it.
"""

from __future__ import annotations

import os
import re
import shlex

DRIVER_CODE = "ni-error"
"""The metadata in which NI's device server sends the code of a driver's error."""

_LONGEST = 200
_BEFORE_A_QUOTE = re.compile(r'(\\*)("|$)')


class FakeError(Exception):
    """Something that the user of the fakes did cannot be; the text says what and the remedy."""


class Refusal(FakeError):  # noqa: N818 - a refusal is an answer, not a fault
    """An answer other than OK: the status code by name, and the text of the status."""

    def __init__(self, code: str, text: str, *, trailer: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.trailer = trailer
        """Metadata that goes with it."""


def quoted(text: str) -> str:
    """What a caller sent, fit to be shown: in quotes, escaped, and never long.

    Status texts travel in a header: one of 16 kB would turn the refusal into another one.
    """
    escaped = text[:_LONGEST].encode("unicode_escape").decode("ascii").replace("'", "\\'")
    rest = "..." if len(escaped) > _LONGEST or len(text) > _LONGEST else ""
    return f"'{escaped[:_LONGEST]}{rest}'"


def pasted(text: str, *, windows: bool = os.name == "nt") -> str:
    """A name as an argument of a command that the reader pastes into a shell.

    One that no shell would take as it stands, or that would be endless, is left to the reader.
    """
    if len(text) > _LONGEST or not text.isprintable():
        return "NAME"
    if not windows:
        return shlex.quote(text)
    return f'"{_BEFORE_A_QUOTE.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    # Backslashes mean themselves on Windows, but for those right before a quotation mark.
    return f'{found[1] * 2}\\"' if found[2] else found[1] * 2


def listed(names: list[str] | tuple[str, ...], most: int = 8) -> str:
    """Names in a row for a text, the rest counted: ``'A', 'B' and 7 more``."""
    if not names:
        return "none"
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(quoted(name) for name in names[:most]) + rest
