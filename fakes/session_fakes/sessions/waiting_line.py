"""The calls that wait, in the order of their arrival, found by the sessions that they want.

Pure bookkeeping: who may go on is decided by the book. A session costs only those who want it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from session_fakes.sessions.records import SessionRecord, Ticket


class WaitingLine:
    """The tickets that wait, and the sessions that are set aside for some of them."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}
        self._queues: dict[str, list[int]] = {}
        self._set_aside: dict[str, list[int]] = {}
        self._open: dict[str, dict[int, Ticket]] = {}

    def get(self, number: int) -> Ticket | None:
        """The ticket of that number, if it waits."""
        return self._tickets.get(number)

    def tickets(self) -> list[Ticket]:
        """All that wait, the longest first."""
        return list(self._tickets.values())

    def add(self, ticket: Ticket) -> None:
        """Have a ticket wait; it has arrived after all others."""
        self._tickets[ticket.number] = ticket
        wanted_type = ticket.request.registered_of_type
        if wanted_type is not None:
            self._open.setdefault(wanted_type, {})[ticket.number] = ticket
        for name in ticket.wanted:
            self._watch(ticket, name)

    def remove(self, ticket: Ticket) -> None:
        """Have a ticket wait no more; nothing is set aside for it then."""
        del self._tickets[ticket.number]
        wanted_type = ticket.request.registered_of_type
        if wanted_type is not None:
            del self._open[wanted_type][ticket.number]
            if not self._open[wanted_type]:
                del self._open[wanted_type]
        for name in ticket.wanted:
            self._unwatch(ticket, name)

    # What a ticket wants --------------------------------------------------------------------------

    def open_for(self, type_id: str) -> list[Ticket]:
        """The tickets that want whatever is registered of this type, the longest first."""
        types = dict.fromkeys(("", type_id))
        found = [ticket for key in types for ticket in self._open.get(key, {}).values()]
        return sorted(found, key=lambda ticket: ticket.number)

    def widen(self, ticket: Ticket, record: SessionRecord) -> None:
        """Have a ticket want one session more."""
        ticket.wanted[record.name] = record
        self._watch(ticket, record.name)

    def narrow(self, ticket: Ticket, name: str) -> None:
        """Have a ticket want one session less."""
        del ticket.wanted[name]
        self._unwatch(ticket, name)

    def _watch(self, ticket: Ticket, name: str) -> None:
        insort(self._queues.setdefault(name, []), ticket.number)
        if ticket.due:
            insort(self._set_aside.setdefault(name, []), ticket.number)

    def _unwatch(self, ticket: Ticket, name: str) -> None:
        _remove(self._queues, name, ticket.number)
        if ticket.due:
            _remove(self._set_aside, name, ticket.number)

    # Who comes first ------------------------------------------------------------------------------

    def heads(self, names: Iterable[str]) -> list[tuple[int, str]]:
        """For each session that somebody wants: who has waited for it longest."""
        queues = ((self._queues.get(name), name) for name in names)
        return [(queue[0], name) for queue, name in queues if queue]

    def following(self, name: str, number: int) -> int | None:
        """Who is next in the queue of a session after that number, waiting or not."""
        queue = self._queues.get(name, [])
        place = bisect_right(queue, number)
        return queue[place] if place < len(queue) else None

    def ahead_of(self, ticket: Ticket) -> list[Ticket]:
        """Who has waited for one of its sessions since before a ticket arrived."""
        if not self._queues:
            return []
        numbers: set[int] = set()
        for name in ticket.wanted:
            queue = self._queues.get(name, ())
            numbers.update(itertools.takewhile(ticket.number.__gt__, queue))
        return [self._tickets[number] for number in numbers]

    # What is set aside ----------------------------------------------------------------------------

    def set_aside(self, ticket: Ticket) -> None:
        """From now on keep what a ticket wants from all that arrived after it."""
        ticket.due = True
        for name in ticket.wanted:
            insort(self._set_aside.setdefault(name, []), ticket.number)

    def set_aside_before(self, number: int, name: str) -> Ticket | None:
        """The first ticket that a session is set aside for, if it arrived before that number."""
        first = self._set_aside.get(name)
        return self._tickets[first[0]] if first and first[0] < number else None

    def keeps_from(self, ticket: Ticket) -> bool:
        """Whether something that a ticket wants is set aside for one from before."""
        if not self._set_aside:
            return False
        return any(self.set_aside_before(ticket.number, name) for name in ticket.wanted)


def _remove(index: dict[str, list[int]], name: str, number: int) -> None:
    numbers = index[name]
    del numbers[bisect_left(numbers, number)]
    if not numbers:
        del index[name]
