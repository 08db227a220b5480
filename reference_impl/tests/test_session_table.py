"""The sharing rules, one call after the other and with calls that wait; races are elsewhere."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from threading import Event, Semaphore, Thread
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from session_reference.refusals import (
    CallerGoneError,
    InvalidRequestError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    quoted,
)
from session_reference.session_table import Behavior, Opened, SessionTable

UNSPECIFIED, NEW, ATTACH = Behavior
LIMIT = 20.0
"""Seconds after which a call of these tests is stuck."""


class Log:
    """A resource that knows what happened to it."""

    def __init__(self) -> None:
        self.gone = False
        self.resists = False
        self.releases = 0

    def release(self) -> None:
        """Be closed, or resist after that."""
        self.releases += 1
        if self.resists:
            raise OSError("resists")


Table = SessionTable[Log]
Answer = TypeVar("Answer")


@pytest.fixture
def table() -> Table:
    """An empty table."""
    return SessionTable(release=Log.release, is_gone=lambda log: log.gone)


def begin(call: Callable[..., Answer], *arguments: Any) -> Future[Answer]:  # noqa: ANN401
    """Make a call that may have to wait; a thread that hangs must not hold up the end."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


class Stuck:
    """A call that was begun and waits inside until it is let go."""

    def __init__(self) -> None:
        self._begun = Event()
        self._go = Event()

    def __call__(self) -> None:
        """Wait, in the thread of the call."""
        self._begun.set()
        assert self._go.wait(LIMIT)

    def await_begin(self) -> None:
        """Wait until the call is there."""
        assert self._begun.wait(LIMIT)

    def let_go(self) -> None:
        """Let it go on."""
        self._go.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """Something to be stuck in; a test that fails lets go of it, too."""
    stuck = Stuck()
    yield stuck
    stuck.let_go()


def open_new(table: Table, key: object = "R", log: Log | None = None) -> str:
    """Create a session."""
    opened = table.initialize(key, NEW, lambda: log or Log())
    assert opened.new
    return opened.session_id


def open_and_close(table: Table, key: object = "R") -> str:
    """Create a session and close it."""
    session_id = open_new(table, key)
    table.close(session_id)
    return session_id


def no_create() -> Log:
    """What an attach must not call."""
    raise AssertionError("a resource was opened")


def is_open(table: Table, session_id: str) -> bool:
    """Whether the session can be used."""
    try:
        with table.use(session_id):
            return True
    except SessionNotFoundError:
        return False


def wait_until_closed(table: Table, session_id: str) -> None:
    """Wait until somebody else's close has ended the session."""
    limit = time.monotonic() + LIMIT
    while is_open(table, session_id):
        assert time.monotonic() < limit


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___no_open_session___initialize___creates_and_says_new(
    table: Table, behavior: Behavior
) -> None:
    opened = table.initialize("R", behavior, Log)

    assert opened.new
    assert opened.session_id
    assert is_open(table, opened.session_id)


def test___no_open_session___attach___not_found_and_nothing_created(table: Table) -> None:
    with pytest.raises(SessionNotFoundError):
        table.initialize("R", ATTACH, no_create)

    open_new(table)


@pytest.mark.parametrize("behavior", [UNSPECIFIED, ATTACH])
def test___open_session___initialize___same_id_and_not_new(
    table: Table, behavior: Behavior
) -> None:
    session_id = open_new(table)

    assert table.initialize("R", behavior, no_create) == Opened(session_id, new=False)


def test___open_session___initialize_new___already_exists_and_session_untouched(
    table: Table,
) -> None:
    session_id = open_new(table)

    with pytest.raises(SessionExistsError):
        table.initialize("R", NEW, no_create)

    assert is_open(table, session_id)
    assert table.initialize("R", ATTACH, no_create).session_id == session_id


