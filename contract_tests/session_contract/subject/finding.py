"""What a check has to say when a requirement does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from session_contract.subject.record import Record


@dataclass(frozen=True)
class Event:
    """Something that happened, where more than calls to a server has to be told."""

    who: str
    text: str


@dataclass(frozen=True)
class Finding:
    """A requirement that was violated, with all that a reader needs to believe it."""

    requirement: str
    sentence: str
    """What happened and what was due, in one sentence."""
    records: Sequence[Record] = ()
    """The calls that show it, as few as will do, in the order in which they began."""
    orders: Sequence[str] = ()
    """Why each order of calls that overlapped is not allowed; empty when none did."""
    left_out: int = 0
    """Calls of the same history that change nothing about it."""
    seen: str = ""
    """How often, for checks that repeat: ``8 of 300 histories``."""
    facts: Sequence[str] = field(default_factory=tuple)
    """What was observed beside calls: lines of output, exit codes, registrations."""
    events: Sequence[Event] = ()
    """What happened, one after the other, when it is not calls of the kit to a server."""


class Violated(AssertionError):  # noqa: N818 - reads as what happened to the requirement
    """A check failed: the target violates a requirement."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.requirement}: {finding.sentence}")
        self.finding = finding


class NotEstablished(Exception):  # noqa: N818 - not a fault of anybody's
    """A check could not come to a verdict; the text says why, and what would help."""


class TargetDied(Exception):  # noqa: N818 - likewise
    """The target does not answer any more."""
