"""Runs side by side: what is called broken, fixed, or no longer checked, and the exit codes."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from session_contract.checks.marking import specification
from session_contract.cli import cli
from session_contract.results import files
from session_contract.results.diff import Change, differences, verdict_of
from session_contract.results.run_result import Outcome, RunResult, Verdict

make: Any = importlib.import_module("result_makers")
MET: RunResult = make.MET
NAME = "CLOSE-OPEN"
BAD = replace(MET, checks=[*MET.checks, make.check(NAME, Outcome.VIOLATED)])
OPEN = replace(MET, checks=[check for check in MET.checks if check.requirement != NAME])
KNOWN = replace(BAD, known=[NAME])
LISTED = replace(MET, known=[NAME], stale={NAME: "it is met"})


@pytest.mark.parametrize(
    ("old", "new", "change", "verdict"),
    [
        (MET, MET, None, Verdict.HOLDS),
        (OPEN, OPEN, None, Verdict.HOLDS),
        (MET, LISTED, None, Verdict.HOLDS),
        (BAD, MET, Change.FIXED, Verdict.HOLDS),
        (KNOWN, LISTED, Change.FIXED, Verdict.HOLDS),
        (OPEN, MET, Change.NEWLY_CHECKED, Verdict.HOLDS),
        (BAD, KNOWN, Change.STILL_VIOLATED, Verdict.HOLDS),
        (MET, BAD, Change.BROKEN, Verdict.VIOLATED),
        (MET, KNOWN, Change.BROKEN, Verdict.VIOLATED),
        (OPEN, BAD, Change.BROKEN, Verdict.VIOLATED),
        (MET, OPEN, Change.NO_LONGER_CHECKED, Verdict.NOT_ESTABLISHED),
        (BAD, OPEN, Change.NO_LONGER_CHECKED, Verdict.NOT_ESTABLISHED),
    ],
)
def test___two_runs___compared___the_change_and_the_verdict_on_it(
    old: RunResult, new: RunResult, change: Change | None, verdict: Verdict
) -> None:
    found = differences(old, new, make.SPECIFICATION)

    expected = [(NAME, change)] if change else []
    assert [(one.requirement, one.change) for one in found] == expected
    assert verdict_of(found) is verdict


def test___something_broke_and_something_is_not_checked___compared___the_worse_comes_first() -> (
    None
):
    other = make.check("CLOSE-UNKNOWN", Outcome.VIOLATED)

    found = differences(MET, replace(OPEN, checks=[*OPEN.checks, other]), make.SPECIFICATION)

    assert [one.change for one in found] == [Change.BROKEN, Change.NO_LONGER_CHECKED]
    assert verdict_of(found) is Verdict.VIOLATED


def test___a_claim_taken_back___compared___is_no_longer_checked() -> None:
    use = make.check("USE-ORDER", Outcome.MET)
    old = replace(MET, claims=["use"], checks=[*MET.checks, use])

    found = differences(old, MET, make.SPECIFICATION)

    assert [(one.requirement, one.change) for one in found] == [
        ("USE-ORDER", Change.NO_LONGER_CHECKED)
    ]


def command(folder: Path, name: str, *results: RunResult) -> Result:
    """Run a command on the results of some runs."""
    paths: list[str] = []
    for number, result in enumerate(results):
        path = folder / f"run {number}"
        path.mkdir()
        files.write_all(result, specification(), path)
        paths.append(str(path))
    return CliRunner().invoke(cli, [name, *paths])


def test___broken___diff___names_it_with_both_standings(tmp_path: Path) -> None:
    result = command(tmp_path, "diff", MET, replace(BAD, target="acme \x1b[31m"))

    assert result.exit_code == 1
    assert "old  acme 2.3.1, 2026-11-24" in result.stdout
    assert "new  acme \\x1b[31m 2.3.1" in result.stdout
    title = make.SPECIFICATION[NAME].title
    assert f"broken\n  {NAME}  {title}  (met -> violated)\n" in result.stdout
    assert result.stdout.endswith("\nSomething broke.\n")


@pytest.mark.parametrize(
    ("new", "code", "sentence"),
    [(MET, 0, "Nothing got worse."), (OPEN, 5, "less is checked than before.")],
)
def test___nothing_broken___diff___its_exit_code_says_whether_less_is_checked(
    tmp_path: Path, new: RunResult, code: int, sentence: str
) -> None:
    result = command(tmp_path, "diff", MET, new)

    assert result.exit_code == code
    assert result.stdout.rstrip().endswith(sentence)


@pytest.mark.parametrize("arguments", [["diff", "a", "b"], ["compare", "a"]])
def test___no_results___either_command___says_so_and_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 2
    assert "a cannot be read" in result.output


def test___runs___compare___has_a_column_for_each_and_a_legend(tmp_path: Path) -> None:
    other = replace(BAD, target="other \x1b[31m")

    result = command(tmp_path, "compare", MET, other)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("1  acme 2.3.1 meets")
    assert lines[1].startswith("2  other \\x1b[31m 2.3.1 does not meet")
    (row,) = [line for line in lines if line.startswith(f"  {NAME} ")]
    assert row.split()[1:3] == ["✓", "✗"]
    assert lines[-1] == "✓ met, ✗ violated, · not claimed"