def test___open_session___close___released_once_and_closed_for_everybody(table: Table) -> None:
    log = Log()
    session_id = open_new(table, log=log)
    table.initialize("R", UNSPECIFIED, no_create)

    table.close(session_id)

    assert log.releases == 1
    with pytest.raises(SessionNotFoundError):
        table.initialize("R", ATTACH, no_create)


@pytest.mark.parametrize("session_id", ["", "never", "x" * 10_000_000])
def test___no_such_session___close_and_use___not_found(table: Table, session_id: str) -> None:
    with pytest.raises(SessionNotFoundError) as close_error:
        table.close(session_id)
    with pytest.raises(SessionNotFoundError) as use_error, table.use(session_id):
        pass

    assert len(str(close_error.value)) < 1000
    assert len(str(use_error.value)) < 1000


def test___closed_session___close_and_use___not_found(table: Table) -> None:
    log = Log()
    session_id = open_new(table, log=log)
    table.close(session_id)

    with pytest.raises(SessionNotFoundError):
        table.close(session_id)
    with pytest.raises(SessionNotFoundError), table.use(session_id):
        pass

    assert log.releases == 1


def test___open_session___use___gives_its_own_resource(table: Table) -> None:
    logs = [Log(), Log()]
    session_ids = [open_new(table, key, log) for key, log in enumerate(logs)]

    for session_id, log in zip(session_ids, logs, strict=True):
        with table.use(session_id) as used:
            assert used is log


def test___open_session___use_raises___error_comes_out_and_session_stays_open(
    table: Table,
) -> None:
    session_id = open_new(table)

    with pytest.raises(ZeroDivisionError), table.use(session_id):
        raise ZeroDivisionError

    table.close(session_id)


def test___closed_and_initialized_again___old_id___does_not_hit_the_successor(
    table: Table,
) -> None:
    old = open_new(table)
    table.close(old)
    successor = open_new(table)

    with pytest.raises(SessionNotFoundError):
        table.close(old)

    assert old != successor
    assert is_open(table, successor)


def test___many_sessions_of_a_resource___ids___all_differ(table: Table) -> None:
    session_ids = [open_and_close(table) for _ in range(1000)]

    assert len(set(session_ids)) == 1000


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___create_raises___initialize___that_is_the_answer_and_nothing_stays(
    table: Table, behavior: Behavior
) -> None:
    def fail() -> Log:
        raise FileNotFoundError("no folder")

    with pytest.raises(FileNotFoundError, match="no folder"):
        table.initialize("R", behavior, fail)
    with pytest.raises(SessionNotFoundError):
        table.initialize("R", ATTACH, no_create)

    open_new(table)


def test___release_raises___close___error_comes_out_but_session_has_ended(table: Table) -> None:
    log = Log()
    log.resists = True
    session_id = open_new(table, log=log)

    with pytest.raises(OSError, match="resists"):
        table.close(session_id)
    with pytest.raises(SessionNotFoundError):
        table.close(session_id)

    open_new(table)
    assert log.releases == 1


@pytest.mark.parametrize("number", [-1, 3, 2**31 - 1, -(2**31)])
def test___number_of_no_behavior___of___invalid_and_says_which_there_are(number: int) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Behavior.of(number)

    known = "0 (UNSPECIFIED), 1 (INITIALIZE_NEW), 2 (ATTACH_TO_EXISTING)"
    assert str(caught.value) == f"No behaviour has the number {number}: use {known}."


def test___number_of_a_behavior___of___that_behavior() -> None:
    assert [Behavior.of(number) for number in range(3)] == [UNSPECIFIED, NEW, ATTACH]


def test___errors___code___each_its_own_status() -> None:
    assert SessionError.code == "INTERNAL"
    assert SessionNotFoundError.code == "NOT_FOUND"
    assert SessionExistsError.code == "ALREADY_EXISTS"
    assert InvalidRequestError.code == "INVALID_ARGUMENT"
    assert CallerGoneError.code == "CANCELLED"


