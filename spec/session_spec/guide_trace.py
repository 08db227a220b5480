"""Traces NI's published guide: what answers each of its statements, and what is still open.

The data is ``guide_trace.md``: a title, an introduction, and sections with one table each::

    ## Close                                                          a part of the guide
    | Statement | Where | Covered by |
    | --- | --- | --- |
    | Close takes an id | sharing guide, Define the proto | [SHAPE-CLOSE] |

The last column has one or more answers with ``;`` between them:

- ``[REQUIREMENT-ID]``, one or several
- a path in the repository, as code
- ``departure: text``; an ``[ID]`` in it is the requirement whose Decision box says so
- ``open: what will cover it``
- ``background`` alone: the statement only explains
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from session_spec.catalogue import Specification
from session_spec.errors import Finding, SourceError
from session_spec.linter import REFERENCE

PATH = Path(__file__).with_name("guide_trace.md")
DOCUMENTS = ("sharing guide", "older sharing guide", "both sharing guides", "NI-SCOPE")
"""The documents that are traced, as the column Where begins with them."""

_HEAD = ["Statement", "Where", "Covered by"]
_HEAD_LINES = 2
_FORM = "See the docstring of guide_trace.py for the form"


class Kind(Enum):
    """What a statement of the guide can be answered with."""

    REQUIREMENT = "requirement"
    FILE = "file"
    DEPARTURE = "departure"
    OPEN = "open"
    BACKGROUND = "background"


_ID = r"\[[A-Z]+(?:-[A-Z0-9]+)+\]"
_PATTERNS = {
    Kind.REQUIREMENT: re.compile(rf"(?P<text>{_ID}(?:,? {_ID})*)"),
    Kind.FILE: re.compile(r"`(?P<text>[^`\s]+)`"),
    Kind.DEPARTURE: re.compile(r"departure: (?P<text>.+)"),
    Kind.OPEN: re.compile(r"open: (?P<text>.+)"),
    Kind.BACKGROUND: re.compile(r"(?P<text>background)"),
}


@dataclass(frozen=True)
class Answer:
    """One thing that answers a statement: a requirement's id, a path, or a text, by its kind."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Trace:
    """One statement of the guide, where it stands there, and everything that answers it."""

    statement: str
    where: str
    section: str
    answers: tuple[Answer, ...]
    path: Path = field(compare=False)
    line: int = field(compare=False)

    def texts(self, kind: Kind) -> tuple[str, ...]:
        """The answers of one kind."""
        return tuple(answer.text for answer in self.answers if answer.kind is kind)


class _Reader:
    """Reads the lines of one file; collects findings instead of stopping at the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.traces: list[Trace] = []
        self.section = ""
        self.section_line = 1
        self.table_lines = 0
        self.table_ended = False

    def report(self, line: int, problem: str, remedy: str = _FORM) -> None:
        """Note a fault and go on."""
        self.findings.append(Finding(self.path, line, problem, remedy))

    def read(self, text: str) -> tuple[Trace, ...]:
        """Read all lines; raise SourceError when there was any fault."""
        lines = text.splitlines()
        if not lines or not lines[0].startswith("# "):
            self.report(1, "the file does not begin with '# Title'")
        for number, line in enumerate(lines, 1):
            self._line(number, line.strip())
        self._finish_section()
        if not self.section:
            self.report(1, "the file has no '## Section'")
        if self.findings:
            raise SourceError(self.findings)
        return tuple(self.traces)

    def _line(self, number: int, line: str) -> None:
        if line.startswith("## "):
            self._finish_section()
            self.section, self.section_line = line[3:].strip(), number
            self.table_lines, self.table_ended = 0, False
        elif line.startswith("|"):
            self._table_line(number, [cell.strip() for cell in line.strip("|").split("|")])
        elif self.table_lines:
            self.table_ended = True
            if line:
                self.report(number, "text stands after the table of its section")

    def _finish_section(self) -> None:
        if self.section and self.table_lines <= _HEAD_LINES:
            self.report(self.section_line, f"the section {self.section!r} has no statements")

    def _table_line(self, number: int, cells: list[str]) -> None:
        if not self.section:
            self.report(number, "a table stands before the first '## Section'")
        elif self.table_ended:
            self.report(number, f"the section {self.section!r} has a second table")
        elif self.table_lines == 0 and cells != _HEAD:
            self.report(number, f"the columns are not {', '.join(_HEAD)}")
        elif self.table_lines == 1 and cells != ["---"] * len(_HEAD):
            self.report(number, "the line below the columns is not '| --- | --- | --- |'")
        elif self.table_lines > 1:
            self._row(number, cells)
        self.table_lines += 1

    def _row(self, number: int, cells: list[str]) -> None:
        if len(cells) != len(_HEAD) or not all(cells):
            self.report(number, f"a row has three cells with text, this one has {len(cells)}")
            return
        statement, where, covered = cells
        document, _, heading = where.partition(", ")
        if document not in DOCUMENTS or not heading:
            remedy = f"Write 'document, heading'; the documents are {', '.join(DOCUMENTS)}"
            self.report(number, f"{where!r} is no place in the guide", remedy)
        answers = tuple(self._answers(number, covered))
        if len(answers) > 1 and any(answer.kind is Kind.BACKGROUND for answer in answers):
            self.report(number, "'background' stands beside another answer", "Keep one of the two")
        self.traces.append(Trace(statement, where, self.section, answers, self.path, number))

    def _answers(self, number: int, cell: str) -> Iterator[Answer]:
        for part in (part.strip() for part in cell.split(";")):
            for kind, pattern in _PATTERNS.items():
                if match := pattern.fullmatch(part):
                    yield from _as_answers(kind, match["text"])
                    break
            else:
                self.report(number, f"cannot read the answer {part!r}")


def _as_answers(kind: Kind, text: str) -> Iterator[Answer]:
    texts = REFERENCE.findall(text) if kind is Kind.REQUIREMENT else [text]
    return (Answer(kind, each) for each in texts)


def read(path: Path = PATH) -> tuple[Trace, ...]:
    """All statements in their order; raise SourceError with every finding of form."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        finding = Finding(path, 1, f"the file is not UTF-8: {error}", "Save it as UTF-8")
        raise SourceError([finding]) from error
    return _Reader(path).read(text)


