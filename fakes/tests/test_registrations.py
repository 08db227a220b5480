"""What is registered: all of a request or nothing, found again by name and by type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_fakes.clock import Clock
from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.sessions import (
    NOBODY,
    Holder,
    MultiplexerRecord,
    Registrations,
    Reservations,
    SessionRecord,
)

X, P = SessionRecord("X", "dev-x", "custom"), SessionRecord("P", "DCPower1/0", "niDCPower")


def _book(*records: SessionRecord) -> Registrations[SessionRecord]:
    book: Registrations[SessionRecord] = Registrations()
    book.add(records, Holder(program="Setup", pid=7), 1.5)
    return book


def _names(book: Registrations[SessionRecord], type_id: str = "") -> list[str]:
    return [known.record.name for known in book.of_type(type_id)]


def test___registered_session___asked_for___says_who_and_when() -> None:
    known = _book(X).get("X")

    assert known is not None
    assert (known.record, known.holder, known.since) == (X, Holder("Setup", 7), 1.5)


@holds("REG-ANY")
def test___names_in_no_pin_map___registered___in_that_order_by_type() -> None:
    book = _book(X, P)

    assert _names(book) == ["X", "P"]
    assert _names(book, "custom") == ["X"]
    assert _names(book, "CUSTOM") == []


@holds("REG-DUPLICATE", "REG-ALL-OR-NOTHING")
def test___registered_name___registered_again_with_others___refused_and_none_registered() -> None:
    book = _book(X)

    with pytest.raises(Refusal, match=r"'X' was registered by program 'Setup', process 7") as told:
        book.add([P, X], NOBODY, 2.0)

    assert told.value.code == "ALREADY_EXISTS"
    assert _names(book) == ["X"]


@holds("REG-DUPLICATE-IN-REQUEST")
def test___name_twice_in_one_request___registered___refused_and_none_registered() -> None:
    book = _book()

    with pytest.raises(Refusal, match="'X' stands twice in the request") as told:
        book.add([X, P, X], NOBODY, 2.0)

    assert told.value.code == "ALREADY_EXISTS"
    assert _names(book) == []


@holds("REG-NAME-EMPTY")
def test___empty_name_among_others___registered___refused_and_none_registered() -> None:
    book = _book()

    with pytest.raises(Refusal, match="session 2 of 2 has an empty name") as told:
        book.add([X, SessionRecord("")], NOBODY, 2.0)

    assert told.value.code == "INVALID_ARGUMENT"
    assert _names(book) == []


@holds("REG-UNREGISTER-UNKNOWN")
def test___known_and_unknown_names___unregistered___only_the_known_go() -> None:
    book = _book(X, P)

    assert book.remove(["Z", "X", "X", ""]) == [X]
    assert _names(book) == ["P"]
    assert (book.get("X"), _names(book, "custom")) == (None, [])


def test___unregistered_name___registered_anew_with_another_type___found_by_the_new_type() -> None:
    book = _book(X)
    book.remove(["X"])

    book.add([SessionRecord("X", instrument_type_id="other")], NOBODY, 3.0)

    assert (_names(book, "custom"), _names(book, "other")) == ([], ["X"])


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from(["", "A", "B", "C"])))))
def test___any_history___filters___agree_with_a_plain_list(
    history: list[tuple[bool, list[str]]],
) -> None:
    book: Registrations[SessionRecord] = Registrations()
    plain: list[str] = []
    for adds, names in history:
        if not adds:
            book.remove(names)
            plain = [name for name in plain if name not in names]
            continue
        right = "" not in names and len({*plain, *names}) == len(plain) + len(names)
        try:
            book.add([_typed(name) for name in names], NOBODY, 0.0)
        except Refusal:
            assert not right
        else:
            assert right
            plain += names

    assert _names(book) == plain
    assert _names(book, "even") == [name for name in plain if name == "B"]


def _typed(name: str) -> SessionRecord:
    return SessionRecord(name, instrument_type_id="even" if name == "B" else "odd")


# Multiplexers -------------------------------------------------------------------------------------

MUX = MultiplexerRecord("Mux1", "Mux1", "custom-mux", {"ni/registered.hostname": "h"})


@holds("REG-MULTIPLEXERS")
def test___multiplexer___registered_found_and_unregistered___apart_from_sessions() -> None:
    station = Reservations(Clock())
    station.register([SessionRecord("Mux1")])

    station.register_multiplexers([MUX, MultiplexerRecord("Mux2")], Holder(pid=7))

    assert [known.record.name for known in station.multiplexers()] == ["Mux1", "Mux2"]
    assert [known.record for known in station.multiplexers("custom-mux")] == [MUX]
    assert station.multiplexer("Mux3") is None
    station.unregister_multiplexers(["Mux1", "Mux3"])
    assert station.multiplexer("Mux1") is None
    assert [view.record.name for view in station.sessions()] == ["Mux1"]


@holds("REG-MULTIPLEXERS")
@pytest.mark.parametrize(("name", "code"), [("", "INVALID_ARGUMENT"), ("Mux1", "ALREADY_EXISTS")])
def test___empty_or_known_multiplexer___registered___refused(name: str, code: str) -> None:
    station = Reservations(Clock())
    station.register_multiplexers([MUX])

    with pytest.raises(Refusal) as told:
        station.register_multiplexers([MultiplexerRecord("New"), MultiplexerRecord(name)])

    assert told.value.code == code
    assert [known.record.name for known in station.multiplexers()] == ["Mux1"]
