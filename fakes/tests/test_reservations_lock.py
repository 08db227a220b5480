"""Nobody looks into the book of a station while another writes in it: each way in has to lock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from session_fakes.clock import Clock
from session_fakes.errors import Refusal
from session_fakes.sessions import MultiplexerRecord, Reservations, SessionRecord, reservations

LIMIT = 60.0
PAUSE = 0.05
"""Seconds for another call: where it is kept out it has to wait for longer than that."""
X, Y, MUX = SessionRecord("X"), SessionRecord("Y"), MultiplexerRecord("M")


class Caller:
    """The call of a client that waits, until it is ended."""

    def __init__(self) -> None:
        self.queued = threading.Event()
        self.end: Callable[[], None] = lambda: None

    def is_active(self) -> bool:
        """Whether the client still wants the answer: that it does not is told by ``end`` alone."""
        return True

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Keep it; by now the call is in the queue."""
        self.end = callback
        self.queued.set()
        return True


class Intruder:
    """Traces a call, and looks into the station whenever that call is in the book."""

    def __init__(self, station: Reservations, pool: ThreadPoolExecutor) -> None:
        self._station = station
        self._pool = pool
        self.tries: list[Future[Any]] = []
        self.got_in = 0

    def during(self, call: Callable[[], object]) -> None:
        """Make the call."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401
        del event, argument
        came_from = frame.f_back
        if came_from is None or came_from.f_code.co_filename != reservations.__file__:
            return
        if frame.f_code.co_filename.endswith(("session_book.py", "registrations.py")):
            self.tries.append(self._pool.submit(self._station.waiting))
            with suppress(futures.TimeoutError):
                self.tries[-1].result(PAUSE)
                self.got_in += 1


def refused(station: Reservations) -> None:
    """Ask for what is not free."""
    with pytest.raises(Refusal):
        station.reserve([X])


CALLS: dict[str, Callable[[Reservations, Caller], object]] = {
    "reserve": lambda station, _: station.reserve([Y]),
    "be refused": lambda station, _: refused(station),
    "give up": lambda _, caller: caller.end(),
    "unreserve": lambda station, _: station.unreserve(["X"]),
    "register": lambda station, _: station.register([X]),
    "unregister": lambda station, _: station.unregister(["X"]),
    "register multiplexers": lambda station, _: station.register_multiplexers([MUX]),
    "unregister multiplexers": lambda station, _: station.unregister_multiplexers(["M"]),
    "look at multiplexers": lambda station, _: station.multiplexers(),
    "look at a multiplexer": lambda station, _: station.multiplexer("M"),
    "look at sessions": lambda station, _: station.sessions(),
    "look who waits": lambda station, _: station.waiting(),
    "reset": lambda station, _: station.reset(),
    "close": lambda station, _: station.close(),
}


@pytest.mark.parametrize("name", CALLS)
def test___a_call_that_is_in_the_book___another_one___is_kept_out(name: str) -> None:
    station = Reservations(Clock(real=lambda: 0.0))
    station.reserve([X])
    caller = Caller()
    with ThreadPoolExecutor(8) as pool:
        waiting = pool.submit(station.reserve, [X], -1, caller=caller)
        assert caller.queued.wait(LIMIT)
        intruder = Intruder(station, pool)

        intruder.during(lambda: CALLS[name](station, caller))

        assert intruder.tries
        assert intruder.got_in == 0
        station.close()
        assert waiting.exception(LIMIT) is None or isinstance(waiting.exception(), Refusal)
