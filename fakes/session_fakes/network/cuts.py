"""When a connection is to be cut: each of these is asked about the bytes that are to pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Direction = Literal["requests", "answers"]
"""From the clients to the service, or back."""


class Cut(Protocol):
    """One cut that is to come."""

    @property
    def direction(self) -> Direction:
        """Which bytes it looks at."""
        ...

    def limit(self, size: int, headers_at: int | None, /) -> int | None:
        """How many of these bytes pass before the cut; None when it is not yet to come."""
        ...


@dataclass(frozen=True)
class BeforeNext:
    """Cuts where the next request or answer begins."""

    direction: Direction

    def limit(self, _: int, headers_at: int | None) -> int | None:
        """Pass what is before it."""
        return headers_at

    def __str__(self) -> str:
        return f"cuts before the next {self.direction[:-1]}"


@dataclass
class AfterBytes:
    """Cuts once so many bytes have passed, over all connections."""

    direction: Direction
    left: int

    def limit(self, size: int, _: int | None) -> int | None:
        """Count."""
        if size < self.left:
            self.left -= size
            return None
        return self.left

    def __str__(self) -> str:
        return f"cuts after {self.left} more bytes of {self.direction}"
