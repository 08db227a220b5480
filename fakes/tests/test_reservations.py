"""Reservations asked for by threads: nobody is forgotten, nobody is served twice.

Nothing here waits for time to pass: the clock stands still unless a test moves it, and a thread
is known to be in the queue as soon as it has left its callback.
"""

from __future__ import annotations

import os
import random
import shlex
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from session_fakes.clock import Clock, Signal
from session_fakes.errors import Refusal, pasted
from session_fakes.fidelity import holds
from session_fakes.sessions import (
    PATIENCE,
    Holder,
    MultiplexerRecord,
    Reservations,
    SessionRecord,
    SessionView,
)

LIMIT = 60.0
Answer = Future[tuple[SessionView, ...]]


class Call:
    """The call of a client that may give it up, as a gRPC context tells it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._active = True
        self.queued = threading.Event()

    def is_active(self) -> bool:
        """Whether the client still wants the answer."""
        return self._active

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Keep the callback; by now the call is in the queue."""
        with self._lock:
            if self._active:
                self._callbacks.append(callback)
        self.queued.set()
        return self._active

    def end(self) -> None:
        """Give the call up."""
        with self._lock:
            self._active = False
        for callback in self._callbacks:
            callback()


class Desk:
    """A station's reservations, and clients that wait in threads."""

    def __init__(self) -> None:
        self.clock = Clock(real=lambda: 0.0)
        self.station = Reservations(self.clock)
        self._pool = ThreadPoolExecutor(16)

    def take(self, names: str, timeout_ms: int = 0) -> list[str]:
        """Reserve in this thread."""
        return _names(self.station.reserve(_records(names), timeout_ms, Holder("Main", 7)))

    def wait(self, names: str, timeout_ms: int = -1) -> tuple[Call, Answer]:
        """Reserve in another thread, which is in the queue by the end."""
        call = Call()
        reserve = self.station.reserve
        answer = self._pool.submit(reserve, _records(names), timeout_ms, caller=call)
        assert call.queued.wait(LIMIT)
        return call, answer

    def wait_all(self, type_id: str, timeout_ms: int = -1) -> tuple[Call, Answer]:
        """Reserve all registered in another thread."""
        call = Call()
        answer = self._pool.submit(self.station.reserve_all, type_id, timeout_ms, caller=call)
        assert call.queued.wait(LIMIT)
        return call, answer

    def close(self) -> None:
        """Send everybody away."""
        self.station.close()
        self._pool.shutdown(wait=False)

    def reserved(self) -> list[str]:
        """The names that are reserved."""
        return sorted(view.record.name for view in self.station.sessions() if view.reserved)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def _records(names: str) -> list[SessionRecord]:
    return [SessionRecord(name, f"res-{name}", "custom") for name in names]


def _names(views: tuple[SessionView, ...]) -> list[str]:
    return [view.record.name for view in views]


def _refusal(answer: Answer) -> Refusal:
    refused = answer.exception(LIMIT)
    assert isinstance(refused, Refusal)
    return refused


@contextmanager
def _refused(code: str, text: str) -> Generator[None]:
    with pytest.raises(Refusal, match=text) as told:
        yield
    assert told.value.code == code


@holds("RES-HELD", "RES-REFUSAL-TEXT")
def test___held_session___reserved_with_timeout_0___refused_with_holder_age_and_remedy(
    desk: Desk,
) -> None:
    desk.clock.advance(3)
    desk.take("XP")
    desk.clock.advance(2.5)

    with pytest.raises(Refusal) as told:
        desk.take("XY")

    assert told.value.code == "UNAVAILABLE"
    assert told.value.text == (
        "the 2 sessions wanted are not all free: 'X' is reserved by program 'Main', process 7 since"
        " 3.000 s, that is for 2.500 s on the station's clock. Leave the 'with' block that holds it"
        ", ask with a longer timeout, or free it by force with session-fakes release X"
    )
    assert desk.reserved() == ["P", "X"]


@pytest.mark.skipif(os.name != "posix", reason="the quoting of POSIX shells")
@pytest.mark.parametrize("name", [r"Log-C:\logs\run 1.ndjson", "it's", "niDCPower-A/0, A/1", "é$x"])
def test___held_session___refused___the_remedy_can_be_pasted(desk: Desk, name: str) -> None:
    desk.station.reserve([SessionRecord(name)])

    with pytest.raises(Refusal) as told:
        desk.station.reserve([SessionRecord(name)])

    command = told.value.text.partition(" by force with ")[2]
    assert shlex.split(command) == ["session-fakes", "release", name]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (r"C:\a b.log", r'"C:\a b.log"'),
        ("C:\\", r'"C:\\"'),
        ('say "x&y"', r'"say \"x&y\""'),
        ("x" * 201, "NAME"),
        ("a\x1b[31m", "NAME"),
    ],
)
def test___name___pasted_into_a_shell_of_windows___means_itself(name: str, shown: str) -> None:
    assert pasted(name, windows=True) == shown


