"""The command ``run`` as its users meet it, beside its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from session_contract.results import verdict
from session_spec import load
from session_spec.requirement import CLAIMS

if TYPE_CHECKING:
    from tests.small_runs import SmallRuns


SPECIFICATION = load()
TWO_VIOLATED = """
@pytest.mark.parametrize("name", [
    pytest.param(n, marks=requirement(n, 1, kind="race")) for n in ["RACE-ORDER", "RACE-ONE-NEW"]
])
def test_violated(subject, name):
    raise Violated(Finding(name, "it was created twice"))
"""


def test___run___ended___tells_what_with_what_and_how_each_stands(runs: SmallRuns) -> None:
    runs.monkeypatch.setenv("SESSION_CONTRACT_COLOUR", "blue")
    runs.checks(runs.all_met)

    lines = runs.run("--quick").stdout.splitlines()

    assert lines[0].split(maxsplit=1) == ["target", "locks 7 (lock_server:add_to)"]
    facts = dict(line.split(maxsplit=1) for line in lines[:12] if line.count(" "))
    assert facts["seed"] == "5"
    assert facts["budget"] == "quick"
    assert facts["SESSION_CONTRACT_COLOUR"] == "blue"
    assert [line for line in lines if "CLOSE-OPEN" in line and "(1 check)" in line]
    assert "Claim use: calls that use a session: not claimed" in lines


def test___seed_not_given___run___is_drawn_and_told(runs: SmallRuns) -> None:
    runs.checks(runs.one.format("assert False, subject"))
    seeds = {
        line.split()[1]
        for _ in range(2)
        for line in runs.command("run", "--target", "target.toml").stdout.splitlines()
        if line.startswith("seed ")
    }

    assert len(seeds) == 2


def test___run_as_json___ended___prints_the_results_and_nothing_else(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, runs.violated)

    result = runs.run("--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == runs.written()


def test___x___first_violation___ends_the_run(runs: SmallRuns) -> None:
    runs.checks(TWO_VIOLATED)

    assert "2 violated" in runs.run().stdout
    assert "1 violated" in runs.run("-x").stdout


def test___x___known_violation___does_not_end_the_run(runs: SmallRuns) -> None:
    runs.checks(TWO_VIOLATED)
    runs.file(
        "known.toml",
        '[[known]]\nrequirement = "RACE-ORDER"\nfails-with = "twice"\nissue = "1"\n'
        "until = 2999-01-01\n",
    )

    assert "2 violated" in runs.run("-x", "--known-failures", "known.toml").stdout


def test___real_checks___counted___are_as_many_as_a_run_needs(runs: SmallRuns) -> None:
    runs.monkeypatch.undo()
    claims = 'claims = ["use", "strict-input", "lost-calls", "attach-ignores-configuration"]\n'
    use = '[[use]]\nrpc = "WriteNote"\n'
    runs.file("target.toml", runs.target + claims + use)

    runs.run("-k", "no_such_check", of=str(runs.folder / "target.toml"))

    found = Counter(
        SPECIFICATION[check["requirement"]].claim or "core" for check in runs.written()["checks"]
    )
    least = verdict.MINIMUM["server"]
    assert set(least) == {"core", *CLAIMS["server"]}
    assert {name: found[name] for name in found if found[name] < least[name]} == {}


def test___two_processes___run___find_the_same(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, TWO_VIOLATED)

    result = runs.run("-n", "2")

    assert result.exit_code == 1
    assert "2 violated" in result.stdout
    assert "not run" not in result.stdout.splitlines()[-1]


def test___two_processes___target_died___3(runs: SmallRuns) -> None:
    runs.checks(runs.one.format('raise TargetDied("it answers no call")'))

    assert runs.run("-n", "2").exit_code == 3


def test___two_processes___one_dies___4(runs: SmallRuns) -> None:
    runs.checks(runs.one.format("__import__('os')._exit(1)"))

    assert runs.run("-n", "2").exit_code == 4


def test___violation_of_another_requirement___run___counts_for_that_one(runs: SmallRuns) -> None:
    runs.checks(runs.all_met, runs.violated.replace('"RACE-ORDER", 1', '"CLOSE-OPEN", 1'))

    result = runs.run()

    assert "1 violated (RACE-ORDER); 1 inconclusive (CLOSE-OPEN)" in result.stdout.splitlines()[-1]


def test___options_for_pytest_in_the_environment___run___are_not_for_us(runs: SmallRuns) -> None:
    runs.monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    runs.monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    runs.checks(runs.all_met)
    runs.file("pytest.ini", "[pytest]\naddopts = --no-such-option\n")
    runs.file("conftest.py", "raise RuntimeError\n")

    assert runs.run().exit_code == 0
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test___earlier_results___run___are_replaced(runs: SmallRuns) -> None:
    runs.checks(runs.all_met)
    runs.results.mkdir()
    (runs.results / "calls-gw7.jsonl").write_text("")
    (runs.results / "mine.txt").write_text("")

    runs.run()

    assert not (runs.results / "calls-gw7.jsonl").exists()
    assert (runs.results / "mine.txt").exists()
    assert (runs.results / "calls.jsonl").exists()


def test___violation___replayed___violated_again(runs: SmallRuns) -> None:
    runs.checks(runs.violated)
    runs.run()
    name = runs.replay_id()

    result = runs.command("replay", name.lower())

    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "This time: violated."


def test___violation___run___names_the_id_to_replay(runs: SmallRuns) -> None:
    runs.checks(runs.violated)

    said = runs.run().stdout

    name = runs.replay_id()
    assert f"Again:  session-contract replay {name}" in said


def test___check_that_is_met___replayed_from_elsewhere___0(runs: SmallRuns, tmp_path: Path) -> None:
    runs.checks(runs.one.format("subject.lane().initialize(subject.fresh(), 0)"))
    runs.run()
    name = runs.replay_id()
    (tmp_path / "elsewhere").mkdir()
    runs.monkeypatch.chdir(tmp_path / "elsewhere")

    assert runs.command("replay", name).exit_code == 0
    assert (runs.results / "replays" / name / "calls.jsonl").read_text("utf-8")


def test___unknown_id___replayed___names_those_that_failed(runs: SmallRuns) -> None:
    runs.checks(runs.violated)
    runs.run()

    result = runs.command("replay", "ZZZZZ")

    assert result.exit_code == 2
    assert "knows no check ZZZZZ. Those without success: " in result.stderr


def test___no_results___replayed___2(runs: SmallRuns) -> None:
    assert "Name the results of a run" in runs.command("replay", "ZZZZZ").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches the whole console there")
def test___ctrl_c___run___130_and_results_so_far(runs: SmallRuns, tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    (checks / "server").mkdir(parents=True)
    waits = runs.one.format("import os, time\n    open('ready', 'w').close()\n    time.sleep(60)")
    text = runs.head + runs.all_met + waits
    (checks / "server" / "test_small_waits.py").write_text(text, "utf-8")
    program = (
        "from pathlib import Path; from session_contract.running import checking; "
        f"checking.CHECKS = Path({str(checks)!r}); from session_contract.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "--target", "target.toml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130
    assert b"Traceback" not in stdout + stderr
    assert b"The run was interrupted." in stdout
    assert (tmp_path / "contract-results" / "results.json").exists()
