"""What can be wrong with the specification itself.

SpecError
├── SourceError               a requirement file, a table or the lock is not as it must be
└── UnknownRequirementError   somebody asked for a requirement that does not exist
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class SpecError(Exception):
    """The specification, or a question put to it, is wrong; the text says what and the remedy."""


@dataclass(frozen=True)
class Finding:
    """One fault in a source file: where, what is wrong, and how to mend it."""

    path: Path
    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}. {self.remedy}."


class SourceError(SpecError):
    """Files of the specification that cannot stand as they are, with every finding."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


class UnknownRequirementError(SpecError):
    """No requirement has this id."""

    def __init__(self, asked: str, nearest: list[str]) -> None:
        hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
        super().__init__(f"There is no requirement {asked!r}.{hint}")
        self.asked = asked
        self.nearest = nearest
