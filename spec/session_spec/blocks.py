"""Splits Markdown into blocks: headings, fenced blocks and paragraphs, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FENCE = "```"


@dataclass(frozen=True)
class Block:
    """A heading, a fenced block with its fences, or a run of lines without an empty one."""

    line: int
    text: str
    closed: bool = True
    """Whether a fenced block ends with a fence of its own."""

    @property
    def is_heading(self) -> bool:
        """Whether it is, or looks like, a heading: whatever begins with ``#``."""
        return self.text.lstrip().startswith("#")


def split(text: str) -> Iterator[Block]:
    """The blocks of a text, in order; what stands behind an open fence is not to be trusted."""
    run: list[str] = []
    start = 1
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        alone = Block(number, line.rstrip())
        fenced = line.startswith(FENCE)
        if run and (fenced or alone.is_heading or not alone.text):
            yield Block(start, "\n".join(run))
            run = []
        if fenced:
            yield _fenced(alone, lines)
        elif alone.is_heading:
            yield alone
        elif alone.text:
            start = start if run else number
            run.append(alone.text)
    if run:
        yield Block(start, "\n".join(run))


def _fenced(first: Block, rest: Iterator[tuple[int, str]]) -> Block:
    """The block that a fence begins; another beginning before its end leaves it open."""
    lines = [first.text]
    for _, line in rest:
        lines.append(line.rstrip())
        if line.startswith(FENCE):
            return Block(first.line, "\n".join(lines), closed=lines[-1] == FENCE)
    return Block(first.line, "\n".join(lines), closed=False)
