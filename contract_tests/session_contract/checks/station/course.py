"""Plays events of the specification's notation at a station, each answer held against the model.

What is played is what an example asks; what is judged is what the station answered, also where the
example shows one answer of several that are allowed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from session_contract.checks.marking import specification
from session_contract.station.speaking import Speaker
from session_contract.station.station import Answered, Pending, Station
from session_contract.subject.finding import Event as Seen
from session_contract.subject.finding import NotEstablished, Violated
from session_spec import Requirement
from session_spec.class_models import model_for
from session_spec.class_models.station.request import Request, read_request
from session_spec.examples import Event, Example
from session_spec.judge import Model, judge
from session_spec.model import Violation

_PROBES = 3
"""Calls on the channel of one that shall wait: when they are answered, it has arrived."""
_STEP = 0.02
"""Seconds between two looks at several calls that wait."""
_SETTLING = (0.05, 0.3, 1.0)
"""Seconds that a waiting call has to arrive, and a cancelled one to be noticed.

Only what shows with the longest of them is a violation: machines are busy.
"""


class Upset(Exception):  # noqa: N818 - whose fault it is, is yet to be said
    """The model objects to what the station answered, for one reason in each order of the calls."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__(violations[0].sentence)
        self.violations = violations

    def about(self, requirement: str) -> Violation:
        """The reason that is about a requirement, if one is; else the first."""
        fitting = (v for v in self.violations if v.requirement == requirement)
        return next(fitting, self.violations[0])


class Course:
    """The clients of one example, and what they saw."""

    def __init__(self, station: Station, model: Model, *, settling: float = _SETTLING[0]) -> None:
        """Begin with names that nobody has used.

        Args:
            station: The station.
            model: What judges.
            settling: Seconds that a call has to arrive that is to wait.
        """
        self.seen: list[Event] = []
        self._station = station
        self._model = model
        self._settling = settling
        self._speaker = Speaker(station)
        self._waiting: dict[str, tuple[Request, Pending]] = {}

    def events(self) -> list[Seen]:
        """What happened, for the report."""
        return [Seen(event.actor or "client", event.text) for event in self.seen]

    def facts(self) -> list[str]:
        """What the symbols stand for."""
        return self._speaker.facts()

    # ----------------------------------------------------------------------------------------------

    def play(self, event: Event) -> None:
        """Do what an event says; raise Upset when the station may not answer as it does."""
        if not event.call:
            self._await(event.actor)
        elif event.call == "Waits":
            self._let_wait(event)
        elif event.call == "GivesUp":
            self._give_up(event)
        elif event.outcome is None:
            self._begin(event)
        else:
            self._call(event)

    def _call(self, event: Event) -> None:
        request = read_request(event)
        client = self._station.client(event.actor or "client")
        rpc, message = self._speaker.said(request, client.stubs)
        self._take(event, request, client.ask(rpc, message))

    def _begin(self, event: Event) -> None:
        request = read_request(event)
        client = self._station.client(event.actor)
        rpc, message = self._speaker.said(request, client.stubs)
        pending = client.begin(rpc, message)
        self._waiting[event.actor] = request, pending
        self._see(replace(event, text=_told(event, "...")))
        if pending.wait(self._settling):  # before anything else happens, so that it cannot be why
            self._answered(event.actor)

    def _await(self, actor: str) -> None:
        """Wait for the answer of a client; others that are answered before it are taken first."""
        until = time.monotonic() + self._station.target.limits.call
        while actor in self._waiting:
            if self._take_answered():
                continue
            if time.monotonic() > until:
                sentence = f"{actor} waits on, though its sessions are free"
                raise Upset(Violation("RES-FREE", sentence))
            self._waiting[actor][1].wait(_STEP)

    def _take_answered(self) -> bool:
        """Take the answer that came first; False when there is none."""
        done = [(p.ended, a) for a, (_, p) in self._waiting.items() if p.wait(0)]
        if not done:
            return False
        self._answered(min(done)[1])
        return True

    def _answered(self, actor: str) -> None:
        request, pending = self._waiting.pop(actor)
        words = self._speaker.read(request, self._station.told(pending))
        self._see(Event("", (), words, actor, text=f"-> {' '.join(words)}"))

    def _let_wait(self, event: Event) -> None:
        """See to it that a call waits; it is judged at once when it is answered instead."""
        actor = event.arguments[0]
        self._probe(actor)
        if actor in self._waiting and self._waiting[actor][1].wait(0):
            self._answered(actor)
        if actor not in self._waiting:
            raise NotEstablished(
                f"The call of {actor} was answered, so that nobody waits: {self.seen[-1].text}."
            )
        self._see(event)

    def _give_up(self, event: Event) -> None:
        actor = event.arguments[0]
        _, pending = self._waiting.pop(actor)
        pending.give_up()
        self._probe(actor)
        # Nothing tells a client when the other end has noticed.
        threading.Event().wait(self._settling)
        self._see(event)

    def _probe(self, actor: str) -> None:
        client = self._station.client(actor)
        nothing = Event("UnreserveSessions", (), ("OK",))
        rpc, message = self._speaker.said(read_request(nothing), client.stubs)
        for _ in range(_PROBES):
            client.begin(rpc, message, self._station.target.limits.call).wait(
                self._station.target.limits.call
            )

    # ----------------------------------------------------------------------------------------------

    def _take(self, event: Event, request: Request, answer: Answered) -> None:
        words = self._speaker.read(request, answer)
        self._see(replace(event, outcome=words, text=_told(event, f"-> {' '.join(words)}")))
        self._give_back(event, answer)

    def _give_back(self, event: Event, answer: Answered) -> None:
        """Give back what a reservation of all sessions got of others', before anybody misses it."""
        if event.call != "ReserveAllRegisteredSessions" or not answer.ok:
            return
        others = " ".join(self._speaker.of_others(answer.message))
        if others:
            text = f"UnreserveSessions({others}) -> OK"
            self._call(Event("UnreserveSessions", (others,), ("OK",), event.actor, text=text))

    def _see(self, event: Event) -> None:
        self.seen.append(event)
        verdict = judge(self.seen, self._model)
        if verdict is not None:
            raise Upset(*verdict.violations)


