"""The clock of the fakes: it is moved by hand here, and no test waits for real time to pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from session_fakes.clock import Clock, Signal
from session_fakes.errors import Refusal
from session_fakes.fidelity import holds

LIMIT = 30.0


class StoppedTime:
    """Real time that stands still, and tells when somebody has looked at it."""

    def __init__(self) -> None:
        self.seen = threading.Event()

    def __call__(self) -> float:
        """Answer the same time as ever."""
        self.seen.set()
        return 7.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(8)
    yield pool
    pool.shutdown(wait=False)


def _waiter(
    pool: ThreadPoolExecutor, clock: Clock, real: StoppedTime, deadline: float
) -> tuple[Signal, Future[bool]]:
    """A thread that waits: it has looked at the time, which it does under its signal's lock."""
    signal = Signal()
    real.seen.clear()
    waiting = pool.submit(clock.wait, signal, deadline)
    assert real.seen.wait(LIMIT)
    return signal, waiting


def test___new_clock___asked___stands_at_zero_and_moves_on_with_real_time() -> None:
    times = iter([5.0, 5.0, 6.5])

    clock = Clock(real=lambda: next(times))

    assert (clock.now(), clock.now()) == (0.0, 1.5)


def test___clock_on_real_time___asked_twice___does_not_go_back() -> None:
    clock = Clock()

    first = clock.now()

    assert 0 <= first <= clock.now()


@holds("CLOCK-ADVANCE")
def test___clock___advanced___only_its_own_time_moves() -> None:
    clock = Clock(real=StoppedTime())
    before = time.monotonic()

    assert clock.advance(3600) == clock.now() == 3600
    assert time.monotonic() - before < 3600


@holds("CLOCK-ADVANCE")
@pytest.mark.parametrize("seconds", [-1.0, -1e-9, float("nan"), float("inf"), float("-inf")])
def test___clock___advanced_backwards_or_by_no_number___refused_and_unmoved(seconds: float) -> None:
    clock = Clock(real=StoppedTime())

    with pytest.raises(Refusal, match="time cannot go backwards") as refusal:
        clock.advance(seconds)

    assert refusal.value.code == "INVALID_ARGUMENT"
    assert clock.now() == 0


def test___waiter___advanced_to_its_deadline___ends_without_the_signal(
    pool: ThreadPoolExecutor,
) -> None:
    real = StoppedTime()
    clock = Clock(real)
    signal, waiting = _waiter(pool, clock, real, 1000.0)

    clock.advance(1000)

    assert waiting.result(LIMIT) is False
    assert not signal.is_set()
    assert clock.waiting() == 0


def test___waiter___advanced_not_far_enough___waits_on(pool: ThreadPoolExecutor) -> None:
    real = StoppedTime()
    clock = Clock(real)
    signal, waiting = _waiter(pool, clock, real, 1000.0)

    clock.advance(999)

    assert not waiting.done()
    assert clock.waiting() == 1
    signal.set()
    assert waiting.result(LIMIT) is True


def test___two_waiters_of_one_signal___deadline_of_one___other_waits_on(
    pool: ThreadPoolExecutor,
) -> None:
    real = StoppedTime()
    clock = Clock(real)
    signal, early = _waiter(pool, clock, real, 10.0)
    late = pool.submit(clock.wait, signal, 2000.0)

    clock.advance(10)

    assert early.result(LIMIT) is False
    assert not late.done()
    signal.set()
    assert late.result(LIMIT) is True


def test___waiter___after_an_advance___sleeps_only_what_is_left(pool: ThreadPoolExecutor) -> None:
    clock = Clock()
    waiting = pool.submit(clock.wait, Signal(), 1000.0)

    clock.advance(999.99)

    assert waiting.result(LIMIT) is False


@pytest.mark.parametrize("deadline", [None, 1e12, 5.0])
def test___signal_that_is_set___waited_for___ends_at_once(deadline: float | None) -> None:
    signal = Signal()
    signal.set()

    assert Clock().wait(signal, deadline) is True


def test___waiter_without_deadline___advanced___waits_for_the_signal(
    pool: ThreadPoolExecutor,
) -> None:
    clock, signal = Clock(), Signal()
    waiting = pool.submit(clock.wait, signal, None)

    clock.advance(1e9)

    assert not waiting.done()
    signal.set()
    assert waiting.result(LIMIT) is True


def test___deadline_that_has_passed___waited_for___ends_at_once() -> None:
    clock = Clock(real=StoppedTime())
    clock.advance(2)

    assert clock.wait(Signal(), 2.0) is False
    assert clock.wait(Signal(), -5.0) is False


@pytest.mark.parametrize("end", ["signal", "advance"])
def test___many_waiters___woken_while_they_come___none_is_lost(
    pool: ThreadPoolExecutor, end: str
) -> None:
    for _ in range(50):
        clock, signal = Clock(real=lambda: 0.0), Signal()
        barrier = threading.Barrier(4)
        waiting = [pool.submit(_wait_at, barrier, clock, signal) for _ in range(3)]
        barrier.wait(LIMIT)

        signal.set() if end == "signal" else clock.advance(1000)

        assert [each.result(LIMIT) for each in waiting] == [end == "signal"] * 3


def _wait_at(barrier: threading.Barrier, clock: Clock, signal: Signal) -> bool:
    barrier.wait(LIMIT)
    return clock.wait(signal, 1000.0)
