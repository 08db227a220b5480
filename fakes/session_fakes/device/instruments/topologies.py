"""What a switch has, by the name of its topology: channels, relays, which channels can meet."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Topology", "topology_of"]

_MULTIPLEXER = re.compile(r".*?(?:(Dual|Quad|Octal|Sixteen) )?(\d+)x1( Amplified)? Mux")
_MATRIX = re.compile(r"\d-Wire (\d+)x(\d+) Matrix")
_RELAYS = re.compile(r"(\d+)-(?:SP|DP)(?:ST|DT)")
_BANKS = {None: 1, "Dual": 2, "Quad": 4, "Octal": 8, "Sixteen": 16}


class Topology(NamedTuple):
    """The names of a switch; empty where its topology does not tell them."""

    channels: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    commons: int = 0
    """How many of the channels, the last ones, are those that all others connect to."""

    def can_meet(self, a: str, b: str) -> bool:
        """Whether one relay connects two channels; any two where nothing is known."""
        if not self.commons:
            return True
        hubs = self.channels[-self.commons :]
        if (a in hubs) == (b in hubs):
            return False
        hub, other = (a, b) if a in hubs else (b, a)
        if not hub.startswith("com"):
            return True
        # Of several banks each has a common channel of its own.
        bank = (len(self.channels) - self.commons) // self.commons
        return self.channels.index(other) // bank == hubs.index(hub)


def topology_of(name: str) -> Topology:
    """The topology with a name such as ``2529/2-Wire 8x16 Matrix``."""
    kind = name.partition("/")[2]
    if found := _RELAYS.fullmatch(kind):
        return Topology(relays=_numbered("k", int(found[1])))
    if found := _MATRIX.fullmatch(kind):
        rows = int(found[1])
        return Topology((*_numbered("c", int(found[2])), *_numbered("r", rows)), (), rows)
    if found := _MULTIPLEXER.fullmatch(kind):
        banks = _BANKS[found[1]]
        channels = _numbered("ch", banks * int(found[2]))
        return Topology((*channels, *_numbered("com", banks)), (), banks)
    return Topology()


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{number}" for number in range(count))
