"""One run of a sequence: its groups, what ends them early, and the record of each step."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import grpc

from session_fakes.bootstrap.path.sitecustomize import STEPS
from session_fakes.clock import Clock
from session_fakes.fidelity import fidelity
from session_fakes.measure import Outputs, as_data
from session_fakes.teststand.report import Outcome, StepResult
from session_fakes.teststand.sequences import Group
from session_fakes.teststand.steps import Execution, Step

__all__ = ["Run"]


@dataclass
class Run:
    """The state of a run; the threads of several test sockets share it."""

    steps: Mapping[Group, Sequence[Step]]
    clock: Clock
    hint: str = ""
    """What is said of an error of Setup besides its text."""
    stop: Literal["", "terminate", "abort"] = ""
    interrupt: KeyboardInterrupt | None = None
    _results: list[StepResult] = field(default_factory=list[StepResult])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    @property
    def results(self) -> list[StepResult]:
        """The steps so far, as they began."""
        with self._lock:
            return sorted(self._results, key=lambda result: result.number)

    @fidelity(
        "TS-GROUPS",
        evidence="documented",
        rule="Setup, Main and Cleanup run in this order; an error in Setup or Main ends both, and"
        " Cleanup runs whatever happened",
    )
    def unit(self, execution: Execution, unit: int) -> None:
        """Run MainSequence once."""
        if self.group("Setup", execution, unit):
            self.group("Main", execution, unit)
        else:
            self._leave_out("Main", execution, unit)
        self.group("Cleanup", execution, unit)

    @fidelity(
        "TS-TERMINATE",
        evidence="documented",
        rule="A terminated execution runs no more steps but those of Cleanup and ProcessCleanup, an"
        " aborted one none at all; the step that runs ends by itself",
    )
    def group(self, group: Group, execution: Execution, unit: int | None = None) -> bool:
        """Run the steps of a group; whether the group that follows may run."""
        cleaning, well = group.endswith("Cleanup"), True
        for step in self.steps[group]:
            if self.stop == "abort" or not (cleaning or (well and not self.stop)):
                self._leave_out_step(step, group, execution, unit)
            else:
                well = self._run_step(step, group, execution, unit) and well
        return well and not self.stop

    @fidelity(
        "TS-CLEANUP-GOES-ON",
        evidence="our choice",
        rule="An error in Cleanup does not keep the Cleanup steps after it from running",
    )
    def _run_step(self, step: Step, group: Group, execution: Execution, unit: int | None) -> bool:
        """Run one step; whether it ended without an error."""
        number, started, thread = self._next(), self.clock.now(), threading.get_ident()
        outcome: Outcome = "Error"
        error, process, outputs = "", "", None
        STEPS[thread] = str(number)
        try:
            process = step.process(execution)
            answer = step.action(execution)
            outcome = _outcome(answer)
            outputs = as_data(answer) if isinstance(answer, Outputs) else None
        except KeyboardInterrupt as pressed:
            self.stop, self.interrupt = self.stop or "terminate", pressed
            outcome, error = "Terminated", "Ctrl-C was pressed"
        except (Exception, SystemExit) as raised:
            hint = f" {self.hint}" if self.hint and group == "Setup" else ""
            error = f"{_told(raised)}{hint}"
        finally:
            del STEPS[thread]
        place = (number, group, step.name, execution.socket, unit)
        self._keep(StepResult(*place, outcome, started, self.clock.now(), error, process, outputs))
        return outcome not in ("Error", "Terminated")

    def _leave_out(self, group: Group, execution: Execution, unit: int | None) -> None:
        for step in self.steps[group]:
            self._leave_out_step(step, group, execution, unit)

    def _leave_out_step(
        self, step: Step, group: Group, execution: Execution, unit: int | None
    ) -> None:
        now = self.clock.now()
        place = (self._next(), group, step.name, execution.socket, unit)
        self._keep(StepResult(*place, "Not run", now, now))

    def _next(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def _keep(self, result: StepResult) -> None:
        with self._lock:
            self._results.append(result)


def _told(error: BaseException) -> str:
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


@fidelity(
    "TS-OUTCOME",
    evidence="our choice",
    rule="A step that raises is an Error, one that answers False has Failed and ends nothing, one"
    " that answers True has Passed, any other is Done",
)
def _outcome(answer: object) -> Outcome:
    if isinstance(answer, bool):
        return "Passed" if answer else "Failed"
    return "Done"
