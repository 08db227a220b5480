"""Each exit code of a run, and the last line that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.small_runs import Left, SmallRuns


KNOWN = """[[known]]
requirement = "RACE-ORDER"
fails-with = "created twice"
issue = "https://example.com/12"
until = 2999-12-31
"""


def last(result: Left) -> str:
    return str(result.stdout.splitlines()[-1])


def test___all_met___run___0(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)

    result = runs.run()

    assert result.exit_code == 0
    assert last(result).startswith("locks 7 meets session sharing")


def test___violation___run___1(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, runs.violated)

    result = runs.run()

    assert result.exit_code == 1
    assert last(result).startswith("locks 7 does not meet session sharing")
    assert "Violated: it was created twice." in result.stdout


def test___known_violation___run___0_but_does_not_meet(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, runs.violated)
    runs.file("known.toml", KNOWN)

    result = runs.run("--known-failures", "known.toml")

    assert result.exit_code == 0
    assert "does not meet" in last(result)
    assert "known failures  RACE-ORDER" in result.stdout


def test___known_failures_named_by_the_target___run___count(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, runs.violated)
    runs.file("known.toml", KNOWN)
    runs.file("target.toml", runs.target + 'known_failures = "known.toml"\n')

    assert runs.run().exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("created twice", "never seen", "another reason"),
        ("2999", "2001", "has passed"),
        ("RACE-ORDER", "NO-SUCH-ID", "no such requirement"),
    ],
)
def test___stale_list___run___1(runs: SmallRuns, old: str, new: str, why: str) -> None:
    runs.checks(runs.all_met, runs.violated)
    runs.file("known.toml", KNOWN.replace(old, new))

    result = runs.run("--known-failures", "known.toml")

    assert result.exit_code == 1
    assert why in last(result)


def test___known_failure_that_is_met___run___1(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)
    runs.file("known.toml", KNOWN)

    result = runs.run("--known-failures", "known.toml")

    assert result.exit_code == 1
    assert "is stale" in last(result)
    assert "it is met now" in last(result)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--address", "127.0.0.1:1"], "--target and --address stand together"),
        (["--claim", "use"], "--claim belongs into the target file"),
        (["--known-failures", "none.toml"], "none.toml cannot be read"),
        (["-k", "((("], "Wrong expression"),
        (["-n", "x"], "'x' is not a valid integer"),
    ],
)
def test___wrong_usage___run___2(runs: SmallRuns, arguments: list[str], told: str) -> None:
    runs.checks(runs.all_met)

    result = runs.run(*arguments)

    assert result.exit_code == 2
    assert told in result.stderr


def test___no_target_file___run___2(runs: SmallRuns) -> None:
    result = runs.run(of="none.toml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.toml cannot be read" in result.stderr


def test___no_target___run___2(runs: SmallRuns) -> None:
    result = runs.command("run")

    assert result.exit_code == 2
    assert "No target is named: give one of --target, --address" in result.stderr


def test___names_that_do_not_fit_the_server___run___2(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)
    runs.file("target.toml", runs.target + '[service]\ninitialize = "Nothing"\n')

    result = runs.run()

    assert result.exit_code == 2
    assert "Nothing" in result.stderr
    assert "Traceback" not in result.stderr


def test___results_that_cannot_be_written___run___2(runs: SmallRuns) -> None:
    runs.results = runs.file("occupied", "")

    result = runs.run()

    assert result.exit_code == 2
    assert "Name a folder with --results" in result.stderr


def test___nobody_listens___run___3(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)
    runs.file("target.toml", '[target]\nname = "gone"\naddress = "127.0.0.1:1"\n')

    result = runs.run()

    assert result.exit_code == 3
    assert last(result).startswith("gone does not answer, so that nothing is established")


def test___target_that_died___run___3_and_ends_at_once(runs: SmallRuns) -> None:
    died = runs.one.format('raise TargetDied("it answers no call")')
    runs.checks(died + 'print("x")\n@requirement("CLOSE-OPEN", 1, kind="matrix")\n'
                "def test_two(subject):\n    raise AssertionError\n")  # fmt: skip

    result = runs.run()

    assert result.exit_code == 3
    assert last(result).endswith("it answers no call")


@pytest.mark.parametrize(
    "text",
    [
        'def test_one(subject):\n    raise RuntimeError("boom")',
        'def test_one(subject):\n    assert 1 == 2, "boom"',
        'def test_one(subject): pass\nraise RuntimeError("boom")',
    ],
)
def test___kit_that_fails___run___4_with_a_traceback(runs: SmallRuns, text: str) -> None:
    runs.checks(runs.all_met, f'@requirement("RACE-ORDER", 1, kind="race")\n{text}')

    result = runs.run()

    assert result.exit_code == 4
    assert "This is a fault of session-contract; please report it:\n" in result.stderr
    assert "boom" in result.stderr
    assert last(result).startswith("session-contract itself failed")


def test___check_of_no_requirement___run___4(runs: SmallRuns) -> None:
    runs.checks("def test_free(subject): pass")

    assert runs.run().exit_code == 4


def test___nothing_selected___run___5(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)

    result = runs.run("-k", "no_such_check")

    assert result.exit_code == 5
    assert last(result).startswith("It is not established whether locks 7 meets")


def test___some_selected___run___5(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)

    result = runs.run("-k", "CLOSE-OPEN")

    assert result.exit_code == 5
    assert ": 1 of " in last(result)


@pytest.mark.parametrize("text", ['raise NotEstablished("why")', 'pytest.skip("why")'])
def test___check_without_verdict___run___5(runs: SmallRuns, text: str) -> None:
    runs.checks(runs.all_met, runs.one.format(text))

    result = runs.run()

    assert result.exit_code == 5
    assert "RACE-ORDER: inconclusive: why" in result.stdout


def test___claim_that_no_check_is_of___run___5(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)
    runs.file("target.toml", runs.target + 'claims = ["strict-input"]\n')

    assert runs.run().exit_code == 5
