"""A wrong implementation, as the kill matrix has it: one fault, and whose check has to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OTHERS = "test_examples or test_inputs or test_attach_config"
"""Checks of a server that take little time, and together see to most requirements."""


@dataclass(frozen=True)
class Wrong:
    """An implementation with one fault."""

    name: str
    """What it is, and what is wrong with it: ``file_logger: close twice is OK``."""
    conformance_class: str
    requirement: str
    """The one that it violates, and whose check has to say so."""
    words: str
    """A part of what that check has to say."""
    target: Callable[[Path], str]
    """Writes into a folder what it takes to run it, and returns the text of its target file."""
    origin: str = ""
    """Where it comes from, and what was changed: for people who look it up."""
    checks: str = ""
    """Which checks of its requirement are made, as ``-k`` of pytest takes it; by default all."""
    beside: str = ""
    """Which checks of other requirements are made, too, as ``-k`` of pytest takes it."""
    budget: str = "quick"
    """How often to repeat; what is rare needs more."""
    is_refused: bool = False
    """Whether the fault shows before any check: its shape is wrong, and the target refused."""
