"""The part of the page about what is not met, and about what has no verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from session_contract.results.causes import CAUSES
from session_contract.results.markup import linked, section, standing_mark, text
from session_contract.results.run_result import CheckResult, RunResult, Standing
from session_contract.results.terminal import check_in_words, reasons, shortened
from session_contract.results.text_timeline import short_names
from session_contract.results.timeline import figure
from session_contract.results.verdict import standings
from session_contract.subject.finding import Finding
from session_spec import Specification


def failures(result: RunResult, specification: Specification) -> str:
    """Every violation in full, those that are known behind the others; then what is open."""
    found = standings(result, specification)
    shown: dict[str, list[CheckResult]] = {}
    for check in result.checks:
        if check.finding:
            shown.setdefault(check.requirement, []).append(check)
    cards = {
        name: _card(checks, found, specification) for name, checks in shown.items() if name in found
    }
    known = [name for name in cards if found[name] is Standing.KNOWN_FAILURE]
    new = [card for name, card in cards.items() if name not in known]
    parts = [
        _section("violations", "What is violated", new),
        _section("known", "Known failures", [cards[name] for name in known]),
        _stale(result),
        _open(result),
    ]
    return "\n".join(part for part in parts if part)


def _section(name: str, heading: str, cards: Sequence[str]) -> str:
    return section(name, heading, "\n".join(cards)) if cards else ""


def _card(
    checks: Sequence[CheckResult], found: Mapping[str, Standing], specification: Specification
) -> str:
    first = checks[0]
    assert first.finding is not None
    requirement = specification[first.requirement]
    name = text(requirement.id)
    kind = f"revision {requirement.revision}, {requirement.binding}, {requirement.level.value}"
    parts = [
        f'<article id="{name}" aria-labelledby="title-{name}">',
        f"<header><code>{name}</code> {standing_mark(found[name])}",
        f'<span class="note">{kind}</span>',
        f'<h3 id="title-{name}">{text(requirement.title)}</h3></header>',
        f'<p class="obligation">{linked(requirement.obligation, found)}</p>',
        *_told(first.finding),
        *_more(checks),
        "</article>",
    ]
    return "\n".join(parts)


def _told(finding: Finding) -> Iterable[str]:
    """The finding: what happened, the calls, why no order of them is allowed, the usual cause."""
    names = short_names(finding.records)
    seen = f"In {text(finding.seen)}: " if finding.seen else ""
    yield f'<p class="happened">{seen}{text(shortened(finding.sentence, names), 1000)}.</p>'
    if finding.records:
        yield figure(finding.records, finding.requirement)
    if finding.events:
        items = "".join(
            f'<li><span class="lane">{text(event.who)}</span> '
            f"<code>{text(event.text, 400)}</code></li>\n"
            for event in finding.events
        )
        yield f'<ol class="calls">\n{items}</ol>'
    if finding.left_out:
        left_out = f"{finding.left_out} other calls are left out; they change nothing."
        yield f'<p class="note">{left_out}</p>'
    if finding.orders:
        orders = (text(shortened(order, names), 1000) for order in finding.orders)
        items = "".join(f"<li>{order}</li>\n" for order in orders)
        yield f"<h4>No order of these calls is allowed</h4>\n<ul>\n{items}</ul>"
    if finding.facts:
        items = "".join(f"<li>{text(fact, 1000)}</li>\n" for fact in finding.facts)
        yield f"<h4>Observed</h4>\n<ul>\n{items}</ul>"
    if finding.requirement in CAUSES:
        cause = CAUSES[finding.requirement]
        yield f"<h4>Often the cause</h4>\n<p>{text(cause[0].upper() + cause[1:])}.</p>"


def _more(checks: Sequence[CheckResult]) -> Iterable[str]:
    """Who else found it, and how to see it again."""
    if len(checks) > 1:
        others = "".join(f"<li>{text(check_in_words(c.check))}</li>\n" for c in checks[1:])
        yield (
            f"<details><summary>Found by {len(checks) - 1} more</summary>\n"
            f"<ul>\n{others}</ul></details>"
        )
    if checks[0].replay:
        yield (
            f'<p class="again">Again: <code>session-contract replay {text(checks[0].replay)}</code>'
            f" · Text: <code>session-contract explain {text(checks[0].requirement)}</code></p>"
        )


def _stale(result: RunResult) -> str:
    items = "".join(
        f"<li><code>{text(name)}</code> {text(why)}</li>\n" for name, why in result.stale.items()
    )
    why = "<p>These entries do not hold any more: take them out, or write what is true now.</p>"
    heading = "Stale entries of the known failures"
    return section("stale", heading, f"{why}\n<ul>\n{items}</ul>") if items else ""


def _open(result: RunResult) -> str:
    items = "".join(
        f"<li>{text(reason, 1000)}<br>{' '.join(f'<code>{text(name)}</code>' for name in names)}"
        "</li>\n"
        for reason, names in reasons(result)
    )
    return section("open", "What has no verdict, and why", f"<ul>\n{items}</ul>") if items else ""
