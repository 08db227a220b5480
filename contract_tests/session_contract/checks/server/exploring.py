"""Random programs of calls one after the other: what Hypothesis finds, as calls and not as code."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from session_contract.checks.budget import Budget
from session_contract.checks.server.attribution import attributed, finding
from session_contract.checks.server.course import Course, Upset
from session_contract.checks.server.made_up import some_session
from session_contract.subject.finding import Finding, NotEstablished, TargetDied
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Close, Initialize, Use

_RESOURCES = 3
_LANES = ("client 1", "client 2")
_STRANGE = (3, 4, -1, 99)
_UNHURRIED = (
    *(HealthCheck.too_slow, HealthCheck.data_too_large),
    *(HealthCheck.filter_too_much, HealthCheck.large_base_example),
)
"""What Hypothesis must not complain of: the target is as slow as it is."""
_ROUNDS = 4
"""Explorations, at most: each after the first looks for what earlier ones did not find."""
_TO_SHRINK = 3.0
"""Seconds for making a program that shows a fault shorter."""


@dataclass
class Explored:
    """What the programs of a run came to."""

    programs: int = 0
    found: dict[str, Finding] = field(default_factory=dict[str, Finding])
    """The shortest program that violates each requirement."""


_EXPLORED: WeakKeyDictionary[Subject, Explored] = WeakKeyDictionary()
"""All stateful checks judge the same programs: whichever is first makes them."""


def explored(subject: Subject, budget: Budget, seed: int) -> Explored:
    """Make the programs, unless an earlier check of this run has."""
    if subject not in _EXPLORED:
        _EXPLORED[subject] = _explore(subject, budget, seed)
    return _EXPLORED[subject]


def _explore(subject: Subject, budget: Budget, seed: int) -> Explored:
    result = Explored()
    for number in range(_ROUNDS):
        search = _Search(subject, result, ignored=set(result.found))
        _run(search, budget, seed + number)
        if search.interruption:
            raise search.interruption
        if search.best is None:
            break
        result.found[search.best.requirement] = search.best
    return result


def _run(search: _Search, budget: Budget, seed: int) -> None:
    machine = type("Programs", (Programs,), {"search": search})
    chosen = settings(
        max_examples=budget.programs,
        stateful_step_count=budget.steps,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=_UNHURRIED,
    )
    # What was found is told by the calls that show it; that a race does not show again is no news.
    with contextlib.suppress(_Found, HypothesisException):
        run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=chosen)


class _Found(AssertionError):  # noqa: N818 - nothing went wrong
    """Tells Hypothesis that a program shows a fault."""


class _Search:
    """One exploration: the shortest program that shows a fault, and what must not go on."""

    def __init__(self, subject: Subject, result: Explored, ignored: set[str]) -> None:
        self.subject = subject
        self.result = result
        self.best: Finding | None = None
        self.interruption: TargetDied | NotEstablished | None = None
        self._ignored = ignored
        self._shown = 0
        self._until = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing more is to be found: Hypothesis does not know, and goes on."""
        return self.interruption is not None or (
            self.best is not None and time.monotonic() > self._until
        )

    @contextlib.contextmanager
    def judging(self) -> Generator[None, None, None]:
        """Note what comes of a call; raise _Found for what was not found before."""
        try:
            yield
        except Upset as upset:
            self._note(upset)
        except (TargetDied, NotEstablished) as reason:
            self.interruption = reason

    def _note(self, upset: Upset) -> None:
        name = attributed(self.subject, upset)
        if name in self._ignored:
            return
        if self.best is None:
            self._until = time.monotonic() + _TO_SHRINK
        # Whatever else it comes upon while it shrinks is left to the next exploration.
        if self.best is None or self.best.requirement == name:
            if self.best is None or len(upset.records) <= self._shown:
                self.best = finding(name, upset.violation.sentence, upset.records)
                self._shown = len(upset.records)
            raise _Found


class Programs(RuleBasedStateMachine):
    """Makes calls on a few resources, from two clients, with ids that may be stale or made up."""

    search: _Search
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.course = Course(self.search.subject)
        self.resources = [self.search.subject.fresh() for _ in range(_RESOURCES)]
        self.ended = self.search.over
        self.search.result.programs += 1

    @initialize(target=sessions)
    def a_made_up_session(self) -> str:
        """Begin with an id that names no session."""
        return "made-up" if self.ended else some_session(self.search.subject)

    @rule(
        target=sessions,
        resource=st.integers(0, _RESOURCES - 1),
        behavior=st.sampled_from(Behavior),
        by=st.sampled_from(_LANES),
    )
    def open_or_attach(
        self, resource: int, behavior: Behavior, by: str
    ) -> MultipleResults[str] | str:
        """Initialize a resource."""
        before = len(self.course.records)
        self._call(Initialize(self.resources[resource], behavior), by)
        records = self.course.records[before:]
        session = getattr(records[0].answer, "session", "") if records else ""
        return session or multiple()

    @rule(resource=st.integers(0, _RESOURCES - 1), behavior=st.sampled_from(_STRANGE))
    def initialize_strangely(self, resource: int, behavior: int) -> None:
        """Initialize with a behaviour that nobody knows."""
        self._call(Initialize(self.resources[resource], behavior), _LANES[0])

    @rule(session=sessions, by=st.sampled_from(_LANES))
    def close(self, session: str, by: str) -> None:
        """Close a session, whether or not it is open."""
        self._call(Close(session), by)

    @precondition(lambda self: self.search.subject.target.uses)
    @rule(session=sessions, by=st.sampled_from(_LANES))
    def use(self, session: str, by: str) -> None:
        """Use a session, whether or not it is open."""
        self._call(Use(session), by)

    @rule()
    def reconnect(self) -> None:
        """Hang up, and come back on other channels."""
        if not self.ended:
            self.course.reconnect()

    def _call(self, call: Initialize | Close | Use, by: str) -> None:
        if self.ended:
            return
        # Whatever is not allowed ends the program: the model has no state to go on from.
        self.ended = True
        with self.search.judging():
            self.course.call(call, by=by)
            self.ended = False

    def teardown(self) -> None:
        """Close what the program left open."""
        if not self.search.interruption:
            for session in self._open():
                self.course.lane("sweeper").close_session(session)
        self.course.reconnect()

    def _open(self) -> list[str]:
        return [session for _, session in self.course.states[0].open if session]
