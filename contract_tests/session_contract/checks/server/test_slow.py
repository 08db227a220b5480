"""A resource that takes long to open, and calls for others meanwhile."""

from __future__ import annotations

import math

from session_contract.checks.marking import requirement
from session_contract.checks.server.attribution import report
from session_contract.checks.server.course import Course, Upset
from session_contract.checks.server.lives import PATIENCE
from session_contract.subject.finding import Finding, NotEstablished, Violated
from session_contract.subject.lane import Lane
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Initialize

_LEAST = 0.1
"""Seconds that it has to take: less cannot be told from a machine that is busy."""
_TRIES = 8
_MEANWHILE = 0.1
"""Seconds in which others are called while it opens."""
_NEW = Behavior.INITIALIZE_NEW


@requirement("SLOW-INDEPENDENT", 1, kind="slow")
def test___a_slow_resource___opened___others_are_answered_meanwhile(subject: Subject) -> None:
    # A busy machine may hold up anybody a few times; a server that waits does so each time.
    waited: list[tuple[Record, Record]] = []
    for attempt in range(_TRIES):
        slow, others = _attempt(subject)
        subject.executions = attempt + 1
        longest = max(others, key=_took)
        if not _waited(longest, slow):
            return
        waited.append((slow, longest))
    raise _violated(waited)


def _violated(waited: list[tuple[Record, Record]]) -> Violated:
    slow, other = waited[-1]
    said = (
        f"{other.rpc} of another resource waited {_took(other):.2f} s, until the slow one was "
        f"open, which took {_took(slow):.2f} s"
    )
    seen = f"{len(waited)} of {len(waited)} times"
    return Violated(Finding("SLOW-INDEPENDENT", said, [slow, other], seen=seen))


def _waited(other: Record, slow: Record) -> bool:
    """Whether a call took as long as the slow one, but for what can be chance."""
    return _took(other) > _took(slow) / 2 and other.ended > slow.ended - _took(slow) / 10


def _took(record: Record) -> float:
    return record.ended - record.started


def _attempt(subject: Subject) -> tuple[Record, list[Record]]:
    """Open the slow resource, and call for others while it opens."""
    name = subject.slow()
    if not name:
        raise NotEstablished(
            "The target names no slow resource: set [resource] slow, the name of one that takes "
            "a second or more to open."
        )
    course, one = Course(subject), subject.lane("client of the slow one")
    # The channel of the others is there before the slow one begins.
    course.lane().initialize(subject.fresh(), Behavior.ATTACH_TO_EXISTING)
    pending = one.begin(
        Initialize(name, Behavior.INITIALIZE_NEW),
        configuration=subject.target.slow_configuration,
        timeout=PATIENCE,
    )
    until = subject.journal.now() + _MEANWHILE
    try:
        # Some of these may be answered before the slow call has reached the server.
        while subject.journal.now() < until:
            course.close(course.open())
    except Upset as upset:
        raise report(subject, "SLOW-INDEPENDENT", upset) from None
    slow = pending.result()
    _check_slow(slow, name)
    _tidy(one, slow)
    return slow, course.records


def _check_slow(slow: Record, name: str) -> None:
    if slow.code != "OK":
        raise NotEstablished(f"The slow resource {name} does not open: {slow.code} {slow.details}")
    if math.isinf(slow.ended) or _took(slow) < _LEAST:
        raise NotEstablished(
            f"The slow resource {name} opened in {_took(slow):.3f} s, which is not "
            "slow: make [resource] slow take a second or more."
        )


def _tidy(lane: Lane, slow: Record) -> None:
    lane.close_session(getattr(slow.answer, "session", ""))
