"""What a requirement is: the words of the specification as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from session_spec.examples import Example


class Level(Enum):
    """How strongly a requirement binds."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Origin(Enum):
    """Whom a requirement binds."""

    CORE = "core"
    """Everybody: it follows from NI's guide, services or documentation."""
    CLAIM = "claim"
    """Whoever claims it: it is ours, and useful, and nobody has to."""
    REFERENCE = "reference"
    """Our own implementations and fakes, and nobody else."""


class Verification(Enum):
    """What a run of the contract suite can say about a requirement."""

    CHECKED = "checked"
    STATISTICAL = "statistical"
    """A run can find a violation, but never prove that there is none."""
    NOT_OBSERVABLE = "not observable"


CLAIMS: Mapping[str, tuple[str, ...]] = {
    "server": (
        "use",
        "strict-input",
        "attach-ignores-configuration",
        "independent",
        "lost-calls",
        "restart",
        "hosting",
    ),
    "client": ("errors", "tidy"),
    "sequence": (),
    "station": (),
    "driver": (),
    # Profiles: for services that were made from our examples.
    "file-logger": ("survives-kill",),
    "custom-instrument": (),
}
"""The conformance classes, and what an implementation of each can claim beyond the core."""


@dataclass(frozen=True)
class Decision:
    """Where the sources disagree, or we depart from one: what each says, and what holds here."""

    title: str
    text: str


@dataclass(frozen=True)
class Requirement:
    """One obligation, with everything that a reader or a check has to know about it."""

    id: str
    title: str
    revision: int
    level: Level
    origin: Origin
    claim: str | None
    verification: Verification
    obligation: str
    why: str
    source: str
    also_allowed: str
    not_observable: str | None
    decisions: tuple[Decision, ...]
    examples: tuple[Example, ...]
    conformance_class: str
    area: str
    path: Path = field(compare=False)
    line: int = field(compare=False)

    @property
    def binding(self) -> str:
        """Whom it binds, in one word or two: ``core``, ``claim use``, ``reference``."""
        return f"claim {self.claim}" if self.claim else self.origin.value


@dataclass(frozen=True)
class Area:
    """A heading of a requirement file, with its introduction and its requirements."""

    title: str
    introduction: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True)
class Passage:
    """A block of running text, anything but an obligation or an example, and where it starts."""

    line: int
    text: str


@dataclass(frozen=True)
class Document:
    """One requirement file: a conformance class or a part of one."""

    path: Path
    title: str
    conformance_class: str
    introduction: str
    areas: tuple[Area, ...]
    passages: tuple[Passage, ...]

    def __iter__(self) -> Iterator[Requirement]:
        for area in self.areas:
            yield from area.requirements
