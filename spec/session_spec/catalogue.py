"""The specification as a whole: all documents, looked up by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from session_spec.errors import Finding, SourceError, UnknownRequirementError
from session_spec.linter import lint
from session_spec.lock import compare
from session_spec.parser import parse_document
from session_spec.requirement import Document, Requirement
from session_spec.sources import read_source

FOLDER = Path(__file__).parent / "requirements"
LOCK_NAME = "spec.lock"
ORDER = (
    *("server", "hosting", "client", "sequence", "station", "driver"),
    *("file-logger", "custom-instrument"),
)
"""The documents in the order in which a reader wants them; others follow by name."""


@dataclass(frozen=True)
class Specification:
    """All requirements, in reading order."""

    documents: tuple[Document, ...]

    def __iter__(self) -> Iterator[Requirement]:
        for document in self.documents:
            yield from document

    @cached_property
    def _by_id(self) -> dict[str, Requirement]:
        return {requirement.id: requirement for requirement in self}

    def __contains__(self, name: object) -> bool:
        return name in self._by_id

    def __getitem__(self, name: str) -> Requirement:
        """The requirement with this id; raise UnknownRequirementError with the nearest ids."""
        found = self._by_id.get(name.upper())
        if found is None:
            raise UnknownRequirementError(name, self.nearest(name))
        return found

    def nearest(self, name: str) -> list[str]:
        """At most three ids that somebody may have meant by ``name``."""
        if not name:
            return []
        close = difflib.get_close_matches(name.upper(), self._by_id, n=3, cutoff=0.6)
        inside = [i for i in self._by_id if name.upper() in i]
        return list(dict.fromkeys(close + inside))[:3]

    def of_class(self, conformance_class: str) -> list[Requirement]:
        """The requirements of one conformance class."""
        return [r for r in self if r.conformance_class == conformance_class]


def load(folder: Path = FOLDER) -> Specification:
    """Read and lint all requirement files of a folder; raise SourceError with every finding."""
    specification, findings = read(folder)
    findings += compare(specification, folder / LOCK_NAME) if not findings else []
    if findings:
        raise SourceError(findings)
    return specification


def read(folder: Path = FOLDER) -> tuple[Specification, list[Finding]]:
    """Read all requirement files; return what could be read, and the findings but the lock's."""
    documents: list[Document] = []
    findings: list[Finding] = []
    try:
        paths = requirement_files(folder)
    except SourceError as error:
        return Specification(()), error.findings
    for path in paths:
        try:
            documents.append(parse_document(path, read_source(path)))
        except SourceError as error:
            findings += error.findings
    if not findings:
        findings = lint(documents)
    return Specification(tuple(documents)), findings


def requirement_files(folder: Path) -> list[Path]:
    """The requirement files of a folder, in reading order; raise SourceError without any."""
    paths = sorted(folder.glob("*.md"), key=_reading_order)
    if not paths:
        remedy = "Put the requirement files there"
        raise SourceError([Finding(folder, 0, "there are no requirement files", remedy)])
    return paths


def _reading_order(path: Path) -> tuple[int, str]:
    return (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem)
