"""The queue of the calls that wait: who wants what, and that nothing stays of who has left."""

from __future__ import annotations

from session_fakes.sessions.records import NOBODY, Request, SessionRecord, Ticket
from session_fakes.sessions.waiting_line import WaitingLine


def ticket(number: int, names: str, registered_of_type: str | None = None) -> Ticket:
    """A call that wants these sessions, and whatever is registered of a type."""
    records = {name: SessionRecord(name) for name in names}
    request = Request(NOBODY, tuple(records.values()), registered_of_type)
    return Ticket(number, request, 0.0, records)


def test___calls_of_all_kinds___come_and_gone___nothing_of_them_stays() -> None:
    line = WaitingLine()
    tickets = [ticket(1, "AB"), ticket(2, "BC", ""), ticket(3, "C", "t"), ticket(4, "", "t")]
    for each in tickets:
        line.add(each)
    line.set_aside(tickets[0])
    line.set_aside(tickets[2])
    line.widen(tickets[3], SessionRecord("D"))
    line.narrow(tickets[1], "C")

    for each in tickets:
        line.remove(each)

    assert vars(line) == vars(WaitingLine())


def test___calls_for_all_of_a_type___one_leaves___the_others_are_found_by_arrival() -> None:
    line = WaitingLine()
    tickets = [ticket(1, "", "t"), ticket(2, "", ""), ticket(3, "", "t"), ticket(4, "", "u")]
    for each in tickets:
        line.add(each)

    line.remove(tickets[0])

    assert line.open_for("t") == [tickets[1], tickets[2]]
    assert line.open_for("u") == [tickets[1], tickets[3]]
    assert line.open_for("v") == [tickets[1]]


def test___sessions_set_aside___looked_at___kept_from_later_calls_alone() -> None:
    line = WaitingLine()
    first, second, third = ticket(1, "A"), ticket(2, "AB"), ticket(3, "B")
    for each in (first, second, third):
        line.add(each)
    assert not line.keeps_from(third)

    line.set_aside(second)
    line.widen(second, SessionRecord("C"))

    assert not line.keeps_from(first)
    assert not line.keeps_from(second)
    assert line.keeps_from(third)
    assert line.set_aside_before(3, "C") is second
    assert line.set_aside_before(2, "A") is None
    assert line.ahead_of(third) == [second]
    assert line.ahead_of(first) == []
    assert line.heads("ABD") == [(1, "A"), (2, "B")]
    assert line.following("A", 1) == 2
    assert line.following("A", 2) is None
    line.narrow(second, "B")
    assert not line.keeps_from(third)