@pytest.mark.parametrize("text", ["", "a'b", "x" * 200, "x" * 10**6, "\n\0\x7f" * 500, "😀" * 999])
def test___text_of_a_client___quoted___short_and_printable(text: str) -> None:
    shown = quoted(text)

    assert len(shown) < 2100
    assert shown.isascii()
    assert shown.isprintable()
    assert text[:1] in shown or not text.isprintable() or not text.isascii()


def test___text_of_a_client___quoted___whole_up_to_200_characters() -> None:
    assert quoted("x" * 200) == f"'{'x' * 200}'"
    assert quoted("x" * 201) == f"'{'x' * 200}\\u2026'"


@pytest.fixture
def gone(table: Table) -> tuple[str, Log]:
    """A session whose resource has disappeared: it counts as closed."""
    log = Log()
    session_id = open_new(table, log=log)
    log.gone = True
    return session_id, log


def test___resource_is_gone___use___not_found_and_released(
    table: Table, gone: tuple[str, Log]
) -> None:
    session_id, log = gone

    with pytest.raises(SessionNotFoundError), table.use(session_id):
        pytest.fail("the resource is gone")

    assert log.releases == 1


def test___resource_is_gone___close___not_found_and_released(
    table: Table, gone: tuple[str, Log]
) -> None:
    session_id, log = gone

    with pytest.raises(SessionNotFoundError):
        table.close(session_id)

    assert log.releases == 1


def test___resource_is_gone___attach___not_found_and_released(
    table: Table, gone: tuple[str, Log]
) -> None:
    session_id, log = gone

    with pytest.raises(SessionNotFoundError):
        table.initialize("R", ATTACH, no_create)

    assert log.releases == 1
    assert not is_open(table, session_id)


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___resource_is_gone___initialize___creates_anew(
    table: Table, gone: tuple[str, Log], behavior: Behavior
) -> None:
    session_id, log = gone

    opened = table.initialize("R", behavior, Log)

    assert opened.new
    assert opened.session_id != session_id
    assert log.releases == 1
    assert not is_open(table, session_id)
    assert is_open(table, opened.session_id)


def test___resource_is_gone___close_all___released_once_and_nothing_to_tell(
    table: Table, gone: tuple[str, Log], caplog: pytest.LogCaptureFixture
) -> None:
    table.close_all()

    assert gone[1].releases == 1
    assert caplog.records == []


def test___looking_after_a_resource_fails___use___error_comes_out_and_no_close_waits_for_it() -> (
    None
):
    looks = iter([PermissionError("no look")])

    def is_gone(_: Log) -> bool:
        for error in looks:
            raise error
        return False

    log = Log()
    table: Table = SessionTable(release=Log.release, is_gone=is_gone)
    session_id = open_new(table, log=log)

    with pytest.raises(PermissionError, match="no look"), table.use(session_id):
        pytest.fail("nobody knows whether the resource is there")

    begin(table.close, session_id).result(LIMIT)
    assert log.releases == 1


def test___resource_goes_while_it_is_used___late_use___released_after_the_first_use_has_ended() -> (
    None
):
    log, looks, events = Log(), Semaphore(0), list[str]()

    def is_gone(log: Log) -> bool:
        looks.release()
        return log.gone

    table: Table = SessionTable(release=lambda _: events.append("released"), is_gone=is_gone)
    session_id = open_new(table, log=log)
    with table.use(session_id):
        log.gone = True
        late_use = begin(is_open, table, session_id)
        for _ in ("the use here", "the late use", "its close"):
            assert looks.acquire(timeout=LIMIT)
        events.append("first use ends")

    assert not late_use.result(LIMIT)
    assert events == ["first use ends", "released"]


