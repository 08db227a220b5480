"""Plays the specification's own examples against a target."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from session_contract.checks.marking import specification
from session_contract.checks.server.course import Course, Upset
from session_contract.checks.server.made_up import made_up
from session_contract.subject.subject import Subject
from session_spec import Requirement
from session_spec.class_models.server import read_call
from session_spec.examples import LOST, Event, Example
from session_spec.model import Call, Close, Gone, Initialize, Restart, Use

_CALLS = {"Initialize": 2, "Close": 1, "Use": 1}
"""The calls that any target can be asked to make, with the number of their arguments."""


def playable(example: Example) -> bool:
    """Whether an example is made of calls one after the other, and of nothing else.

    Calls at the same time, lost answers, configuration and restarts have checks of their own.
    """
    return all(_is_call(event) or _is_extra(event) for event in _lines(example))


def _lines(example: Example) -> Iterator[Event]:
    return (event for event in example.events if not event.forbidden)


def _is_call(event: Event) -> bool:
    answered = bool(event.outcome) and event.code != LOST
    return answered and not event.actor and len(event.arguments) == _CALLS.get(event.call)


def _is_extra(event: Event) -> bool:
    """Whether a line is left out: it needs configuration, or a trouble such as a missing folder."""
    last = event.arguments[-1] if event.arguments else ""
    return not event.actor and event.code != LOST and (" " in last or "=" in last)


def meanings(wanted: Requirement) -> set[str]:
    """The requirements that the model names where the examples' own is violated."""
    return {event.breaks for each in wanted.examples for event in each.events if event.breaks}


_NAMED: WeakKeyDictionary[Subject, dict[str, str]] = WeakKeyDictionary()


def fails(subject: Subject, name: str) -> bool:
    """Whether a requirement's own examples show that it is violated, and no other one."""
    named = _named(subject, name)
    is_meant = named in meanings(specification()[name])
    return named == name or (is_meant and _named(subject, named) != named)


def _named(subject: Subject, name: str) -> str:
    """Which requirement the model names when this one's examples are played; empty for none."""
    known = _NAMED.setdefault(subject, {})
    if name not in known:
        known[name] = ""
        try:
            play(subject, specification()[name])
        except Upset as upset:
            known[name] = upset.violation.requirement
    return known[name]


def play(subject: Subject, wanted: Requirement) -> int:
    """Play the examples of a requirement; return how many calls that were, or raise Upset."""
    return sum(_play(Course(subject), each) for each in filter(playable, wanted.examples))


def _play(course: Course, example: Example) -> int:
    """Make the calls of an example; return how many they were."""
    symbols = _Symbols(course.subject)
    events = [event for event in _lines(example) if _is_call(event)]
    for event in events:
        record = course.call(symbols.meant(read_call(event)))
        symbols.bind(event, getattr(record.answer, "session", ""))
    return len(events)


class _Symbols:
    """What the names of an example stand for: ``R`` a fresh resource, ``s1`` an id answered."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._resources: dict[str, str] = {"": ""}
        self._sessions: dict[str, str] = {"": ""}

    def meant(self, call: Call | Gone | Restart) -> Call:
        """The call with what its symbols stand for."""
        if isinstance(call, Initialize):
            return Initialize(self._resource(call.resource), call.behavior)
        assert isinstance(call, Close | Use)
        return type(call)(self._session(call.session))

    def _resource(self, symbol: str) -> str:
        if symbol not in self._resources:
            self._resources[symbol] = self._subject.fresh()
        return self._resources[symbol]

    def _session(self, symbol: str) -> str:
        if symbol not in self._sessions:
            self._sessions[symbol] = made_up(self._subject)
        return self._sessions[symbol]

    def bind(self, event: Event, session: str) -> None:
        """Remember which id was answered where the example has a symbol."""
        answered = [word for word in (event.outcome or ())[1:] if word != "new"]
        if session and answered:
            self._sessions.setdefault(answered[0], session)
