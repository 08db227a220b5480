"""The list of known failures: each pins a reason, an issue and a day, and goes stale in the open.

::

    [[known]]
    requirement = "RACE-ONE-CREATOR"
    fails-with = "created"                 # a regular expression: the reason that is known
    issue = "https://example.com/issues/12"
    until = 2026-12-31
    kind = "sometimes"                     # or "always", which it is when left out
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from session_contract.results.run_result import CheckResult, Outcome
from session_contract.subject.toml_files import Section, read_toml

KINDS = ("always", "sometimes")


@dataclass(frozen=True)
class Known:
    """A failure that its owner knows of."""

    requirement: str
    fails_with: str
    issue: str
    until: date
    sometimes: bool = False
    """Whether it may also pass: a race, perhaps."""


def load_known(path: Path) -> list[Known]:
    """Read a list; a TargetError names what is wrong with it, and what to write instead."""
    top = read_toml(path)
    sections = top.sections("known")
    top.finish()
    found: dict[str, Known] = {}
    for section in sections:
        known = _known(section)
        if known.requirement in found:
            raise section.error(
                "requirement", f"is {known.requirement} again: join the two reasons with |"
            )
        found[known.requirement] = known
    return list(found.values())


def _known(section: Section) -> Known:
    texts = {key: section.text(key).strip() for key in ("requirement", "fails-with", "issue")}
    kind, until = section.text("kind", KINDS[0]), section.day("until")
    section.finish()
    for key, text in texts.items():
        if not text:
            raise section.error(key, "is missing: no failure is known without it")
    if kind not in KINDS:
        raise section.error("kind", f"is {kind!r}: write always or sometimes")
    _check_pattern(section, texts["fails-with"])
    return Known(texts["requirement"], texts["fails-with"], texts["issue"], until, kind == KINDS[1])


def _check_pattern(section: Section, pattern: str) -> None:
    try:
        is_blanket = re.compile(pattern).fullmatch("")
    except (re.error, RecursionError, OverflowError) as error:
        raise section.error("fails-with", f"is no regular expression: {error}") from None
    if is_blanket:
        raise section.error("fails-with", f"is {pattern!r}, which every failure fits: name one")


def stale(
    entries: Iterable[Known],
    checks: Sequence[CheckResult],
    bound: Collection[str],
    today: date,
) -> Mapping[str, str]:
    """The entries that do not hold any more: by requirement, why.

    Args:
        entries: The list.
        checks: What the checks of the run came to.
        bound: The ids of the requirements that bind the target.
        today: The day of the run.
    """
    reasons = {entry.requirement: _why_stale(entry, checks, bound, today) for entry in entries}
    return {requirement: reason for requirement, reason in reasons.items() if reason}


def _why_stale(
    entry: Known, checks: Sequence[CheckResult], bound: Collection[str], today: date
) -> str:
    if entry.requirement not in bound:
        return "there is no such requirement, or it is not claimed: take it off the list"
    if entry.until < today:
        return (
            f"the day until which it was known, {entry.until}, has passed: mend it ({entry.issue})"
        )
    own = [check for check in checks if check.requirement == entry.requirement]
    findings = [check.finding for check in own if check.finding]
    for finding in findings:
        if not re.search(entry.fails_with, finding.sentence):
            return f"it fails for another reason than {entry.fails_with!r}: {finding.sentence}"
    is_met = bool(own) and all(check.outcome is Outcome.MET for check in own)
    if is_met and not entry.sometimes:
        return f"it is met now: take it off the list, and close {entry.issue}"
    return ""
