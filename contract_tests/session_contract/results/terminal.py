"""A run as lines of text: for a terminal, and for a pipe."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import click

from session_contract.output import can_show
from session_contract.results.causes import CAUSES
from session_contract.results.run_result import CheckResult, Outcome, RunResult, Standing, Verdict
from session_contract.results.text_timeline import printable, short_names, timeline
from session_contract.results.verdict import name_of, scope, sentence, standings, verdict
from session_contract.subject.finding import Event, Finding
from session_spec import Origin, Requirement, Specification

_WIDTH = 100
_MARKS: Mapping[Standing, tuple[str, str, str]] = {
    Standing.MET: ("✓", "+", "green"),
    Standing.VIOLATED: ("✗", "x", "red"),
    Standing.FIXED_BUT_LISTED: ("✗", "x", "red"),
    Standing.KNOWN_FAILURE: ("!", "!", "yellow"),
    Standing.NOT_RUN: ("?", "?", "yellow"),
    Standing.INCONCLUSIVE: ("?", "?", "yellow"),
    Standing.KIT_ERROR: ("?", "?", "magenta"),
    Standing.NOT_CLAIMED: ("·", "-", "white"),
    Standing.NOT_OBSERVABLE: ("·", "-", "white"),
}
"""The mark of a standing, the same where the console cannot show it, and its colour."""
_QUIET = (Standing.MET, Standing.NOT_CLAIMED, Standing.NOT_OBSERVABLE)
_VERDICT_COLOURS = {Verdict.HOLDS: "green", Verdict.VIOLATED: "red"}


def header(result: RunResult) -> Iterator[str]:
    """What is judged, with what, and everything that can change the outcome."""
    lines = facts(result)
    width = max(map(len, lines))
    for name, text in lines.items():
        yield f"{name:{width}}  {printable(text, 200)}"


def facts(result: RunResult) -> dict[str, str]:
    """What is judged, with what, and everything that can change the outcome, by name."""
    return {
        "target": f"{name_of(result)} ({result.place})",
        "held against": f"session sharing {result.spec_version}, {scope(result)}",
        "kit": f"session-contract {result.kit_version}",
        "seed": str(result.seed),
        "known failures": ", ".join(result.known) or "none",
        **result.environment,
    }


def requirements(result: RunResult, specification: Specification) -> Iterator[str]:
    """How each requirement stands, by area."""
    found = standings(result, specification)
    ran = Counter(c.requirement for c in result.checks if c.outcome is not Outcome.NOT_RUN)
    width = max((len(name) for name in found), default=0)
    due = [specification[name] for name in found]
    for area, inside in groupby(due, key=lambda r: r.area):
        members = list(inside)
        if all(found[r.id] is Standing.NOT_CLAIMED for r in members):
            yield click.style(f"{area}: not claimed", dim=True)
            continue
        yield click.style(area, bold=True)
        for requirement in members:
            yield f"  {_row(requirement, found[requirement.id], ran[requirement.id], width)}"


def _row(requirement: Requirement, standing: Standing, ran: int, width: int) -> str:
    words = "" if standing is Standing.MET else f"  {standing.value}"
    if standing is Standing.NOT_CLAIMED and requirement.origin is Origin.REFERENCE:
        words = "  our choice: does not count"
    checks = f"  ({ran} check{'' if ran == 1 else 's'})" if ran else ""
    text = f"{mark(standing)} {requirement.id:{width}}  {requirement.title}{words}{checks}"
    return text if standing in _QUIET else click.style(text, fg=_MARKS[standing][2])


def mark(standing: Standing) -> str:
    """The mark of a standing, as the console can show it."""
    wanted, simple, _ = _MARKS[standing]
    return wanted if can_show(wanted) else simple


def failures(result: RunResult, specification: Specification) -> Iterator[str]:
    """Every violation in full, each requirement once, and why others have no verdict."""
    shown: dict[str, list[CheckResult]] = {}
    for check in result.checks:
        if check.finding:
            shown.setdefault(check.requirement, []).append(check)
    for checks in shown.values():
        yield from violation(checks, specification)
        yield ""
    for reason, ids in reasons(result):
        yield from _wrapped(f"{_some(ids)}: {reason}")


def violation(checks: Sequence[CheckResult], specification: Specification) -> Iterator[str]:
    """A violated requirement: what happened, why that cannot be, what to do about it."""
    first = checks[0]
    assert first.finding is not None
    requirement = specification[first.requirement]
    cross = mark(Standing.VIOLATED)
    yield click.style(f"{cross} {requirement.id}  {requirement.title}", fg="red", bold=True)
    yield f"  revision {requirement.revision}, {requirement.binding}, {requirement.level.value}"
    yield from _indented(told(first.finding))
    if len(checks) > 1:
        others = "; ".join(check_in_words(check.check) for check in checks[1:4])
        yield from _indented(_wrapped(f"Found by {len(checks) - 1} more: {others}"))
    if requirement.conformance_class == "station":
        # NI's services are closed: whoever is told that one is wrong asks how that is known.
        yield from _indented(_wrapped(f"Source: {requirement.source}"))
    yield f"  Text:   session-contract explain {requirement.id}"
    if first.replay:
        yield f"  Again:  session-contract replay {first.replay}"


def check_in_words(name: str) -> str:
    """The name of a check as people read it: what is given, what is done, what is due."""
    plain, bracket, case = name.partition("[")
    words = plain.removeprefix("test___").replace("___", ", ").replace("_", " ")
    return f"{words} {bracket}{case}".rstrip()


def told(finding: Finding) -> Iterator[str]:
    """A finding: the sentence, the calls, why no order of them is allowed, the usual cause."""
    names = short_names(finding.records)
    seen = f" in {finding.seen}" if finding.seen else ""
    yield from _wrapped(f"Violated{seen}: {shortened(finding.sentence, names)}.")
    if finding.records:
        yield ""
        yield from (f"  {line}" for line in timeline(finding.records))
        yield ""
    if finding.events:
        yield ""
        yield from (f"  {line}" for line in _events(finding.events))
        yield ""
    if finding.orders:
        yield "No order of these calls is allowed:"
        for order in finding.orders:
            yield from _wrapped(shortened(order, names), indent="  ")
    if finding.left_out:
        yield f"{finding.left_out} other calls are left out; they change nothing about this."
    for fact in finding.facts:
        yield from _wrapped(f"Observed: {printable(fact, 400)}")
    if finding.requirement in CAUSES:
        yield from _wrapped(f"Often the cause: {CAUSES[finding.requirement]}.")


def _events(events: Sequence[Event]) -> Iterator[str]:
    """What happened, one line each, under the name of who did it."""
    width = max(len(event.who) for event in events)
    for event in events:
        yield f"{printable(event.who):{width}}  {printable(event.text, 200)}"


def shortened(text: str, names: Mapping[str, str]) -> str:
    """A sentence with the short names of ids and resources, without its full stop."""
    for name in sorted(names, key=len, reverse=True):
        if len(name) > len(names[name]) > 0:
            text = text.replace(name, names[name])
    return printable(text.rstrip("."), 400)


def conclusion(result: RunResult, specification: Specification) -> str:
    """The verdict sentence, the last line of a run."""
    colour = _VERDICT_COLOURS.get(verdict(result, specification), "yellow")
    return click.style(sentence(result, specification), fg=colour, bold=True)


def reasons(result: RunResult) -> Iterator[tuple[str, list[str]]]:
    """Why checks have no verdict, with the requirements that wait for it."""
    reasons: dict[str, dict[str, None]] = {}
    for check in result.checks:
        if check.reason and not check.finding and check.reason != result.complaint:
            text = f"{check.outcome.value}: {check.reason}"
            reasons.setdefault(text, {})[check.requirement] = None
    for reason, ids in reasons.items():
        yield reason, list(ids)


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH - 4, initial_indent=indent, subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )  # fmt: skip


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)
