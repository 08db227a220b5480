"""Requirements as lines of text: for a terminal, for a pipe, and as data."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import click

from session_spec import Requirement
from session_spec.examples import Event

CROSS = "✗"
"""The mark of a line that is forbidden."""

_WIDEST = 100
_MARGIN = "  "


def as_dict(requirement: Requirement) -> dict[str, Any]:
    """One requirement as data, the form of ``--json``."""
    return {
        "id": requirement.id,
        "title": requirement.title,
        "class": requirement.conformance_class,
        "area": requirement.area,
        "revision": requirement.revision,
        "level": requirement.level.value,
        "origin": requirement.origin.value,
        "claim": requirement.claim,
        "verification": requirement.verification.value,
        "obligation": requirement.obligation,
        "why": requirement.why,
        "source": requirement.source,
        "also_allowed": requirement.also_allowed,
        "not_observable": requirement.not_observable,
        "decisions": [{"title": d.title, "text": d.text} for d in requirement.decisions],
        "examples": [example.text for example in requirement.examples],
    }


def plain(requirements: Sequence[Requirement]) -> Iterator[str]:
    """One line each, for a pipe: id, class, whom it binds, title."""
    widths = [max(len(r.id) for r in requirements), max(len(r.binding) for r in requirements)]
    for r in requirements:
        yield f"{r.id:{widths[0]}}  {r.conformance_class:8}  {r.binding:{widths[1]}}  {r.title}"


def grouped(requirements: Sequence[Requirement]) -> Iterator[str]:
    """Under headings of class and area, for a terminal."""
    width = max(len(r.id) for r in requirements)
    for name, of_class in groupby(requirements, key=lambda r: r.conformance_class):
        yield click.style(f"Class {name}", bold=True)
        for area, inside in groupby(of_class, key=lambda r: r.area):
            yield click.style(f"{_MARGIN}{area}", dim=True)
            for r in inside:
                padding = " " * (width - len(r.id))
                yield f"{_MARGIN * 2}{click.style(r.id, fg='cyan')}{padding}  {r.title}{_tag(r)}"
        yield ""
    yield f"{len(requirements)} requirements. One of them in full: session-contract explain ID"


def _tag(requirement: Requirement) -> str:
    tag = "" if requirement.binding == "core" else f"  ({requirement.binding})"
    return click.style(tag, dim=True)


def explained(requirement: Requirement, *, cross: str = CROSS) -> Iterator[str]:
    """All there is to know of one requirement; ``cross`` marks what its examples forbid."""
    yield f"{click.style(requirement.id, fg='cyan', bold=True)} · {requirement.title}"
    facts = [f"class {requirement.conformance_class}", requirement.binding]
    facts += [f"revision {requirement.revision}", requirement.verification.value]
    yield click.style(" · ".join(facts), dim=True)
    yield ""
    yield from (
        click.style(line, bold=True) for line in _wrapped(_plain_text(requirement.obligation))
    )
    for title, text in _parts(requirement):
        yield ""
        yield click.style(title, underline=True)
        yield from _wrapped(_plain_text(text))
    for example in requirement.examples:
        yield ""
        yield click.style("Example", underline=True)
        yield from (_event(event, cross) for event in example.events)
    yield ""
    yield click.style(f"{requirement.path}:{requirement.line}", dim=True)


def _parts(requirement: Requirement) -> Iterator[tuple[str, str]]:
    yield "Why", requirement.why
    yield "Source", requirement.source
    yield "Also allowed", requirement.also_allowed
    if requirement.not_observable:
        yield "Not observable", requirement.not_observable
    for decision in requirement.decisions:
        yield f"Decision: {decision.title}", decision.text


def _event(event: Event, cross: str) -> str:
    if event.forbidden:
        return click.style(f"{_MARGIN}{cross} {event.text}", fg="red")
    return f"{_MARGIN}  {event.text}"


def _plain_text(text: str) -> str:
    """Markdown as a terminal shows it: without the marks of code."""
    return text.replace("`", "")


def _wrapped(text: str) -> list[str]:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.wrap(
        text, width, initial_indent=_MARGIN, subsequent_indent=_MARGIN, break_on_hyphens=False
    )
