"""The lock: a digest per requirement, so that no text changes without a new revision.

One line a requirement, ``ID revision digest``, sorted; an id that was given up stays as
``ID withdrawn reason`` and can never be used again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from session_spec.errors import Finding, SourceError
from session_spec.requirement import Requirement
from session_spec.sources import read_source, write_source

WITHDRAWN = "withdrawn"
_LINE = re.compile(rf"(\S+) ([1-9][0-9]{{0,3}}|{WITHDRAWN}) (\S.*)")


@dataclass(frozen=True)
class Entry:
    """One line of the lock."""

    id: str
    revision: str
    """The revision, or the word ``withdrawn``."""
    rest: str
    """The digest, or the reason of the withdrawal."""

    def __str__(self) -> str:
        return f"{self.id} {self.revision} {self.rest}"


def digest(requirement: Requirement) -> str:
    """The digest of what binds: changing why or the source needs no new revision."""
    parts = [requirement.conformance_class, requirement.level.value, requirement.binding]
    parts += [requirement.verification.value, requirement.obligation]
    parts += [requirement.also_allowed, *(e.text for e in requirement.examples)]
    normal = "\n".join(" ".join(part.split()) for part in parts)
    return hashlib.sha256(normal.encode()).hexdigest()[:16]


def read_lock(path: Path) -> dict[str, Entry]:
    """The entries by id; an absent file is an empty lock, a wrong one raises SourceError."""
    if not path.exists():
        return {}
    entries: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    findings: list[Finding] = []
    for number, line in enumerate(read_source(path).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if not match:
            remedy = "A line is 'ID revision digest' or 'ID withdrawn reason'"
            findings.append(Finding(path, number, f"cannot read {line!r}", remedy))
        elif match[1] in entries:
            problem = f"{match[1]} stands also in line {lines[match[1]]}"
            findings.append(Finding(path, number, problem, "Keep the line that is right"))
        else:
            entries[match[1]], lines[match[1]] = Entry(*match.groups()), number
    if findings:
        raise SourceError(findings)
    return entries


@dataclass(frozen=True)
class _Fault:
    """A difference between files and lock; writing the lock anew settles only a lockable one."""

    finding: Finding
    lockable: bool


def compare(requirements: Iterable[Requirement], path: Path) -> list[Finding]:
    """What stands in the way of these requirements being those of the lock."""
    return [fault.finding for fault in _faults(requirements, path)]


def write_lock(requirements: Iterable[Requirement], path: Path) -> list[Finding]:
    """Bring the lock up to date; return the findings that it will not lock away."""
    requirements = list(requirements)
    findings = [f.finding for f in _faults(requirements, path) if not f.lockable]
    if not findings:
        kept = {e.id: e for e in read_lock(path).values() if e.revision == WITHDRAWN}
        fresh = {r.id: Entry(r.id, str(r.revision), digest(r)) for r in requirements}
        lines = [f"{entry}\n" for _, entry in sorted({**kept, **fresh}.items())]
        write_source(path, "".join(lines))
    return findings


def _faults(requirements: Iterable[Requirement], path: Path) -> Iterator[_Fault]:
    locked = read_lock(path)
    seen: set[str] = set()
    for requirement in requirements:
        seen.add(requirement.id)
        yield from _fault_of(requirement, locked.get(requirement.id))
    for number, entry in enumerate(locked.values(), 1):
        if entry.id not in seen and entry.revision != WITHDRAWN:
            remedy = f"Ids stay: write '{entry.id} withdrawn REASON' here, or bring it back"
            finding = Finding(path, number, f"{entry.id} is gone from the files", remedy)
            yield _Fault(finding, lockable=False)


_RELOCK = "Run: python -m session_spec lock"


def _fault_of(requirement: Requirement, entry: Entry | None) -> Iterator[_Fault]:
    def fault(problem: str, remedy: str, *, lockable: bool = False) -> _Fault:
        finding = Finding(requirement.path, requirement.line, f"{name} {problem}", remedy)
        return _Fault(finding, lockable)

    name, revision = requirement.id, requirement.revision
    if entry is None:
        yield fault("is not in the lock", _RELOCK, lockable=True)
    elif entry.revision == WITHDRAWN:
        yield fault(f"was withdrawn ({entry.rest})", "Choose another id; an id is never reused")
    elif revision < int(entry.revision):
        yield fault(f"fell from revision {entry.revision} to {revision}", "A revision only rises")
    elif revision > int(entry.revision):
        yield fault("has a new revision that is not locked", _RELOCK, lockable=True)
    elif digest(requirement) != entry.rest:
        yield fault("changed, its revision did not", f"Raise it to {revision + 1} and lock it")