@holds("RES-REFUSAL-TEXT")
def test___endless_names_of_everything___refused___text_stays_short(desk: Desk) -> None:
    long = [SessionRecord(f"{i}\n" * 9999) for i in range(50)]
    desk.station.reserve(long, 0, Holder("p" * 9999, 1, "q\0" * 9999, "r" * 9999))

    with pytest.raises(Refusal) as told:
        desk.station.reserve(long)

    assert len(told.value.text) < 6000
    assert told.value.text.isascii()
    assert "\n" not in told.value.text


@holds("RES-REFUSAL-TEXT", "RES-NO-STARVATION")
def test___session_set_aside___reserved_with_timeout_0___refused_with_the_reason(
    desk: Desk,
) -> None:
    desk.take("XP")
    desk.wait("XP")
    _, later = desk.wait("X")
    desk.station.unreserve("X")
    desk.station.unreserve("P")
    assert _names(later.result(LIMIT)) == ["X"]
    for _ in range(PATIENCE):
        desk.take("P")
        desk.station.unreserve("P")

    reason = r"'P' is free, but set aside for an unknown client, .* passed by 8 times"
    with _refused("UNAVAILABLE", reason):
        desk.take("P")


@holds("RES-TIMEOUT-INVALID")
@pytest.mark.parametrize("timeout", [-2, -1000, -(2**31)])
def test___timeout_below_minus_1___anything_reserved___refused(desk: Desk, timeout: int) -> None:
    with _refused("INVALID_ARGUMENT", f"a timeout of {timeout} ms cannot be"):
        desk.take("X", timeout)
    with _refused("INVALID_ARGUMENT", f"a timeout of {timeout} ms cannot be"):
        desk.station.reserve_all("", timeout)

    assert desk.reserved() == []


@holds("RES-WAITS", "RES-UNRESERVE")
@pytest.mark.parametrize("timeout", [-1, 1, 60_000, 2**31 - 1])
def test___waiting_call___session_unreserved___answered(desk: Desk, timeout: int) -> None:
    desk.take("X")
    _, answer = desk.wait("X", timeout)

    desk.station.unreserve("X")

    assert _names(answer.result(LIMIT)) == ["X"]
    assert desk.station.waiting() == []


@holds("RES-WAITS")
def test___waiting_call___its_timeout_passes___refused_and_not_before(desk: Desk) -> None:
    desk.take("X")
    _, answer = desk.wait("XP", 60_000)

    desk.clock.advance(59.9)
    assert not answer.done()
    desk.clock.advance(0.2)

    refusal = _refusal(answer)
    assert refusal.code == "UNAVAILABLE"
    assert "not all free within 60000 ms: 'X' is reserved" in refusal.text
    desk.station.unreserve("X")
    assert desk.take("XP") == ["X", "P"]


@holds("RES-WAITS")
def test___call_without_limit___much_time_passes___waits_on(desk: Desk) -> None:
    desk.take("X")
    _, answer = desk.wait("X", -1)

    desk.clock.advance(1e9)

    assert not answer.done()


