"""The part of the plugin that works when a target is named: which checks run, and how they end.

Each process of a run has one, with a subject of its own; ``collecting`` puts together what they
found.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from session_contract.checks.marking import is_claimed, requirement_of, specification
from session_contract.results.run_result import Cell, CheckResult, Outcome
from session_contract.running.outcomes import (
    RESULTS,
    Results,
    Share,
    pack,
    pack_share,
    replay_id,
    results_of,
)
from session_contract.subject.finding import Violated
from session_contract.subject.target import AnyTarget

PLUGIN = "session_contract_checking"
"""The name under which it is registered."""
CHECKS = Path(__file__).resolve().parents[1] / "checks"
_MARK = "requirement(id, revision, kind): the requirement that this check is of."


class Tried(Protocol):
    """What the checks of a class try the target with: a subject, a witness, a stage."""

    executions: int
    """How often the check that runs has put its requirement to the test."""

    @property
    def reached(self) -> Counter[Cell]:
        """How often random checks reached each place; empty where there are none."""
        ...


_Tried = TypeVar("_Tried", bound=Tried)


def checking_of(config: pytest.Config) -> Checking:
    """The part of the plugin that is at work in this process."""
    checking = config.pluginmanager.getplugin(PLUGIN)
    assert isinstance(checking, Checking)
    return checking


class Checking:
    """Chooses the checks, and turns how they end into results."""

    def __init__(self, config: pytest.Config, target: AnyTarget) -> None:
        """Hold this target against the specification."""
        config.addinivalue_line("markers", _MARK)
        self.share = Share()
        self._config = config
        self.target = target
        self._tried: Tried | None = None

    # Which checks -----------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what does not bind the target, before pytest selects by name."""
        kept: list[pytest.Item] = []
        for item in items:
            planned = self._planned(item)
            if planned is None:
                continue
            kept.append(item)
            if planned.requirement:
                item.extra_keyword_matches.add(planned.requirement)
                self.share.planned[item.nodeid] = planned
        items[:] = kept

    def _planned(self, item: pytest.Item) -> CheckResult | None:
        """The result of a check that is not run yet; None for one that does not bind."""
        wanted = requirement_of(item)
        if wanted is None:
            if CHECKS in item.path.parents:
                raise pytest.UsageError(f"{item.nodeid} is of no requirement: mark it with one.")
            return CheckResult("", 0, item.name, "", Outcome.NOT_RUN)
        is_other_class = wanted.conformance_class != self.target.conformance_class
        if is_other_class or not is_claimed(wanted, self.target.claims):
            return None
        mark = item.get_closest_marker("requirement")
        kind = str(mark.kwargs.get("kind", "")) if mark else ""
        replay = replay_id(item.nodeid, self.option("seed"))
        return CheckResult(
            wanted.id, wanted.revision, item.name, kind, Outcome.NOT_RUN, replay=replay
        )

    # How they end -----------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the results to the report of a check, and say in it what people have to know."""
        report = yield
        planned = self.share.planned.get(item.nodeid)
        error = call.excinfo.value if call.excinfo else None
        if planned is None or (error is None and call.when != "call"):
            return report
        results = results_of(self._measured(planned, call), error, specification())
        setattr(report, RESULTS, pack(results))
        if isinstance(error, Violated):
            report.longrepr = self._in_words(results)
        if results.wrong_usage or results.checks[0].outcome is Outcome.TARGET_DIED:
            item.session.shouldstop = results.wrong_usage or results.checks[0].reason
        return report

    def _measured(self, planned: CheckResult, call: pytest.CallInfo[None]) -> CheckResult:
        executions = self._tried.executions if self._tried else 1
        return replace(planned, seconds=round(call.duration, 3), executions=executions)

    def _in_words(self, results: Results) -> str:
        from session_contract.results.terminal import violation

        return "\n".join(violation(results.checks[:1], specification()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the process that started this one what was planned and reached."""
        if self._tried:
            self.share.reached.update(self._tried.reached)
        output: dict[str, str] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[RESULTS] = pack_share(self.share)

    # What the fixtures are made of ------------------------------------------------------------

    @contextmanager
    def opened(
        self, opening: Callable[[Path, Path | None], AbstractContextManager[_Tried]]
    ) -> Generator[_Tried, None, None]:
        """Put the target before the checks of this process.

        Args:
            opening: Makes what the checks talk to, of a folder of this run and of the path of the
                file to write the calls to, if they are to be kept.
        """
        with _temporary_folder() as folder, opening(Path(folder), self._calls_path()) as tried:
            self._tried = tried
            yield tried

    def _calls_path(self) -> Path | None:
        results = self.option("results")
        worker = getattr(self._config, "workerinput", {}).get("workerid", "")
        return Path(results) / f"calls{'-' if worker else ''}{worker}.jsonl" if results else None

    def option(self, name: str) -> Any:  # noqa: ANN401 - text or number
        """What was given for a flag of the plugin."""
        return self._config.getoption(f"contract_{name}")


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    # A server that was killed may still hold a file of it, on Windows.
    return tempfile.TemporaryDirectory(prefix="contract-", ignore_cleanup_errors=True)
