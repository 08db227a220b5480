"""What was seen of a run: its steps, and the calls that they made, whoever answered them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StepSeen:
    """A step that ran."""

    number: int
    section: str
    """``Setup``, ``Main`` or ``Cleanup``."""
    name: str
    failed: bool
    started: float
    ended: float
    error: str = ""
    socket: int | None = None


@dataclass(frozen=True)
class CallSeen:
    """A call that a step made, in the words of the model of sequences."""

    started: float
    ended: float
    call: str
    """``Reserve``, ``ReserveAll``, ``Unreserve``, ``Register``, ``Unregister``, ``Initialize``,
    ``Use`` or ``Close``."""
    arguments: tuple[str, ...]
    outcome: tuple[str, ...]
    steps: tuple[int, ...] = ()
    """The numbers of the steps that may have made it; none for a call to the server."""

    @property
    def when(self) -> float:
        """When it took effect: what is given back may be taken before its giver has the answer."""
        return self.started if self.call == "Unreserve" else self.ended


@dataclass(frozen=True)
class Run:
    """One run of a sequence."""

    steps: Sequence[StepSeen]
    calls: Sequence[CallSeen]
    over: bool = True
    """Whether it came to its end, so that nothing may be left."""
