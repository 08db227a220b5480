"""Reads requirement files: Markdown of one strict form, every departure reported with its line.

A file is one document::

    # Server                                  title
    Class: server                             conformance class
    …                                         introduction, free Markdown
    ## Initialize                             an area, with its introduction
    ### INIT-AUTO-CREATE · A title            a requirement, in the parts below, in this order
    `revision 1` · `MUST` · `core` · `checked`
    > The one obligation.
    **Why.** …
    **Source.** …
    **Also allowed.** none
    **Not observable.** …                     exactly when the line above says `not observable`
    **Decision: title.** …                    any number
    ```example                                at least one, unless not observable
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from session_spec.errors import Finding, SourceError
from session_spec.examples import Example, ExampleError, parse_example
from session_spec.requirement import (
    CLAIMS,
    Area,
    Decision,
    Document,
    Level,
    Origin,
    Passage,
    Requirement,
    Verification,
)

_HEADING = re.compile(r"### (?P<id>\S+) · (?P<title>.+)")
_ID = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
_PART = re.compile(r"\*\*(?P<name>[^*]+)\.\*\* *(?P<text>.*)", re.DOTALL)
_META = re.compile(
    r"`revision (?P<revision>[1-9]\d*)` · `(?P<level>MUST|SHOULD)` · "
    r"`(?P<binding>core|reference|claim [a-z-]+)` · "
    r"`(?P<verification>checked|statistical|not observable)`"
)
_ORDER = ["meta line", "obligation", "Why", "Source", "Also allowed", "Not observable", "Decision"]
_ORDER.append("example")
_FORM = "See CONTRIBUTING.md, 'The form of a requirement'"


@dataclass(frozen=True)
class _Block:
    """A run of lines without an empty one, or a fenced block whole."""

    line: int
    text: str


@dataclass
class _Draft:
    """A requirement while its parts are being read."""

    id: str
    title: str
    line: int
    meta: re.Match[str] | None = None
    parts: dict[str, str] = field(default_factory=dict[str, str])
    decisions: list[Decision] = field(default_factory=list[Decision])
    examples: list[Example] = field(default_factory=list[Example])
    last: int = -1
    seen: set[str] = field(default_factory=set[str])

    @property
    def unseen(self) -> bool:
        """Whether it is marked as not observable."""
        return self.meta is not None and self.meta["verification"] == "not observable"


class _FileParser:
    """Reads one file; collects findings instead of stopping at the first."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.blocks = list(_blocks(text.splitlines()))
        self.title = ""
        self.conformance_class = ""
        self.introduction: list[str] = []
        self.areas: list[tuple[str, list[str], list[Requirement]]] = []
        self.draft: _Draft | None = None

    def report(self, line: int, problem: str, remedy: str = _FORM) -> None:
        """Note a fault and go on."""
        self.findings.append(Finding(self.path, line, problem, remedy))

    def parse(self) -> Document:
        """Read all blocks; raise SourceError when there was any fault."""
        for block in self.blocks:
            self._block(block)
        self._finish()
        if not self.title:
            self.report(1, "the file has no '# Title'")
        if not self.conformance_class:
            self.report(1, "the file has no 'Class: …' line")
        if self.findings:
            raise SourceError(self.findings)
        areas = tuple(Area(t, "\n\n".join(i), tuple(r)) for t, i, r in self.areas)
        intro = "\n\n".join(self.introduction)
        passages = tuple(Passage(b.line, b.text) for b in self.blocks if _is_prose(b))
        return Document(self.path, self.title, self.conformance_class, intro, areas, passages)

    def _block(self, block: _Block) -> None:
        if block.text.startswith("### "):
            self._begin(block)
        elif block.text.startswith("## "):
            self._finish()
            self.areas.append((block.text[3:].strip(), [], []))
        elif block.text.startswith("# "):
            self.title = block.text[2:].strip()
        elif block.text.startswith("Class:") and not self.conformance_class:
            self._class(block)
        elif self.draft:
            self._part(self.draft, block)
        else:
            (self.areas[-1][1] if self.areas else self.introduction).append(block.text)

    def _class(self, block: _Block) -> None:
        name = block.text.removeprefix("Class:").strip()
        if name not in CLAIMS:
            self.report(
                block.line, f"there is no class {name!r}", f"The classes are {', '.join(CLAIMS)}"
            )
        self.conformance_class = name

    def _begin(self, block: _Block) -> None:
        self._finish()
        match = _HEADING.fullmatch(block.text)
        if not match or not _ID.fullmatch(match["id"]):
            self.report(block.line, "the heading is not '### AREA-NAME · Title'")
            return
        if not self.areas:
            self.report(block.line, f"{match['id']} stands before the first '## Area'")
            self.areas.append(("", [], []))
        self.draft = _Draft(match["id"], match["title"], block.line)

    def _part(self, draft: _Draft, block: _Block) -> None:
        kind = _kind(block.text)
        if kind not in _ORDER:
            self.report(block.line, f"{draft.id} has a part that is not known: {kind!r}")
            return
        place = _ORDER.index(kind)
        if place < draft.last:
            self.report(
                block.line, f"{draft.id}: {kind} stands after {_ORDER[draft.last]}",
                f"The order is {', '.join(_ORDER)}",
            )  # fmt: skip
        elif place == draft.last and kind not in ("Decision", "example"):
            self.report(block.line, f"{draft.id} has two parts {kind!r}", "Keep one")
        draft.last = max(place, draft.last)
        draft.seen.add(kind)
        self._take(draft, kind, block)

    def _take(self, draft: _Draft, kind: str, block: _Block) -> None:
        if kind == "meta line":
            draft.meta = _META.fullmatch(block.text)
            if not draft.meta:
                self.report(block.line, f"{draft.id}: the line of revision and level is not right")
        elif kind == "obligation":
            lines = [line.removeprefix(">").strip() for line in block.text.splitlines()]
            draft.parts[kind] = " ".join(lines)
        elif kind == "example":
            self._example(draft, block)
        elif match := _PART.match(block.text):
            text = " ".join(match["text"].split())
            if kind == "Decision":
                title = match["name"].removeprefix("Decision:").strip()
                draft.decisions.append(Decision(title, text))
            else:
                draft.parts[kind] = text

    def _example(self, draft: _Draft, block: _Block) -> None:
        lines = block.text.splitlines()[1:-1]
        try:
            draft.examples.append(parse_example(lines, block.line + 1))
        except ExampleError as error:
            self.report(block.line + 1 + error.line, f"{draft.id}: {error}")

    def _finish(self) -> None:
        draft, self.draft = self.draft, None
        if not draft:
            return
        for name in _missing(draft):
            self.report(draft.line, f"{draft.id} has no {name}")
        if draft.meta:
            if not draft.unseen and "Not observable" in draft.parts:
                self.report(draft.line, f"{draft.id} is not marked `not observable`, yet says why")
            self._claim(draft, draft.meta["binding"])
            if not self.findings:
                self.areas[-1][2].append(self._requirement(draft, draft.meta))

    def _claim(self, draft: _Draft, binding: str) -> None:
        claim = binding.removeprefix("claim ")
        known = CLAIMS.get(self.conformance_class, ())
        if claim != binding and claim not in known:
            names = ", ".join(known) or "none"
            self.report(
                draft.line, f"{draft.id}: class {self.conformance_class} has no claim {claim!r}",
                f"Its claims: {names}",
            )  # fmt: skip

    def _requirement(self, draft: _Draft, meta: re.Match[str]) -> Requirement:
        origin, _, claim = meta["binding"].partition(" ")
        return Requirement(
            id=draft.id,
            title=draft.title,
            revision=int(meta["revision"]),
            level=Level(meta["level"]),
            origin=Origin(origin),
            claim=claim or None,
            verification=Verification(meta["verification"]),
            obligation=draft.parts["obligation"],
            why=draft.parts["Why"],
            source=draft.parts["Source"],
            also_allowed=draft.parts["Also allowed"],
            not_observable=draft.parts.get("Not observable"),
            decisions=tuple(draft.decisions),
            examples=tuple(draft.examples),
            conformance_class=self.conformance_class,
            area=self.areas[-1][0],
            path=self.path,
            line=draft.line,
        )


