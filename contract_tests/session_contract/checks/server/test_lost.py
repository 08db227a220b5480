"""Calls whose answers never reached their caller: what they did, and what they left behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from session_contract import environment
from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.server.life import answers
from session_contract.checks.server.racing import sentence
from session_contract.races import Contradiction, judge_history
from session_contract.subject.finding import Finding, NotEstablished, TargetDied, Violated
from session_contract.subject.lane import Lane
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import LOST, Answer, Call, Close, Initialize, Lost

_NEW, _ATTACH = Behavior.INITIALIZE_NEW, Behavior.ATTACH_TO_EXISTING
_SOON = 0.1
"""Seconds: a deadline that passes, since the answer is held back."""
_TRIES = 5
"""Calls that are made to have one of them lost, at most: some are answered too quickly."""


class _Loses(Protocol):
    """Makes a call and loses its answer; the call may yet be answered, if it is too quick."""

    def __call__(self, call: Call) -> Record: ...


@contextmanager
def cancelled(subject: Subject) -> Generator[_Loses, None, None]:
    """The caller cancels as soon as the call is sent."""

    def give_up(lane: Lane, call: Call) -> Record:
        pending = lane.begin(call)
        pending.cancel()
        return pending.result()

    with _held_back(subject, give_up) as lose:
        yield lose


@contextmanager
def too_late(subject: Subject) -> Generator[_Loses, None, None]:
    """The deadline of the call passes, after the request has."""
    with _held_back(subject, lambda lane, call: lane.ask(call, timeout=_SOON)) as lose:
        yield lose


@contextmanager
def _held_back(
    subject: Subject, give_up: Callable[[Lane, Call], Record]
) -> Generator[_Loses, None, None]:
    """The answer is held back until the caller has given up: no server can be too quick."""
    with environment.relay(subject.host.address) as relay:
        lane = subject.lane("who gives up", relay.address)

        def lose(call: Call) -> Record:
            lane.initialize(subject.fresh(), _ATTACH)
            relay.stall("answers")
            record = give_up(lane, call)
            relay.heal()
            return record

        yield lose


@contextmanager
def while_it_opens(subject: Subject) -> Generator[_Loses, None, None]:
    """The deadline of the call passes while the resource opens, which takes a while."""
    lane, slow = subject.lane("who gives up"), subject.target.slow_configuration
    yield lambda call: lane.ask(call, configuration=slow, timeout=_SOON)


@contextmanager
def cut_before_request(subject: Subject) -> Generator[_Loses, None, None]:
    """The connection breaks before the request has passed."""
    with _cutting(subject, "request") as lose:
        yield lose


@contextmanager
def cut_before_answer(subject: Subject) -> Generator[_Loses, None, None]:
    """The connection breaks after the request has passed, before the answer has."""
    with _cutting(subject, "answer") as lose:
        yield lose


@contextmanager
def _cutting(subject: Subject, part: Any) -> Generator[_Loses, None, None]:  # noqa: ANN401
    with environment.relay(subject.host.address) as relay:
        lane = subject.lane("who is cut off", relay.address)

        def lose(call: Call) -> Record:
            # The connection is there before it is cut: else it would break at its start.
            lane.initialize(subject.fresh(), _ATTACH)
            relay.cut_before(part)
            record = lane.ask(call)
            relay.heal()
            return record

        yield lose


Way = Callable[[Subject], Any]
_WAYS: list[Way] = [cancelled, too_late, cut_before_request, cut_before_answer]
_TIMES_SLOWER = 3
"""How much longer than other calls those for a slow resource may take."""
_ALSO_SLOW = ("LOST-INITIALIZE", too_late)
"""The check that loses a call also while a slow resource opens: once, since that takes long."""


def _by(ways: list[Way]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", ways, ids=lambda way: way.__name__)


@_by(_WAYS)
@requirement("LOST-INITIALIZE", 1, kind="lost")
def test___a_lost_initialize___what_it_did___whole_or_not_at_all(
    subject: Subject, budget: Budget, way: Way
) -> None:
    _try(subject, budget, way, "LOST-INITIALIZE")


@_by(_WAYS)
@requirement("LOST-CLOSE", 1, kind="lost")
def test___a_lost_close___what_it_did___whole_or_not_at_all(
    subject: Subject, budget: Budget, way: Way
) -> None:
    _try(subject, budget, way, "LOST-CLOSE")


@_by(_WAYS)
@pytest.mark.parametrize("behavior", list(Behavior), ids=lambda b: b.name)
@requirement("LOST-UNLOCKED", 1, kind="lost")
def test___a_lost_call___the_calls_after_it___are_answered(
    subject: Subject, budget: Budget, way: Way, behavior: Behavior
) -> None:
    _try(subject, budget, way, "LOST-UNLOCKED", behavior)


def _try(subject: Subject, budget: Budget, way: Way, name: str, behavior: Behavior = _NEW) -> None:
    """Lose calls in one way, and judge what came before and after."""
    subject.executions = lost = 0
    with way(subject) as lose:
        for _ in range(budget.lost * _TRIES):
            if lost < budget.lost:
                lost += _Loss(subject, name, subject.fresh()).happens(lose, behavior)
    if budget.lost > 1 and (name, way) == _ALSO_SLOW and subject.target.resources.slow:
        patience = _TIMES_SLOWER * subject.target.limits.call
        with while_it_opens(subject) as lose:
            lost += _Loss(subject, name, subject.slow(), patience).happens(lose, behavior)
    subject.executions = lost
    if not lost:
        raise NotEstablished(f"The target answers too quickly to lose a call ({way.__name__}).")


class _Loss:
    """One lost call, and what a witness sees of it."""

    def __init__(
        self, subject: Subject, name: str, resource: str, patience: float | None = None
    ) -> None:
        self._subject = subject
        self._name = name
        self._resource = resource
        self._patience = patience
        self._witness = subject.lane("witness")
        self._history: list[Record] = []

    def happens(self, lose: _Loses, behavior: Behavior) -> bool:
        """Lose a call, look what it did, and judge; return whether its answer was lost."""
        lost = self._tell(lose, behavior)
        judged = judge_history(self._history, self._subject.rules)
        if isinstance(judged, Contradiction):
            self._control(behavior)
            told = f"whether the lost call happened or not, {sentence(judged)}"
            raise Violated(Finding(self._name, told, self._history, judged.orders))
        return isinstance(lost.answer, Lost)

    def _tell(self, lose: _Loses | None, behavior: Behavior) -> Record:
        """Make the calls, and return the one that was to be lost; None makes it be answered."""
        call: Call = Initialize(self._resource, behavior)
        if self._name == "LOST-CLOSE":
            self._see(Initialize(self._resource, _NEW))
            call = Close(_session(self._history))
        self._history.append(lose(call) if lose else self._made(call))
        lost = self._history[-1]
        self._look()
        return lost

    def _control(self, behavior: Behavior) -> None:
        """See that the same calls are answered rightly when none of them is lost."""
        for loses in (None, _unsent):
            control = _Loss(self._subject, self._name, self._subject.fresh())
            control._tell(loses, behavior)
            judged = judge_history(control._history, self._subject.rules)
            if isinstance(judged, Contradiction):
                raise NotEstablished(f"{judged.requirement} is violated: {sentence(judged)}.")

    def _look(self) -> None:
        """See what is open, twice, since a lost call may take effect late; then use it again."""
        for behaviors in ((_ATTACH, Behavior.UNSPECIFIED, _ATTACH), (_NEW, _ATTACH)):
            for behavior in behaviors:
                self._see(Initialize(self._resource, behavior))
            if session := _session(self._history):
                self._see(Close(session))

    def _see(self, call: Call) -> None:
        record = self._made(call)
        self._history.append(record)
        if isinstance(record.answer, Lost):
            raise self._unanswered(record)

    def _made(self, call: Call) -> Record:
        slow = self._subject.target.slow_configuration if self._patience else None
        return self._witness.ask(call, configuration=slow, timeout=self._patience)

    def _unanswered(self, record: Record) -> Exception:
        if not answers(self._subject):
            return TargetDied(f"After a lost call the target answers nothing: {record.details}.")
        said = f"{record.rpc} of the same resource got no answer after a lost call"
        if self._name != "LOST-UNLOCKED" and not self._patience:
            return NotEstablished(f"LOST-UNLOCKED is violated: {said}.")
        return Violated(Finding("LOST-UNLOCKED", f"{said}: {record.details}", self._history))


def _unsent(call: Call) -> Record:
    """A call that never was: lost before it began."""
    return Record(0, "nobody", call, LOST, 0.0, math.inf)


def _session(history: Sequence[Record]) -> str:
    """The session that was answered last."""
    answered = [r.answer.session for r in history if isinstance(r.answer, Answer)]
    return next((session for session in reversed(answered) if session), "")
