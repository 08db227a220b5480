"""The sharing rules, with another call between any two lines of a call: locks have to keep it out.

Races of many threads find by chance what goes wrong there; this does each step once, and surely.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from types import FrameType
from typing import Any

import pytest

from session_reference import session_table
from session_reference.refusals import SessionError, SessionNotFoundError
from session_reference.session_table import Behavior, SessionTable

LIMIT = 20.0
"""Seconds after which a call of these tests is stuck."""
PAUSE = 0.02
"""Seconds for the other call: where a lock keeps it out, it has to wait for longer than that."""
Call = Callable[[], None]


class Lock:
    """A resource that knows whether it was released."""

    def __init__(self) -> None:
        self.releases = 0

    def release(self) -> None:
        """Be released."""
        self.releases += 1


class Scene:
    """A table, and what two calls have made of it."""

    def __init__(self, *, is_open: bool) -> None:
        self.table: SessionTable[Lock] = SessionTable(release=Lock.release)
        self.locks: list[Lock] = []
        self.id = self._initialize() if is_open else ""

    def _create(self) -> Lock:
        self.locks.append(Lock())
        return self.locks[-1]

    def _initialize(self) -> str:
        return self.table.initialize("R", Behavior.UNSPECIFIED, self._create).session_id

    def share(self) -> None:
        """Attach or create."""
        self._initialize()

    def visit(self) -> None:
        """Attach or create, then close."""
        with suppress(SessionNotFoundError):
            self.table.close(self._initialize())

    def close(self) -> None:
        """Close what was open at first."""
        self.table.close(self.id)

    def use(self) -> None:
        """Use what was open at first; it must not be released meanwhile."""
        with self.table.use(self.id) as lock:
            assert lock.releases == 0

    def judge(self) -> None:
        """At most one resource is open, and whoever attaches gets it; others were released once."""
        held = [lock for lock in self.locks if not lock.releases]
        assert len(held) <= 1
        assert all(lock.releases <= 1 for lock in self.locks)
        try:
            session_id = self.table.initialize("R", Behavior.ATTACH_TO_EXISTING, Lock).session_id
        except SessionNotFoundError:
            assert held == []
        else:
            with self.table.use(session_id) as lock:
                assert [lock] == held
            self.table.close(session_id)
            assert all(lock.releases == 1 for lock in self.locks)


class Steps:
    """Traces a call, and makes another one when it has come to a line, counted as they are run."""

    def __init__(self, line: int, other: Call) -> None:
        self.other: Future[None] | None = None
        self._left = line
        self._other = other

    def during(self, call: Call) -> None:
        """Make the call."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401
        del event, argument
        return self._step if frame.f_code.co_filename == session_table.__file__ else None

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401
        del frame, argument
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.other = begin(self._other)
                with suppress(futures.TimeoutError):
                    self.other.exception(PAUSE)
        return self._step


def begin(call: Call) -> Future[None]:
    """Make a call in a thread of its own; one that hangs must not hold up the end."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            call()
            future.set_result(None)
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


@pytest.mark.parametrize(
    ("is_open", "call", "other"),
    [
        (False, Scene.share, Scene.share),
        (False, Scene.share, Scene.visit),
        (False, Scene.visit, Scene.share),
        (True, Scene.share, Scene.close),
        (True, Scene.use, Scene.close),
        (True, Scene.close, Scene.share),
        (True, Scene.close, Scene.close),
    ],
)
def test___a_call___another_between_two_of_its_lines___the_table_is_right(
    is_open: bool, call: Callable[[Scene], None], other: Callable[[Scene], None]
) -> None:
    between = 0
    for line in itertools.count(1):
        scene = Scene(is_open=is_open)
        steps = Steps(line, partial(other, scene))
        with suppress(SessionError):
            steps.during(partial(call, scene))
        if steps.other is None:
            break
        error = steps.other.exception(LIMIT)
        assert error is None or isinstance(error, SessionError)
        scene.judge()
        between = line
    assert between > 5
