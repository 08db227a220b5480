"""The list of known failures: what it may say, and when it goes stale."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from session_contract.results.known import Known, load_known, stale
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.subject.finding import Finding
from session_contract.subject.target import TargetError

ENTRY = """[[known]]
requirement = "RACE-ORDER"
fails-with = "created"
issue = "https://example.com/issues/12"
until = 2026-12-31
"""
TODAY = date(2026, 6, 1)
KNOWN = Known("RACE-ORDER", "created", "https://example.com/issues/12", date(2026, 12, 31))


def listed(tmp_path: Path, text: str) -> list[Known]:
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    return load_known(path)


def check(outcome: Outcome, sentence: str = "") -> CheckResult:
    finding = Finding("RACE-ORDER", sentence) if sentence else None
    return CheckResult("RACE-ORDER", 1, "a check", "race", outcome, finding=finding)


FAILS = check(Outcome.VIOLATED, "it created a second session")


def test___list___read___has_its_entries(tmp_path: Path) -> None:
    assert listed(tmp_path, ENTRY) == [KNOWN]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("until = 2026-12-31", 'until = "soon"', "has to be a date, such as 2026-12-31"),
        ("until = 2026-12-31", "", "has to be a date"),
        ('issue = "https://example.com/issues/12"', "", "issue is missing"),
        ('fails-with = "created"', 'fails-with = ".*"', "which every failure fits"),
        ('fails-with = "created"', 'fails-with = "("', "is no regular expression"),
        ("fails-with", "fails_with", "did you mean fails-with?"),
        ('"RACE-ORDER"', '""', "requirement is missing"),
        ("until", 'kind = "never"\nuntil', "write always or sometimes"),
        (ENTRY, ENTRY + ENTRY, "RACE-ORDER again"),
    ],
)
def test___wrong_list___read___says_what_to_write(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(TargetError) as refused:
        listed(tmp_path, ENTRY.replace(old, new))

    assert told in str(refused.value)
    assert "known.toml" in str(refused.value)


def test___known_failure_that_fails_as_known___judged___not_stale() -> None:
    assert stale([KNOWN], [FAILS, check(Outcome.MET)], ["RACE-ORDER"], TODAY) == {}


def test___last_day___judged___not_stale() -> None:
    assert stale([KNOWN], [FAILS], ["RACE-ORDER"], KNOWN.until) == {}


@pytest.mark.parametrize(
    ("checks", "bound", "today", "why"),
    [
        ([check(Outcome.MET)], ["RACE-ORDER"], TODAY, "it is met now"),
        ([check(Outcome.VIOLATED, "lost")], ["RACE-ORDER"], TODAY, "another reason"),
        ([FAILS, check(Outcome.VIOLATED, "lost")], ["RACE-ORDER"], TODAY, "another reason"),
        ([FAILS], ["CLOSE-OPEN"], TODAY, "no such requirement, or it is not claimed"),
        ([FAILS], ["RACE-ORDER"], date(2027, 1, 1), "has passed"),
    ],
)
def test___entry_that_does_not_hold___judged___stale(
    checks: list[CheckResult], bound: list[str], today: date, why: str
) -> None:
    assert why in stale([KNOWN], checks, bound, today)["RACE-ORDER"]


def test___entry_that_fails_sometimes___met___not_stale() -> None:
    sometimes = Known(KNOWN.requirement, "created", KNOWN.issue, KNOWN.until, sometimes=True)

    assert stale([sometimes], [check(Outcome.MET)], ["RACE-ORDER"], TODAY) == {}


def test___requirement_that_was_not_run___judged___not_stale() -> None:
    assert stale([KNOWN], [check(Outcome.NOT_RUN)], ["RACE-ORDER"], TODAY) == {}
    assert stale([KNOWN], [], ["RACE-ORDER"], TODAY) == {}
