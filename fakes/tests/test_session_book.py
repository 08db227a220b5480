"""The queue of reservations, without threads: against rules told a second time, naively."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.sessions import (
    NOBODY,
    PATIENCE,
    Granted,
    Holder,
    Request,
    SessionBook,
    SessionRecord,
    SessionView,
    Ticket,
    Waiting,
)

TYPES = {"X": "custom", "Y": "custom", "P": "niDCPower", "Q": "niDCPower", "R": "niDMM"}


def _records(names: Iterable[str]) -> list[SessionRecord]:
    return [SessionRecord(name, f"res-{name}", TYPES.get(name, ""), "0, 1") for name in names]


def _ask(book: SessionBook, names: str) -> Granted | Waiting:
    return book.ask(Request(NOBODY, _records(names)), 0.0)


def _ticket(book: SessionBook, names: str) -> Ticket:
    answer = _ask(book, names)
    assert isinstance(answer, Waiting)
    return answer.ticket


def _granted(book: SessionBook, names: str) -> tuple[SessionView, ...]:
    answer = _ask(book, names)
    assert isinstance(answer, Granted)
    return answer.sessions


def _ask_all(book: SessionBook, type_id: str = "") -> Granted | Waiting:
    return book.ask(Request(NOBODY, (), type_id), 0.0)


def _names(views: Sequence[SessionView] | None) -> list[str]:
    return [view.record.name for view in views or ()]


@holds("RES-FREE")
def test___free_sessions___asked_for___all_granted_with_what_is_known_of_them() -> None:
    book = SessionBook()

    x, p = _granted(book, "XP")

    assert (x.record, p.record) == tuple(_records("XP"))
    assert (x.reserved, x.exists) == (True, False)


def test___nothing___asked_for___granted_though_others_wait() -> None:
    book = SessionBook()
    _granted(book, "X")
    _ticket(book, "X")

    assert _granted(book, "") == ()


@holds("RES-ALL-OR-NOTHING")
def test___some_sessions_held___asked_for___others_stay_free() -> None:
    book = SessionBook()
    _granted(book, "X")

    _ticket(book, "XP")

    assert _names(_granted(book, "P")) == ["P"]


@holds("RES-FIFO")
def test___waiters_for_one_session___released___served_by_arrival() -> None:
    book = SessionBook()
    _granted(book, "X")
    first, second = _ticket(book, "X"), _ticket(book, "X")

    assert book.release(["X"], 0.0) == [first]
    assert isinstance(_ask(book, "X"), Waiting)
    assert book.release(["X"], 0.0) == [second]


@holds("RES-FIFO")
def test___one_release___of_several_sessions___serves_all_that_can_go_on() -> None:
    book = SessionBook()
    _granted(book, "XYPQ")
    both, y, x, q = (_ticket(book, names) for names in ("XP", "Y", "X", "Q"))

    assert book.release("XYP", 0.0) == [both, y]
    assert book.waiting() == [x, q]


@holds("RES-FIFO")
def test___waiter_that_needs_more___passed_by___as_the_requirement_tells() -> None:
    book = SessionBook()
    _granted(book, "XP")
    both, x = _ticket(book, "XP"), _ticket(book, "X")

    assert book.release(["X"], 0.0) == [x]
    assert book.release(["P"], 0.0) == []
    assert book.release(["X"], 0.0) == [both]


@holds("RES-NO-STARVATION")
def test___sessions_never_free_together___asked_for_in_turns___waiter_gets_them_in_the_end() -> (
    None
):
    book = SessionBook()
    _granted(book, "X")
    both = _ticket(book, "XP")
    passed = 0
    while isinstance(_ask(book, "P"), Granted):
        book.release(["X"], 0.0)
        if not isinstance(_ask(book, "X"), Granted):
            break
        book.release(["P"], 0.0)
        passed += 1
        assert passed <= PATIENCE

    assert both.passed == PATIENCE
    book.release("XP", 0.0)
    assert _names(both.granted) == ["X", "P"]


@holds("RES-NO-STARVATION")
def test___holder_from_before_keeps_a_waiter___others___pass_without_limit() -> None:
    book = SessionBook()
    _granted(book, "X")
    both = _ticket(book, "XP")

    for _ in range(10 * PATIENCE):
        _granted(book, "P")
        book.release(["P"], 0.0)

    assert both.passed == 0


def _passed_by(book: SessionBook, times: int) -> Ticket:
    """A ticket for X and P, passed by; a later call holds X, and P is free."""
    _granted(book, "XP")
    both, later = _ticket(book, "XP"), _ticket(book, "X")
    assert book.release(["X"], 0.0) == [later]
    book.release(["P"], 0.0)
    for _ in range(times):
        _granted(book, "P")
        book.release(["P"], 0.0)
    assert both.passed == times
    return both


@holds("RES-NO-STARVATION")
def test___session_set_aside___asked_for___kept_and_explained_until_the_waiter_gives_up() -> None:
    book = SessionBook()
    both = _passed_by(book, PATIENCE)
    behind = _ticket(book, "P")

    (why,) = book.blockers(behind)

    assert (why.name, why.reserved, why.set_aside_for) == ("P", None, both)
    assert book.give_up(both, 0.0) == [behind]


def test___ticket_passed_by_less_often___asked_for___nothing_is_set_aside() -> None:
    book = SessionBook()
    _passed_by(book, PATIENCE - 1)

    assert _names(_granted(book, "P")) == ["P"]


@holds("RES-UNRESERVE-UNKNOWN", "RES-NO-OWNERS")
def test___unknown_names___released___nothing_changes() -> None:
    book = SessionBook()
    _granted(book, "X")

    assert book.release([], 0.0) == []
    assert book.release(["Z", "", "X", "X"], 0.0) == []
    assert book.sessions() == []


def test___ticket_that_was_granted_or_given_up___given_up___nothing_changes() -> None:
    book = SessionBook()
    _granted(book, "X")
    first, second = _ticket(book, "X"), _ticket(book, "X")
    book.release(["X"], 0.0)

    assert book.give_up(first, 0.0) == []
    assert book.give_up(second, 0.0) == book.give_up(second, 0.0) == []
    assert _names(book.sessions()) == ["X"]


@holds("RES-DROPPED")
def test___granted_ticket___taken_back_after_another_got_a_session___leaves_it_to_the_other() -> (
    None
):
    book = SessionBook()
    _granted(book, "XP")
    ticket = _ticket(book, "XP")
    book.release("XP", 0.0)
    book.release("X", 0.0)
    _granted(book, "X")

    book.take_back(ticket, 0.0)

    assert _names(book.sessions()) == ["X"]


# Registered sessions ------------------------------------------------------------------------------


@holds("REG-EXISTS", "REG-INDEPENDENT")
def test___sessions___registered_and_unregistered_while_reserved___flag_follows() -> None:
    book = SessionBook()
    _granted(book, "X")
    book.register(_records("X"), NOBODY, 0.0)
    book.release("X", 0.0)
    assert [view.exists for view in _granted(book, "XP")] == [True, False]

    book.unregister("X", 0.0)

    assert isinstance(_ask(book, "X"), Waiting)
    book.release("XP", 0.0)


@holds("REG-RESERVE-ALL", "REG-RESERVE-ALL-CHANNELS")
def test___registered_sessions___all_reserved___of_the_type_and_without_channels() -> None:
    book = SessionBook()
    book.register(_records("XPY"), NOBODY, 0.0)

    answer = _ask_all(book, "custom")

    assert isinstance(answer, Granted)
    assert [view.record for view in answer.sessions] == [
        SessionRecord("X", "res-X", "custom"),
        SessionRecord("Y", "res-Y", "custom"),
    ]
    assert all(view.exists and view.reserved for view in answer.sessions)
    assert _names(_granted(book, "P")) == ["P"]


@holds("REG-RESERVE-ALL-EMPTY")
def test___none_registered_of_the_type___all_reserved___nothing_at_once() -> None:
    book = SessionBook()
    book.register(_records("P"), NOBODY, 0.0)

    assert _ask_all(book, "custom") == Granted(())


@holds("REG-RESERVE-ALL-WAITS")
def test___one_registered_session_held___all_reserved___waits_and_takes_none() -> None:
    book = SessionBook()
    book.register(_records("XY"), NOBODY, 0.0)
    _granted(book, "X")

    assert isinstance(_ask_all(book), Waiting)
    assert _names(_granted(book, "Y")) == ["Y"]


@holds("REG-RESERVE-ALL-CHANGES")
def test___call_for_all_waits___registrations_change___it_gets_what_is_registered_then() -> None:
    book = SessionBook()
    book.register(_records("XP"), NOBODY, 0.0)
    _granted(book, "XY")
    answers = [_ask_all(book), _ask_all(book, "custom")]
    every, custom = (answer.ticket for answer in answers if isinstance(answer, Waiting))
    book.register(_records("YQ"), NOBODY, 0.0)
    assert book.release("X", 0.0) == []

    assert book.unregister("Y", 0.0) == [every]
    assert _names(every.granted) == ["X", "P", "Q"]
    assert book.unregister("X", 0.0) == [custom]
    assert custom.granted == ()


@holds("RES-ANNOTATIONS", "RES-UNRESERVE")
def test___annotations___of_reservation_and_registration___only_the_latter_stay() -> None:
    book = SessionBook()
    setup = SessionRecord("X", annotations={"ni/registered.hostname": "h", "note": "setup"})
    book.register([setup], NOBODY, 0.0)
    book.ask(Request(NOBODY, _records("XP"), None, {"ni/reserved.hostname": "h", "note": "p"}), 0.0)

    during = {view.record.name: dict(view.annotations) for view in book.sessions()}
    book.release("XP", 0.0)

    assert during == {
        "X": {"ni/registered.hostname": "h", "ni/reserved.hostname": "h", "note": "p"},
        "P": {"ni/reserved.hostname": "h", "note": "p"},
    }
    assert [dict(view.annotations) for view in book.sessions()] == [dict(setup.annotations)]


@holds("GET-SESSIONS")
def test___reserved_and_registered_sessions___viewed___each_once_with_holder_and_since() -> None:
    book = SessionBook()
    book.register(_records("XP"), Holder("Setup"), 1.0)
    book.ask(Request(Holder("Main"), _records("XQ")), 2.0)

    views = {view.record.name: view for view in book.sessions()}

    assert list(views) == ["X", "P", "Q"]
    assert [(view.exists, view.reserved) for view in views.values()] == [
        (True, True),
        (True, False),
        (False, True),
    ]
    x = views["X"]
    assert x.reservation is not None
    assert (x.reservation.holder, x.reservation.since) == (Holder("Main"), 2.0)
    assert x.registration is not None
    assert (x.registration.holder, x.registration.since) == (Holder("Setup"), 1.0)
    assert _names(book.sessions("niDCPower")) == ["P", "Q"]


# Costs and state ----------------------------------------------------------------------------------


class Counted(str):
    """A name that counts how often anybody looks it up."""

    __slots__ = ()
    looks = 0

    def __hash__(self) -> int:
        Counted.looks += 1
        return str.__hash__(self)


def test___1000_waiters___another_session_reserved_and_released___none_is_looked_at() -> None:
    book = SessionBook()
    _granted(book, "X")
    for _ in range(1000):
        book.ask(Request(NOBODY, [SessionRecord(Counted("X"))]), 0.0)
    Counted.looks = 0

    _granted(book, "P")
    book.release("P", 0.0)

    assert Counted.looks == 0
    book.release("X", 0.0)
    assert 0 < Counted.looks < 50


@pytest.mark.parametrize("patience", [0, -1])
def test___no_patience___book_made___refused(patience: int) -> None:
    with pytest.raises(ValueError, match="patience 1 or more"):
        SessionBook(patience)


class Naive:
    """The rules once more: one list of waiting calls, gone through from the start every time."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.calls = 0
        self.held: dict[str, int] = {}
        self.registered: list[str] = []
        self.waiting: dict[int, frozenset[str] | str] = {}
        self.passed: dict[int, int] = {}

    def wanted(self, want: frozenset[str] | str) -> frozenset[str]:
        """The names that a call wants now."""
        if isinstance(want, frozenset):
            return want
        return frozenset(name for name in self.registered if want in ("", TYPES[name]))

    def can_go(self, number: int, want: frozenset[str] | str) -> bool:
        """Whether a call can have all it wants."""
        wanted = self.wanted(want)
        aside = [w for n, w in self.waiting.items() if n < number and self.is_due(n)]
        return not wanted & self.held.keys() and not any(wanted & self.wanted(w) for w in aside)

    def is_due(self, number: int) -> bool:
        """Whether a call was passed by often enough."""
        return self.passed[number] >= self.patience

    def grant(self, number: int, want: frozenset[str] | str) -> None:
        """Let a call have what it wants."""
        wanted = self.wanted(want)
        for other, theirs in self.waiting.items():
            names = self.wanted(theirs)
            blamed = all(self.held[name] > other for name in names & self.held.keys())
            if other < number and names & wanted and blamed:
                self.passed[other] += 1
        assert not wanted & self.held.keys(), "two holders"
        self.held.update(dict.fromkeys(wanted, number))

    def ask(self, want: frozenset[str] | str) -> bool:
        """Answer a call at once, or have it wait."""
        self.calls += 1
        if self.can_go(self.calls, want):
            self.grant(self.calls, want)
            return True
        self.waiting[self.calls], self.passed[self.calls] = want, 0
        return False

    def serve(self) -> list[int]:
        """Grant to whoever can go on, the longest waiting first."""
        for number, want in self.waiting.items():
            if self.can_go(number, want):
                del self.waiting[number]
                self.grant(number, want)
                return [number, *self.serve()]
        return []


