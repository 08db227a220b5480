"""Puts together what the checks of a run come to, whichever processes they run in."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from session_contract.results.run_result import Cell, CheckResult, Outcome, Verdict
from session_contract.running.checking import PLUGIN, Checking
from session_contract.running.outcomes import RESULTS, Results, Share, unpack, unpack_share

Seen = Callable[[str, CheckResult], None]
"""Takes the id of a test and what it came to."""


class Collector:
    """A plugin of the run that takes the place of pytest's own report."""

    def __init__(self, seen: Seen, *, first: Callable[[CheckResult], bool]) -> None:
        """Collect for a run.

        Args:
            seen: Told of each result as it comes.
            first: Whether to end the run at such a result.
        """
        self.reached: Counter[Cell] = Counter()
        self.nodes: dict[str, str] = {}
        """The id of the test, by the id under which it is replayed."""
        self.ended: Verdict | None = None
        self.complaint = ""
        self.traces: list[str] = []
        self.interrupted = False
        self._seen = seen
        self._first = first
        self._planned: dict[str, CheckResult] = {}
        self._found: dict[str, list[CheckResult]] = {}
        self._session: pytest.Session | None = None

    @property
    def checks(self) -> list[CheckResult]:
        """What each planned check came to."""
        ran = [check for checks in self._found.values() for check in checks]
        missing = [check for node, check in self._planned.items() if node not in self._found]
        return [*ran, *missing]

    # Hooks ------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the place of pytest's report."""
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter:
            config.pluginmanager.unregister(reporter)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember what can be asked to stop."""
        self._session = session

    def pytest_collection_finish(self) -> None:
        """What is there by now stays to the end: nobody has to look whether it is garbage."""
        gc.freeze()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A check that cannot be collected is a fault of the kit."""
        if report.failed:
            self._fail(f"{report.nodeid} cannot be collected", str(report.longrepr))

    def pytest_internalerror(self, excrepr: object) -> bool:
        """So is an error in pytest or a plugin; say that it was told of."""
        text = str(excrepr)
        self._fail(text.strip().splitlines()[-1] if text.strip() else "pytest failed", text)
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody pressed Ctrl-C; a run that is ended early is told likewise."""
        self.interrupted = self.interrupted or excinfo.type is KeyboardInterrupt

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the results of a check out of its report."""
        packed = getattr(report, RESULTS, None)
        if packed is not None:
            self._take(report.nodeid, unpack(packed))
        elif report.failed and report.nodeid not in self._found:
            # A process of xdist that died reports for the check that it was at.
            self._fail(f"{report.nodeid} was not ended", report.longreprtext)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take what this process planned, where the checks ran in it."""
        checking = session.config.pluginmanager.getplugin(PLUGIN)
        if isinstance(checking, Checking):
            checking.pytest_sessionfinish(session)
            self._join(checking.share)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401, ARG002
        """Take what another process planned."""
        output: Mapping[str, str] = getattr(node, "workeroutput", None) or {}
        if RESULTS in output:
            self._join(unpack_share(output[RESULTS]))

    # ------------------------------------------------------------------------------------------

    def _join(self, share: Share) -> None:
        self._planned |= share.planned
        self.nodes |= {check.replay: node for node, check in share.planned.items()}
        self.reached.update(share.reached)

    def _take(self, node: str, results: Results) -> None:
        self._found.setdefault(node, []).extend(results.checks)
        for check in results.checks:
            self._seen(node, check)
        if results.trace:
            self.traces.append(results.trace)
        if results.wrong_usage:
            self._end(Verdict.USAGE, results.wrong_usage)
        for check in results.checks:
            if check.outcome is Outcome.TARGET_DIED:
                self._end(Verdict.UNREACHABLE, check.reason)
            elif self._first(check):
                self._stop(f"ended at the first violation, {check.requirement}")

    def _end(self, verdict: Verdict, complaint: str) -> None:
        if self.ended is None:
            self.ended, self.complaint = verdict, complaint
        self._stop(complaint)

    def _fail(self, complaint: str, trace: str) -> None:
        self.ended, self.complaint = Verdict.KIT_FAILED, complaint
        self.traces.append(trace)

    def _stop(self, reason: str) -> None:
        """End the run after this check, whichever processes work at it."""
        if self._session is None:
            return
        self._session.shouldstop = reason
        distribution: Any = self._session.config.pluginmanager.getplugin("dsession")
        if distribution:
            distribution.shouldstop = reason