def faults(traces: Iterable[Trace], specification: Specification) -> list[Finding]:
    """What the specification does not bear out: ids, Decision boxes; and statements told twice."""
    findings: list[Finding] = []
    first: dict[tuple[str, str], Trace] = {}
    for trace in traces:
        before = first.setdefault((trace.statement, trace.where), trace)
        if before is not trace:
            problem = f"the statement stands also in line {before.line}"
            findings.append(_at(trace, problem, "Keep one of the two"))
        findings += _wrong_references(trace, specification)
    return findings


def _wrong_references(trace: Trace, specification: Specification) -> Iterator[Finding]:
    for name in trace.texts(Kind.REQUIREMENT):
        if name not in specification:
            yield _unknown(trace, name, specification)
    for text in trace.texts(Kind.DEPARTURE):
        for name in REFERENCE.findall(text):
            if name not in specification:
                yield _unknown(trace, name, specification)
            elif not specification[name].decisions:
                problem = f"{name} has no Decision box that could hold the departure"
                yield _at(trace, problem, "Add one there, or take the id away here")


def _unknown(trace: Trace, name: str, specification: Specification) -> Finding:
    nearest = specification.nearest(name)
    remedy = f"Near are {', '.join(nearest)}" if nearest else "Name one that exists"
    return _at(trace, f"there is no requirement {name}", remedy)


def missing_files(traces: Iterable[Trace], root: Path) -> list[Finding]:
    """The paths that are not in the checkout at ``root``; a wheel has none to look at."""
    root = root.resolve()
    findings: list[Finding] = []
    for trace in traces:
        for name in trace.texts(Kind.FILE):
            target = (root / name).resolve()
            if not (target.is_relative_to(root) and target.exists()):
                remedy = "Write the path from the top of the repository, or 'open: …'"
                findings.append(_at(trace, f"there is no file {name} in the repository", remedy))
    return findings


def _at(trace: Trace, problem: str, remedy: str) -> Finding:
    return Finding(trace.path, trace.line, problem, remedy)


def render(path: Path = PATH) -> str:
    """The page for the site: the file as it is, with the count of the answers below its title."""
    traces = read(path)
    title, _, rest = path.read_text(encoding="utf-8-sig").partition("\n")
    return f"{title}\n\n{summary(traces)}\n{rest}"


def summary(traces: Sequence[Trace]) -> str:
    """How many statements are answered by what, and what the open ones wait for, as Markdown."""
    count = Counter(kind for t in traces for kind in {answer.kind for answer in t.answers})
    rows = [
        ("by requirements", count[Kind.REQUIREMENT]),
        ("by files", count[Kind.FILE]),
        ("by a stated departure", count[Kind.DEPARTURE]),
        ("open, wholly or in part", count[Kind.OPEN]),
        ("background only", count[Kind.BACKGROUND]),
    ]
    settled = len(traces) - count[Kind.OPEN]
    head = f"**{len(traces)} statements, of which {settled} are settled.**"
    text = f"{head} One that is answered in several ways counts in each line.\n\n"
    text += _table("Answered", rows)
    if waiting := Counter(text for t in traces for text in t.texts(Kind.OPEN)).most_common():
        text += "\n" + _table("What the open ones wait for", waiting)
    return text


def _table(head: str, rows: Iterable[tuple[str, int]]) -> str:
    lines = [f"| {head} | Statements |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join(lines) + "\n"
