"""What came of a run: a table of its steps, the errors in full, and what was left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from session_fakes.teststand.holdings import Span
from session_fakes.teststand.sequences import Group

__all__ = ["Outcome", "Report", "StepResult"]

Outcome = Literal["Passed", "Done", "Failed", "Error", "Terminated", "Not run"]
_BAD: Mapping[str, str] = {"Error": "Error", "Terminated": "Terminated", "Failed": "Failed"}
"""Outcomes of steps that make a run a bad one, the worst first."""
_HEADINGS = ("#", "Group", "Socket", "Unit", "Step", "Outcome", "Time")


@dataclass(frozen=True)
class StepResult:
    """One step that ran, or was left out. Times are seconds of the fakes' clock."""

    number: int
    """Counts the steps of a run from 1, as they began."""
    group: Group
    name: str
    socket: int | None
    """The test socket; None where there are none."""
    unit: int | None
    """Counts units from 1; None in ProcessSetup and ProcessCleanup."""
    outcome: Outcome
    started: float
    ended: float
    error: str = ""
    process: str = ""
    """The process that made the step's calls, as the station names it; empty for this one."""
    outputs: Mapping[str, object] | None = None
    """What a measurement answered."""


@dataclass(frozen=True)
class Report:
    """A run of a sequence."""

    model: str
    steps: Sequence[StepResult]
    holdings: Sequence[Span]
    """Who held which session when, from the calls that the station answered."""
    left: Sequence[str]
    """Reservations, registrations, driver sessions and waiting calls that are left after it."""
    stopped: str
    """``terminate`` or ``abort``; empty when the run came to its end."""
    started: float
    ended: float

    @property
    def outcome(self) -> str:
        """``Passed``, ``Failed``, ``Error``, ``Terminated`` or ``Aborted``."""
        if self.stopped:
            return {"terminate": "Terminated", "abort": "Aborted"}[self.stopped]
        found = {step.outcome for step in self.steps}
        return next((word for outcome, word in _BAD.items() if outcome in found), "Passed")

    @property
    def passed(self) -> bool:
        """Whether all steps ended well and nothing is left behind."""
        return self.outcome == "Passed" and not self.left

    def step(self, name: str) -> StepResult:
        """The first step of this name."""
        return next(step for step in self.steps if step.name == name)

    def __str__(self) -> str:
        """The table and, below it, errors and what was left behind."""
        lines = _table([_HEADINGS, *map(_row, self.steps)])
        errors = [f"{s.number}  {s.name}: {s.error}" for s in self.steps if s.error]
        left = [f"left behind: {each}" for each in self.left]
        seconds = f"{self.ended - self.started:.2f} s"
        last = f"{self.outcome} after {seconds} ({_title(self.model)})"
        return "\n".join([*lines, *errors, *left, last])

    def as_dict(self) -> dict[str, Any]:
        """The report as data for JSON; its times count from its start."""
        return {
            "outcome": self.outcome,
            "passed": self.passed,
            "model": self.model,
            "seconds": self.ended - self.started,
            "steps": [self._timed(asdict(step)) for step in self.steps],
            "holdings": [self._timed(asdict(span)) for span in self.holdings],
            "left": list(self.left),
        }

    def _timed(self, data: dict[str, Any]) -> dict[str, Any]:
        times = {
            key: None if data[key] is None else data[key] - self.started
            for key in ("started", "ended")
        }
        return {**data, **times}


def _title(model: str) -> str:
    return "single pass" if model == "single" else f"{model} model"


def _row(step: StepResult) -> tuple[str, ...]:
    ran = step.outcome != "Not run"
    return (
        str(step.number),
        step.group,
        _number(step.socket),
        _number(step.unit),
        step.name,
        step.outcome,
        f"{step.ended - step.started:.3f} s" if ran else "-",
    )


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
