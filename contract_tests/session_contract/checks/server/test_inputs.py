"""What a caller can get wrong: behaviours, names and ids."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.server.attribution import report
from session_contract.checks.server.course import Course, Upset
from session_contract.checks.server.made_up import made_up
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Call, Close, Initialize, Use

_STRANGE = [3, 4, 7, -1, 2**31 - 1, -(2**31)]
"""Behaviours: 3 and 4 are numbers that NI's SDK has, and that never go over the wire."""
_SEEN_AS = {"INIT-ATTACH-MISSING", "INIT-ATTACH-OPEN", "INIT-NEW-CREATE", "CLOSE-OPEN"}
"""As what the model sees it when a call that was refused has changed something."""
_OPEN_AT_ONCE = 10
_RANDOM = 15
"""Letters of an id from which on it is not counted."""


def _wrong_ids(session: str, other: str, resource: str, unknown: str) -> dict[str, str]:
    """Ids that name no session, some of them close to one that does.

    None can be the id of anybody else's session, also where ids are counted.
    """
    return {
        "made up": unknown,
        "with a suffix": f"{session}x",
        "cut short": session[:-1] if len(session) > _RANDOM else unknown[:-1],
        "with a blank": f"{session} ",
        "two of them": f"{session}-{other}",
        "the name of the resource": resource,
        "very long": f"{session}-{unknown * 100}"[:1000],
        "not ASCII": f"{session}\N{SNOWMAN}",
    }


@requirement("CLOSE-UNKNOWN", 1, kind="input")
def test___ids_that_name_no_session___closed___not_found(subject: Subject) -> None:
    _try_wrong_ids(subject, "CLOSE-UNKNOWN", Close)


@requirement("USE-CLOSED", 1, kind="input")
def test___ids_that_name_no_session___used___not_found(subject: Subject) -> None:
    _try_wrong_ids(subject, "USE-CLOSED", Use)


@requirement("USE-NO-EFFECT", 1, kind="input")
def test___ids_that_name_no_session___used___nothing_changes(subject: Subject) -> None:
    _try_wrong_ids(subject, "USE-NO-EFFECT", Use, seen_as=_SEEN_AS)


def _try_wrong_ids(
    subject: Subject,
    name: str,
    call: type[Close | Use],
    seen_as: Collection[str] = (),
) -> None:
    course = Course(subject)
    resource, unknown = subject.fresh(), made_up(subject)
    try:
        session, other = course.open(resource), course.open()
        wrong = _wrong_ids(session, other, resource, unknown)
        for each in wrong.values():
            if each not in (session, other):
                course.call(call(each))
        _look(course, resource, session)
    except Upset as upset:
        raise report(subject, name, upset, seen_as) from None
    subject.executions = len(wrong)


def _look(course: Course, resource: str, session: str) -> None:
    """See that the session is open as before, and that it closes."""
    course.initialize(resource, Behavior.ATTACH_TO_EXISTING, by="another client")
    course.close(session)
    course.initialize(resource, Behavior.ATTACH_TO_EXISTING)


@pytest.mark.parametrize("is_open", [False, True], ids=["free", "open"])
@pytest.mark.parametrize("behavior", _STRANGE)
@requirement("INPUT-BEHAVIOR", 1, kind="input")
def test___a_behaviour_that_nobody_knows___initialize___refused(
    subject: Subject, behavior: int, is_open: bool
) -> None:
    course = Course(subject)
    resource = subject.fresh()

    try:
        if is_open:
            course.open(resource)
        course.initialize(resource, behavior)
    except Upset as upset:
        raise report(subject, "INPUT-BEHAVIOR", upset) from None


@pytest.mark.parametrize("behavior", list(Behavior), ids=lambda b: b.name)
@requirement("INPUT-RESOURCE", 1, kind="input")
def test___an_empty_resource_name___initialize___refused(
    subject: Subject, behavior: Behavior
) -> None:
    course = Course(subject)

    try:
        course.initialize("", behavior)
    except Upset as upset:
        raise report(subject, "INPUT-RESOURCE", upset) from None


@requirement("INPUT-SESSION", 1, kind="input")
def test___the_empty_id___closed___not_found(subject: Subject) -> None:
    course = Course(subject)

    try:
        course.close("")
        course.open()
        course.close("")
    except Upset as upset:
        raise report(subject, "INPUT-SESSION", upset) from None


@requirement("INPUT-NO-EFFECT", 1, kind="input")
def test___calls_that_fail___made___nothing_changes(subject: Subject) -> None:
    course = Course(subject)
    resource, unknown = subject.fresh(), made_up(subject)
    failing: list[Call] = [
        *(Initialize(resource, number) for number in _STRANGE),
        *(Initialize("", behavior) for behavior in Behavior),
        *(Close(""), Close(unknown)),
    ]

    try:
        for call in failing:
            course.call(call)
            course.initialize(resource, Behavior.ATTACH_TO_EXISTING)
        session = course.open(resource)
        for call in [*failing, Initialize(resource, Behavior.INITIALIZE_NEW)]:
            course.call(call)
            course.initialize(resource, Behavior.ATTACH_TO_EXISTING)
        _look(course, resource, session)
    except Upset as upset:
        raise report(subject, "INPUT-NO-EFFECT", upset, _SEEN_AS) from None
    subject.executions = 2 * len(failing)


@requirement("INPUT-ID-REUSED", 1, kind="input")
def test___many_sessions_one_after_the_other___their_ids___all_differ(
    subject: Subject, budget: Budget
) -> None:
    _create_many(subject, budget.ids, "INPUT-ID-REUSED")


@requirement("ISO-OWN-SESSION", 1, kind="input")
def test___many_sessions_at_the_same_time___their_ids___all_differ(
    subject: Subject, budget: Budget
) -> None:
    _create_many(subject, budget.ids // 4, "ISO-OWN-SESSION")


def _create_many(subject: Subject, times: int, name: str) -> None:
    """Create sessions, ten of them open at a time, on resources that come again."""
    course = Course(subject)
    resources = [subject.fresh() for _ in range(_OPEN_AT_ONCE)]
    opened: dict[str, str] = {}
    try:
        for count in range(times):
            resource = resources[count % _OPEN_AT_ONCE]
            if resource in opened:
                course.close(opened.pop(resource))
            opened[resource] = course.open(resource)
    except Upset as upset:
        raise report(subject, name, upset) from None
    subject.executions = times
