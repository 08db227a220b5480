"""Runs a sequence as one of TestStand's process models does, on a fake station."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from session_fakes.errors import FakeError, listed
from session_fakes.fidelity import fidelity
from session_fakes.teststand.holdings import spans
from session_fakes.teststand.models import MODELS, Model
from session_fakes.teststand.report import Report
from session_fakes.teststand.running import Run
from session_fakes.teststand.sequences import SequenceFile
from session_fakes.teststand.steps import Execution

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

__all__ = ["SequenceRunner"]

_LEAKS = (
    *("reservation", "session registration", "multiplexer registration", "waiting call"),
    "driver session",
)


class SequenceRunner:
    """Runs a sequence, as often as it is asked to: what a run leaves behind the next one finds."""

    def __init__(
        self,
        sequence: SequenceFile,
        station: FakeStation,
        *,
        model: Model = "single",
        units: int | None = None,
        sockets: int | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            sequence: Its steps.
            station: Where NI's services are; NI's clients of this process find it during a run.
            model: ``single`` for Single Pass, or the model whose Test UUTs is run.
            units: How many units (for ``batch``: batches) are tested, one after the other; 2 unless
                told otherwise, and 1 with ``single``.
            sockets: How many test sockets ``parallel`` and ``batch`` have; 2 unless told otherwise.
        """
        if model not in MODELS:
            raise FakeError(f"There is no process model {model!r}; there are {listed([*MODELS])}.")
        if model == "single" and units not in (None, 1):
            raise FakeError("Single Pass tests one unit; sequential tests several.")
        if model in ("single", "sequential") and sockets not in (None, 1):
            raise FakeError(f"The model {model} has no test sockets; parallel and batch have.")
        if min(units or 1, sockets or 1) < 1 or 0 in (units, sockets):
            raise FakeError("A run tests at least one unit in at least one socket.")
        self._sequence, self._station = sequence, station
        self._model: Model = model
        self._units, self._sockets = units or 2, sockets or 2
        self._run: Run | None = None

    @fidelity(
        "TS-PROCESS-CALLBACKS",
        evidence="documented",
        rule="ProcessSetup runs once before the first unit, ProcessCleanup once after the last, in"
        " the execution that controls the test sockets",
    )
    def run(self) -> Report:
        """Run the sequence to its end and report; an error of a step is in the report.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed. The run was terminated, so that Cleanup ran.
        """
        station, sequence = self._station, self._sequence
        run = self._run = Run(sequence.steps(), station.clock, hint=self._hint())
        folders = [Path(folder) for folder in sequence.search_folders]
        execution = Execution(station, Path(sequence.home), folders, sequence.file_dialog)
        before, started = station.calls.last_seq, station.clock.now()
        with station.installed():
            if run.group("ProcessSetup", execution):
                MODELS[self._model](run, execution, self._units, self._sockets)
            run.group("ProcessCleanup", execution)
        if run.interrupt is not None:
            raise run.interrupt
        results = run.results
        left = [str(leak) for leak in station.leaks() if leak.kind in _LEAKS]
        held = spans(station.calls.since(before), results)
        return Report(self._model, results, held, left, run.stop, started, station.clock.now())

    def terminate(self) -> None:
        """End the run from another thread or a step: no more steps but those that clean up."""
        if self._run is not None:
            self._run.stop = self._run.stop or "terminate"

    def abort(self) -> None:
        """End the run from another thread or a step: not even Cleanup runs."""
        if self._run is not None:
            self._run.stop = "abort"

    def _hint(self) -> str:
        if self._model not in ("parallel", "batch") or self._sockets == 1:
            return ""
        return (
            f"(With the {self._model} model Setup runs in each of the {self._sockets} test sockets:"
            " what opens a session once for all belongs into ProcessSetup, what closes it into"
            " ProcessCleanup.)"
        )
