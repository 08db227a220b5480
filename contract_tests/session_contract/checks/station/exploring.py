"""Random programs of calls one after the other, judged by the specification's own model."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from session_contract.checks.budget import Budget
from session_contract.checks.station.course import Course, Upset, violated
from session_contract.station.station import Station
from session_contract.subject.finding import Finding, NotEstablished, TargetDied, Violated
from session_spec.class_models import StationModel
from session_spec.examples import Event, parse_example

_BEFORE = """
UpdatePinMap(M, valid) -> OK
ReserveSessions(M, A C, timeout=0) -> OK X P
UnreserveSessions(X P) -> OK
"""
"""What every program begins with, so that the sessions have their names."""
_CALLS = """
RegisterService(class=C, interface=I, version=1.0.0, port=1) -> OK
RegisterService(class=C, interface=I, version=1.10.0, port=2) -> OK
RegisterService(class=C, interface=I, version=1.9.0, port=3) -> OK
RegisterService(class=C, interface=I J, port=4) -> OK
RegisterService(class=D, interface=J, version=1.2.3.4, port=5) -> OK
RegisterService(class=D, interface=J, version=, port=6) -> OK
RegisterService(class=, interface=I, port=7) -> OK
RegisterService(class=C, interface=, port=7) -> OK
RegisterService(class=C, interface=I, port=0x7) -> OK
UnregisterService(id1) -> OK
UnregisterService(id2) -> OK
UnregisterService(id3) -> OK
ResolveService(I) -> OK
ResolveService(J) -> OK
ResolveService("") -> OK
ResolveService(I, class=C) -> OK
ResolveService(J, class=D) -> OK
ResolveService(I, class=D) -> OK
ResolveService(I, class=C, version=1.0.0) -> OK
EnumerateServices(I) -> OK
EnumerateServices(J, class=C) -> OK
EnumerateServices("", class=D) -> OK
UpdatePinMap(N, valid) -> OK
UpdatePinMap(N, without B) -> OK
UpdatePinMap(N, invalid) -> OK
QueryResources(N, B) -> OK
QueryResources(N, A C) -> OK
QueryResources(M, C, sites=1) -> OK
QueryResources(M, A, sites=7) -> OK
QueryResources(M, Z) -> OK
ReserveSessions(M, A, timeout=0) -> OK
ReserveSessions(M, A, timeout=0) -> OK
ReserveSessions(M, C, sites=0, timeout=0) -> OK
ReserveSessions(M, D, timeout=0) -> OK
ReserveSessions(M, A C, timeout=0) -> OK
ReserveSessions(M, C D, timeout=0) -> OK
ReserveSessions(M, A Z, timeout=0) -> OK
ReserveSessions(M, A, sites=0 7, timeout=0) -> OK
ReserveSessions(M, A, timeout=-2) -> OK
ReserveSessions(U, A, timeout=0) -> OK
ReserveSessions("", A, timeout=0) -> OK
UnreserveSessions(X) -> OK
UnreserveSessions(X) -> OK
UnreserveSessions(P) -> OK
UnreserveSessions(X P) -> OK
UnreserveSessions() -> OK
RegisterSessions(X) -> OK
RegisterSessions(P) -> OK
RegisterSessions(Z) -> OK
RegisterSessions(X Z) -> OK
RegisterSessions("") -> OK
UnregisterSessions(X) -> OK
UnregisterSessions(P) -> OK
UnregisterSessions(Z) -> OK
ReserveAllRegisteredSessions(type=custom, timeout=0) -> OK
"""
"""What programs are made of; those that are there twice come twice as often.

Of the custom instrument only one pin is reserved: whether two are one session, NI does not say.
"""
_OF_OURS = """
ReserveSessions(M, B, timeout=0) -> OK
ReserveSessions(M, timeout=0) -> OK
"""
"""Added where they are known to be one."""
_UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_ROUNDS = 4
"""Explorations, at most: each after the first looks for what earlier ones did not find."""
_TO_SHRINK = 2.0
"""Seconds for making a program that shows a fault shorter."""


@dataclass
class Explored:
    """What the programs of a run came to."""

    programs: int = 0
    found: dict[str, Finding] = field(default_factory=dict[str, Finding])
    """The shortest program that violates each requirement."""


_EXPLORED: WeakKeyDictionary[Station, Explored] = WeakKeyDictionary()
"""All stateful checks judge the same programs: whichever is first makes them."""


def explored(station: Station, budget: Budget, seed: int) -> Explored:
    """Make the programs, unless an earlier check of this run has."""
    if station not in _EXPLORED:
        result = Explored()
        for number in range(_ROUNDS):
            before = len(result.found)
            _explore(station, budget, seed + number, result)
            if len(result.found) == before:
                break
        _EXPLORED[station] = result
    return _EXPLORED[station]


class _Found(AssertionError):  # noqa: N818 - nothing went wrong
    """Tells Hypothesis that a program shows a fault."""


class _Search:
    """One exploration: the shortest program that shows a fault which earlier ones did not."""

    def __init__(self, station: Station, result: Explored) -> None:
        self.best: Finding | None = None
        self.interruption: TargetDied | NotEstablished | None = None
        self._station = station
        self._result = result
        self._until = 0.0

    def play(self, program: Sequence[Event]) -> None:
        """Play a program; raise _Found when it shows such a fault."""
        if self.interruption or (self.best is not None and time.monotonic() > self._until):
            return  # Hypothesis does not know that there is enough, and goes on
        self._result.programs += 1
        course = Course(self._station, StationModel(reference=self._station.is_ours))
        try:
            for event in (*_events(_BEFORE), *program):
                course.play(event)
        except Upset as upset:
            found = upset.violations[0]
            self._note(violated(self._station, course, found, found.requirement))
        except NotEstablished as reason:
            self.interruption = reason
        finally:
            self._station.take_back()

    def _note(self, error: Exception) -> None:
        if not isinstance(error, Violated):
            assert isinstance(error, TargetDied)
            self.interruption = error
            return
        finding = error.finding
        if finding.requirement in self._result.found:
            return
        if self.best is None:
            self._until = time.monotonic() + _TO_SHRINK
        if self.best is None or self.best.requirement == finding.requirement:
            if self.best is None or len(finding.events) <= len(self.best.events):
                self.best = finding
            raise _Found


def _explore(station: Station, budget: Budget, seed: int, result: Explored) -> None:
    search = _Search(station, result)
    calls = st.sampled_from(_events(_CALLS + (_OF_OURS if station.is_ours else "")))
    most = max(budget.steps // 2, 5)

    @hypothesis.seed(seed)
    @settings(
        max_examples=max(budget.programs // 2, 5),
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=_UNHURRIED,
    )
    @given(st.lists(calls, min_size=most // 2, max_size=most))
    def programs(program: list[Event]) -> None:
        search.play(program)

    # What was found is told by the calls that show it; that it does not show again is no news.
    with contextlib.suppress(_Found, HypothesisException):
        programs()
    if search.interruption:
        raise search.interruption
    if search.best:
        result.found[search.best.requirement] = search.best


def _events(text: str) -> list[Event]:
    return list(parse_example(text.strip().splitlines(), 1).events)
