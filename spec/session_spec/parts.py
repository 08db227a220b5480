"""The parts of a requirement as they stand in its file: what a block is, what is still missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from session_spec.examples import Example
from session_spec.requirement import Decision

META = re.compile(
    r"`revision (?P<revision>[1-9][0-9]{0,3})` · `(?P<level>MUST|SHOULD)` · "
    r"`(?P<binding>core|reference|claim [a-z-]+)` · "
    r"`(?P<verification>checked|statistical|not observable)`"
)
PART = re.compile(r"\*\*(?P<name>[^*]+)\.\*\* *(?P<text>.*)", re.DOTALL)

_NAMED = ("Why", "Source", "Also allowed", "Not observable", "Decision")
ORDER = ("meta line", "obligation", *_NAMED, "example")
"""The parts in the order in which they stand."""


@dataclass
class Draft:
    """A requirement while its parts are being read."""

    id: str
    title: str
    line: int
    meta: re.Match[str] | None = None
    parts: dict[str, str] = field(default_factory=dict[str, str])
    decisions: list[Decision] = field(default_factory=list[Decision])
    examples: list[Example] = field(default_factory=list[Example])
    last: int = -1
    """The place in ORDER of the part that was read last."""
    seen: set[str] = field(default_factory=set[str])

    @property
    def unseen(self) -> bool:
        """Whether it is marked as not observable."""
        return self.meta is not None and self.meta["verification"] == "not observable"

    def missing(self) -> Iterator[str]:
        """The parts that it has to have and has not."""
        if "meta line" not in self.seen:
            yield "meta line"
        needed = ["obligation", "Why", "Source", "Also allowed"]
        needed += ["Not observable"] if self.unseen else []
        yield from (name for name in needed if not self.parts.get(name))
        if not self.unseen and "example" not in self.seen:
            yield "example"


def kind_of(text: str) -> str | None:
    """Which part a block is; None when it is none of them."""
    if text.startswith("`"):
        return "example" if text.startswith("```example\n") else "meta line"
    if text.startswith(">"):
        return "obligation"
    match = PART.match(text)
    name = match["name"] if match else ""
    name = "Decision" if name.startswith("Decision:") else name
    return name if name in _NAMED else None