@holds("RES-WAITS")
@pytest.mark.parametrize(
    ("timeout", "deadlines"), [(0, []), (1, [5.001]), (60_000, [65.0]), (-1, [None])]
)
def test___held_session___reserved___waits_until_its_timeout_and_not_at_all_for_0(
    timeout: int, deadlines: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def wait(_: Signal, deadline: float | None) -> bool:
        asked.append(deadline)
        return False

    clock = Clock(real=lambda: 0.0)
    clock.advance(5)
    monkeypatch.setattr(clock, "wait", wait)
    station = Reservations(clock)
    station.reserve(_records("X"))

    with _refused("UNAVAILABLE", "'X' is reserved"):
        station.reserve(_records("X"), timeout)

    assert asked == deadlines


@holds("RES-FIFO")
def test___three_waiting_threads___released_one_by_one___answered_by_arrival(desk: Desk) -> None:
    desk.take("X")
    answers = [desk.wait("X")[1] for _ in range(3)]

    for position, answer in enumerate(answers):
        desk.station.unreserve("X")
        assert _names(answer.result(LIMIT)) == ["X"]
        assert not any(later.done() for later in answers[position + 1 :])


@holds("RES-DROPPED")
def test___waiting_call___client_gives_up___leaves_at_once_and_reserves_nothing(desk: Desk) -> None:
    desk.take("X")
    call, answer = desk.wait("X")
    _, next_answer = desk.wait("X")

    call.end()

    assert _refusal(answer).code == "CANCELLED"
    desk.station.unreserve("X")
    assert _names(next_answer.result(LIMIT)) == ["X"]


@holds("RES-DROPPED")
def test___client_gave_up_before___reserved___nothing_is_held(desk: Desk) -> None:
    call = Call()
    call.end()

    with _refused("CANCELLED", "given up"):
        desk.station.reserve(_records("X"), caller=call)

    assert desk.reserved() == []


@holds("RES-DROPPED")
def test___call_that_waited___answered_and_over___keeps_what_it_got(desk: Desk) -> None:
    desk.take("X")
    call, answer = desk.wait("X")
    desk.station.unreserve("X")
    assert _names(answer.result(LIMIT)) == ["X"]

    call.end()

    assert desk.reserved() == ["X"]


@holds("RES-NO-STARVATION")
def test___what_is_set_aside___its_call_runs_out_of_time___goes_to_the_next(desk: Desk) -> None:
    desk.take("XP")
    _, due = desk.wait("XP", 60_000)
    _, later = desk.wait("X")
    desk.station.unreserve("X")
    desk.station.unreserve("P")
    assert _names(later.result(LIMIT)) == ["X"]
    for _ in range(PATIENCE):
        desk.take("P")
        desk.station.unreserve("P")
    _, behind = desk.wait("P")

    desk.clock.advance(61)

    assert _refusal(due).code == "UNAVAILABLE"
    assert _names(behind.result(LIMIT)) == ["P"]


class EndsWhenAsked(Call):
    """A call that ends between the question and the callback, which is then never called."""

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Keep the callback; by now the call is in the queue."""
        self._active = False
        return super().add_callback(callback)


@holds("RES-DROPPED")
def test___client_gives_up_on_the_way_into_the_queue___reserved___left_at_once(desk: Desk) -> None:
    desk.take("X")

    with _refused("CANCELLED", "given up"):
        desk.station.reserve(_records("X"), -1, caller=EndsWhenAsked())

    assert desk.station.waiting() == []


class GrantedThenEnds(Call):
    """A call that is granted its session, and whose client gives up before the thread wakes."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Keep the callback; by now the call is in the queue."""
        super().add_callback(callback)
        self._desk.station.unreserve("X")
        assert self._desk.reserved() == ["X"]
        self.end()
        return True


@holds("RES-DROPPED")
def test___call_granted_and_given_up_at_once___its_session___goes_to_the_next(desk: Desk) -> None:
    desk.take("X")

    with _refused("CANCELLED", "given up"):
        desk.station.reserve(_records("X"), -1, caller=GrantedThenEnds(desk))

    assert desk.reserved() == []


@holds("RES-DROPPED", "RES-FIFO")
def test___call_granted_and_given_up_at_once___another_waits___gets_the_session(
    desk: Desk,
) -> None:
    desk.take("X")
    behind: list[Answer] = []

    class FirstOfTwo(GrantedThenEnds):
        """A call behind which another one waits when it ends."""

        def end(self) -> None:
            """Have another call wait, then give this one up."""
            behind.append(desk.wait("X")[1])
            super().end()

    with _refused("CANCELLED", "given up"):
        desk.station.reserve(_records("X"), -1, caller=FirstOfTwo(desk))

    assert _names(behind[0].result(LIMIT)) == ["X"]


class EndsSilently(Call):
    """A call that is granted its session after its client has gone; the callback comes late."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Grant the session, and end without a word."""
        super().add_callback(callback)
        self._desk.station.unreserve("X")
        self._active = False
        return True


@holds("RES-DROPPED")
def test___client_gone_but_not_reported_yet___granted___session_is_given_back(desk: Desk) -> None:
    desk.take("X")
    call = EndsSilently(desk)

    with _refused("CANCELLED", "given up"):
        desk.station.reserve(_records("X"), -1, caller=call)

    assert desk.take("X") == ["X"]
    call.end()
    assert desk.reserved() == ["X"]


def test___thread_interrupted_while_it_waits___its_place___is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: Signal, __: float | None) -> bool:
        raise KeyboardInterrupt

    clock = Clock()
    monkeypatch.setattr(clock, "wait", interrupted)
    station = Reservations(clock)
    station.reserve(_records("X"))

    with pytest.raises(KeyboardInterrupt):
        station.reserve(_records("X"), -1)

    assert station.waiting() == []


