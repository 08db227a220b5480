"""The sharing rules under races: 32 threads want one resource at the same moment, many times.

``nox -s races`` does each of them 500 times; a run of all tests does them less often.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from queue import SimpleQueue

import pytest

from session_reference.refusals import SessionError, SessionNotFoundError
from session_reference.session_table import Behavior, Opened, SessionTable

UNSPECIFIED, NEW, ATTACH = Behavior
CROWD = 32
ROUNDS = int(os.environ.get("RACE_ROUNDS", "0"))
"""How often each race is run; 0 for as often as a run of all tests has time for."""
LIMIT = 60.0
"""Seconds after which a call of these tests is stuck."""

Answer = Opened | Exception | bool
Call = Callable[[], Answer]


class Lock:
    """A resource that notes what happens to it, and is gone when somebody says so."""

    def __init__(self) -> None:
        self.releases: list[None] = []  # lists, because appending is atomic
        self.users: list[None] = []
        self.gone = False


class Bay:
    """A table whose resources must never be released twice, or while they are used."""

    def __init__(self) -> None:
        self.table = SessionTable[Lock](release=self._release, is_gone=lambda lock: lock.gone)
        self.locks: list[Lock] = []
        self.misuses: list[str] = []

    def _release(self, lock: Lock) -> None:
        lock.releases.append(None)
        if len(lock.releases) > 1 or lock.users:
            self.misuses.append(f"{len(lock.releases)} releases, {len(lock.users)} users")

    def create(self) -> Lock:
        """Open the resource."""
        lock = Lock()
        self.locks.append(lock)
        return lock

    def initialize(self, key: object, behavior: Behavior) -> Answer:
        """Ask for a session."""
        return answer_of(lambda: self.table.initialize(key, behavior, self.create))

    def close(self, session_id: str) -> Answer:
        """Close a session."""

        def close() -> bool:
            self.table.close(session_id)
            return True

        return answer_of(close)

    def use(self, session_id: str) -> Answer:
        """Use a session."""

        def use() -> bool:
            with self.table.use(session_id) as lock:
                lock.users.append(None)
                if lock.releases:
                    self.misuses.append("used after its release")
                lock.users.pop()
            return True

        return answer_of(use)

    def open_new(self, key: object) -> str:
        """Create a session, where nobody else wants one."""
        return self.table.initialize(key, NEW, self.create).session_id

    def check(self) -> None:
        """All went well, and once everything is closed, each resource was released once."""
        self.table.close_all()
        assert not self.misuses
        assert all(len(lock.releases) == 1 for lock in self.locks)


def answer_of(call: Call) -> Answer:
    """What a call answered, a refusal and what should not have been raised included."""
    try:
        return call()
    except Exception as error:
        return error


class Crowd:
    """Threads that do things at the same moment; those that hang do not hold up the end."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self._barrier = threading.Barrier(CROWD)
        self._calls: list[SimpleQueue[Call | None]] = [SimpleQueue() for _ in range(CROWD)]
        self._answers: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
        for number in range(CROWD):
            threading.Thread(target=self._work, args=[number], daemon=True).start()

    def race(self, calls: Sequence[Call]) -> list[Answer]:
        """Do all of these at once; return their answers in the same order."""
        for inbox, call in zip(self._calls, calls, strict=True):
            inbox.put(call)
        answers = dict(self._answers.get(timeout=LIMIT) for _ in calls)
        return [answers[number] for number in range(CROWD)]

    def end(self) -> None:
        """Let the threads end."""
        for inbox in self._calls:
            inbox.put(None)

    def _work(self, number: int) -> None:
        while call := self._calls[number].get():
            self._barrier.wait(LIMIT)
            self._answers.put((number, call()))


@pytest.fixture(params=["usual switches", "switches all the time"])
def crowd(request: pytest.FixtureRequest) -> Iterator[Crowd]:
    """32 threads; Python switches between them as always, or as often as it can."""
    interval = sys.getswitchinterval()
    is_usual = request.param == "usual switches"
    if not is_usual:
        sys.setswitchinterval(1e-6)
    crowd = Crowd(ROUNDS or (100 if is_usual else 25))
    yield crowd
    crowd.end()
    sys.setswitchinterval(interval)


def outcomes(answers: Sequence[Answer]) -> Counter[str]:
    """How often what was answered."""
    return Counter(
        ("new" if answer.new else "shared") if isinstance(answer, Opened) else type(answer).__name__
        for answer in answers
    )


def ids(answers: Sequence[Answer]) -> set[str]:
    """All ids that were handed out."""
    return {answer.session_id for answer in answers if isinstance(answer, Opened)}


def test___32_initialize_new___at_once___one_creates_and_the_others_are_refused(
    crowd: Crowd,
) -> None:
    bay = Bay()
    for key in range(crowd.rounds):
        answers = crowd.race([partial(bay.initialize, key, NEW)] * CROWD)

        assert outcomes(answers) == {"new": 1, "SessionExistsError": CROWD - 1}
        assert bay.use(*ids(answers)) is True
        assert len(bay.locks) == key + 1
    bay.check()


def test___32_unspecified___at_once___one_creates_and_all_share_its_id(crowd: Crowd) -> None:
    bay = Bay()
    for key in range(crowd.rounds):
        answers = crowd.race([partial(bay.initialize, key, UNSPECIFIED)] * CROWD)

        assert outcomes(answers) == {"new": 1, "shared": CROWD - 1}
        assert bay.use(*ids(answers)) is True
        assert len(bay.locks) == key + 1
    bay.check()


