"""TestStand without TestStand: sequences of code modules and measurements, run on a fake station.

>>> from session_fakes.station import FakeStation
>>> from session_fakes.teststand import SequenceFile, SequenceRunner, update_pin_map
>>> sequence = SequenceFile(  # doctest: +SKIP
...     setup=[update_pin_map("bench.pinmap"), create_file],
...     main=["My Measurement"],
...     cleanup=[destroy_file],
... )
>>> with FakeStation() as station:  # doctest: +SKIP
...     report = SequenceRunner(sequence, station, model="batch").run()
...     assert report.passed, report

The rules are TestStand's, as far as its manual and NI's sample sequences tell; FIDELITY.md says
which are ours. No TestStand was run.
"""

from __future__ import annotations

from session_fakes.teststand.holdings import Span
from session_fakes.teststand.models import MODELS, Model
from session_fakes.teststand.modules import load
from session_fakes.teststand.picture import picture
from session_fakes.teststand.report import Outcome, Report, StepResult
from session_fakes.teststand.runner import SequenceRunner
from session_fakes.teststand.sequences import SequenceFile
from session_fakes.teststand.steps import (
    PIN_MAP_ID,
    Execution,
    Step,
    code_module,
    measurement,
    update_pin_map,
)
from session_fakes.teststand.surface import NotSimulated, SequenceContext

__all__ = [
    "MODELS",
    "PIN_MAP_ID",
    "Execution",
    "Model",
    "NotSimulated",
    "Outcome",
    "Report",
    "SequenceContext",
    "SequenceFile",
    "SequenceRunner",
    "Span",
    "Step",
    "StepResult",
    "code_module",
    "load",
    "measurement",
    "picture",
    "update_pin_map",
]
