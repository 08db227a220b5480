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
from pathlib import Path

from session_spec.blocks import FENCE, Block, split
from session_spec.errors import Finding, SourceError
from session_spec.examples import ExampleError, parse_example
from session_spec.parts import META, ORDER, PART, Draft, kind_of
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
_FORM = "See CONTRIBUTING.md, 'The form of a requirement'"
_HEADINGS = "A line with '#' is '# Title', '## Area' or '### AREA-NAME · Title'"


class _FileParser:
    """Reads one file; collects findings instead of stopping at the first."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.blocks = list(split(text))
        self.title = ""
        self.conformance_class = ""
        self.introduction: list[str] = []
        self.areas: list[tuple[str, list[str], list[Requirement]]] = []
        self.draft: Draft | None = None

    def report(self, line: int, problem: str, remedy: str = _FORM) -> None:
        """Note a fault and go on."""
        self.findings.append(Finding(self.path, line, problem, remedy))

    def parse(self) -> Document:
        """Read all blocks; raise SourceError when there was any fault."""
        self._fences()
        for block in self.blocks:
            self._block(block)
        self._finish()
        self._whole()
        if self.findings:
            raise SourceError(self.findings)
        areas = tuple(Area(t, "\n\n".join(i), tuple(r)) for t, i, r in self.areas)
        intro = "\n\n".join(self.introduction)
        passages = tuple(Passage(b.line, b.text) for b in self.blocks if _is_prose(b))
        return Document(self.path, self.title, self.conformance_class, intro, areas, passages)

    def _fences(self) -> None:
        """Stop at a fence without an end: all that stands behind it would be misread."""
        for block in self.blocks:
            if not block.closed:
                self.report(
                    block.line, "the fenced block has no end", f"End it with a line {FENCE}"
                )
                raise SourceError(self.findings)

    def _whole(self) -> None:
        if not self.title:
            self.report(1, "the file has no '# Title'")
        if not self.conformance_class:
            self.report(1, "the file has no 'Class: …' line")
        if not self.findings and not any(requirements for _, _, requirements in self.areas):
            self.report(1, "the file has no requirement")

    def _block(self, block: Block) -> None:
        if block.is_heading:
            self._heading(block)
        elif block.text.startswith("Class:"):
            self._class(block)
        elif self.draft:
            self._part(self.draft, block)
        else:
            (self.areas[-1][1] if self.areas else self.introduction).append(block.text)

    def _heading(self, block: Block) -> None:
        marks, _, title = block.text.partition(" ")
        if marks == "###":
            self._begin(block)
        elif marks == "##" and title:
            self._finish()
            self.areas.append((title.strip(), [], []))
        elif marks == "#" and title:
            self._title(block, title.strip())
        else:
            self._finish()
            self.report(block.line, f"{block.text!r} is no heading of this form", _HEADINGS)

    def _title(self, block: Block, title: str) -> None:
        if self.title:
            self.report(block.line, "the file has two titles", _HEADINGS)
        elif block is not self.blocks[0]:
            self.report(block.line, "the title is not the first line")
        self.title = title

    def _class(self, block: Block) -> None:
        if self.conformance_class:
            self.report(block.line, "the file has two lines 'Class: …'", "Keep one")
        elif self.areas:
            self.report(block.line, "the line 'Class: …' stands after the first '## Area'")
        name = block.text.removeprefix("Class:").strip()
        if name not in CLAIMS:
            self.report(
                block.line, f"there is no class {name!r}", f"The classes are {', '.join(CLAIMS)}"
            )
        self.conformance_class = name

    def _begin(self, block: Block) -> None:
        self._finish()
        match = _HEADING.fullmatch(block.text)
        if not match or not _ID.fullmatch(match["id"]):
            self.report(block.line, "the heading is not '### AREA-NAME · Title'")
            return
        if not self.areas:
            self.report(block.line, f"{match['id']} stands before the first '## Area'")
            self.areas.append(("", [], []))
        self.draft = Draft(match["id"], match["title"], block.line)

    def _part(self, draft: Draft, block: Block) -> None:
        kind = kind_of(block.text)
        if kind is None:
            first = block.text.splitlines()[0]
            self.report(block.line, f"{draft.id} has a part that is not known: {first!r}")
            return
        place = ORDER.index(kind)
        if place < draft.last:
            self.report(
                block.line, f"{draft.id}: {kind} stands after {ORDER[draft.last]}",
                f"The order is {', '.join(ORDER)}",
            )  # fmt: skip
        elif place == draft.last and kind not in ("Decision", "example"):
            self.report(block.line, f"{draft.id} has two parts {kind!r}", "Keep one")
        draft.last = max(place, draft.last)
        draft.seen.add(kind)
        self._take(draft, kind, block)

    def _take(self, draft: Draft, kind: str, block: Block) -> None:
        if kind == "meta line":
            draft.meta = META.fullmatch(block.text)
            if not draft.meta:
                self.report(block.line, f"{draft.id}: the line of revision and level is not right")
        elif kind == "obligation":
            lines = [line.removeprefix(">").strip() for line in block.text.splitlines()]
            draft.parts[kind] = " ".join(lines)
        elif kind == "example":
            self._example(draft, block)
        elif match := PART.match(block.text):
            text = " ".join(match["text"].split())
            if kind == "Decision":
                self._decision(draft, block, match["name"], text)
            else:
                draft.parts[kind] = text

    def _decision(self, draft: Draft, block: Block, name: str, text: str) -> None:
        title = name.removeprefix("Decision").removeprefix(":").strip()
        if not title or not text:
            problem = f"{draft.id}: a decision has a title and a text"
            self.report(block.line, problem, "Write '**Decision: title.** text'")
        draft.decisions.append(Decision(title, text))

    def _example(self, draft: Draft, block: Block) -> None:
        lines = block.text.splitlines()[1:-1]
        try:
            draft.examples.append(parse_example(lines, block.line + 1))
        except ExampleError as error:
            self.report(block.line + 1 + error.line, f"{draft.id}: {error}")

    def _finish(self) -> None:
        draft, self.draft = self.draft, None
        if not draft:
            return
        for name in draft.missing():
            self.report(draft.line, f"{draft.id} has no {name}")
        if draft.meta:
            if not draft.unseen and "Not observable" in draft.parts:
                self.report(draft.line, f"{draft.id} is not marked `not observable`, yet says why")
            self._claim(draft, draft.meta["binding"])
            if not self.findings:
                self.areas[-1][2].append(self._requirement(draft, draft.meta))

    def _claim(self, draft: Draft, binding: str) -> None:
        claim = binding.removeprefix("claim ")
        known = CLAIMS.get(self.conformance_class, ())
        if claim != binding and claim not in known:
            names = ", ".join(known) or "none"
            self.report(
                draft.line, f"{draft.id}: class {self.conformance_class} has no claim {claim!r}",
                f"Its claims: {names}",
            )  # fmt: skip

    def _requirement(self, draft: Draft, meta: re.Match[str]) -> Requirement:
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


def _is_prose(block: Block) -> bool:
    return not block.text.startswith((FENCE, ">")) and not META.fullmatch(block.text)