def parse_document(path: Path, text: str) -> Document:
    """Read one requirement file; raise SourceError with every finding."""
    return _FileParser(path, text).parse()


def _missing(draft: _Draft) -> Iterator[str]:
    if "meta line" not in draft.seen:
        yield "meta line"
    needed = ["obligation", "Why", "Source", "Also allowed"]
    needed += ["Not observable"] if draft.unseen else []
    yield from (name for name in needed if not draft.parts.get(name))
    if not draft.unseen and "example" not in draft.seen:
        yield "example"


def _kind(text: str) -> str:
    if text.startswith("`"):
        return "example" if text.startswith("```example\n") else "meta line"
    if text.startswith(">"):
        return "obligation"
    match = _PART.match(text)
    name = match["name"] if match else text.splitlines()[0]
    return "Decision" if match and name.startswith("Decision:") else name


def _is_prose(block: _Block) -> bool:
    return not block.text.startswith(("```", ">")) and not _META.fullmatch(block.text)


def _blocks(lines: list[str]) -> Iterator[_Block]:
    """Split lines at empty ones; a heading is a block of its own, a fence keeps its empty lines."""
    block: list[str] = []
    start, fenced = 1, False
    for number, line in enumerate(lines, 1):
        fence = line.startswith("```")
        alone = not fenced and (line.startswith("#") or not line.strip() or fence)
        if alone and block:
            yield _Block(start, "\n".join(block))
            block = []
        if line.strip() or fenced:
            start = start if block else number
            block.append(line.rstrip())
        ends = (fenced and fence) or (not fenced and line.startswith("#"))
        fenced = fenced != fence
        if ends:
            yield _Block(start, "\n".join(block))
            block = []
    if block:
        yield _Block(start, "\n".join(block))
