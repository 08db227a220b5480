"""Simulated histories, to try the judge on: of a correct server, or of one that is wrong.

Nothing runs at the same time here: the order in which calls begin, take effect and end is drawn by
lot, so that a seed gives the same history again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import (
    ALREADY_EXISTS,
    LOST,
    NOT_FOUND,
    OK,
    Answer,
    Call,
    Close,
    Initialize,
    Use,
)

Effect = Callable[[Call], Answer]


@dataclass
class CorrectServer:
    """Does what the matrix says, one call after the other."""

    open: dict[str, str] = field(default_factory=dict[str, str])
    created: int = 0

    def __call__(self, call: Call) -> Answer:
        """Carry out a call."""
        if isinstance(call, Initialize):
            return self.initialize(call)
        resource = next((r for r, s in self.open.items() if s == call.session), None)
        if resource is None:
            return Answer(NOT_FOUND)
        if isinstance(call, Close):
            del self.open[resource]
        return Answer(OK)

    def initialize(self, call: Initialize) -> Answer:
        """Attach or create."""
        session = self.open.get(call.resource)
        if session:
            if call.behavior == Behavior.INITIALIZE_NEW:
                return Answer(ALREADY_EXISTS)
            return Answer(OK, session)
        if call.behavior == Behavior.ATTACH_TO_EXISTING:
            return Answer(NOT_FOUND)
        return self.create(call.resource)

    def create(self, resource: str) -> Answer:
        """Open a session of the resource, whatever was before."""
        self.created += 1
        self.open[resource] = f"s{self.created}"
        return Answer(OK, self.open[resource], new=True)


@dataclass(frozen=True)
class Traffic:
    """How much a simulation has of everything."""

    clients: int
    calls: int
    resources: int = 1
    lost: float = 0.0


def simulate(rng: random.Random, traffic: Traffic, effect: Effect) -> list[Record]:
    """The calls of several clients, which begin, take effect and end in a random order.

    The answer of some is lost; those take effect at once, later or never.
    """
    return _Simulation(rng, traffic, effect).run()


class _Simulation:
    def __init__(self, rng: random.Random, traffic: Traffic, effect: Effect) -> None:
        self._rng, self._traffic, self._effect = rng, traffic, effect
        self._known = ["made-up"]
        self._records: list[Record] = []
        self._late: list[Call] = []
        self._moment = 0.0
        self._numbers = iter(range(1, 1 + traffic.clients * traffic.calls))

    def run(self) -> list[Record]:
        clients = [self._client(f"client {n}") for n in range(1, self._traffic.clients + 1)]
        while clients:
            self._moment += 1
            client = self._rng.choice(clients)
            if next(client, "done") == "done":
                clients.remove(client)
            if self._late and self._rng.random() < 0.2:
                self._effect(self._late.pop())
        return self._records

    def _client(self, lane: str) -> Iterator[None]:
        for _ in range(self._traffic.calls):
            call, number, began = self._call(), next(self._numbers), self._moment
            yield
            if self._rng.random() < self._traffic.lost:
                self._lose(call)
                self._records.append(Record(number, lane, call, LOST, began, math.inf))
                continue
            answer = self._effect(call)
            yield
            if answer.session:
                self._known.append(answer.session)
            self._records.append(Record(number, lane, call, answer, began, self._moment))

    def _lose(self, call: Call) -> None:
        if self._rng.random() < 0.5:
            self._late.append(call)

    def _call(self) -> Call:
        kind = self._rng.random()
        if kind < 0.6:
            resource = f"R{self._rng.randrange(self._traffic.resources)}"
            return Initialize(resource, self._rng.choice(list(Behavior)))
        session = self._rng.choice(self._known[-3:])
        return Close(session) if kind < 0.85 else Use(session)
