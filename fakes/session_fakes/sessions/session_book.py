"""Who may use which session now, and who is next: the state behind reservations.

Pure: no gRPC, no threads; the time is passed in. The rules of the queue:

1. A call gets all of its sessions at once or none, so whoever waits holds nothing *by that call*.
2. Whenever sessions become free, the waiting calls that want one of them are looked at in the
   order of their arrival; each gets its sessions if all of them are free.
3. A call that needs more than is free is passed by, but not for ever. It counts how often a later
   call was granted one of its sessions while no call from before it held any of them, that is,
   while only later calls kept it waiting. Once it was passed by ``patience`` times, what it wants
   is *set aside*: no later call gets it any more.

Rule 3 ends starvation: earlier calls are finite in number, and after them every passing counts.
A session is not set aside at once, since that would let a client that forgot to unreserve one
session block, through the calls that wait for it, others that nobody uses.

Waiting calls are indexed by session, so that a release looks only at those it concerns.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence

from session_fakes.fidelity import fidelity
from session_fakes.sessions.records import (
    NO_ANNOTATIONS,
    Blocker,
    Granted,
    Holder,
    Request,
    Reservation,
    SessionRecord,
    SessionView,
    Ticket,
    Waiting,
)
from session_fakes.sessions.registrations import Registrations
from session_fakes.sessions.waiting_line import WaitingLine

PATIENCE = 8
"""How often a waiting call is passed by before its sessions are set aside for it."""


class SessionBook:
    """The reserved and the registered sessions, and the queue of the calls that wait."""

    def __init__(self, patience: int = PATIENCE) -> None:
        """Make an empty book.

        Args:
            patience: How often a waiting call is passed by, at least 1.
        """
        if patience < 1:
            raise ValueError(
                f"a call is passed by at least once: patience 1 or more, not {patience}"
            )
        self.registrations: Registrations[SessionRecord] = Registrations()
        self._patience = patience
        self._line = WaitingLine()
        self._numbers = itertools.count(1)
        self._held: dict[str, Reservation] = {}

    # Reserve and unreserve ------------------------------------------------------------------------

    @fidelity(
        "RES-ALL-OR-NOTHING",
        evidence="our choice",
        rule="A call that cannot have all its sessions reserves none of them",
    )
    @fidelity(
        "RES-FREE",
        evidence="documented",
        rule="What is free, and not set aside for a call that was passed by, is reserved at once",
    )
    def ask(self, request: Request, now: float) -> Granted | Waiting:
        """Reserve what the request wants, or give it a place in the queue."""
        ticket = Ticket(next(self._numbers), request, now, self._wanted_by(request))
        if self._can_have(ticket):
            return Granted(self._grant(ticket, now))
        self._line.add(ticket)
        return Waiting(ticket)

    @fidelity(
        "RES-UNRESERVE",
        evidence="tested by NI",
        rule="What is unreserved can be reserved again, and its reservation's annotations are gone",
    )
    @fidelity(
        "RES-NO-OWNERS",
        evidence="our choice",
        rule="Whoever names a session can unreserve it: reservations are not tied to a client",
    )
    @fidelity(
        "RES-UNRESERVE-UNKNOWN",
        evidence="our choice",
        rule="Unreserving nothing, or what is not reserved, is OK and changes nothing",
    )
    def release(self, names: Iterable[str], now: float) -> list[Ticket]:
        """Unreserve these sessions; answer the tickets that got theirs by it."""
        freed = [name for name in names if self._held.pop(name, None)]
        return self._serve(self._line.heads(freed), now)

    def take_back(self, ticket: Ticket, now: float) -> list[Ticket]:
        """Undo what a ticket was granted, as far as it still has it, or its place in the queue."""
        if ticket.granted is None:
            return self.give_up(ticket, now)
        kept = (view.record.name for view in ticket.granted)
        return self.release([name for name in kept if self._has(ticket, name)], now)

    def give_up(self, ticket: Ticket, now: float) -> list[Ticket]:
        """Drop a ticket that waits; answer the tickets that got their sessions by it."""
        if self._line.get(ticket.number) is not ticket:
            return []
        self._line.remove(ticket)
        if not ticket.due:
            return []
        return self._serve(self._line.heads(ticket.wanted), now)

    def dismiss(self) -> None:
        """Drop every ticket that waits."""
        self._line = WaitingLine()

    # Register and unregister ----------------------------------------------------------------------

    @fidelity(
        "REG-RESERVE-ALL-CHANGES",
        evidence="our choice",
        rule="While a call waits for all registered sessions, those are what is registered by then",
    )
    def register(self, records: Sequence[SessionRecord], holder: Holder, now: float) -> None:
        """Register all of these sessions, or none.

        Raises:
            Refusal: INVALID_ARGUMENT for an empty name, ALREADY_EXISTS for a known one.
        """
        self.registrations.add(records, holder, now)
        for record in records:
            for ticket in self._line.open_for(record.type_id):
                self._line.widen(ticket, _bare(record))

    @fidelity(
        "REG-INDEPENDENT",
        evidence="tested by NI",
        rule="Unregistering leaves a reservation as it is, and the later unreserve succeeds",
    )
    def unregister(self, names: Iterable[str], now: float) -> list[Ticket]:
        """Forget these registrations; answer the tickets that wait for nothing more by it."""
        changed: list[tuple[int, str]] = []
        for record in self.registrations.remove(names):
            for ticket in self._line.open_for(record.type_id):
                self._line.narrow(ticket, record.name)
                changed.append((ticket.number, record.name))
        return self._serve(changed, now)

    # Views ----------------------------------------------------------------------------------------

    def sessions(self, type_id: str = "") -> list[SessionView]:
        """The sessions of a type that are registered or reserved; of every type for ``""``."""
        names = [known.record.name for known in self.registrations.of_type(type_id)]
        held = self._held.items()
        names += [n for n, held in held if not type_id or held.record.type_id == type_id]
        return [self._view(name) for name in dict.fromkeys(names)]

    def waiting(self) -> list[Ticket]:
        """The tickets that wait, the longest first."""
        return self._line.tickets()

    def blockers(self, ticket: Ticket, most: int = 3) -> list[Blocker]:
        """Some of the sessions that a ticket cannot have now, and why."""
        found = (self._blocker(name, ticket.number) for name in ticket.wanted)
        return list(itertools.islice(filter(None, found), most))

    # Grants ---------------------------------------------------------------------------------------

    @fidelity(
        "REG-RESERVE-ALL",
        evidence="documented",
        rule="ReserveAllRegisteredSessions reserves every registered session of the type it names",
    )
    @fidelity(
        "REG-RESERVE-ALL-CHANNELS",
        evidence="documented",
        rule="ReserveAllRegisteredSessions answers no channels and no channel mappings",
    )
    def _wanted_by(self, request: Request) -> dict[str, SessionRecord]:
        if request.registered_of_type is None:
            return {record.name: record for record in request.sessions}
        found = self.registrations.of_type(request.registered_of_type)
        return {known.record.name: _bare(known.record) for known in found}

    @fidelity(
        "RES-HELD",
        evidence="tested by NI",
        rule="A session is reserved once: a second call does not get it, even of the same client",
    )
    def _can_have(self, ticket: Ticket) -> bool:
        return self._held.keys().isdisjoint(ticket.wanted) and not self._line.keeps_from(ticket)

    def _kept_from(self, number: int, name: str) -> bool:
        return name in self._held or self._line.set_aside_before(number, name) is not None

    def _grant(self, ticket: Ticket, now: float) -> tuple[SessionView, ...]:
        request = ticket.request
        self._count_passing(ticket)
        for name, record in ticket.wanted.items():
            self._held[name] = Reservation(
                record, request.holder, now, ticket.number, request.annotations
            )
        ticket.granted = tuple([self._view(name) for name in ticket.wanted])
        return ticket.granted

    @fidelity(
        "RES-NO-STARVATION",
        evidence="our choice",
        rule="After eight passings by later calls what a waiting call wants is set aside for it",
    )
    def _count_passing(self, passing: Ticket) -> None:
        for ticket in self._line.ahead_of(passing):
            if not ticket.due and not self._waits_for_earlier(ticket):
                ticket.passed += 1
                if ticket.passed == self._patience:
                    self._line.set_aside(ticket)

    def _waits_for_earlier(self, ticket: Ticket) -> bool:
        held = (self._held.get(name) for name in ticket.wanted)
        return any(found is not None and found.number < ticket.number for found in held)

    @fidelity(
        "REG-EXISTS",
        evidence="tested by NI",
        rule="session_exists says whether the session is registered when the call is answered",
    )
    @fidelity(
        "RES-ANNOTATIONS",
        evidence="our choice",
        rule="Annotations of a registration stay; those of a reservation lie over them while it is",
    )
    def _view(self, name: str) -> SessionView:
        held, known = self._held.get(name), self.registrations.get(name)
        found = held or known
        assert found is not None, "only what is reserved or registered is viewed"
        annotations = found.record.annotations
        if held is not None:
            kept = known.record.annotations if known is not None else NO_ANNOTATIONS
            annotations = {**kept, **annotations, **held.annotations}
        return SessionView(found.record, held, known, annotations)

    @fidelity(
        "RES-FIFO",
        evidence="our choice",
        rule="Of waiting calls that could all go on the one that has waited longest goes on first",
    )
    def _serve(self, heads: list[tuple[int, str]], now: float) -> list[Ticket]:
        """Go through the queues of some sessions, by arrival; grant to each that can go on.

        Args:
            heads: For each session that may have become free, the first ticket to look at.
            now: The time.
        """
        served: list[Ticket] = []
        heapq.heapify(heads)
        while heads:
            number, name = heapq.heappop(heads)
            ticket = self._line.get(number)
            if ticket is not None and self._can_have(ticket):
                self._line.remove(ticket)
                self._grant(ticket, now)
                served.append(ticket)
            following = self._line.following(name, number)
            if following is not None and not self._kept_from(following, name):
                heapq.heappush(heads, (following, name))
        return served

    def _has(self, ticket: Ticket, name: str) -> bool:
        held = self._held.get(name)
        return held is not None and held.number == ticket.number

    def _blocker(self, name: str, number: int) -> Blocker | None:
        if not self._kept_from(number, name):
            return None
        held = self._held.get(name)
        aside = None if held is not None else self._line.set_aside_before(number, name)
        return Blocker(name, held, aside)


def _bare(record: SessionRecord) -> SessionRecord:
    """A record without what belongs to pins and sites."""
    return SessionRecord(record.name, record.resource_name, record.instrument_type_id)
