"""Plays an example of the specification, each answer held against the model as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from session_contract.subject.finding import Event as Seen
from session_spec.examples import Event, Example
from session_spec.judge import Model, judge

Call = Callable[[Event], Any]
"""Makes the call of an event, in a thread of its own when others overlap it."""
Read = Callable[[Event, Any], Sequence[str]]
"""Says what came of it in the words of the examples."""
Complain = Callable[[str, str, Sequence[Seen]], Exception]
"""What to raise for a requirement, a sentence, and all that was seen."""


class Player:
    """Plays one example, and remembers what was seen."""

    def __init__(self, model: Model, call: Call, read: Read, complain: Complain) -> None:
        """Begin with nothing seen."""
        self._model = model
        self._call = call
        self._read = read
        self._complain = complain
        self._seen: list[Event] = []
        self._pending: dict[str, tuple[Event, Future[Any]]] = {}
        self._pool = ThreadPoolExecutor()

    def play(self, example: Example) -> int:
        """Play an example; return how many calls that were, or raise what ``complain`` makes."""
        with self._pool:
            for event in example.events:
                if not event.forbidden:
                    self._play(event)
        return len(self._seen)

    def _play(self, event: Event) -> None:
        if not event.call:
            asked, answer = self._pending.pop(event.actor)
            outcome = tuple(self._read(asked, answer.result()))
            self.see(Event("", (), outcome, event.actor))
        elif event.outcome is None:
            self._pending[event.actor] = (event, self._pool.submit(self._call, event))
            self.see(event)
        else:
            self.see(replace(event, outcome=tuple(self._read(event, self._call(event)))))

    def see(self, event: Event) -> None:
        """Judge what was seen last, together with all that was seen before."""
        arguments = ", ".join(argument or '""' for argument in event.arguments)
        called = f"{event.call}({arguments})" if event.call else ""
        self._seen.append(replace(event, text=f"{called} {_told(event.outcome)}".strip()))
        verdict = judge(self._seen, self._model)
        if verdict is None:
            return
        found = verdict.violations[0]
        told = [Seen(each.actor or "client", each.text) for each in self._seen]
        raise self._complain(found.requirement, found.sentence, told)


def _told(outcome: Sequence[str] | None) -> str:
    if outcome is None:
        return "..."
    return f"-> {' '.join(outcome)}" if outcome else ""
