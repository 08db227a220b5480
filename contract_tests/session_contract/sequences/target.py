"""What a user says of a test sequence to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from session_contract.subject.target import Identity, Target

Model = Literal["single", "sequential", "parallel", "batch"]
"""The process models of TestStand."""


@dataclass(frozen=True)
class SequenceServer:
    """A server whose sessions the sequence shares."""

    target: Target
    types: Sequence[str] = ()
    """The instrument types of its resources in the pin map; empty for all there are."""
    interface: str = ""
    """What clients ask Discovery for; empty for what the server registers itself."""
    service_class: str = ""


@dataclass(frozen=True)
class PlugIn:
    """A measurement plug-in, which the kit starts."""

    argv: Sequence[str]
    folder: Path


@dataclass(frozen=True)
class SequenceTarget:
    """A sequence, and the servers and plug-ins that it needs.

    A step is ``file.py:function`` or the name of a measurement.
    """

    identity: Identity
    here: Path
    """The folder of the target file."""
    folder: Path
    """The folder of the code modules, where the sequence file would be."""
    pin_map: Path
    """Its ``{unique}``, ``{tmp}`` and ``{here}`` are filled in for each run."""
    servers: Sequence[SequenceServer]
    setup: Sequence[str] = ()
    main: Sequence[str] = ()
    cleanup: Sequence[str] = ()
    process_setup: Sequence[str] = ()
    process_cleanup: Sequence[str] = ()
    failing: Sequence[str] = ()
    """Main steps that fail by themselves while they use a session."""
    model: Model = "single"
    plug_ins: Sequence[PlugIn] = ()
    known_failures: Path | None = None

    conformance_class = "sequence"
    claims: frozenset[str] = frozenset()
    dialect = "standard"

    @property
    def where(self) -> str:
        """Its steps, in their order."""
        groups = (self.process_setup, self.setup, self.main, self.cleanup, self.process_cleanup)
        return ", ".join(step for group in groups for step in group)
