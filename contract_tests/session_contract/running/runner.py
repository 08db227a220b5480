"""Carries out a run: loads what was given, runs the checks, and says what came of it."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from session_contract import output
from session_contract.checks.marking import specification
from session_contract.results import terminal
from session_contract.results.known import Known, load_known, stale
from session_contract.results.run_result import CheckResult, Outcome, RunResult, Verdict
from session_contract.results.verdict import binds, verdict
from session_contract.running import checking, flags
from session_contract.running.classes import CLASSES
from session_contract.running.collecting import Collector
from session_contract.running.progress import Progress
from session_contract.subject.target import AnyTarget, TargetError

INTERRUPTED = 130
CONFIGURATION = Path(__file__).with_name("pytest.ini")
REPLAYS = "replays.json"
"""The file of the results that says how to repeat the checks of a run."""

_TOLD = (Outcome.MET, Outcome.VIOLATED)
"""Without one of these there is nothing to tell of single requirements."""
_OURS = "SESSION_CONTRACT_"
_FOR_PYTEST = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""What a user's environment says to pytest is not meant for the checks."""


@dataclass(frozen=True)
class Run:
    """What a run was asked for."""

    place: Mapping[str, Any]
    """The flags that name the target, by name."""
    results: Path
    budget: str = "default"
    seed: int = 0
    select: str = ""
    """Names or requirements of checks, as ``-k`` of pytest takes them."""
    first: bool = False
    """Whether to end at the first violation."""
    processes: int = 0
    known: Path | None = None
    as_json: bool = False
    checks: Sequence[str] = ()
    """The ids of the tests to run, or their folder; by default all."""
    started: float = field(default_factory=time.monotonic)


def carry_out(run: Run) -> int:
    """Judge the target, print and write the results; return the exit code."""
    try:
        target = flags.load(run.place)
        listed = run.known or target.known_failures
        entries = load_known(listed) if listed else []
        _make_room(run.results)
    except TargetError as error:
        return _complain(Verdict.USAGE, str(error))
    except OSError as error:
        text = f"{run.results} cannot be made: {error.strerror}. Name a folder with --results."
        return _complain(Verdict.USAGE, text)
    return _Execution(run, target, entries).run()


def _make_room(results: Path) -> None:
    """Make the folder, without what an earlier run wrote there that this one may not."""
    results.mkdir(parents=True, exist_ok=True)
    for old in [*results.glob("calls*.jsonl"), *results.glob(REPLAYS)]:
        old.unlink()


