"""Every cell of the behaviour matrix, also after other things have happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.server.attribution import report
from session_contract.checks.server.course import Course, Upset
from session_contract.subject.finding import NotEstablished
from session_contract.subject.subject import Subject
from session_spec.matrix import SERVER_MATRIX, Behavior
from session_spec.model import OK

_NEW, _ATTACH = Behavior.INITIALIZE_NEW, Behavior.ATTACH_TO_EXISTING


def fresh(course: Course, budget: Budget) -> str:
    """A resource that nobody has used."""
    del budget
    return course.subject.fresh()


def closed_before(course: Course, budget: Budget) -> str:
    """A resource that was open once."""
    resource = fresh(course, budget)
    course.close(course.initialize(resource, Behavior.UNSPECIFIED))
    return resource


def after_refusals(course: Course, budget: Budget) -> str:
    """A resource whose calls so far were refused, but for one session."""
    resource = fresh(course, budget)
    course.initialize(resource, _ATTACH)
    session = course.open(resource)
    course.initialize(resource, _NEW)
    course.close(session)
    course.close(session)
    course.initialize(resource, _ATTACH)
    return resource


def closed_by_another(course: Course, budget: Budget) -> str:
    """A resource that one client opened, and another one attached to and closed."""
    resource = fresh(course, budget)
    course.open(resource, by="opener")
    course.close(course.initialize(resource, _ATTACH, by="closer"), by="closer")
    return resource


def among_others(course: Course, budget: Budget) -> str:
    """A resource among five others: of these, three are open and two were closed."""
    sessions = [course.open(by="others") for _ in range(5)]
    for session in sessions[1::2]:
        course.close(session, by="others")
    return fresh(course, budget)


def after_many(course: Course, budget: Budget) -> str:
    """A resource that was opened and closed many times."""
    resource = fresh(course, budget)
    for _ in range(budget.cycles):
        course.close(course.open(resource))
    return resource


History = Callable[[Course, Budget], str]
HISTORIES: list[History] = [
    *(fresh, closed_before, after_refusals),
    *(closed_by_another, among_others, after_many),
]


def _case(name: str, history: History, call: str, *, is_open: bool) -> Any:  # noqa: ANN401
    where = "open" if is_open else "free"
    return pytest.param(
        *(name, history, call, is_open),
        marks=requirement(name, 1, kind="matrix"),
        id=f"{name}-{call}-{where}-{history.__name__}",
    )


def _cells() -> Iterator[Any]:
    for history, (behavior, is_open) in product(HISTORIES, SERVER_MATRIX):
        cell = SERVER_MATRIX[behavior, is_open]
        for name in filter(None, (cell.requirement, cell.flag_requirement)):
            yield _case(name, history, behavior.name, is_open=is_open)
    for history in HISTORIES:
        yield _case("INIT-ID-PRESENT", history, "UNSPECIFIED", is_open=True)
        yield _case("CLOSE-OPEN", history, "Close", is_open=True)
        yield _case("CLOSE-UNKNOWN", history, "Close", is_open=False)
        yield _case("USE-CLOSED", history, "Use", is_open=False)


@pytest.mark.parametrize(("name", "history", "call", "is_open"), list(_cells()))
def test___resource_with_a_history___called___answers_as_the_matrix_says(
    subject: Subject, budget: Budget, name: str, history: History, call: str, is_open: bool
) -> None:
    course = Course(subject)

    try:
        resource = history(course, budget)
        session = course.open(resource)
        if call == "Use":
            _ensure_usable(course, session)
        if not is_open:
            course.close(session)
        # By two clients: who opened it and one that did not.
        for client in ("another client", "client"):
            _make(course, call, resource, session, client)
    except Upset as upset:
        raise report(subject, name, upset) from None


def _ensure_usable(course: Course, session: str) -> None:
    """A use that fails always says nothing of sessions."""
    for number in range(len(course.subject.target.uses)):
        record = course.use(session, use=number)
        if record.code != OK:
            said = f"{record.code} {record.details}".rstrip()
            raise NotEstablished(
                f"{record.rpc} of an open session answered {said}: what it answers once that is "
                "closed shows nothing then. Mend the server, or the request of that [[use]]."
            )


def _make(course: Course, call: str, resource: str, session: str, client: str) -> None:
    """Make a call, and each of the target's uses for one."""
    if call == "Use":
        for number in range(max(1, len(course.subject.target.uses))):
            course.use(session, by=client, use=number)
    elif call == "Close":
        course.close(session, by=client)
    else:
        course.initialize(resource, Behavior[call], by=client)
