"""Calls that are made at the same time, on purpose: fixed rounds, and random ones from a seed.

A round uses resources that nobody has used before, so that its calls are a history of their own. It
ends with a look at what is open, which shows what the calls at the same time left behind.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from session_contract.races.judging import History
from session_contract.subject.lane import Lane
from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import OK, Answer, Call, Close, Initialize, Use

LANES = 4
"""Clients of a round, at most."""
_CLOSE, _USE = "Close", "Use"
_AUTO, _NEW, _ATTACH = (b.name for b in Behavior)


class Ask(NamedTuple):
    """One call of a plan: a behaviour by name, ``Close`` or ``Use``, and on which resource."""

    what: str
    resource: int = 0


@dataclass(frozen=True)
class Plan:
    """What the clients of a round do: first the prefix, then all lanes at once."""

    prefix: tuple[Ask, ...]
    lanes: tuple[tuple[Ask, ...], ...]

    @property
    def name(self) -> str:
        """The plan in words."""
        text = " | ".join(", ".join(ask.what for ask in lane) for lane in self.lanes)
        return f"{', '.join(a.what for a in self.prefix)} then {text}" if self.prefix else text


def _at_once(*calls: str, after: Sequence[str] = ()) -> Plan:
    return Plan(tuple(Ask(call) for call in after), tuple((Ask(call),) for call in calls))


CREATING = [
    _at_once(_AUTO, _AUTO),
    _at_once(_NEW, _NEW),
    _at_once(_NEW, _AUTO),
    _at_once(_AUTO, _AUTO, _AUTO, _AUTO),
    _at_once(_NEW, _NEW, _NEW, _NEW),
    _at_once(_NEW, _AUTO, _NEW, _AUTO),
]
"""Plans in which a server that checks first and creates later can create twice."""
CLOSING = [
    _at_once(_CLOSE, _CLOSE, after=[_NEW]),
    _at_once(_CLOSE, _CLOSE, _CLOSE, _CLOSE, after=[_NEW]),
    _at_once(_CLOSE, _ATTACH, after=[_NEW]),
    _at_once(_CLOSE, _AUTO, after=[_NEW]),
    _at_once(_CLOSE, _NEW, after=[_NEW]),
    _at_once(_CLOSE, _AUTO, _AUTO, _CLOSE, after=[_NEW]),
    Plan((), ((Ask(_AUTO, 0),), (Ask(_AUTO, 1),), (Ask(_NEW, 0),), (Ask(_NEW, 1),))),
]
USING = [
    _at_once(_CLOSE, _USE, after=[_NEW]),
    _at_once(_USE, _USE, _CLOSE, _USE, after=[_NEW]),
    _at_once(_AUTO, _USE, _CLOSE, _AUTO, after=[_NEW]),
]
"""Plans for targets that name a call which uses a session."""


def random_plan(rng: random.Random, *, uses: bool) -> Plan:
    """A plan of two to four lanes with two to six calls each, on one or two resources."""
    resources = rng.choice([1, 1, 2])
    calls = [_AUTO, _AUTO, _NEW, _ATTACH, _CLOSE, _CLOSE, *([_USE] if uses else [])]

    def some(least: int, most: int) -> tuple[Ask, ...]:
        count = rng.randint(least, most)
        return tuple(Ask(rng.choice(calls), rng.randrange(resources)) for _ in range(count))

    return Plan(some(0, 2), tuple(some(2, 6) for _ in range(rng.randint(2, LANES))))


class Rounds:
    """Carries out plans with the same clients, again and again."""

    def __init__(self, lanes: Sequence[Lane], fresh: Callable[[], str]) -> None:
        """Take the clients; ``fresh`` names a resource that nobody has used before."""
        self._lanes = lanes
        self._fresh = fresh
        self._pool = ThreadPoolExecutor(len(lanes), thread_name_prefix="lane")

    def __enter__(self) -> Rounds:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def run(self, plans: Sequence[Plan], count: int) -> Iterator[tuple[Plan, History]]:
        """Carry out so many rounds, the plans in turn; yield each with the calls it made."""
        for number in range(count):
            plan = plans[number % len(plans)]
            yield plan, self.round(plan)

    def round(self, plan: Plan) -> History:
        """Carry out one plan and clean up after it."""
        room = _Room(self._fresh)
        for ask in plan.prefix:
            room.note(ask, self._lanes[0].ask(room.call(ask)))
        if all(len(lane) == 1 for lane in plan.lanes):
            self._at_once(plan, room)
        else:
            self._side_by_side(plan, room)
        self._look(room)
        history = list(room.records)
        for session in room.left_open():
            self._lanes[0].close_session(session)
        return history

    def _at_once(self, plan: Plan, room: _Room) -> None:
        """One call a lane: all are sent before any answer is looked at."""
        asks = [lane[0] for lane in plan.lanes]
        calls = [room.call(ask) for ask in asks]
        pending = [lane.begin(call) for lane, call in zip(self._lanes, calls, strict=False)]
        for ask, sent in zip(asks, pending, strict=True):
            room.note(ask, sent.result())

    def _side_by_side(self, plan: Plan, room: _Room) -> None:
        """Several calls a lane: each lane is a thread, and all start together."""
        barrier = threading.Barrier(len(plan.lanes))

        def work(lane: Lane, asks: Sequence[Ask]) -> None:
            barrier.wait()
            for ask in asks:
                room.note(ask, lane.ask(room.call(ask)))

        pairs = zip(self._lanes, plan.lanes, strict=False)
        for future in [self._pool.submit(work, lane, asks) for lane, asks in pairs]:
            future.result()

    def _look(self, room: _Room) -> None:
        """What is open in the end, and close it: both belong to the history."""
        for index in room.used():
            attached = Ask(_ATTACH, index)
            room.note(attached, self._lanes[0].ask(room.call(attached)))
            if room.records[-1].code == OK:
                closing = Ask(_CLOSE, index)
                room.note(closing, self._lanes[0].ask(room.call(closing)))


@dataclass
class _Room:
    """The resources of a round, the sessions seen on each, and the calls made so far."""

    fresh: Callable[[], str]
    records: list[Record] = field(default_factory=list[Record])
    _names: dict[int, str] = field(default_factory=dict[int, str])
    _sessions: dict[int, str] = field(default_factory=dict[int, str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, ask: Ask) -> Call:
        """The call that a plan asks for; what names a session names the one seen last."""
        with self._lock:
            if ask.resource not in self._names:
                self._names[ask.resource] = self.fresh()
            session = self._sessions.get(ask.resource)
        if session and ask.what == _CLOSE:
            return Close(session)
        if session and ask.what == _USE:
            return Use(session)
        wanted = ask.what if ask.what in Behavior.__members__ else _ATTACH
        return Initialize(self._names[ask.resource], Behavior[wanted].value)

    def note(self, ask: Ask, record: Record) -> None:
        """Remember what came of a call."""
        with self._lock:
            self.records.append(record)
            if isinstance(record.answer, Answer) and record.answer.session:
                self._sessions[ask.resource] = record.answer.session

    def used(self) -> list[int]:
        """The resources that were named."""
        return sorted(self._names)

    def left_open(self) -> list[str]:
        """Sessions that were created and that nobody closed: none, on a correct server."""
        created = [
            r.answer.session for r in self.records if isinstance(r.answer, Answer) and r.answer.new
        ]
        closed = {
            r.call.session for r in self.records if isinstance(r.call, Close) and r.code == OK
        }
        return [session for session in created if session not in closed]