class _Execution:
    def __init__(self, run: Run, target: AnyTarget, entries: Sequence[Known]) -> None:
        self._run = run
        self._target = target
        self._entries = entries
        self._known = {entry.requirement for entry in entries}
        self._progress = Progress(quiet=run.as_json, spread=run.processes > 1)
        self._collector = Collector(self._progress.seen, first=self._ends_run)
        self._blank = _blank(run, target, sorted(self._known))

    def run(self) -> int:
        self._say(terminal.header(self._blank), "")
        with _environment():
            code = pytest.main(self._arguments(), plugins=[self._collector])
        self._progress.finish()
        collector = self._collector
        if collector.ended is Verdict.USAGE:
            return _complain(Verdict.USAGE, collector.complaint)
        if code == pytest.ExitCode.USAGE_ERROR and collector.ended is None:
            # pytest has said what it does not understand: there is but one text for it of ours.
            collector.ended = Verdict.USAGE if self._run.select else Verdict.KIT_FAILED
            if self._run.select:
                return Verdict.USAGE
        return self._conclude()

    def _conclude(self) -> int:
        result = self._result()
        self._write(result)
        self._print(result)
        for trace in self._collector.traces[:1]:
            output.complain(f"This is a fault of session-contract; please report it:\n{trace}")
        if self._collector.interrupted:
            return INTERRUPTED
        return repeated(result) if self._run.checks else verdict(result, specification())

    def _print(self, result: RunResult) -> None:
        if self._run.as_json:
            from session_contract.results import files

            click.echo(json.dumps(files.to_json(result, specification()), indent=2))
            return
        if not self._run.checks and any(c.outcome in _TOLD for c in result.checks):
            self._say("", terminal.requirements(result, specification()))
        self._say("", terminal.failures(result, specification()))
        self._say(f"Results: {self._run.results}")
        if self._run.checks:
            self._say(f"This time: {', '.join(c.outcome.value for c in result.checks)}.")
        else:
            self._say(terminal.conclusion(result, specification()))

    def _result(self) -> RunResult:
        bound = [
            r.id
            for r in specification().of_class(self._blank.conformance_class)
            if binds(r, self._target.claims)
        ]
        checks = self._collector.checks
        interrupted = "The run was interrupted." if self._collector.interrupted else ""
        return replace(
            self._blank,
            seconds=round(time.monotonic() - self._run.started, 3),
            checks=checks,
            reached=dict(self._collector.reached),
            stale=stale(self._entries, checks, bound, date.today()),
            ended=self._collector.ended,
            complaint=self._collector.complaint or interrupted,
        )

    def _write(self, result: RunResult) -> None:
        try:
            from session_contract.results import files

            files.write_all(result, specification(), self._run.results)
            replays = {
                check.replay: {
                    "node": self._collector.nodes[check.replay],
                    "seed": self._run.seed,
                    "budget": self._run.budget,
                    "place": dict(self._run.place),
                    "folder": str(Path.cwd()),
                    "failed": check.outcome is not Outcome.MET,
                }
                for check in result.checks
                if check.replay and check.outcome is not Outcome.NOT_RUN
            }
            text = json.dumps(replays, indent=1)
            (self._run.results / REPLAYS).write_text(text, encoding="utf-8")
        except OSError as error:
            output.complain(f"The results cannot be written: {error}.")

    def _arguments(self) -> list[str]:
        """The command line of pytest."""
        run = self._run
        its_class = CLASSES[self._target.conformance_class]
        own = checking.CHECKS / its_class.checks
        given = [
            f"--contract-{name}={value}"
            for name, values in run.place.items()
            for value in ([values] if isinstance(values, str) else values or [])
            if value
        ]
        chosen = ["-k", run.select] if run.select else []
        spread = ["-p", "xdist.plugin", "-n", str(run.processes)] if run.processes > 1 else []
        return [
            *(run.checks or [str(own)]),
            *("-c", str(CONFIGURATION), "--rootdir", str(checking.CHECKS.parent), "--noconftest"),
            *("-p", "session_contract.running.plugin", "-p", "no:cacheprovider"),
            *(word for plugin in its_class.plugins for word in ("-p", plugin)),
            *("-p", "no:warnings", "-p", "no:tmpdir", "--capture=sys", "--tb=short", "-q"),
            f"--contract-seed={run.seed}",
            f"--contract-budget={run.budget}",
            f"--contract-results={run.results}",
            *given,
            *chosen,
            *spread,
        ]

    def _ends_run(self, check: CheckResult) -> bool:
        is_new = check.outcome is Outcome.VIOLATED and check.requirement not in self._known
        return self._run.first and is_new

    def _say(self, *parts: Any) -> None:  # noqa: ANN401 - lines
        if not self._run.as_json:
            for part in parts:
                for line in [part] if isinstance(part, str) else part:
                    click.echo(line)


def repeated(result: RunResult) -> Verdict:
    """The verdict on single checks, whatever else is claimed."""
    outcomes = {check.outcome for check in result.checks}
    for outcome, its in _REPEATED.items():
        if outcome in outcomes:
            return its
    return result.ended or (Verdict.HOLDS if outcomes else Verdict.NOT_ESTABLISHED)


_REPEATED = {
    Outcome.KIT_ERROR: Verdict.KIT_FAILED,
    Outcome.TARGET_DIED: Verdict.UNREACHABLE,
    Outcome.VIOLATED: Verdict.VIOLATED,
    Outcome.INCONCLUSIVE: Verdict.NOT_ESTABLISHED,
    Outcome.NOT_RUN: Verdict.NOT_ESTABLISHED,
}


def _blank(run: Run, target: AnyTarget, known: Sequence[str]) -> RunResult:
    """What is known of a run before it begins."""
    kit = version("session-contract")
    return RunResult(
        target=target.identity.name,
        target_version=target.identity.version,
        contact=target.identity.contact,
        place=target.where,
        conformance_class=target.conformance_class,
        claims=sorted(target.claims),
        dialect=target.dialect,
        spec_version=kit,  # they are released together
        kit_version=kit,
        seed=run.seed,
        began=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=0.0,
        known=known,
        environment=_surroundings(run),
    )


def _surroundings(run: Run) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "grpc": version("grpcio"),
        "system": platform.platform(terse=True),
        "budget": run.budget,
        **({"selected": run.select} if run.select else {}),
        **{name: text for name, text in os.environ.items() if name.startswith(_OURS)},
    }


@contextmanager
def _environment() -> Generator[None, None, None]:
    """Keep out of the run what the user's environment has for pytest: options and plugins."""
    saved = {name: os.environ.pop(name) for name in _FOR_PYTEST if name in os.environ}
    loading = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.update(saved)
        if loading is None:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        else:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = loading


def _complain(verdict: Verdict, message: str) -> int:
    output.complain(message)
    return verdict
