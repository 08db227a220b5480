"""A sequence file: the steps of MainSequence and of the callbacks of the process models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from session_fakes.errors import FakeError
from session_fakes.teststand.steps import Step, as_step
from session_fakes.teststand.surface import FileDialog

__all__ = ["Group", "SequenceFile"]

Group = Literal["ProcessSetup", "Setup", "Main", "Cleanup", "ProcessCleanup"]
Steps = Sequence[Step | str | Callable[..., object]]
"""Steps, measurements by their names, and functions as code modules."""


@dataclass(frozen=True)
class SequenceFile:
    """What a sequence does; the steps of each group run one after the other.

    ``setup``, ``main`` and ``cleanup`` are the step groups of MainSequence, which runs once for
    each unit. ``process_setup`` and ``process_cleanup`` run once in an execution.
    """

    setup: Steps = ()
    main: Steps = ()
    cleanup: Steps = ()
    process_setup: Steps = ()
    process_cleanup: Steps = ()
    home: str | Path = "."
    """The folder of the sequence file, where its files are looked for first."""
    search_folders: Sequence[str | Path] = ()
    file_dialog: FileDialog | None = None
    """Answers TestStand's question where a file is, with a path or None for Cancel."""

    def __post_init__(self) -> None:
        for group in ("setup", "main", "cleanup", "process_setup", "process_cleanup"):
            if isinstance(getattr(self, group), str):
                raise FakeError(f"{group} is a list of steps, not a text: write [...] around it.")
        self.steps()

    def steps(self) -> dict[Group, list[Step]]:
        """The steps by group."""
        return {
            "ProcessSetup": [as_step(each) for each in self.process_setup],
            "Setup": [as_step(each) for each in self.setup],
            "Main": [as_step(each) for each in self.main],
            "Cleanup": [as_step(each) for each in self.cleanup],
            "ProcessCleanup": [as_step(each) for each in self.process_cleanup],
        }
