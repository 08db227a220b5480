"""Lists of channels as drivers take them: ``0``, ``0,2``, ``0-3``, ``0:3``, ``Dev1/0, Dev2/0``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from session_fakes.device.faults import UNKNOWN_CHANNEL, DriverError
from session_fakes.errors import listed, quoted

__all__ = ["ChannelNames", "expanded", "split"]

_RANGE = re.compile(r"(.*?)(\d+)\s*[-:]\s*(?:.*?)(\d+)")
_MOST = 10_000
"""Channels of one range."""


def split(text: str) -> list[str]:
    """The items of a list, ranges not expanded."""
    return [item.strip() for item in text.split(",") if item.strip()]


def expanded(text: str) -> list[str]:
    """The items of a list, each range as its members; ``3:0`` counts down."""
    return [name for item in split(text) for name in _members(item)]


def _members(item: str) -> list[str]:
    found = _RANGE.fullmatch(item)
    if not found:
        return [item]
    prefix, first, last = found[1], int(found[2]), int(found[3])
    step = 1 if first <= last else -1
    if abs(last - first) >= _MOST:
        raise DriverError(UNKNOWN_CHANNEL, f"{quoted(item)} are more than {_MOST} channels.")
    return [f"{prefix}{number}" for number in range(first, last + step, step)]


class ChannelNames:
    """The channels of a session, in their order; names are found whatever their letter case."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._by_key = {name.casefold(): name for name in names}
        if len({name.rpartition("/")[0] for name in names}) == 1:
            # One instrument: its name may be left out.
            for name in names:
                self._by_key.setdefault(name.rpartition("/")[2].casefold(), name)

    def find(self, text: str) -> tuple[str, ...]:
        """The channels of a list, each once; all of them for an empty text."""
        if not text:
            return self.names
        found: dict[str, None] = {}
        for item in expanded(text):
            name = self._by_key.get(item.casefold())
            if name is None:
                raise DriverError(
                    UNKNOWN_CHANNEL,
                    f"{quoted(item)} is none of the channels of the session: {listed(self.names)}.",
                )
            found[name] = None
        return tuple(found)

    def named(self, index: int) -> str:
        """The name of the channel with a number that counts from 1."""
        if not 1 <= index <= len(self.names):
            raise DriverError(
                UNKNOWN_CHANNEL, f"There are {len(self.names)} channels, counted from 1."
            )
        return self.names[index - 1]

    def numbered(self, text: str) -> list[str]:
        """The names of the channels with some numbers, a list that counts from 0."""
        items = expanded(text)
        if not all(item.isdecimal() for item in items):
            raise DriverError(UNKNOWN_CHANNEL, f"{quoted(text)} is no list of numbers.")
        return [self.named(int(item) + 1) for item in items]
