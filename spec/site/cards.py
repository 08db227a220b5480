"""Shows one requirement as a card, with everything that a reader has to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from events import example_figure

from session_spec import Decision, Requirement

if TYPE_CHECKING:
    from prose import Prose

Evidence = Mapping[str, Sequence[tuple[str, str]]]
"""By requirement: what checks it or proves its check, as pairs of a text and a link (or none)."""


def card(requirement: Requirement, prose: Prose, evidence: Evidence) -> str:
    """The card of a requirement; its anchor is its id."""
    name = escape(requirement.id)
    kind = f"requirement {requirement.origin.value}"
    parts = [
        f'<article class="{kind}" id="{name}" aria-labelledby="title-{name}">\n<header>',
        f'<a class="id" href="#{name}" title="Link to this requirement">{name}</a>',
        f'<h3 id="title-{name}">{prose.inline(requirement.title)}</h3>',
        f"{badges(requirement)}</header>",
        f'<p class="obligation">{_obligation(requirement, prose)}</p>',
        _facts(requirement, prose),
        *(_decision(decision, prose) for decision in requirement.decisions),
        *(example_figure(example, prose.reference) for example in requirement.examples),
        _evidence(evidence.get(requirement.id, ())),
        "</article>\n",
    ]
    return "\n".join(part for part in parts if part)


def badges(requirement: Requirement) -> str:
    """Revision, level, whom it binds and how it is verified, as a list."""
    verification = requirement.verification.value
    words = [
        (f"level {requirement.level.value.lower()}", requirement.level.value),
        (f"binding {requirement.origin.value}", requirement.binding),
        (f"verification {verification.replace(' ', '-')}", verification),
        ("revision", f"revision {requirement.revision}"),
    ]
    items = "".join(f'<li class="badge {kind}">{escape(word)}</li>' for kind, word in words)
    return f'<ul class="badges" aria-label="Properties">{items}</ul>'


def _obligation(requirement: Requirement, prose: Prose) -> str:
    text = prose.inline(requirement.obligation)
    level = requirement.level.value
    keyword = f"{level} NOT" if f"{level} NOT" in text else level
    return text.replace(keyword, f"<strong>{keyword}</strong>", 1)


def _facts(requirement: Requirement, prose: Prose) -> str:
    facts = [
        ("Why", requirement.why),
        ("Source", requirement.source),
        ("Also allowed", requirement.also_allowed),
    ]
    if requirement.not_observable:
        facts.append(("Not observable", requirement.not_observable))
    rows = "".join(_fact(term, text, prose) for term, text in facts)
    return f'<dl class="facts">\n{rows}</dl>'


def _fact(term: str, text: str, prose: Prose) -> str:
    kind = ' class="none"' if text == "none" else ""
    return f"<div{kind}><dt>{term}</dt><dd>{prose.inline(text)}</dd></div>\n"


def _decision(decision: Decision, prose: Prose) -> str:
    title = prose.inline(decision.title)
    return (
        f'<section class="decision"><h4><span class="kind">Decision</span> {title}</h4>'
        f"<p>{prose.inline(decision.text)}</p></section>"
    )


def _evidence(items: Sequence[tuple[str, str]]) -> str:
    if not items:
        return ""
    rows = "".join(f"<li>{_linked(text, link)}</li>" for text, link in items)
    return (
        '<section class="evidence"><h4>Checked by, and wrong implementations</h4>'
        f"<ul>{rows}</ul></section>"
    )


def _linked(text: str, link: str) -> str:
    return f'<a href="{escape(link)}">{escape(text)}</a>' if link else escape(text)