def test___close_all___some_resist___others_are_released_and_the_resistance_is_logged(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    logs = [Log() for _ in range(9)]
    logs[0].resists = logs[4].resists = True
    session_ids = [open_new(table, key, log) for key, log in enumerate(logs)]

    table.close_all()

    assert [log.releases for log in logs] == [1] * 9
    assert not any(is_open(table, session_id) for session_id in session_ids)
    assert [record.args for record in caplog.records] == [(session_ids[0],), (session_ids[4],)]


def test___resource_is_busy___close_of_nobody_in_particular___waits_for_it(stuck: Stuck) -> None:
    def is_gone(log: Log) -> bool:
        if log.gone:
            stuck()
        return False

    table: Table = SessionTable(release=Log.release, is_gone=is_gone)
    log = Log()
    session_id = open_new(table, log=log)
    log.gone = True
    looking = begin(table.initialize, "R", ATTACH, no_create)
    stuck.await_begin()

    closing = begin(table.close, session_id)

    with pytest.raises(futures.TimeoutError):  # meanwhile it has looked for the client
        closing.result(0.3)
    stuck.let_go()
    closing.result(LIMIT)
    looking.exception(LIMIT)
    assert log.releases == 1


class Key:
    """A key that can be watched."""


def open_and_close_in_all_ways(table: Table) -> list[weakref.ref[Key]]:
    """Leave sessions, refusals and failures behind; return what the table may have kept."""
    closed, opened, failed, missed = (Key() for _ in range(4))
    open_and_close(table, closed)
    open_new(table, opened)
    with pytest.raises(SessionExistsError):
        table.initialize(opened, NEW, no_create)
    with pytest.raises(AssertionError):
        table.initialize(failed, NEW, no_create)
    with pytest.raises(SessionNotFoundError):
        table.initialize(missed, ATTACH, no_create)
    return [weakref.ref(key) for key in (closed, opened, failed, missed)]


def test___sessions_refusals_failures___all_closed___table_remembers_no_resource(
    table: Table,
) -> None:
    watched = open_and_close_in_all_ways(table)
    gc.collect()
    assert [each() is None for each in watched] == [True, False, True, True]

    table.close_all()
    gc.collect()

    assert not any(each() for each in watched)


def create_stuck(table: Table, stuck: Stuck) -> Future[Opened]:
    """Begin a call that opens R, and hangs in that until it is let go."""

    def create() -> Log:
        stuck()
        return Log()

    call = begin(table.initialize, "R", NEW, create)
    stuck.await_begin()
    return call


def test___slow_create___other_resources___are_not_held_up(table: Table, stuck: Stuck) -> None:
    slow = create_stuck(table, stuck)

    other = begin(open_and_close, table, "Q")
    other.result(LIMIT)

    assert not slow.done()
    stuck.let_go()
    table.close(slow.result(LIMIT).session_id)


def test___slow_release___other_resources___are_not_held_up(stuck: Stuck) -> None:
    def release(name: str) -> None:
        if name == "R":
            stuck()

    table = SessionTable[str](release)
    session_id = table.initialize("R", NEW, lambda: "R").session_id
    slow = begin(table.close, session_id)
    stuck.await_begin()

    other = begin(lambda: table.close(table.initialize("Q", NEW, lambda: "Q").session_id))
    other.result(LIMIT)

    assert not slow.done()
    stuck.let_go()
    slow.result(LIMIT)


@pytest.mark.parametrize(
    ("behavior", "expected"), [(UNSPECIFIED, Opened), (NEW, SessionExistsError), (ATTACH, Opened)]
)
def test___slow_create___second_initialize___waits_and_meets_the_open_session(
    table: Table, stuck: Stuck, behavior: Behavior, expected: type
) -> None:
    slow = create_stuck(table, stuck)
    second_waits = Event()

    def waited_for() -> bool:
        second_waits.set()
        return True

    second = begin(table.initialize, "R", behavior, no_create, waited_for)
    assert second_waits.wait(LIMIT)
    stuck.let_go()

    answer = second.exception(LIMIT) or second.result()
    assert isinstance(answer, expected)
    if isinstance(answer, Opened):
        assert answer == Opened(slow.result().session_id, new=False)


def test___slow_create_that_fails___second_initialize___creates(table: Table, stuck: Stuck) -> None:
    def fail() -> Log:
        stuck()
        raise OSError("switched off")

    first = begin(table.initialize, "R", UNSPECIFIED, fail)
    stuck.await_begin()
    second = begin(table.initialize, "R", UNSPECIFIED, Log)
    stuck.let_go()

    assert isinstance(first.exception(LIMIT), OSError)
    assert second.result(LIMIT).new


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW, ATTACH])
def test___client_gives_up_while_waiting___initialize___leaves_nothing(
    table: Table, stuck: Stuck, behavior: Behavior
) -> None:
    slow = create_stuck(table, stuck)

    with pytest.raises(CallerGoneError):
        table.initialize("R", behavior, no_create, lambda: False)

    stuck.let_go()
    table.close(slow.result(LIMIT).session_id)
    open_and_close(table)


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___client_gives_up_while_resource_is_opened___initialize___released_and_new_succeeds(
    table: Table, behavior: Behavior
) -> None:
    log = Log()

    with pytest.raises(CallerGoneError):
        table.initialize("R", behavior, lambda: log, lambda: False)

    assert log.releases == 1
    with pytest.raises(SessionNotFoundError):
        table.initialize("R", ATTACH, no_create)
    open_and_close(table)


