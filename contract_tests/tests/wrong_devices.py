"""Device servers that are wrong in one thing: their sessions are kept in another way.

``python wrong_devices.py NAME`` starts one, and prints where its station's Discovery listens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from session_fakes.device.faults import INVALID_HANDLE, DriverError
from session_fakes.device.repository import SessionRepository
from session_fakes.errors import Refusal
from session_fakes.station import FakeStation

AUTO, NEW, ATTACH = 0, 1, 2
_OPEN, _CLOSE, _GET = SessionRepository.open, SessionRepository.close, SessionRepository.get
Given = Any
"""Arguments of the repository, handed on as they are."""


def _refusing(code: str, *behaviors: int, taken: bool) -> Callable[..., Any]:
    """An initialization that is refused with these behaviours, by whether the name is taken."""

    def wrong(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
        is_taken = any(session.name == name for session in self.all())
        if behavior in behaviors and is_taken == taken:
            raise Refusal(code, "no")
        return _OPEN(self, driver, name, behavior, *rest)

    return wrong


def _as(behavior_of: Callable[[int], int]) -> Callable[..., Any]:
    """An initialization that takes one behaviour for another."""

    def wrong(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
        return _OPEN(self, driver, name, behavior_of(behavior), *rest)

    return wrong


def _saying(code: str) -> Callable[..., Any]:
    """An initialization with one code in place of another, and other words."""

    def wrong(*given: Given) -> Given:
        try:
            return _OPEN(*given)
        except Refusal as refusal:
            raise Refusal(code or refusal.code, "in other words") from None

    return wrong


def _renaming(self: Given, *given: Given) -> Given:
    session, is_new = _OPEN(self, *given)
    return replace(session, name=f"{session.name}2"), is_new


def _always_new(self: Given, *given: Given) -> Given:
    return _OPEN(self, *given)[0], True


def _one_without_name(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    shared = behavior != ATTACH and not name
    return _OPEN(self, driver, "shared" if shared else name, AUTO if shared else behavior, *rest)


def _once(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    if behavior == NEW and name in _seen:
        raise Refusal(
            "ALREADY_EXISTS", f"Cannot initialize '{name}' when a session already exists."
        )
    _seen.add(name)
    return _OPEN(self, driver, name, behavior, *rest)


_seen: set[str] = set()
"""Names that were used; no two checks use the same."""


def _in_two_steps(self: Given, driver: Given, name: str, behavior: int, *rest: Given) -> Given:
    is_free = all(session.name != name for session in self.all())
    threading.Event().wait(0.01)
    session, is_new = _OPEN(self, driver, name, behavior, *rest)
    return session, is_new or is_free


def _closes_all_names(self: Given, driver: Given, name: str) -> Given:
    if any(session.name == name for session in self.all()):
        return _CLOSE(self, driver, name)
    return None


def _not_found(self: Given, driver: Given, name: str) -> Given:
    if any(session.name == name for session in self.all()):
        return _CLOSE(self, driver, name)
    raise Refusal("NOT_FOUND", "no such session")


def _without_code(self: Given, driver: Given, name: str) -> Given:
    try:
        return _CLOSE(self, driver, name)
    except Refusal as refusal:
        raise Refusal("UNKNOWN", refusal.text) from None


def _any_kind(_: Given, found: Given, __: Given) -> Given:
    return found


def _other_words(_: Given, found: Given, driver: Given) -> Given:
    if found.driver.handle != driver.handle:
        raise Refusal("INVALID_ARGUMENT", "in other words")
    return found


def _closes_nothing(*_: Given) -> None:
    pass


def _own_driver(_: Given, found: Given, driver: Given) -> Given:
    if found.driver != driver:
        raise Refusal(
            "INVALID_ARGUMENT",
            f'The session name "{found.name}" is being used by a different driver.',
        )
    return found


def _new_to_others(self: Given, driver: Given, *given: Given) -> Given:
    session, is_new = _OPEN(self, driver, *given)
    return session, is_new or session.driver != driver


def _any_driver(self: Given, _: Given, name: str) -> Given:
    for session in self.all():
        if session.name == name:
            return session.instrument
    raise DriverError(INVALID_HANDLE)


def _found_not(code: str) -> Callable[..., Any]:
    """What another driver uses is refused, without the driver's code."""

    def wrong(self: Given, driver: Given, name: str) -> Given:
        if any(session.name == name and session.driver != driver for session in self.all()):
            raise Refusal(code, "no such session")
        return _GET(self, driver, name)

    return wrong


