"""What tests of runs share: runs of the command, with few checks of the test's own."""

from __future__ import annotations

import io
import itertools
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from session_contract import cli
from session_contract.results import verdict
from session_contract.running import checking

HERE = Path(__file__).parent
TARGET = f"""
[target]
name = "locks"
version = "7"
servicer = "lock_server:add_to"
folder = {json.dumps(str(HERE))}
"""
HEAD = """
import pytest
from session_contract.checks.marking import requirement, specification
from session_contract.subject.finding import Finding, NotEstablished, TargetDied, Violated
from session_spec import Origin, Verification

CORE = [
    pytest.param(marks=requirement(r.id, r.revision, kind="matrix"), id=r.id)
    for r in specification().of_class("server")
    if r.origin is Origin.CORE and r.verification is not Verification.NOT_OBSERVABLE
]
"""
ALL_MET = """
@pytest.mark.parametrize((), CORE)
def test_met(subject):
    pass
"""
ONE = """
@requirement("RACE-ORDER", 1, kind="race")
def test_one(subject):
    {}
"""
VIOLATED = ONE.format('raise Violated(Finding("RACE-ORDER", "it was created twice"))')
_numbers = itertools.count(1)


class Left(NamedTuple):
    """What a run left."""

    exit_code: int
    stdout: str
    stderr: str


class SmallRuns:
    """Makes checks and a target in a folder, and runs the command on them."""

    target, head = TARGET, HEAD
    all_met, one, violated = ALL_MET, ONE, VIOLATED

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.results = folder / "results"
        monkeypatch.setattr(verdict, "MINIMUM", {})
        monkeypatch.chdir(folder)
        self.file("target.toml", TARGET)

    def file(self, name: str, text: str) -> Path:
        """Write a file into the folder, and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def checks(self, *texts: str) -> None:
        """Have these checks instead of the real ones; each text is a module of its own."""
        folder = self.folder / f"checks_{next(_numbers)}"
        (folder / "server").mkdir(parents=True)
        for text in texts:
            # pytest imports test files by their bare name, and this process may have several
            path = folder / "server" / f"test_small_{next(_numbers)}_{self.folder.name}.py"
            path.write_text(HEAD + text, encoding="utf-8")
        self.monkeypatch.setattr(checking, "CHECKS", folder)

    def run(self, *arguments: str, of: str = "target.toml") -> Left:
        """Judge the target."""
        return self.command("run", "--target", of, "--seed", "5", *arguments)

    def command(self, name: str, *arguments: str) -> Left:
        """Run a command on the results of this test."""
        stdout, stderr = io.StringIO(), io.StringIO()
        given = [name, *arguments, "--results", str(self.results)]
        with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
            cli.cli.main(given, prog_name="session-contract")
        return Left(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())

    def written(self) -> dict[str, Any]:
        """What results.json says."""
        found: dict[str, Any] = json.loads((self.results / "results.json").read_text("utf-8"))
        return found

    def replay_id(self) -> str:
        """The id of the one check that ran."""
        (name,) = json.loads((self.results / "replays.json").read_text("utf-8"))
        return str(name)