SETS = st.frozensets(st.sampled_from(sorted(TYPES)), max_size=3)
KINDS = st.sampled_from(["", "custom", "niDCPower"])


class BookMachine(RuleBasedStateMachine):
    """The book and the naive rules, given the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self.book = SessionBook(patience=2)
        self.naive = Naive(patience=2)
        self.tickets: dict[int, Ticket] = {}

    @rule(names=SETS)
    def ask(self, names: frozenset[str]) -> None:
        """Ask for some sessions."""
        self._asked(names, Request(NOBODY, _records(sorted(names))))

    @rule(kind=KINDS)
    def ask_all(self, kind: str) -> None:
        """Ask for all that is registered."""
        self._asked(kind, Request(NOBODY, (), kind))

    def _asked(self, want: frozenset[str] | str, request: Request) -> None:
        at_once = self.naive.ask(want)
        answer = self.book.ask(request, 0.0)
        assert isinstance(answer, Granted) == at_once
        if isinstance(answer, Granted):
            assert {*_names(answer.sessions)} == self.naive.wanted(want)
        else:
            self.tickets[answer.ticket.number] = answer.ticket

    @rule(names=SETS)
    def release(self, names: frozenset[str]) -> None:
        """Unreserve some sessions."""
        for name in names:
            self.naive.held.pop(name, None)
        self._served(self.book.release(sorted(names), 0.0))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Give up one of the calls, whether or not it still waits."""
        number = data.draw(st.sampled_from(sorted(self.tickets)))
        self.naive.waiting.pop(number, None)
        self._served(self.book.give_up(self.tickets[number], 0.0))

    @rule(names=SETS)
    def register(self, names: frozenset[str]) -> None:
        """Register some sessions."""
        if names & {*self.naive.registered}:
            with pytest.raises(Refusal):
                self.book.register(_records(names), NOBODY, 0.0)
            return
        self.naive.registered += names
        self.book.register(_records(names), NOBODY, 0.0)

    @rule(names=SETS)
    def unregister(self, names: frozenset[str]) -> None:
        """Unregister some sessions."""
        self.naive.registered = [name for name in self.naive.registered if name not in names]
        self._served(self.book.unregister(sorted(names), 0.0))

    def _served(self, tickets: list[Ticket]) -> None:
        assert [ticket.number for ticket in tickets] == self.naive.serve()
        for ticket in tickets:
            mine = [name for name, by in self.naive.held.items() if by == ticket.number]
            assert sorted(_names(ticket.granted)) == sorted(mine)

    @invariant()
    def agree(self) -> None:
        """Both tell the same of who waits and what is held, and nobody waits who could go on."""
        assert [ticket.number for ticket in self.book.waiting()] == list(self.naive.waiting)
        views = {view.record.name: view for view in self.book.sessions()}
        held = {n: v.reservation.number for n, v in views.items() if v.reservation is not None}
        assert held == self.naive.held
        assert {n for n, v in views.items() if v.exists} == {*self.naive.registered}
        for ticket in self.book.waiting():
            assert self.book.blockers(ticket)


def test___book___given_any_calls___agrees_with_the_naive_rules() -> None:
    run_state_machine_as_test(
        BookMachine,
        settings=settings(max_examples=150, stateful_step_count=40, deadline=None),
    )
