"""Sessions, shared by the threads that serve calls: each waits for its own turn.

The rules are those of :class:`SessionBook`; this adds one lock around it, the timeouts, and what
becomes of a call whose client has given it up. The lock is held for the bookkeeping alone: never
while a call waits, and never while code of others runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from session_fakes.clock import Clock, Signal
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity
from session_fakes.sessions import refusals
from session_fakes.sessions.records import (
    NO_ANNOTATIONS,
    NOBODY,
    Blocker,
    Granted,
    Holder,
    MultiplexerRecord,
    Registered,
    Request,
    SessionRecord,
    SessionView,
    Ticket,
)
from session_fakes.sessions.refusals import FOREVER
from session_fakes.sessions.registrations import Registrations
from session_fakes.sessions.session_book import PATIENCE, SessionBook


class Caller(Protocol):
    """The call that asks, as far as it is needed here: a gRPC context is one."""

    def is_active(self) -> bool:
        """Whether the client still wants the answer."""
        ...

    def add_callback(self, callback: Callable[[], None], /) -> object:
        """Call back when the call has ended; False when it has ended already."""
        ...


@dataclass(eq=False)
class _Waiter:
    """A thread that waits: its place in the queue, and why it got nothing, if so."""

    ticket: Ticket
    signal: Signal = field(default_factory=Signal)
    refusal: Refusal | None = None


class Reservations:
    """What is reserved and registered in a station. Safe to use from any thread."""

    def __init__(self, clock: Clock, *, patience: int = PATIENCE) -> None:
        """Make an empty one.

        Args:
            clock: The time that timeouts pass by.
            patience: How often a waiting call is passed by, at least 1.
        """
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._closed = False
        self._waiters: dict[Ticket, _Waiter] = {}
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._book = SessionBook(self._patience)
        self._multiplexers: Registrations[MultiplexerRecord] = Registrations()

    # Reserve --------------------------------------------------------------------------------------

    def reserve(
        self,
        sessions: Sequence[SessionRecord],
        timeout_ms: int = 0,
        holder: Holder = NOBODY,
        *,
        annotations: Mapping[str, str] = NO_ANNOTATIONS,
        caller: Caller | None = None,
    ) -> tuple[SessionView, ...]:
        """Reserve all of these sessions, waiting for them if need be.

        Args:
            sessions: What to reserve, by name; nothing is always free.
            timeout_ms: How long to wait on the fakes' clock; 0 not at all, -1 without limit.
            holder: Who asks, for the texts and views.
            annotations: Of the reservation, kept as long as it.
            caller: The call, to be dropped when its client gives it up.

        Returns:
            The sessions as they are now, reserved.

        Raises:
            Refusal: INVALID_ARGUMENT for a timeout below -1, UNAVAILABLE when some are not free
                in time or the station stops, CANCELLED when the client has given up.
        """
        return self._ask(Request(holder, sessions, None, annotations), timeout_ms, caller)

    @fidelity(
        "REG-RESERVE-ALL-WAITS",
        evidence="our choice",
        rule="A call for all registered sessions waits until all of them are free, and takes none",
    )
    @fidelity(
        "REG-RESERVE-ALL-EMPTY",
        evidence="seen in NI's code",
        rule="ReserveAllRegisteredSessions is OK without sessions when none is registered",
    )
    def reserve_all(
        self,
        instrument_type_id: str = "",
        timeout_ms: int = 0,
        holder: Holder = NOBODY,
        *,
        annotations: Mapping[str, str] = NO_ANNOTATIONS,
        caller: Caller | None = None,
    ) -> tuple[SessionView, ...]:
        """Reserve every session of a type that is registered, of every type for ``""``.

        What is registered or unregistered while this waits counts. The rest is as in ``reserve``.
        """
        request = Request(holder, (), instrument_type_id, annotations)
        return self._ask(request, timeout_ms, caller)

    def _ask(
        self, request: Request, timeout_ms: int, caller: Caller | None
    ) -> tuple[SessionView, ...]:
        refusals.check_timeout(timeout_ms)
        if caller is not None and not caller.is_active():
            raise refusals.given_up()
        now = self._clock.now()
        with self._lock:
            if self._closed:
                raise refusals.stopped()
            answer = self._book.ask(request, now)
            if isinstance(answer, Granted):
                return answer.sessions
            waiter = _Waiter(answer.ticket)
            self._waiters[answer.ticket] = waiter
        return self._wait(waiter, timeout_ms, caller)

    @fidelity(
        "RES-WAITS",
        evidence="documented",
        rule="A call waits for its sessions until its timeout has passed: 0 not at all, -1 forever",
    )
    def _wait(
        self, waiter: _Waiter, timeout_ms: int, caller: Caller | None
    ) -> tuple[SessionView, ...]:
        deadline = None if timeout_ms == FOREVER else waiter.ticket.since + timeout_ms / 1000
        try:
            if timeout_ms != 0:
                # An ended call would never call back: it says so instead.
                if caller is not None and caller.add_callback(partial(self._drop, waiter)) is False:
                    self._drop(waiter)
                self._clock.wait(waiter.signal, deadline)
            given_up = caller is not None and not caller.is_active()
        except BaseException:
            # Ctrl-C, too: sessions that are granted to nobody would stay reserved.
            self._drop(waiter)
            raise
        return self._settle(waiter, timeout_ms, given_up=given_up)

    def _settle(
        self, waiter: _Waiter, timeout_ms: int, *, given_up: bool
    ) -> tuple[SessionView, ...]:
        """Answer a thread that waits no more: granted, ended by another, or out of time."""
        if given_up:
            self._drop(waiter)
        woken: list[_Waiter] = []
        blockers: list[Blocker] = []
        ticket = waiter.ticket
        now = self._clock.now()
        with self._lock:
            self._waiters.pop(ticket, None)
            if waiter.refusal is None and ticket.granted is None:
                blockers = self._book.blockers(ticket)
                woken = self._woken(self._book.give_up(ticket, now))
        _signal(woken)
        if waiter.refusal is not None:
            raise waiter.refusal
        if ticket.granted is None:
            raise refusals.unavailable(ticket, blockers, timeout_ms, now)
        return ticket.granted

    @fidelity(
        "RES-DROPPED",
        evidence="our choice",
        rule="A call that waits and is given up by its client reserves nothing",
    )
    def _drop(self, waiter: _Waiter) -> None:
        """End a call that nobody wants the answer of, if it has not been answered."""
        now = self._clock.now()
        with self._lock:
            if self._waiters.pop(waiter.ticket, None) is None:
                return
            waiter.refusal = refusals.given_up()
            woken = self._woken(self._book.take_back(waiter.ticket, now))
        _signal([waiter, *woken])

    # The rest -------------------------------------------------------------------------------------

    def unreserve(self, names: Iterable[str]) -> None:
        """Give these sessions back, whoever holds them; those not reserved are passed over."""
        now = self._clock.now()
        with self._lock:
            woken = self._woken(self._book.release(names, now))
        _signal(woken)

    def register(self, sessions: Sequence[SessionRecord], holder: Holder = NOBODY) -> None:
        """Register all of these sessions, or none.

        Raises:
            Refusal: INVALID_ARGUMENT for an empty name, ALREADY_EXISTS for a known one.
        """
        with self._lock:
            self._book.register(sessions, holder, self._clock.now())

    def unregister(self, names: Iterable[str]) -> None:
        """Forget these registrations; those not registered are passed over."""
        now = self._clock.now()
        with self._lock:
            woken = self._woken(self._book.unregister(names, now))
        _signal(woken)

    @fidelity(
        "REG-MULTIPLEXERS",
        evidence="documented",
        rule="Multiplexer sessions are registered by the rules of sessions, apart from them",
    )
    def register_multiplexers(
        self, records: Sequence[MultiplexerRecord], holder: Holder = NOBODY
    ) -> None:
        """Register all of these multiplexer sessions, or none.

        Raises:
            Refusal: INVALID_ARGUMENT for an empty name, ALREADY_EXISTS for a known one.
        """
        with self._lock:
            self._multiplexers.add(records, holder, self._clock.now())

    def unregister_multiplexers(self, names: Iterable[str]) -> None:
        """Forget these registrations; those not registered are passed over."""
        with self._lock:
            self._multiplexers.remove(names)

    def multiplexers(self, type_id: str = "") -> list[Registered[MultiplexerRecord]]:
        """The registered multiplexer sessions of a type; of every type for ``""``."""
        with self._lock:
            return self._multiplexers.of_type(type_id)

    def multiplexer(self, name: str) -> Registered[MultiplexerRecord] | None:
        """The registration of a multiplexer session, if there is one."""
        with self._lock:
            return self._multiplexers.get(name)

    def sessions(self, type_id: str = "") -> list[SessionView]:
        """The sessions of a type that are registered or reserved; of every type for ``""``."""
        with self._lock:
            return self._book.sessions(type_id)

    def waiting(self) -> list[Ticket]:
        """The calls that wait, the longest first: to look at, not to change."""
        with self._lock:
            return self._book.waiting()

    def reset(self) -> None:
        """Forget everything; who waits gets UNAVAILABLE."""
        with self._lock:
            waiters = self._refuse_all(refusals.reset)
            self._start_afresh()
        _signal(waiters)

    @fidelity(
        "RES-STOP",
        evidence="our choice",
        rule="A station that stops answers UNAVAILABLE to whoever waits and whoever asks later",
    )
    def close(self) -> None:
        """Reserve nothing more; who waits gets UNAVAILABLE. What is reserved stays to be seen."""
        with self._lock:
            self._closed = True
            waiters = self._refuse_all(refusals.stopped)
        _signal(waiters)

    def _refuse_all(self, refusal: Callable[[], Refusal]) -> list[_Waiter]:
        waiters = list(self._waiters.values())
        self._waiters.clear()
        self._book.dismiss()
        for waiter in waiters:
            waiter.refusal = refusal()
            self._book.take_back(waiter.ticket, self._clock.now())
        return waiters

    def _woken(self, tickets: list[Ticket]) -> list[_Waiter]:
        return [self._waiters[ticket] for ticket in tickets]


def _signal(waiters: list[_Waiter]) -> None:
    for waiter in waiters:
        waiter.signal.set()
