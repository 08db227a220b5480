"""Calls one after the other, each answer held against the model: what most checks are made of."""

from __future__ import annotations

from collections.abc import Sequence

from session_contract.checks.server.life import ensure_alive
from session_contract.checks.server.reached import cell
from session_contract.subject.finding import NotEstablished
from session_contract.subject.lane import Lane
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import (
    Answer,
    Call,
    Close,
    Happening,
    Initialize,
    Lost,
    State,
    Use,
    Violation,
    happen,
    step,
)


class Upset(Exception):  # noqa: N818 - whose fault it is, is yet to be said
    """The model objects to an answer."""

    def __init__(self, violation: Violation, records: Sequence[Record]) -> None:
        super().__init__(violation.sentence)
        self.violation = violation
        self.records = records


class Course:
    """Makes calls and carries along the states that the target may be in.

    The answer to each call is judged at once; the first that the model does not allow raises Upset.
    """

    def __init__(self, subject: Subject) -> None:
        """Begin with resources of which nothing is open yet."""
        self.subject = subject
        self.states = [State()]
        self.records: list[Record] = []
        self._lanes: dict[str, Lane] = {}

    def lane(self, name: str = "client") -> Lane:
        """The client with this name; each has a channel of its own."""
        if name not in self._lanes:
            self._lanes[name] = self.subject.lane(name)
        return self._lanes[name]

    def reconnect(self) -> None:
        """Hang up all clients; those that are named again get a new channel."""
        for lane in self._lanes.values():
            lane.hang_up()
        self._lanes.clear()

    def initialize(self, resource: str, behavior: int, *, by: str = "client") -> str:
        """Initialize a resource, and return the session answered; empty when it was refused."""
        record = self.call(Initialize(resource, behavior), by=by)
        return record.answer.session if isinstance(record.answer, Answer) else ""

    def open(self, resource: str | None = None, *, by: str = "client") -> str:
        """Create a session, of a fresh resource if none is named, and return its id."""
        name = resource or self.subject.fresh()
        return self.initialize(name, Behavior.INITIALIZE_NEW, by=by)

    def close(self, session: str, *, by: str = "client") -> Record:
        """Close a session."""
        return self.call(Close(session), by=by)

    def use(self, session: str, *, by: str = "client", use: int = 0, value: str = "1") -> Record:
        """Use a session."""
        if not self.subject.target.uses:
            raise NotEstablished(
                "The target names no call that uses a session: add [[use]] to the target file."
            )
        return self.take(self.lane(by).use(session, use=use, value=value))

    def call(self, call: Call, *, by: str = "client") -> Record:
        """Make a call, wait for its answer and judge it."""
        if isinstance(call, Use):
            return self.use(call.session, by=by)
        return self.take(self.lane(by).ask(call))

    def happened(self, happening: Happening) -> None:
        """Note what was no call."""
        self.states = [happen(state, happening) for state in self.states]

    def take(self, record: Record) -> Record:
        """Judge a call that was made."""
        self.records.append(record)
        self.subject.reached[cell(self.states[0], record)] += 1
        if isinstance(record.answer, Lost):
            ensure_alive(self.subject, record)
        rules = self.subject.rules
        verdicts = [step(state, record.call, record.answer, rules) for state in self.states]
        after = [s for v in verdicts if not isinstance(v, Violation) for s in v]
        if not after:
            violation = next(v for v in verdicts if isinstance(v, Violation))
            raise Upset(violation, self.records)
        self.states = list(dict.fromkeys(after))
        return record
