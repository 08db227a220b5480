"""The station model: its examples hold, and it agrees with a station told another way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_spec import requirement as requirement_module
from session_spec.class_models.station import StationModel
from session_spec.examples import parse_example
from session_spec.judge import NoOrder, judge
from session_spec.linter import STATUS_CODES, lint
from session_spec.model import Violation
from session_spec.parser import parse_document
from session_spec.requirement import Origin, Requirement

_FILE = Path(requirement_module.__file__).parent / "requirements" / "station.md"
_DOCUMENT = parse_document(_FILE, _FILE.read_text(encoding="utf-8"))
_PIN_MAP = "UpdatePinMap(M, valid) -> OK"


def _judged(*lines: str, reference: bool = False) -> NoOrder | None:
    return judge(parse_example(list(lines), 1).events, StationModel(reference))


def _broken(*lines: str, reference: bool = False) -> set[str]:
    """The requirements that the last line breaks; the lines before it have to be allowed."""
    assert len(lines) == 1 or _judged(*lines[:-1], reference=reference) is None
    no_order = _judged(*lines, reference=reference)
    return {violation.requirement for violation in no_order.violations} if no_order else set()


def test___station_requirements___linted___no_finding_about_words_or_obligations() -> None:
    findings = [f for f in lint([_DOCUMENT]) if "is no requirement" not in f.problem]

    assert findings == []


@pytest.mark.parametrize("requirement", list(_DOCUMENT), ids=lambda r: r.id)
def test___station_example___judged___allowed_and_forbidden_lines_hold(
    requirement: Requirement,
) -> None:
    model = StationModel(reference=requirement.origin is Origin.REFERENCE)

    for example in requirement.examples:
        allowed = [event for event in example.events if not event.forbidden]
        assert judge(allowed, model) is None
        for event in example.events:
            if event.forbidden:
                before = [e for e in allowed if e.line < event.line]
                assert judge([*before, event], model) is not None, event.text


def test___two_registrations_of_a_version___resolved_by_core___either_is_allowed() -> None:
    registered = (
        "RegisterService(class=C, interface=I, version=1.0.0, port=1) -> OK id1",
        "RegisterService(class=C, interface=I, version=1.0.0, port=2) -> OK id2",
    )

    assert _broken(*registered, "ResolveService(I) -> OK port=1") == set()
    assert _broken(*registered, "ResolveService(I) -> OK port=2") == set()
    assert _broken(*registered, "ResolveService(I) -> NOT_FOUND") == {"DISC-RESOLVE-FOUND"}


def test___newest_registration_ended___resolved_by_reference___older_or_nothing() -> None:
    registered = (
        "RegisterService(class=C, interface=I, version=1.0.0, port=1) -> OK id1",
        "RegisterService(class=C, interface=I, version=1.0.0, port=2) -> OK id2",
        "UnregisterService(id2) -> OK",
    )

    assert _broken(*registered, "ResolveService(I) -> OK port=1", reference=True) == set()
    assert _broken(*registered, "ResolveService(I) -> NOT_FOUND", reference=True) == set()
    resolved = _broken(*registered, "ResolveService(I) -> OK port=2", reference=True)
    assert resolved == {"DISC-UNREGISTER"}


def test___station_with_services_of_others___enumerated___only_its_own_are_judged() -> None:
    registered = (
        'EnumerateServices("") -> OK PinMap Sessions',
        "RegisterService(class=C, interface=I, port=1) -> OK id1",
        "RegisterService(class=D, interface=J, port=2) -> OK id2",
        "UnregisterService(id2) -> OK",
    )

    assert _broken(*registered, 'EnumerateServices("") -> OK Sessions C PinMap') == set()
    for wrong in ("PinMap", "C C PinMap", "C D PinMap"):
        enumerated = f'EnumerateServices("") -> OK {wrong}'
        assert _broken(*registered, enumerated) == {"DISC-ENUMERATE"}


def test___station_with_sessions_of_others___all_are_reserved___only_its_own_are_judged() -> None:
    call = "ReserveAllRegisteredSessions(timeout=0) -> "
    held = ("RegisterSessions(X) -> OK", call + "OK X exists Z exists")

    assert _broken(call + "OK Z exists") == set()
    assert _broken(call + "UNAVAILABLE") == set()
    assert _broken(*held) == set()
    assert _broken(*held, call + "OK Z exists") == {"RES-HELD"}
    assert _broken(*held, "UnreserveSessions(Z) -> OK", call + "OK Z exists") == set()
    assert _broken(*held[:1], call + "OK Z exists") == {"REG-RESERVE-ALL"}
    assert _broken(*held[:1], call + "OK X Z exists") == {"REG-EXISTS"}
    assert _broken(call + "OK Z exists channels") == {"REG-RESERVE-ALL-CHANNELS"}


def test___others_may_hold_theirs___waiting_for_all___unavailable_only_in_time() -> None:
    refused = "ReserveAllRegisteredSessions(timeout=-1) -> UNAVAILABLE"

    assert _broken(refused) == {"REG-RESERVE-ALL-EMPTY"}


def test___session_of_the_pin_map_unregistered___all_are_reserved___is_not_among_them() -> None:
    lines = (
        _PIN_MAP,
        "ReserveSessions(M, A, timeout=0) -> OK X",
        "UnreserveSessions(X) -> OK",
        "RegisterSessions(Y) -> OK",
        "UnregisterSessions(Y) -> OK",
    )

    for name in "XY":
        call = f"ReserveAllRegisteredSessions(timeout=0) -> OK {name}"
        assert _broken(*lines, call) == {"REG-RESERVE-ALL-EMPTY"}


def test___refused_for_one_session___the_other_asked_for___only_the_fakes_keep_it_free() -> None:
    lines = (
        _PIN_MAP,
        "ReserveSessions(M, A, timeout=0) -> OK X",
        "ReserveSessions(M, A C, timeout=0) -> UNAVAILABLE",
    )
    part = "ReserveSessions(M, A C, timeout=0) -> OK P"
    kept = "ReserveSessions(M, C, timeout=0) -> UNAVAILABLE"

    assert _broken(*lines, "ReserveSessions(M, C, timeout=0) -> OK P") == set()
    assert _broken(*lines, kept) == set()
    assert _broken(*lines, part) == {"RES-HELD"}
    assert _broken(*lines, kept, reference=True) == {"RES-ALL-OR-NOTHING"}
    assert _broken(*lines, part, reference=True) == {"RES-ALL-OR-NOTHING"}


def test___two_sessions_for_one_instrument___reserved___only_the_fakes_may_not() -> None:
    both = "ReserveSessions(M, A B, timeout=0) -> OK X X"
    group = "ReserveSessions(M, C D, timeout=0) -> OK P P"

    assert _broken(_PIN_MAP, both) == set()
    assert _broken(_PIN_MAP, both, reference=True) == {"RES-INSTRUMENT"}
    assert _broken(_PIN_MAP, group) == {"RES-CHANNEL-GROUP"}


def test___second_of_two_waiting_calls_answered_first___core___allowed() -> None:
    lines = (
        _PIN_MAP,
        "ReserveSessions(M, A, timeout=0) -> OK X",
        "a: ReserveSessions(M, A, timeout=-1) ...",
        "Waits(a, X)",
        "b: ReserveSessions(M, A, timeout=-1) ...",
        "Waits(b, X)",
        "UnreserveSessions(X) -> OK",
        "b: -> OK X",
    )

    assert _broken(*lines) == set()
    assert _broken(*lines, reference=True) >= {"RES-FIFO"}


def test___waiting_client_gave_up___core___its_call_may_reserve_yet() -> None:
    lines = (
        _PIN_MAP,
        "ReserveSessions(M, A, timeout=0) -> OK X",
        "a: ReserveSessions(M, A, timeout=-1) ...",
        "Waits(a, X)",
        "GivesUp(a)",
        "UnreserveSessions(X) -> OK",
        "ReserveSessions(M, A, timeout=0) -> UNAVAILABLE",
    )

    assert _broken(*lines) == set()
    assert _broken(*lines, reference=True) == {"RES-DROPPED"}


def test___call_without_limit___refused_while_reserved___breaks_the_wait() -> None:
    lines = (_PIN_MAP, "ReserveSessions(M, A, timeout=0) -> OK X")

    refused = "ReserveSessions(M, A, timeout=-1) -> UNAVAILABLE"
    assert _broken(*lines, refused) == {"RES-WAITS"}


def test___some_registered_sessions_reserved___reserve_all___the_others_or_unavailable() -> None:
    lines = (
        _PIN_MAP,
        "RegisterSessions(X P) -> OK",
        "ReserveSessions(M, A, timeout=0) -> OK X exists",
    )
    call = "ReserveAllRegisteredSessions(timeout=0) -> "

    assert _broken(*lines, call + "OK P exists") == set()
    assert _broken(*lines, call + "UNAVAILABLE") == set()
    assert _broken(*lines, call + "OK") == {"REG-RESERVE-ALL"}
    assert _broken(*lines, call + "OK X exists P exists") == {"RES-HELD"}


def test___two_faults_in_one_request___either_is_answered___both_allowed() -> None:
    call = "ReserveSessions(M, Z, sites=7, timeout=-2) -> "

    assert _broken(_PIN_MAP, call + "INVALID_ARGUMENT") == set()
    assert _broken(_PIN_MAP, call + "OK") == {"RES-TIMEOUT-INVALID"}


@pytest.mark.parametrize("line", ["Close(s1) -> OK", "UnreserveSessions(X) -> lost"])
def test___line_that_no_station_has___judged___is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"station model|under way"):
        _judged(line)


_PINS = {"A": "X", "B": "X", "C": "P", "D": "P"}
_STEPS = st.one_of(
    st.tuples(
        st.just("ReserveSessions"), st.sampled_from(["A", "B", "C", "A C", "D B", "A B C D"])
    ),
    st.tuples(st.just("UnreserveSessions"), st.sampled_from(["X", "P", "X P"])),
    st.tuples(st.sampled_from(["RegisterSessions", "UnregisterSessions"]), st.sampled_from("XP")),
)


class _Station:
    """A station told another way: it does what a call asks, and writes what it answers."""

    def __init__(self) -> None:
        self.reserved: set[str] = set()
        self.registered: set[str] = set()

    def answer(self, call: str, words: str) -> str:
        """Carry a call out; answers as the notation writes them."""
        names = set(words.split())
        if call == "ReserveSessions":
            return self._reserve(sorted({_PINS[pin] for pin in names}))
        if call == "UnreserveSessions":
            self.reserved -= names
        elif call == "UnregisterSessions":
            self.registered -= names
        elif names & self.registered:
            return "ALREADY_EXISTS"
        else:
            self.registered |= names
        return "OK"

    def _reserve(self, sessions: list[str]) -> str:
        if self.reserved.intersection(sessions):
            return "UNAVAILABLE"
        self.reserved.update(sessions)
        return " ".join(["OK", *(s + " exists" * (s in self.registered) for s in sessions)])


def _line(call: str, words: str, answer: str) -> str:
    arguments = f"M, {words}, timeout=0" if call == "ReserveSessions" else words
    return f"{call}({arguments}) -> {answer}"


@given(st.lists(_STEPS, max_size=12))
def test___any_calls___answered_by_another_telling___allowed(steps: list[tuple[str, str]]) -> None:
    station = _Station()

    lines = [_line(call, words, station.answer(call, words)) for call, words in steps]

    assert _judged(_PIN_MAP, *lines) is None


@given(
    st.lists(_STEPS, max_size=8),
    st.sampled_from(["A", "C", "A C"]),
    st.sampled_from(sorted(STATUS_CODES)),
)
def test___any_calls___then_a_reserve_with_another_code___named_after_what_was_due(
    steps: list[tuple[str, str]], pins: str, code: str
) -> None:
    station = _Station()
    lines = [_line(call, words, station.answer(call, words)) for call, words in steps]
    due = station.answer("ReserveSessions", pins).split()[0]
    sessions = " ".join(sorted({_PINS[pin] for pin in pins.split()}))

    answer = f"OK {sessions}" if code == "OK" else code
    broken = _broken(_PIN_MAP, *lines, _line("ReserveSessions", pins, answer), reference=True)

    if code == due == "UNAVAILABLE":
        assert broken == set()
    elif due == "UNAVAILABLE":
        assert broken == {"RES-HELD"}
    elif code == "OK":
        assert broken == ({"REG-EXISTS"} if station.registered & set(sessions.split()) else set())
    else:
        assert broken <= {"RES-FREE", "RES-UNRESERVE", "RES-ALL-OR-NOTHING"}
        assert broken


def test___violation___described___says_what_is_due() -> None:
    model = StationModel()
    event = parse_example(["ResolveService(I) -> UNAVAILABLE"], 1).events[0]

    verdict = model.apply(model.initial(), event)

    assert isinstance(verdict, Violation)
    assert verdict.sentence == "no registration matches: NOT_FOUND is due, not UNAVAILABLE"
