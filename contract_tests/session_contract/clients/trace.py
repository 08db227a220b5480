"""What happened to one client, seen from both sides: its events, held against the model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace

from session_contract.subject import finding as findings
from session_spec.class_models.client import ClientModel
from session_spec.examples import LOST, Event
from session_spec.judge import judge
from session_spec.matrix import Behavior
from session_spec.model import Violation

WITNESS = "witness"
CALLER = "caller"
_SEEN_BY_WITNESS = ("Initialize", "Close", "Down")


class Trace:
    """The events of one client, in the order in which they became known."""

    def __init__(self, resource: str) -> None:
        """Begin with a client that is not made yet."""
        self._resource = resource
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._symbols = {resource: "R"}

    @property
    def events(self) -> list[Event]:
        """The events so far."""
        with self._lock:
            return list(self._events)

    def caller(self, call: str, *arguments: str) -> None:
        """Add what its caller did, or got."""
        self._add(Event(call, arguments, ()))

    def initialize(self, resource: str, behavior: int, *answer: str) -> None:
        """Add an Initialize that the witness saw; the answer begins with a code, or is lost."""
        names = {int(each): each.name for each in Behavior}
        self._add(Event("Initialize", (resource, names.get(behavior, str(behavior))), answer))

    def close(self, session: str, code: str) -> None:
        """Add a Close that the witness saw."""
        self._add(Event("Close", (session,), (code,)))

    def name(self, session: str) -> None:
        """Give an id a short name, for the reader."""
        with self._lock:
            self._symbols.setdefault(session, f"s{len(self._symbols)}")

    def _add(self, event: Event) -> None:
        with self._lock:
            self._events.append(replace(event, text=_text(event, {})))

    def violation(self, claims: Iterable[str]) -> Violation | None:
        """What the model objects to; None when it allows all of it."""
        found = judge(self.events, ClientModel(frozenset(claims)))
        return found.violations[0] if found else None

    def saw(self, call: str, code: str | None = None) -> bool:
        """Whether there was such a call, and such an answer."""
        return any(
            event.call == call and code in (None, event.code, *event.arguments)
            for event in self.events
        )

    def told(self) -> list[findings.Event]:
        """The events as a finding tells them: as the examples of the specification do."""
        return [
            findings.Event(
                WITNESS if event.call in _SEEN_BY_WITNESS else CALLER,
                _text(event, self._symbols),
            )
            for event in self.events
        ]

    def shortened(self, text: str) -> str:
        """A sentence with short names."""
        for name, short in self._symbols.items():
            text = text.replace(name, short)
        return text


def _text(event: Event, symbols: Mapping[str, str]) -> str:
    arguments = [symbols.get(each, each) or '""' for each in event.arguments]
    called = f"{event.call}({', '.join(arguments)})"
    if not event.outcome:
        return called
    return f"{called} -> {' '.join(symbols.get(word, word) for word in event.outcome)}"


__all__ = ["CALLER", "LOST", "WITNESS", "Trace"]
