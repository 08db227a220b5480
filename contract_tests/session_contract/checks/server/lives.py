"""One life of a server with Discovery: its start, a call that runs, and each way to stop it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from session_contract.subject.finding import NotEstablished
from session_contract.subject.lane import Pending
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_contract.subject.target import Command
from session_spec.matrix import Behavior
from session_spec.model import Initialize

_TO_REGISTER = 10.0
"""Seconds from the moment that it serves."""
PATIENCE = 60.0
"""Seconds that a call may run."""
_TRIES = 3
"""Stops in one way, at most, until one of them tells what becomes of a running call."""


@dataclass(frozen=True)
class Life:
    """What was observed of a server from its start to its end."""

    how: str
    """The way in which it was stopped."""
    registrations: Sequence[Any]
    """What it registered with Discovery, as ``environment.Registration``."""
    listed: bool
    """Whether Discovery knew one of these before the stop."""
    left: Sequence[str]
    """Addresses of these that were still registered when it had ended."""
    exit_code: int | None
    """None when it did not end within its grace period, and was killed."""
    running: Record | None
    """The call that was under way when it was asked to stop."""
    asked: float
    """When that was, on the clock of the records."""
    heard: float = math.inf
    """When its caller knew what came of the running call."""
    output: Sequence[str] = field(default_factory=tuple)

    def decides(self, grace: float) -> bool:
        """Whether the running call says how the server ends calls.

        It does not if it ended before the stop, or ran on until the grace period was over.
        """
        return self.running is None or self.asked < self.heard < self.asked + grace


_LIVES: WeakKeyDictionary[Subject, list[Life]] = WeakKeyDictionary()
"""All hosting checks judge the same lives: whichever is first observes them."""


def lives(subject: Subject) -> list[Life]:
    """A life for each way to stop that the target names."""
    place = subject.target.place
    if not isinstance(place, Command) or subject.discovery is None:
        raise NotEstablished(
            "Only a server that the kit starts can be watched with Discovery: set [target] "
            'command = ["..."], and claim hosting.'
        )
    if not place.stops:
        raise NotEstablished("The target names no way to stop: set [target.start] stops.")
    if subject not in _LIVES:
        _LIVES[subject] = list(_live_through(subject, place))
    return _LIVES[subject]


def _live_through(subject: Subject, place: Command) -> Iterator[Life]:
    """Stop the server in each way, and leave it running for the checks that follow."""
    for how in place.stops:
        life = _live(subject, how)
        for _ in range(_TRIES - 1):
            if life.decides(place.grace):
                break
            # On a busy machine the running call may have taken too long, or too short.
            life = _live(subject, how)
        yield life


def _live(subject: Subject, how: str) -> Life:
    """End the life that the server is in, and begin the next."""
    ended = _end(subject, how)
    subject.start_again()
    return ended


def _end(subject: Subject, how: str) -> Life:
    """Stop the server while a call runs, and see what becomes of both."""
    discovery, begun = subject.discovery, subject.registered_before
    discovery.wait_registered(begun + 1, _TO_REGISTER)
    registrations = discovery.registered[begun:]
    listed = discovery.wait_listed([r.address for r in registrations], _TO_REGISTER)
    pending = _running(subject)
    asked = subject.journal.now()
    exit_code = subject.host.stop(how)
    registrations = discovery.registered[begun:]
    still = set(discovery.services())
    left = [each.address for each in registrations if each.address in still]
    running = pending.result() if pending else None
    heard = pending.heard if pending else math.inf
    output = list(getattr(subject.host, "output", ()))[-3:]
    return Life(how, registrations, listed, left, exit_code, running, asked, heard, output)


def _running(subject: Subject) -> Pending | None:
    """A call that is under way, if the target has a resource that takes a while."""
    name = subject.slow()
    if not name:
        return None
    lane = subject.lane("client of the slow one")
    call = Initialize(name, Behavior.INITIALIZE_NEW)
    configuration = subject.target.slow_configuration
    pending = lane.begin(call, configuration=configuration, timeout=PATIENCE)
    # One connection keeps its order: once this is answered, the other has arrived.
    lane.initialize(subject.fresh(), Behavior.ATTACH_TO_EXISTING)
    return pending