def _told(event: Event, answer: str) -> str:
    arguments = ", ".join(argument or '""' for argument in event.arguments)
    return f"{event.call}({arguments}) {answer}"


# Examples -----------------------------------------------------------------------------------------


def play(station: Station, wanted: Requirement) -> int:
    """Play the examples of a requirement; return how many calls that were.

    Raises:
        Violated: The station does not answer as it has to; the finding says which requirement.
    """
    return sum(_play_patiently(station, wanted, example) for example in wanted.examples)


def _play_patiently(station: Station, wanted: Requirement, example: Example) -> int:
    """Play an example; where it has to do with waiting, again and with more patience."""
    waits = any(event.call in ("Waits", "GivesUp") for event in example.events)
    *hurried, last = _SETTLING if waits else _SETTLING[:1]
    for settling in hurried:
        course = Course(station, model_for(wanted), settling=settling)
        if _objection(course, example, wanted) is None:
            return len(course.seen)
        station.take_back()
    course = Course(station, model_for(wanted), settling=last)
    found = _objection(course, example, wanted)
    if found is None:
        return len(course.seen)
    station.take_back()
    raise violated(station, course, found, _guilty(station, found.requirement, wanted))


def _objection(course: Course, example: Example, wanted: Requirement) -> Violation | None:
    """Play an example once; what the model objects to, if anything."""
    try:
        for event in _lines(example):
            course.play(event)
    except Upset as upset:
        return upset.about(wanted.id)
    return None


def _lines(example: Example) -> Sequence[Event]:
    return [event for event in example.events if not event.forbidden]


def _guilty(station: Station, named: str, wanted: Requirement) -> str:
    """The requirement that is violated.

    The model names the one that the last answer breaks. When that one holds by itself, and the
    example says that breaking ``wanted`` shows like this, it is ``wanted``.
    """
    shows = {event.breaks for each in wanted.examples for event in each.events}
    if named not in shows:
        return named
    try:
        play(station, specification()[named])
    except Violated:
        return named
    return wanted.id


def violated(station: Station, course: Course, found: Violation, name: str) -> Exception:
    """What a check has to raise, with what its clients saw."""
    return station.violated(name, found.sentence, events=course.events(), facts=course.facts())


__all__ = ["Course", "Upset", "play", "violated"]
