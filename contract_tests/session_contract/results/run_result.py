"""What a run found out: by check, and from that by requirement."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from session_contract.subject.finding import Finding


class Outcome(enum.Enum):
    """What one check came to."""

    MET = "met"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"
    TARGET_DIED = "target died"
    KIT_ERROR = "kit error"


class Standing(enum.Enum):
    """How a requirement stands after a run."""

    MET = "met"
    VIOLATED = "violated"
    KNOWN_FAILURE = "known failure"
    FIXED_BUT_LISTED = "fixed but still listed"
    NOT_CLAIMED = "not claimed"
    NOT_RUN = "not run"
    NOT_OBSERVABLE = "not observable"
    INCONCLUSIVE = "inconclusive"
    KIT_ERROR = "kit error"


class Verdict(enum.IntEnum):
    """What a run says in the end; the number is the exit code."""

    HOLDS = 0
    VIOLATED = 1
    USAGE = 2
    UNREACHABLE = 3
    KIT_FAILED = 4
    NOT_ESTABLISHED = 5


@dataclass(frozen=True)
class CheckResult:
    """One check of one requirement."""

    requirement: str
    revision: int
    check: str
    """The name of the test: what is true when it is met."""
    kind: str
    """``example``, ``input``, ``stateful``, ``race``, ``lost``, ``restart``, ``hosting``…"""
    outcome: Outcome
    executions: int = 1
    """How often the requirement was put to the test."""
    finding: Finding | None = None
    reason: str = ""
    """Why there is no verdict."""
    seconds: float = 0.0
    replay: str = ""
    """The id under which ``session-contract replay`` finds it."""


@dataclass(frozen=True)
class Cell:
    """A place that random checks can reach: a state, a call, an answer."""

    state: str
    call: str
    answer: str


@dataclass(frozen=True)
class RunResult:
    """A run: what was judged, with what, and what came of it."""

    target: str
    target_version: str
    contact: str
    place: str
    conformance_class: str
    claims: Sequence[str]
    dialect: str
    spec_version: str
    kit_version: str
    seed: int
    began: str
    """The moment in UTC, ISO 8601."""
    seconds: float
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    checks: Sequence[CheckResult] = ()
    reached: Mapping[Cell, int] = field(default_factory=dict[Cell, int])
    known: Sequence[str] = ()
    """Requirements that are listed as known failures."""
    stale: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the listed requirements: those whose entry does not hold any more, and why."""
    ended: Verdict | None = None
    """What decides the verdict whatever the checks say: the target died, or the kit failed."""
    complaint: str = ""
    """Why the run ended early: the target died, or the kit failed."""
