"""A server that ended, in order or by a crash, and was started again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

import pytest

from session_contract.checks.marking import requirement
from session_contract.checks.server.attribution import report
from session_contract.checks.server.course import Course, Upset
from session_contract.subject.finding import Finding, Violated
from session_contract.subject.subject import Subject
from session_contract.subject.target import Command, Unreachable
from session_spec.matrix import Behavior
from session_spec.model import Answer, Restart

_SEEN_AS = {
    "RESTART-OLD-IDS": {"CLOSE-UNKNOWN", "USE-CLOSED", "CLOSE-OPEN"},
    "RESTART-REOPEN": {"INIT-NEW-CREATE", "INIT-ATTACH-OPEN"},
}
"""As what the model sees it when one of these is violated."""
_RESOURCES = 3
_MOST = 100
"""Sessions that are opened so that ids which are counted come again."""


def crashed(subject: Subject) -> None:
    """End the server without a word."""
    subject.host.kill()


def stopped(subject: Subject) -> None:
    """Stop the server in the first way that its target names."""
    place = subject.target.place
    subject.host.stop(place.stops[0] if isinstance(place, Command) else "SIGTERM")


End = Callable[[Subject], None]
Error = Exception | None
_RESTARTED: WeakKeyDictionary[Subject, dict[End, dict[str, Error]]] = WeakKeyDictionary()
"""One restart of each kind serves both requirements: it takes a second or more."""


@pytest.mark.parametrize("end", [crashed, stopped], ids=lambda end: end.__name__)
@requirement("RESTART-OLD-IDS", 1, kind="restart")
def test___sessions_of_before___server_restarted___none_is_valid(
    subject: Subject, end: End
) -> None:
    _show(subject, end, "RESTART-OLD-IDS")


@pytest.mark.parametrize("end", [crashed, stopped], ids=lambda end: end.__name__)
@requirement("RESTART-REOPEN", 1, kind="restart")
def test___a_resource_that_was_open___server_restarted___opens_again(
    subject: Subject, end: End
) -> None:
    _show(subject, end, "RESTART-REOPEN")


def _show(subject: Subject, end: End, name: str) -> None:
    """Raise what a restart has to say of a requirement, if anything."""
    seen = _RESTARTED.setdefault(subject, {})
    if end not in seen:
        seen[end] = _restart(subject, end)
    if error := seen[end][name]:
        raise error


def _restart(subject: Subject, end: End) -> dict[str, Error]:
    """Restart a server with open sessions, and see both what is gone and what can be."""
    before = Course(subject)
    resources = [subject.fresh() for _ in range(2 * _RESOURCES)]
    try:
        old = [before.open(resource) for resource in resources]
    except Upset as upset:
        return {name: report(subject, name, upset) for name in _SEEN_AS}
    before.reconnect()
    end(subject)
    try:
        subject.start_again()
    except Unreachable as error:
        said = f"the server does not start again: {error}"
        return {name: Violated(Finding(name, said, before.records)) for name in _SEEN_AS}
    before.happened(Restart())
    # Each on resources of its own, so that a fault of one does not hide the other.
    checks = {
        "RESTART-OLD-IDS": partial(_try_old_ids, resources[:_RESOURCES], old[:_RESOURCES]),
        "RESTART-REOPEN": partial(_reopen, resources[_RESOURCES:]),
    }
    return {name: _tried(before, name, check) for name, check in checks.items()}


def _tried(before: Course, name: str, check: Callable[[Course], None]) -> Error:
    course = Course(before.subject)
    course.states, course.records = list(before.states), list(before.records)
    try:
        check(course)
    except Upset as upset:
        return report(before.subject, name, upset, _SEEN_AS[name])
    return None


def _try_old_ids(resources: list[str], old: list[str], course: Course) -> None:
    """Ids of before name nothing, and still name nothing when there are sessions again."""
    course.close(old[0])
    if course.subject.target.uses and "use" in course.subject.target.claims:
        course.use(old[1])
    before = _created_in_life(course.subject, course.subject.journal.life - 1)
    more = [course.subject.fresh() for _ in range(min(before, _MOST) - len(resources))]
    new = [course.open(resource) for resource in (*resources, *more)]
    for session in (*old, *new):
        course.close(session)


def _created_in_life(subject: Subject, life: int) -> int:
    """How many sessions the server created between two of its starts."""
    return sum(
        isinstance(record.answer, Answer) and record.answer.new
        for record in subject.journal.records
        if record.life == life
    )


def _reopen(resources: list[str], course: Course) -> None:
    for resource in resources:
        course.open(resource)
        course.initialize(resource, Behavior.ATTACH_TO_EXISTING)