def test___client_gives_up_while_waiting___close___session_stays_open(stuck: Stuck) -> None:
    def is_gone(_: Log) -> bool:
        stuck()
        return False

    table: Table = SessionTable(Log.release, is_gone)
    session_id = open_new(table)
    busy = begin(table.initialize, "R", UNSPECIFIED, no_create)
    stuck.await_begin()

    with pytest.raises(CallerGoneError):
        table.close(session_id, lambda: False)

    stuck.let_go()
    assert busy.result(LIMIT) == Opened(session_id, new=False)
    assert is_open(table, session_id)


def test___session_in_use___close___ends_it_at_once_and_releases_after_the_last_use(
    table: Table,
) -> None:
    log = Log()
    session_id = open_new(table, log=log)

    with table.use(session_id):
        with table.use(session_id):
            closing = begin(table.close, session_id)
            wait_until_closed(table, session_id)
        assert log.releases == 0
        assert not closing.done()

    closing.result(LIMIT)
    assert log.releases == 1


def test___close_waits_for_a_use___initialize___creates_only_after_the_release(
    table: Table,
) -> None:
    log = Log()
    session_id = open_new(table, log=log)
    releases_at_create: list[int] = []

    def create() -> Log:
        releases_at_create.append(log.releases)
        return Log()

    with table.use(session_id):
        closing = begin(table.close, session_id)
        wait_until_closed(table, session_id)
        opening = begin(table.initialize, "R", NEW, create)

    closing.result(LIMIT)
    assert opening.result(LIMIT).new
    assert releases_at_create == [1]


def test___close_waits_for_a_use___second_close___not_found(table: Table) -> None:
    session_id = open_new(table)

    with table.use(session_id):
        closing = begin(table.close, session_id)
        wait_until_closed(table, session_id)
        with pytest.raises(SessionNotFoundError):
            table.close(session_id)

    closing.result(LIMIT)


def test___a_hundred_thousand_open_sessions___calls___take_as_long_as_with_one(
    table: Table,
) -> None:
    few = fastest(lambda: attach_use_and_cycle(table))
    for key in range(100_000):
        open_new(table, key)

    many = fastest(lambda: attach_use_and_cycle(table))

    # A look through all of them would take a thousand times as long.
    assert many < few * 10


def attach_use_and_cycle(table: Table) -> None:
    """Do each kind of call once."""
    session_id = open_new(table, "cycle")
    table.initialize("cycle", UNSPECIFIED, no_create)
    with table.use(session_id):
        table.initialize("cycle", ATTACH, no_create)
    table.close(session_id)


