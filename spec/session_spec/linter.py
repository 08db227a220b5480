"""Rules that make requirements exact: one keyword, one sentence, ids that mean one thing.

The parser has made sure of the form; here the words and the references are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from session_spec.errors import Finding
from session_spec.examples import LOST
from session_spec.requirement import Document, Requirement

KEYWORDS = re.compile(
    r"(?<![-\w])(MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)"
    r"(?![-\w])"
)
USABLE = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT")
STATUS_CODES = frozenset(
    {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)

_CODE_SPAN = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
REFERENCE = re.compile(r"\[([A-Z]+(?:-[A-Z0-9]+)+)\](?!\()")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


def lint(documents: Sequence[Document]) -> list[Finding]:
    """Every finding of the rules about words and references, in the order of the files."""
    requirements = [r for document in documents for r in document]
    ids = {r.id for r in requirements}
    findings = list(_duplicates(requirements))
    for requirement in requirements:
        findings += _obligation(requirement)
        findings += _example_words(requirement, ids)
    for document in documents:
        findings += _loose_keywords(document)
        findings += _dangling_references(document, ids)
    return sorted(findings, key=lambda f: (str(f.path), f.line))


def _at(requirement: Requirement, problem: str, remedy: str, line: int | None = None) -> Finding:
    return Finding(requirement.path, line or requirement.line, problem, remedy)


def _duplicates(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    first: dict[str, Requirement] = {}
    for requirement in requirements:
        before = first.setdefault(requirement.id, requirement)
        if before is not requirement:
            yield _at(
                requirement,
                f"{requirement.id} stands also at {before.path.name}:{before.line}",
                "Give one of the two another id; an id is never reused",
            )


def _obligation(requirement: Requirement) -> Iterator[Finding]:
    text = requirement.obligation
    words = KEYWORDS.findall(_CODE_SPAN.sub("", text))
    if len(words) != 1:
        yield _at(
            requirement,
            f"{requirement.id}: the obligation has {len(words)} keywords",
            "Write one obligation with one keyword; make two requirements of two",
        )
    elif words[0] not in USABLE:
        yield _at(requirement, f"{requirement.id}: {words[0]} obliges to nothing here",
                  f"Use one of {', '.join(USABLE)}")  # fmt: skip
    elif words[0].split()[0] != requirement.level.value:
        yield _at(
            requirement,
            f"{requirement.id}: the obligation says {words[0]}, "
            f"its level is {requirement.level.value}",
            "Make the two agree",
        )
    ends = _SENTENCE_END.findall(_CODE_SPAN.sub("x", text))
    if len(ends) != 1 or not text.endswith("."):
        yield _at(requirement, f"{requirement.id}: the obligation is not one sentence",
                  "Say it in one sentence that ends with a full stop")  # fmt: skip


def _example_words(requirement: Requirement, ids: set[str]) -> Iterator[Finding]:
    for example in requirement.examples:
        for event in example.events:
            if event.code not in STATUS_CODES | {"", LOST}:
                yield _at(requirement, f"{requirement.id}: {event.code!r} is no gRPC status code",
                          "Write the code's name, or 'lost'", event.line)  # fmt: skip
            if event.breaks and event.breaks not in ids:
                yield _at(requirement, f"{requirement.id}: there is no requirement {event.breaks}",
                          "Name one that exists", event.line)  # fmt: skip


def _loose_keywords(document: Document) -> Iterator[Finding]:
    for line, word in _found(KEYWORDS, document):
        problem = f"the keyword {word} stands outside an obligation"
        yield Finding(document.path, line, problem, "Say it in small letters, or as a requirement")


def _dangling_references(document: Document, ids: set[str]) -> Iterator[Finding]:
    for line, name in _found(REFERENCE, document):
        if name not in ids:
            problem = f"[{name}] is no requirement"
            yield Finding(document.path, line, problem, "Name one that exists")


def _found(pattern: re.Pattern[str], document: Document) -> Iterator[tuple[int, str]]:
    """Every match in the running text outside code spans, with its line."""
    for passage in document.passages:
        for offset, line in enumerate(passage.text.splitlines()):
            for match in pattern.finditer(_CODE_SPAN.sub("", line)):
                yield passage.line + offset, match[1]
