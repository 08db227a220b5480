"""What the checks of a run see of a target whose calls are told as events, one after the other."""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from session_contract.results.run_result import Cell
from session_contract.subject.finding import Event, Finding, NotEstablished, TargetDied, Violated
from session_contract.subject.hosting import answers

_MOST = 300
"""Events of a check that a finding shows: the last ones."""


class Watched:
    """A target, with all that happened in the check that runs."""

    def __init__(self, patience: float, calls: Path | None) -> None:
        """Begin a run.

        Args:
            patience: Seconds until a target that does not answer is taken for dead.
            calls: The file to write to what happens; None for none.
        """
        self.executions = 1
        self.events: list[Event] = []
        """What happened in this check."""
        self.lock = threading.Lock()
        """Held to change what the clients of one check share."""
        self._patience = patience
        self._calls = calls.open("w", buffering=1, encoding="utf-8") if calls else None
        self._scope = ""
        self.run = uuid.uuid4().hex[:8]
        """A text that the names of this run have, and no others."""
        self._unique = itertools.count(1)

    @property
    def address(self) -> str:
        """Where it listens."""
        raise NotImplementedError

    @property
    def reached(self) -> Counter[Cell]:
        """Nothing: random calls have too many places to list them."""
        return Counter()

    def number(self) -> int:
        """A number that this run has not used."""
        return next(self._unique)

    def saw(self, who: str, text: str) -> None:
        """Note what happened."""
        with self.lock:
            self.events.append(Event(who, text))
            if self._calls:
                line = {"who": who, "event": text, "scope": self._scope}
                self._calls.write(json.dumps(line) + "\n")

    def violated(
        self,
        requirement: str,
        sentence: str,
        *,
        events: Sequence[Event] | None = None,
        facts: Sequence[str] = (),
    ) -> Exception:
        """What a check has to raise that saw this, in a target that is there."""
        if not answers(self.address, self._patience):
            return TargetDied(f"{sentence}. Since then nobody answers at {self.address}.")
        shown = self.events[-_MOST:] if events is None else events
        return Violated(Finding(requirement, sentence, events=tuple(shown), facts=tuple(facts)))

    def pointless(self) -> NotEstablished:
        """What a check has to raise that needs another answer before it comes to its point."""
        return NotEstablished(
            f"The check could not come to its point: {self.events[-1].text} was answered."
        )

    def begin_check(self, scope: str) -> None:
        """From now on, what happens belongs to this check."""
        self._scope = scope
        self.events = []
        self.executions = 1

    def close(self) -> None:
        """End the file of the calls."""
        if self._calls:
            self._calls.close()