def fastest(call: Callable[[], None]) -> float:
    """Seconds of the fastest of many calls: the others were held up by something else."""

    def seconds() -> float:
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin

    return min(seconds() for _ in range(300))


class TableMachine(RuleBasedStateMachine):
    """Any sequence of calls, against a model: the open session of each key."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.table: Table = SessionTable(release=Log.release, is_gone=lambda log: log.gone)
        self.open: dict[str, tuple[str, Log]] = {}
        self.ended: list[Log] = []

    def _end(self, key: str) -> None:
        self.ended.append(self.open.pop(key)[1])

    def _settle(self, key: str) -> None:
        """Whoever looks at a resource that is gone ends its session."""
        if key in self.open and self.open[key][1].gone:
            self._end(key)

    def _key_of(self, session_id: str) -> str | None:
        return next((key for key, (known, _) in self.open.items() if known == session_id), None)

    @rule(target=ids, key=st.sampled_from("RQ"), behavior=st.sampled_from(Behavior))
    def initialize(self, key: str, behavior: Behavior) -> str | MultipleResults[str]:
        """An initialize whose resource opens."""
        log = Log()
        self._settle(key)
        known = self.open.get(key)
        refusal = SessionExistsError if known else SessionNotFoundError
        if behavior is (NEW if known else ATTACH):
            with pytest.raises(refusal):
                self.table.initialize(key, behavior, lambda: log)
            return multiple()
        opened = self.table.initialize(key, behavior, lambda: log)
        assert opened.new == (known is None)
        if known:
            assert opened.session_id == known[0]
        else:
            self.open[key] = (opened.session_id, log)
        return opened.session_id

    @rule(key=st.sampled_from("RQ"), gone=st.booleans())
    def fail(self, key: str, gone: bool) -> None:
        """An initialize that cannot open its resource, or whose client has gone."""
        log = Log()
        self._settle(key)
        if key in self.open:
            return
        if gone:
            with pytest.raises(CallerGoneError):
                self.table.initialize(key, UNSPECIFIED, lambda: log, lambda: False)
            self.ended.append(log)
        else:
            with pytest.raises(AssertionError, match="opened"):
                self.table.initialize(key, UNSPECIFIED, no_create)

    @rule(session_id=ids)
    def use(self, session_id: str) -> None:
        """A use of a session that is open or not."""
        key = self._key_of(session_id)
        if key is not None:
            self._settle(key)
        if key in self.open:
            with self.table.use(session_id) as log:
                assert log is self.open[key][1]
        else:
            with pytest.raises(SessionNotFoundError), self.table.use(session_id):
                pass

    @rule(session_id=ids)
    def close(self, session_id: str) -> None:
        """A close of a session that is open or not."""
        key = self._key_of(session_id)
        if key is not None:
            self._settle(key)
        if key not in self.open:
            with pytest.raises(SessionNotFoundError):
                self.table.close(session_id)
            return
        log = self.open[key][1]
        self._end(key)
        if log.resists:
            with pytest.raises(OSError, match="resists"):
                self.table.close(session_id)
        else:
            self.table.close(session_id)

    @rule(key=st.sampled_from("RQ"), attribute=st.sampled_from(["gone", "resists"]))
    def spoil(self, key: str, attribute: str) -> None:
        """A resource disappears, or will not be closed without an error."""
        if key in self.open and not (self.open[key][1].gone or self.open[key][1].resists):
            setattr(self.open[key][1], attribute, True)

    @invariant()
    def released(self) -> None:
        """A resource is released once, when its session has ended."""
        assert all(log.releases == 1 for log in self.ended)
        assert all(log.releases == 0 for _, log in self.open.values())


def test___any_sequence_of_calls___table___answers_as_the_model() -> None:
    run_state_machine_as_test(
        TableMachine,
        settings=settings(max_examples=150, stateful_step_count=30, deadline=None),
    )
