"""Pieces of HTML that the parts of the page share."""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape

from session_contract.results.run_result import Standing
from session_contract.results.text_timeline import printable


def text(words: str, most: int = 400) -> str:
    """A text of a foreign server, such that it is a text and nothing else."""
    return escape(printable(words, most))


def linked(words: str, ids: Collection[str]) -> str:
    """A text in which each of these requirements leads to what the page has of it."""
    return re.sub(
        r"\[?\b([A-Z]+(?:-[A-Z]+)+)\b\]?",
        lambda found: f'<a href="#{found[1]}">{found[1]}</a>' if found[1] in ids else found[0],
        text(words, 4000),
    )


def section(name: str, heading: str, content: str) -> str:
    """A part of the page with a heading."""
    return f'<section id="{name}">\n<h2>{heading}</h2>\n{content}\n</section>'


def standing_mark(standing: Standing) -> str:
    """How a requirement stands: always in words, so that no colour is needed to read it."""
    kind = _KINDS.get(standing, "open")
    return f'<span class="standing {kind}">{standing.value}</span>'


_KINDS = {
    Standing.MET: "met",
    Standing.VIOLATED: "violated",
    Standing.FIXED_BUT_LISTED: "violated",
    Standing.NOT_CLAIMED: "out",
    Standing.NOT_OBSERVABLE: "out",
}


def scrolling(table: str, label: str) -> str:
    """A table that scrolls by itself where the screen is narrower; with the keyboard as well."""
    return f'<div class="table" role="region" aria-label="{label}" tabindex="0">{table}</div>'
