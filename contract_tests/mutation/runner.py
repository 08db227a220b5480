"""Runs pytest again and again for ``mutate.py``, each time in a fresh copy of this process.

It reads requests and writes answers, a line of JSON each. pytest is loaded before, which makes a
run cheap; what is tested is not, so that every run imports it anew from the mutated copy.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

MEMORY = 4 << 30
"""Bytes that one run may take: a mutant that never stops collecting must not stop the machine."""
OPTIONS = [
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
    # pytest would like to be the one that loads hypothesis.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]


class _FirstFailure:
    """A pytest plugin that remembers what failed first."""

    name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid


def load_hypothesis() -> None:
    """Make Hypothesis, where it is installed, quick and the same in every run."""
    if importlib.util.find_spec("hypothesis") is None:
        return
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("mutation")


def run_tests(request: dict[str, Any]) -> None:
    """Run pytest as the request says, write down what failed first and what was imported."""
    _leave_the_parent(Path(request["log"]))
    load_hypothesis()
    first = _FirstFailure()
    code = int(pytest.main([*OPTIONS, *request["arguments"]], plugins=[first]))
    found = {module: _origin(module) for module in request["modules"]}
    answer = json.dumps({"by": first.name, "found": found})
    Path(request["report"]).write_text(answer, encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    if code:  # only a run that noticed nothing has to come to its end by itself
        os._exit(code)


def _leave_the_parent(log: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform != "win32":
        import resource

        os.setsid()
        resource.setrlimit(
            resource.RLIMIT_DATA, (MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)


def _origin(module: str) -> str | None:
    """The file that the module was, or would be, imported from."""
    if module in sys.modules:
        return getattr(sys.modules[module], "__file__", None)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None


def answer_request(request: dict[str, Any]) -> dict[str, Any]:
    """Run the tests in a process of its own, for as long as the request allows."""
    report = Path(request["report"])
    report.unlink(missing_ok=True)
    process = _new_process(request)
    started = time.monotonic()
    try:
        process.start()
        process.join(request["limit"])
        answer: dict[str, Any] = {"code": process.exitcode, "seconds": time.monotonic() - started}
    finally:
        _end(process)
    if report.exists():
        answer.update(json.loads(report.read_text(encoding="utf-8")))
    return answer


def _new_process(request: dict[str, Any]) -> BaseProcess:
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn").Process(target=run_tests, args=(request,))
    return multiprocessing.get_context("fork").Process(target=run_tests, args=(request,))


def _end(process: BaseProcess) -> None:
    """End the run and whatever processes it left behind."""
    if process.pid is None:
        return
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def main() -> None:
    """Answer requests until there are none."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The tests find what is on PYTHONPATH, not what happens to lie beside this script.
    sys.path[:] = [entry for entry in sys.path if entry != str(Path(__file__).resolve().parent)]
    load_hypothesis()
    try:
        for line in sys.stdin:
            print(json.dumps(answer_request(json.loads(line))), flush=True)
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(1)


if __name__ == "__main__":
    main()