@holds("RES-STOP")
def test___waiting_calls___station_closed___all_leave_and_what_is_held_stays_to_be_seen(
    desk: Desk,
) -> None:
    desk.take("X")
    answers = [desk.wait("X")[1], desk.wait("XP", 5000)[1], desk.wait("X")[1]]

    desk.station.close()

    assert {_refusal(answer).code for answer in answers} == {"UNAVAILABLE"}
    assert desk.reserved() == ["X"]
    with _refused("UNAVAILABLE", "the station has been stopped"):
        desk.take("P")


@holds("RES-STOP")
def test___call_that_waited___station_closed___what_it_got_stays_to_be_seen(desk: Desk) -> None:
    desk.take("X")
    _, answer = desk.wait("X")
    desk.station.unreserve("X")
    answer.result(LIMIT)

    desk.station.close()

    assert desk.reserved() == ["X"]


@pytest.fixture
def may_leave(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until this is set, threads with a timeout stay where they waited, though that is over."""
    event = threading.Event()
    wait = desk.clock.wait

    def wait_and_linger(signal: Signal, deadline: float | None) -> bool:
        found = wait(signal, deadline)
        assert deadline is None or event.wait(LIMIT)
        return found

    monkeypatch.setattr(desk.clock, "wait", wait_and_linger)
    return event


@holds("RES-STOP")
def test___call_that_was_granted___station_closed_before_it_leaves___has_nothing(
    desk: Desk, may_leave: threading.Event
) -> None:
    desk.take("X")
    _, answer = desk.wait("X", 60_000)
    desk.station.unreserve("X")

    desk.station.close()

    may_leave.set()
    assert _refusal(answer).code == "UNAVAILABLE"
    assert desk.reserved() == []


def test___station_reset___old_call_leaves_late___new_ones_are_served(
    desk: Desk, may_leave: threading.Event
) -> None:
    desk.take("X")
    call, old = desk.wait("X", 60_000)
    desk.station.reset()
    desk.take("X")
    _, new = desk.wait("X")

    call.end()
    may_leave.set()
    assert "reset" in _refusal(old).text
    desk.station.unreserve("X")

    assert _names(new.result(LIMIT)) == ["X"]


def test___waiting_calls___station_reset___all_leave_and_everything_is_forgotten(
    desk: Desk,
) -> None:
    desk.station.register(_records("R"))
    desk.take("X")
    _, answer = desk.wait("X")

    desk.station.reset()

    assert "reset" in _refusal(answer).text
    assert desk.station.sessions() == []
    assert desk.take("X") == ["X"]


@holds("REG-RESERVE-ALL-WAITS", "REG-RESERVE-ALL-CHANGES")
def test___call_for_all_waits___last_obstacle_is_unregistered___answered(desk: Desk) -> None:
    desk.station.register(_records("XY"))
    desk.take("X")
    _, answer = desk.wait_all("custom", 10_000)

    desk.station.unregister("X")

    assert _names(answer.result(LIMIT)) == ["Y"]


@holds("REG-RESERVE-ALL-WAITS")
def test___call_for_all___nothing_said___of_every_type_and_at_once(desk: Desk) -> None:
    desk.station.register(_records("XY"))

    assert _names(desk.station.reserve_all()) == ["X", "Y"]
    with _refused("UNAVAILABLE", "not all free: 'X' is reserved"):
        desk.station.reserve_all()


@holds("REG-MULTIPLEXERS")
def test___multiplexers___registered_and_unregistered___known_by_name_and_type(desk: Desk) -> None:
    one, other = MultiplexerRecord("A", "a", "t"), MultiplexerRecord("B", "b", "u")
    desk.station.register_multiplexers([one, other])

    assert [known.record for known in desk.station.multiplexers()] == [one, other]
    assert [known.record for known in desk.station.multiplexers("u")] == [other]
    found = desk.station.multiplexer("A")
    assert found is not None
    assert found.record == one
    desk.station.unregister_multiplexers(["A"])
    assert desk.station.multiplexer("A") is None
    desk.station.reset()
    assert desk.station.multiplexers() == []


@holds("REG-RESERVE-ALL-WAITS")
def test___call_for_all___some_held_until_its_timeout___refused(desk: Desk) -> None:
    desk.station.register(_records("XY"))
    desk.take("X")
    _, answer = desk.wait_all("", 10_000)

    desk.clock.advance(10)

    assert _refusal(answer).code == "UNAVAILABLE"
    assert desk.reserved() == ["X"]


@pytest.mark.parametrize(
    ("holder", "shown"),
    [
        (Holder(), "an unknown client"),
        (Holder("DMM's", 7), r"program 'DMM\'s', process 7"),
        (Holder(place="test_a.py:12", peer="ipv4:1"), "at 'test_a.py:12', peer 'ipv4:1'"),
    ],
)
def test___holder___shown___says_what_is_known(holder: Holder, shown: str) -> None:
    assert str(holder) == shown


# Many threads -------------------------------------------------------------------------------------

CLIENTS, SESSIONS, ROUNDS = 50, 20, 6


class Crowd:
    """Clients that reserve what they like, while time moves on and some of them are given up."""

    def __init__(self, seed: int) -> None:
        self.clock = Clock(real=lambda: 0.0)
        self.station = Reservations(self.clock)
        self.owners: dict[str, int] = {}
        self.calls: dict[int, Call] = {}
        self.ended: set[str] = set()
        self.waited = 0
        self.wrong: list[str] = []
        self.seed = seed
        self._start = threading.Barrier(CLIENTS + 1)

    def run(self) -> None:
        """Let them all run to their end."""
        clients = [threading.Thread(target=self._client, args=(i,)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        self._start.wait(LIMIT)
        self._disturb(clients)
        for client in clients:
            client.join(LIMIT)
        self.wrong += [f"{client.name} hangs" for client in clients if client.is_alive()]

    def _disturb(self, clients: list[threading.Thread]) -> None:
        """Move the time on and cut clients off, as long as there are any."""
        chance = random.Random(self.seed)
        for _ in range(40):
            self.clock.advance(chance.choice([0, 1, 20]))
            self.calls.get(chance.randrange(CLIENTS), Call()).end()
        for client in clients:  # those that wait with a timeout, in the end
            while client.is_alive() and self.clock.now() < 1e6:
                self.clock.advance(20)
                client.join(0.001)

    def _client(self, number: int) -> None:
        chance = random.Random(self.seed * CLIENTS + number)
        self._start.wait(LIMIT)
        for _ in range(ROUNDS):
            call = self.calls[number] = Call()
            names = chance.sample(range(SESSIONS), chance.randint(1, 4))
            try:
                self._use(number, [f"S{name}" for name in names], call, chance)
                self.ended.add("OK")
            except Refusal as refusal:
                self.ended.add(refusal.code)
            self.waited += call.queued.is_set()

    def _use(self, number: int, names: list[str], call: Call, chance: random.Random) -> None:
        wanted = [SessionRecord(name) for name in names]
        self.station.reserve(wanted, chance.choice([0, 60_000, -1]), caller=call)
        for name in names:
            other = self.owners.setdefault(name, number)
            if other != number:
                self.wrong.append(f"{name} is held by {other} and {number}")
        threading.Event().wait(0.0005)  # a measurement, short as it is
        for name in names:
            self.owners.pop(name, None)
        self.station.unreserve(names)


def _judge(crowd: Crowd) -> None:
    assert crowd.wrong == []
    assert crowd.station.waiting() == []
    assert crowd.station.sessions() == []
    assert crowd.clock.waiting() == 0


@holds("RES-HELD", "RES-DROPPED", "RES-WAITS", "RES-NO-STARVATION")
@pytest.mark.parametrize("seed", range(3))
def test___50_clients_of_20_sessions___random_subsets___never_two_holders_nobody_forgotten(
    seed: int,
) -> None:
    crowd = Crowd(seed)

    crowd.run()

    _judge(crowd)
    assert {"OK", "UNAVAILABLE"} <= crowd.ended
    assert crowd.waited > CLIENTS


def test___50_clients___switched_every_10_microseconds___the_same() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        crowd = Crowd(99)
        crowd.run()
    finally:
        sys.setswitchinterval(before)

    _judge(crowd)


@holds("RES-FIFO")
def test___200_waiting_threads___one_session_passed_on___by_arrival() -> None:
    station = Reservations(Clock(real=lambda: 0.0))
    station.reserve(_records("X"))
    order: list[int] = []
    threads: list[threading.Thread] = []

    def client(number: int, call: Call) -> None:
        station.reserve(_records("X"), -1, caller=call)
        order.append(number)
        station.unreserve("X")

    for number in range(200):
        call = Call()
        threads.append(threading.Thread(target=client, args=(number, call), daemon=True))
        threads[-1].start()
        assert call.queued.wait(LIMIT)

    station.unreserve("X")

    for thread in threads:
        thread.join(LIMIT)
    assert order == list(range(200))
    assert station.sessions() == []
