"""The process models: how often MainSequence runs, and in how many test sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

from session_fakes.fidelity import fidelity
from session_fakes.teststand.running import Run
from session_fakes.teststand.steps import Execution

__all__ = ["MODELS", "Model"]

Model = Literal["single", "sequential", "parallel", "batch"]
_TICK = 0.2
"""Seconds after which a waiting thread looks for Ctrl-C."""


def _single(run: Run, execution: Execution, units: int, sockets: int) -> None:  # noqa: ARG001
    run.unit(execution, 1)


@fidelity(
    "TS-NEXT-UNIT",
    evidence="our choice",
    rule="After a unit with an error the next one is tested; the loop ends after the units asked"
    " for, or when the execution is terminated or aborted",
)
def _sequential(run: Run, execution: Execution, units: int, sockets: int) -> None:  # noqa: ARG001
    for unit in range(1, units + 1):
        if not run.stop:
            run.unit(execution, unit)


@fidelity(
    "TS-SOCKETS",
    evidence="documented",
    rule="With the parallel model each test socket tests one unit after the other by itself; with"
    " the batch model all begin a unit together, and wait until all have tested it",
)
def _batch(run: Run, execution: Execution, units: int, sockets: int) -> None:
    executions = _sockets(execution, sockets)
    for unit in range(1, units + 1):
        if not run.stop:
            _together(run, [partial(run.unit, each, unit) for each in executions])


def _parallel(run: Run, execution: Execution, units: int, sockets: int) -> None:
    executions = _sockets(execution, sockets)
    _together(run, [partial(_sequential, run, each, units, 1) for each in executions])


@fidelity(
    "TS-SOCKET-VARIABLES",
    evidence="our choice",
    rule="A test socket begins with the run-time variables of the execution that controls it, so"
    " that a pin map which ProcessSetup has updated is the pin map of all; what it sets is its own",
)
def _sockets(execution: Execution, count: int) -> list[Execution]:
    return [
        replace(execution, socket=number, variables=dict(execution.variables))
        for number in range(count)
    ]


def _together(run: Run, works: list[Callable[[], None]]) -> None:
    """Do all at the same time, and wait for them; Ctrl-C terminates the run."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                thread.join(_TICK)
        except KeyboardInterrupt as pressed:
            run.stop, run.interrupt = run.stop or "terminate", pressed


MODELS: Mapping[Model, Callable[[Run, Execution, int, int], None]] = {
    "single": _single,
    "sequential": _sequential,
    "parallel": _parallel,
    "batch": _batch,
}
"""By name: single pass, and Test UUTs of the sequential, the parallel and the batch model."""