class Case(NamedTuple):
    """Whose check finds it, what that has to say, and what is done instead of which method."""

    requirement: str
    words: str
    method: str
    wrong: Given
    checks: str = "test_examples.py"


_AT, _END = "open", "close"
WRONG = {
    "renames": Case("DRIVER-NAME", "the client named the session dmm", _AT, _renaming),
    "auto only attaches": Case(
        "DRIVER-AUTO-CREATE",
        "it answered FAILED_PRECONDITION",
        _AT,
        _refusing("FAILED_PRECONDITION", AUTO, taken=False),
    ),
    "auto only creates": Case(
        "DRIVER-AUTO-ATTACH",
        "it answered ALREADY_EXISTS",
        _AT,
        _refusing("ALREADY_EXISTS", AUTO, taken=True),
    ),
    "a name is used once": Case("DRIVER-NEW-CREATE", "it answered ALREADY_EXISTS", _AT, _once),
    "new attaches": Case(
        "DRIVER-NEW-EXISTS", "ALREADY_EXISTS", _AT, _as(lambda b: AUTO if b == NEW else b)
    ),
    "new in other words": Case(
        "DRIVER-NEW-EXISTS", "word for word", _AT, _saying(""), "test_words.py"
    ),
    "attach never finds": Case(
        "DRIVER-ATTACH-OPEN",
        "it answered FAILED_PRECONDITION",
        _AT,
        _refusing("FAILED_PRECONDITION", ATTACH, taken=True),
    ),
    "attach is not found": Case(
        "DRIVER-ATTACH-MISSING", "FAILED_PRECONDITION", _AT, _saying("NOT_FOUND")
    ),
    "attach in other words": Case(
        "DRIVER-ATTACH-MISSING", "word for word", _AT, _saying(""), "test_words.py"
    ),
    "one for all without a name": Case(
        "DRIVER-EMPTY-NAME", "always creates a new session", _AT, _one_without_name
    ),
    "always new": Case("DRIVER-FLAG", "new", _AT, _always_new),
    "knows its enum": Case(
        "DRIVER-BEHAVIOR-OTHER",
        "does not act as AUTO",
        _AT,
        _refusing("INVALID_ARGUMENT", 3, 4, 77, -1, taken=False),
        "test_words.py",
    ),
    "any kind attaches": Case(
        "DRIVER-OTHER-KIND",
        "INVALID_ARGUMENT is due, not OK",
        "_attached",
        _any_kind,
    ),
    "another kind in other words": Case(
        "DRIVER-OTHER-KIND", "word for word", "_attached", _other_words, "test_words.py"
    ),
    "each driver has its own": Case(
        "DRIVER-OTHER-ATTACH", "INVALID_ARGUMENT", "_attached", _own_driver
    ),
    "new to another driver": Case("DRIVER-OTHER-ATTACH", "new", _AT, _new_to_others),
    "any driver uses": Case("DRIVER-OTHER-USE", "UNKNOWN is due, not OK", "get", _any_driver),
    "another driver finds none": Case(
        "DRIVER-OTHER-USE", "UNKNOWN is due, not NOT_FOUND", "get", _found_not("NOT_FOUND")
    ),
    "another driver, no code": Case(
        "DRIVER-OTHER-USE", "is due as ni-error", "get", _found_not("UNKNOWN"), "test_words.py"
    ),
    "two steps": Case(
        "DRIVER-ONE-CREATOR", "say that the session is new", _AT, _in_two_steps, "test_races.py"
    ),
    "any close is good": Case("DRIVER-CLOSE-UNKNOWN", "UNKNOWN", _END, _closes_all_names),
    "close is not found": Case("DRIVER-CLOSE-UNKNOWN", "UNKNOWN", _END, _not_found),
    "no driver code": Case(
        "DRIVER-CLOSE-UNKNOWN", "is due as ni-error", _END, _without_code, "test_words.py"
    ),
    "close counts": Case("DRIVER-CLOSE-FOR-ALL", "FAILED_PRECONDITION", _END, _closes_nothing),
}


def main() -> None:
    """Start the one that is named, until somebody ends the process."""
    case = WRONG[sys.argv[1]]
    setattr(SessionRepository, case.method, case.wrong)
    with FakeStation() as station:
        print(f"Discovery on {station.discovery_address}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
