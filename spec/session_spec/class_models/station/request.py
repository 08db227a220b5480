"""Reads one line of a station example: the call with its arguments, and the answer it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from session_spec.examples import LOST, Event
from session_spec.model import Violation

S = TypeVar("S")


@dataclass(frozen=True)
class Request:
    """A call to one of the three services and its answer, as the example writes them."""

    call: str
    arguments: tuple[str, ...]
    """The arguments without a name, in their order."""
    named: Mapping[str, str]
    actor: str
    code: str
    """The status code of the answer; empty for what is no call and gets no answer."""
    words: tuple[str, ...]
    """What the answer says after its code."""

    @property
    def lost(self) -> bool:
        """Whether the caller got no answer, or none yet."""
        return self.code == LOST

    def names(self, start: int = 0) -> tuple[str, ...]:
        """The words of the arguments from ``start`` on; an argument "" is one empty name."""
        return tuple(w for text in self.arguments[start:] for w in text.split() or [""])

    def refused_with(self, state: S, code: str, requirement: str, rule: str) -> list[S] | Violation:
        """The verdict when ``code`` is due: nothing changes, or the answer is a violation."""
        return [state] if self.code == code else self.violates(requirement, rule, code)

    def violates(self, requirement: str, rule: str, code: str) -> Violation:
        """The violation of an answer that should have had ``code``."""
        return Violation(requirement, f"{rule}: {code} is due, not {self.code}")


def read_request(event: Event) -> Request:
    """Read the arguments, with a name or without, and the answer of an event."""
    arguments = tuple(a for a in event.arguments if "=" not in a)
    named = dict(a.split("=", 1) for a in event.arguments if "=" in a)
    code, *words = event.outcome or ("",)
    return Request(event.call, arguments, named, event.actor, code, tuple(words))