def test___32_closes___at_once___one_closes(crowd: Crowd) -> None:
    bay = Bay()
    for _ in range(crowd.rounds):
        session_id = bay.open_new("R")

        answers = crowd.race([partial(bay.close, session_id)] * CROWD)

        assert outcomes(answers) == {"bool": 1, "SessionNotFoundError": CROWD - 1}
    bay.check()


def test___open_session___closes_and_initializes_at_once___one_closes_and_one_at_most_creates(
    crowd: Crowd,
) -> None:
    bay = Bay()
    for key in range(crowd.rounds):
        old = bay.open_new(key)
        kinds: list[Call] = [
            partial(bay.initialize, key, NEW),
            partial(bay.initialize, key, UNSPECIFIED),
            partial(bay.initialize, key, ATTACH),
            partial(bay.close, old),
        ]

        answers = crowd.race(kinds * (CROWD // len(kinds)))

        news, autos, attaches, closes = (answers[kind :: len(kinds)] for kind in range(len(kinds)))
        assert outcomes(closes) == {"bool": 1, "SessionNotFoundError": len(closes) - 1}
        created = [each for each in answers if isinstance(each, Opened) and each.new]
        assert len(created) <= 1
        assert not outcomes(news).keys() - {"new", "SessionExistsError"}
        assert not outcomes(autos).keys() - {"new", "shared"}
        assert not outcomes(attaches).keys() - {"shared", "SessionNotFoundError"}
        assert ids(answers) <= {old, *ids(created)}
        assert outcomes([bay.initialize(key, ATTACH)]) == (
            {"shared": 1} if created else {"SessionNotFoundError": 1}
        )
        assert all(bay.use(each) is True for each in ids(created))
    bay.check()


def test___share_use_and_close___at_once___each_session_is_created_and_closed_once(
    crowd: Crowd,
) -> None:
    bay = Bay()

    def visit() -> Answer:
        opened = bay.initialize("R", UNSPECIFIED)
        assert isinstance(opened, Opened)
        used, closed = bay.use(opened.session_id), bay.close(opened.session_id)
        assert isinstance(used, bool | SessionNotFoundError)
        if isinstance(closed, SessionNotFoundError):
            return SessionError(opened.session_id)
        assert closed is True
        return opened

    closed_ids: Counter[str] = Counter()
    for _ in range(crowd.rounds):
        answers = crowd.race([visit] * CROWD)
        closed_ids.update(each.session_id for each in answers if isinstance(each, Opened))
        assert isinstance(bay.initialize("R", ATTACH), SessionNotFoundError)

    assert set(closed_ids.values()) == {1}
    assert len(closed_ids) == len(bay.locks)
    bay.check()


def test___uses_and_a_close___at_once___uses_are_whole_or_not_found(crowd: Crowd) -> None:
    bay = Bay()
    for _ in range(crowd.rounds):
        session_id = bay.open_new("R")
        calls: list[Call] = [partial(bay.use, session_id)] * (CROWD - 1)

        answers = crowd.race([*calls, partial(bay.close, session_id)])

        assert answers[-1] is True
        assert not outcomes(answers).keys() - {"bool", "SessionNotFoundError"}
        assert isinstance(bay.use(session_id), SessionNotFoundError)
    bay.check()


def test___resource_goes___while_it_is_wanted___one_creates_anew_and_nothing_is_released_twice(
    crowd: Crowd,
) -> None:
    bay = Bay()
    for key in range(crowd.rounds):
        old = bay.open_new(key)
        bay.locks[-1].gone = True
        calls: list[Call] = [
            partial(bay.use, old),
            partial(bay.initialize, key, UNSPECIFIED),
            partial(bay.close, old),
            partial(bay.initialize, key, UNSPECIFIED),
        ]

        answers = crowd.race(calls * (CROWD // len(calls)))

        initialized = answers[1::2]
        assert outcomes(initialized) == {"new": 1, "shared": CROWD // 2 - 1}
        assert outcomes(answers[::2]) == {"SessionNotFoundError": CROWD // 2}
        assert bay.use(*ids(initialized)) is True
    bay.check()


class Caller:
    """A call that meets all others inside the table: while it creates, or while it waits."""

    def __init__(self, bay: Bay, inside: threading.Barrier, behavior: Behavior) -> None:
        self._bay = bay
        self._inside = inside
        self._behavior = behavior
        self._met = False

    def __call__(self) -> Answer:
        """Ask for a session."""
        return answer_of(
            lambda: self._bay.table.initialize("R", self._behavior, self._create, self._wait)
        )

    def _create(self) -> Lock:
        self._wait()
        return self._bay.create()

    def _wait(self) -> bool:
        if not self._met:
            self._met = True
            self._inside.wait(LIMIT)
        return True


@pytest.mark.parametrize("behavior", [NEW, UNSPECIFIED])
def test___slow_create___32_initialize_while_it_lasts___one_creates(
    crowd: Crowd, behavior: Behavior
) -> None:
    others = "shared" if behavior is UNSPECIFIED else "SessionExistsError"
    for _ in range(crowd.rounds // 10):
        bay, inside = Bay(), threading.Barrier(CROWD)

        answers = crowd.race([Caller(bay, inside, behavior) for _ in range(CROWD)])

        assert outcomes(answers) == {"new": 1, others: CROWD - 1}
        assert bay.use(*ids(answers)) is True
        bay.check()
