"""The model against a second telling of its rules: an obedient server that lives in this file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_spec.model import (
    ALREADY_EXISTS,
    CORE,
    EVERY_CLAIM,
    FAILED_PRECONDITION,
    GRPC_DEVICE,
    INVALID_ARGUMENT,
    LOST,
    NOT_FOUND,
    OK,
    UNKNOWN,
    UNSEEN,
    Answer,
    Call,
    Close,
    Gone,
    Initialize,
    Restart,
    Rules,
    State,
    Use,
    Violation,
    happen,
    step,
)
from session_spec.requirement import CLAIMS

AUTO, NEW, ATTACH = 0, 1, 2
FREE = State()
OPEN = FREE.opened("R", "s1")
CODES = (OK, NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT, FAILED_PRECONDITION, UNKNOWN, "INTERNAL")


def after(state: State, call: Call, answer: Answer, rules: Rules = CORE) -> State:
    """The one state that follows an answer that is right."""
    verdict = step(state, call, answer, rules)
    assert isinstance(verdict, list), verdict
    (only,) = verdict
    return only


def broken(state: State, call: Call, answer: Answer, rules: Rules = CORE) -> str:
    """The requirement that a wrong answer breaks."""
    verdict = step(state, call, answer, rules)
    assert isinstance(verdict, Violation), f"{call} {answer} was allowed"
    assert verdict.sentence
    return verdict.requirement


@dataclass
class ObedientServer:
    """Does what the guide says, in the plainest way."""

    sessions: dict[str, str] = field(default_factory=dict[str, str])
    made: int = 0

    def answer(self, call: Call) -> Answer:
        """The right answer, and its effect."""
        if isinstance(call, Initialize):
            return self._initialize(call)
        known = call.session in self.sessions.values()
        if isinstance(call, Close) and known:
            self.sessions = {r: s for r, s in self.sessions.items() if s != call.session}
        return Answer(OK if known else NOT_FOUND)

    def _initialize(self, call: Initialize) -> Answer:
        if not call.resource or call.behavior not in (AUTO, NEW, ATTACH):
            return Answer(INVALID_ARGUMENT)
        if call.resource in self.sessions:
            if call.behavior == NEW:
                return Answer(ALREADY_EXISTS)
            return Answer(OK, self.sessions[call.resource], new=False)
        if call.behavior == ATTACH:
            return Answer(NOT_FOUND)
        self.made += 1
        self.sessions[call.resource] = f"s{self.made}"
        return Answer(OK, f"s{self.made}", new=True)


resources = st.sampled_from(["R", "Q", "r", ""])
sessions = st.sampled_from(["s1", "s2", "s3", "s4", ""])
calls = st.one_of(
    st.builds(Initialize, resources, st.sampled_from([AUTO, NEW, ATTACH, 3, -1])),
    st.builds(Close, sessions),
    st.builds(Use, sessions),
)


def expected_requirement(server: ObedientServer, call: Call) -> str:
    """Whose requirement a wrong status code breaks, told once more, by hand."""
    if isinstance(call, Close):
        is_open = call.session in server.sessions.values()
        closed = "CLOSE-UNKNOWN" if call.session else "INPUT-SESSION"
        return "CLOSE-OPEN" if is_open else closed
    if isinstance(call, Use):
        return "RACE-ID-USABLE" if call.session in server.sessions.values() else "USE-CLOSED"
    if call.behavior not in (AUTO, NEW, ATTACH):
        return "INPUT-BEHAVIOR"
    if not call.resource:
        return "INPUT-RESOURCE"
    taken = call.resource in server.sessions
    return {
        (AUTO, False): "INIT-AUTO-CREATE",
        (AUTO, True): "INIT-AUTO-ATTACH",
        (NEW, False): "INIT-NEW-CREATE",
        (NEW, True): "INIT-NEW-EXISTS",
        (ATTACH, False): "INIT-ATTACH-MISSING",
        (ATTACH, True): "INIT-ATTACH-OPEN",
    }[call.behavior, taken]


def run_before(server: ObedientServer, history: list[Call]) -> State:
    """Run a history on the server; every answer has to be allowed."""
    state = FREE
    for call in history:
        state = after(state, call, server.answer(call), EVERY_CLAIM)
    return state


@given(st.lists(calls, max_size=25))
def test___any_calls___answered_by_the_table___all_allowed(history: list[Call]) -> None:
    server = ObedientServer()

    state = run_before(server, history)

    assert dict(state.open) == server.sessions
    assert state.issued == {f"s{n + 1}" for n in range(server.made)}


@given(st.lists(calls, max_size=15), calls, st.sampled_from(CODES))
def test___any_state___answer_with_another_code___names_the_requirement(
    history: list[Call], call: Call, code: str
) -> None:
    server = ObedientServer()
    state = run_before(server, history)
    requirement = expected_requirement(server, call)
    right = server.answer(call)
    wrong = dataclasses.replace(right, code=code)
    is_open_use = isinstance(call, Use) and right.code == OK
    if code == right.code or (is_open_use and code != NOT_FOUND):
        assert isinstance(step(state, call, wrong, EVERY_CLAIM), list)
    else:
        assert broken(state, call, wrong, EVERY_CLAIM) == requirement


@given(st.lists(calls, max_size=15), resources, st.sampled_from([AUTO, NEW, ATTACH]))
def test___any_state___answer_with_another_flag___names_the_requirement(
    history: list[Call], resource: str, behavior: int
) -> None:
    server = ObedientServer()
    state = run_before(server, history)
    right = server.answer(call := Initialize(resource, behavior))
    if right.code == OK:
        flipped = dataclasses.replace(right, new=not right.new)
        requirement = "INIT-FLAG-CREATED" if right.new else "INIT-FLAG-ATTACHED"
        assert broken(state, call, flipped, EVERY_CLAIM) == requirement


@given(
    st.lists(calls, max_size=15),
    resources,
    st.sampled_from([AUTO, NEW, ATTACH]),
    st.sampled_from(["", "s1", "s2", "s3", "fresh"]),
)
def test___any_state___answer_with_another_id___names_the_requirement(
    history: list[Call], resource: str, behavior: int, session: str
) -> None:
    server = ObedientServer()
    state = run_before(server, history)
    was_open = {s: r for r, s in server.sessions.items()}
    issued = {f"s{n + 1}" for n in range(server.made)}
    cell = expected_requirement(server, call := Initialize(resource, behavior))
    right = server.answer(call)
    if right.code != OK or session == right.session:
        return
    wrong = dataclasses.replace(right, session=session)
    if not session:
        expected = "INIT-ID-PRESENT"
    elif session in was_open and was_open[session] != resource:
        expected = "ISO-OWN-SESSION"
    elif not right.new:
        expected = cell
    elif session in issued:
        expected = "INPUT-ID-REUSED"
    else:
        assert isinstance(step(state, call, wrong, EVERY_CLAIM), list)
        return
    assert broken(state, call, wrong, EVERY_CLAIM) == expected


@given(st.lists(calls, max_size=15), calls, st.sampled_from(CODES))
def test___any_state___what_strict_rules_allow___the_core_allows(
    history: list[Call], call: Call, code: str
) -> None:
    server = ObedientServer()
    state = run_before(server, history)
    answer = dataclasses.replace(server.answer(call), code=code)

    strict = step(state, call, answer, EVERY_CLAIM)

    if isinstance(strict, list):
        core = step(state, call, answer, CORE)
        assert isinstance(core, list)
        assert set(strict) <= set(core)


# What the core leaves open ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [INVALID_ARGUMENT, "OUT_OF_RANGE", NOT_FOUND, ALREADY_EXISTS])
def test___core___unknown_behaviour_refused___allowed_and_unchanged(code: str) -> None:
    assert after(FREE, Initialize("R", 7), Answer(code)) == FREE


@pytest.mark.parametrize(
    ("state", "answer", "follows"),
    [
        (FREE, Answer(OK, "s1", new=True), OPEN),
        (OPEN, Answer(OK, "s1", new=False), OPEN),
    ],
)
def test___core___unknown_behaviour_acts_as_a_known_one___allowed_once(
    state: State, answer: Answer, follows: State
) -> None:
    assert after(state, Initialize("R", 7), answer) == follows


def test___core___unknown_behaviour_with_nonsense___names_the_cell() -> None:
    assert broken(OPEN, Initialize("R", 7), Answer(OK, "s2", new=True)) == "INIT-AUTO-ATTACH"
    assert broken(FREE, Initialize("R", 7), Answer(OK)) == "INIT-ID-PRESENT"


def test___core___empty_resource___refused_or_a_name_like_any_other() -> None:
    call = Initialize("", AUTO)

    assert after(FREE, call, Answer(INVALID_ARGUMENT)) == FREE
    assert after(FREE, call, Answer(OK, "s1", new=True)) == FREE.opened("", "s1")
    assert broken(FREE, call, Answer(OK, "s1")) == "INIT-FLAG-CREATED"


def test___core___close_of_the_empty_id___any_refusal_but_not_ok() -> None:
    assert after(OPEN, Close(""), Answer(INVALID_ARGUMENT)) == OPEN
    assert after(OPEN, Close(""), Answer(NOT_FOUND)) == OPEN
    assert broken(OPEN, Close(""), Answer(OK)) == "CLOSE-UNKNOWN"


def test___core___close_of_a_made_up_id___only_not_found() -> None:
    assert broken(OPEN, Close("s9"), Answer(INVALID_ARGUMENT)) == "CLOSE-UNKNOWN"


def test___core___id_of_a_closed_session_again___allowed() -> None:
    closed = OPEN.closed("R")

    assert after(closed, Initialize("R", NEW), Answer(OK, "s1", new=True)) == OPEN


@pytest.mark.parametrize("code", [OK, NOT_FOUND, "INTERNAL"])
def test___core___use_of_a_closed_session___not_judged(code: str) -> None:
    assert after(FREE, Use("s1"), Answer(code)) == FREE


@pytest.mark.parametrize("rules", [CORE, EVERY_CLAIM])
def test___open_session___used___anything_but_not_found(rules: Rules) -> None:
    assert broken(OPEN, Use("s1"), Answer("NOT_FOUND"), rules) == "RACE-ID-USABLE"
    for code in set(CODES) - {"NOT_FOUND"}:
        assert after(OPEN, Use("s1"), Answer(code), rules) == OPEN


def test___every_claim___is_every_claim_that_a_step_can_show() -> None:
    beyond_one_step = {"independent", "lost-calls", "hosting"}

    assert EVERY_CLAIM.claims == set(CLAIMS["server"]) - beyond_one_step


def test___status_codes___read___have_their_own_names() -> None:
    names = (OK, NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT, FAILED_PRECONDITION, UNKNOWN)

    assert " ".join(names) == (
        "OK NOT_FOUND ALREADY_EXISTS INVALID_ARGUMENT FAILED_PRECONDITION UNKNOWN"
    )


def test___use_claimed___empty_id___named_in_words() -> None:
    verdict = step(FREE, Use(""), Answer(OK), EVERY_CLAIM)

    assert verdict == Violation("USE-CLOSED", "the empty id is not open: NOT_FOUND is due, not OK")


# Answers that were lost ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "rules"),
    [(AUTO, CORE), (NEW, CORE), (7, CORE), (AUTO, EVERY_CLAIM), (NEW, EVERY_CLAIM)],
)
def test___free_resource___lost_creation___happened_or_not(behavior: int, rules: Rules) -> None:
    verdict = step(FREE, Initialize("R", behavior), LOST, rules)

    assert verdict == [FREE, FREE.opened("R", UNSEEN)]


@pytest.mark.parametrize(
    ("state", "call", "rules"),
    [
        (FREE, Initialize("R", ATTACH), CORE),
        (OPEN, Initialize("R", NEW), CORE),
        (OPEN, Initialize("R", AUTO), CORE),
        (FREE, Initialize("R", 7), EVERY_CLAIM),
        (FREE, Initialize("", AUTO), EVERY_CLAIM),
        (FREE, Initialize("", AUTO), GRPC_DEVICE),
        (FREE, Close("s1"), CORE),
        (OPEN, Close(""), CORE),
        (OPEN, Use("s1"), EVERY_CLAIM),
        (FREE, Use("s1"), EVERY_CLAIM),
    ],
)
def test___call_without_effect___lost___nothing_changed(
    state: State, call: Call, rules: Rules
) -> None:
    assert step(state, call, LOST, rules) == [state]


def test___core___lost_creation_of_the_empty_name___happened_or_not() -> None:
    assert step(FREE, Initialize("", AUTO), LOST) == [FREE, FREE.opened("", UNSEEN)]


def test___open_session___lost_close___happened_or_not() -> None:
    assert step(OPEN, Close("s1"), LOST) == [OPEN, OPEN.closed("R")]


def test___device___lost_creation___name_is_known() -> None:
    verdict = step(FREE, Initialize("dmm", NEW), LOST, GRPC_DEVICE)

    assert verdict == [FREE, FREE.opened("dmm", "dmm")]


def test___unseen_session___attached___gets_its_id() -> None:
    unseen = OPEN.opened("Q", UNSEEN)

    follows = after(unseen, Initialize("Q", ATTACH), Answer(OK, "s2"))

    assert follows == OPEN.opened("Q", "s2")
    assert unseen.issued == {"s1"}
    assert follows.issued == {"s1", "s2"}


def test___unseen_session___attached___still_no_other_resources_id() -> None:
    unseen = OPEN.opened("Q", UNSEEN)

    assert broken(unseen, Initialize("Q", ATTACH), Answer(OK, "s1")) == "ISO-OWN-SESSION"
    assert broken(unseen, Initialize("Q", AUTO), Answer(OK, "s2", new=True)) == "INIT-FLAG-ATTACHED"


def test___unseen_session___close_of_a_guessed_id___not_found() -> None:
    unseen = FREE.opened("R", UNSEEN)

    assert broken(unseen, Close("s1"), Answer(OK)) == "CLOSE-UNKNOWN"
    assert after(unseen, Close("s1"), Answer(NOT_FOUND)) == unseen


# Not calls ----------------------------------------------------------------------------------------


def test___two_open___one_resource_gone___the_other_stays() -> None:
    both = OPEN.opened("Q", "s2")

    assert happen(both, Gone("Q")) == State(OPEN.open, frozenset({"s1", "s2"}))


def test___two_open___restart___nothing_open_and_ids_remembered() -> None:
    both = OPEN.opened("Q", "s2")

    assert happen(both, Restart()) == State(
        frozenset(), frozenset({"s1", "s2"}), frozenset({"s1", "s2"})
    )


def test___restart_claimed___old_id_for_a_new_session___names_the_requirement() -> None:
    restarted = happen(OPEN, Restart())
    claimed = Rules(frozenset({"restart"}))
    call, old = Initialize("R", NEW), Answer(OK, "s1", new=True)

    assert broken(restarted, call, old, claimed) == "RESTART-OLD-IDS"
    assert after(restarted, call, old).open == OPEN.open
    follows = after(restarted, call, Answer(OK, "s2", new=True), claimed)
    assert broken(follows, Initialize("Q", NEW), old, claimed) == "RESTART-OLD-IDS"
    closed = follows.closed("R")
    assert after(closed, call, Answer(OK, "s2", new=True), claimed).open == follows.open


def test___unseen_session___attached_with_an_id_of_before___names_the_requirement() -> None:
    unseen = OPEN.closed("R").opened("R", UNSEEN)
    call, old = Initialize("R", ATTACH), Answer(OK, "s1")

    assert broken(unseen, call, old, EVERY_CLAIM) == "INPUT-ID-REUSED"
    assert after(unseen, call, old).open == OPEN.open


# The dialect of the device server -----------------------------------------------------------------

TAKEN = FREE.opened("dmm", "dmm")


@pytest.mark.parametrize(
    ("behavior", "taken", "code", "new", "requirement"),
    [
        (AUTO, False, OK, True, "DRIVER-AUTO-CREATE"),
        (AUTO, True, OK, False, "DRIVER-AUTO-ATTACH"),
        (NEW, False, OK, True, "DRIVER-NEW-CREATE"),
        (NEW, True, ALREADY_EXISTS, False, "DRIVER-NEW-EXISTS"),
        (ATTACH, False, FAILED_PRECONDITION, False, "DRIVER-ATTACH-MISSING"),
        (ATTACH, True, OK, False, "DRIVER-ATTACH-OPEN"),
        (3, False, OK, True, "DRIVER-AUTO-CREATE"),
        (4, True, OK, False, "DRIVER-AUTO-ATTACH"),
    ],
)
def test___device_cell___each_code___only_the_right_one(
    behavior: int, taken: bool, code: str, new: bool, requirement: str
) -> None:
    state, call = (TAKEN if taken else FREE), Initialize("dmm", behavior)

    assert after(state, call, Answer(code, "dmm", new), GRPC_DEVICE) == (
        TAKEN if code == OK else state
    )
    for wrong in set(CODES) - {code}:
        assert broken(state, call, Answer(wrong, "dmm", new), GRPC_DEVICE) == requirement
    if code == OK:
        assert broken(state, call, Answer(OK, "dmm", not new), GRPC_DEVICE) == "DRIVER-FLAG"
        assert broken(state, call, Answer(OK, "scope", new), GRPC_DEVICE) == "DRIVER-NAME"
        assert broken(state, call, Answer(OK, "", new), GRPC_DEVICE) == "DRIVER-NAME"


@pytest.mark.parametrize("behavior", [AUTO, NEW, 3])
def test___device_empty_name___not_attach___always_a_new_session(behavior: int) -> None:
    call = Initialize("", behavior)

    follows = after(TAKEN, call, Answer(OK, "lone1", new=True), GRPC_DEVICE)

    assert dict(follows.open) == {"dmm": "dmm", "lone1": "lone1"}
    for wrong in (
        Answer(OK, "lone1", new=False),
        Answer(OK, "", new=True),
        Answer(OK, "dmm", new=True),
        Answer(INVALID_ARGUMENT, "lone1", new=True),
    ):
        assert broken(TAKEN, call, wrong, GRPC_DEVICE) == "DRIVER-EMPTY-NAME"


def test___device_empty_name___attach___refused() -> None:
    call = Initialize("", ATTACH)

    assert after(TAKEN, call, Answer(FAILED_PRECONDITION), GRPC_DEVICE) == TAKEN
    assert broken(TAKEN, call, Answer(OK, "dmm"), GRPC_DEVICE) == "DRIVER-ATTACH-MISSING"


def test___device_unknown_name___close_or_use___driver_error() -> None:
    for call in (Close("dmm"), Close(""), Use("dmm")):
        assert after(FREE, call, Answer(UNKNOWN), GRPC_DEVICE) == FREE
        assert broken(FREE, call, Answer(OK), GRPC_DEVICE) == "DRIVER-CLOSE-UNKNOWN"
        assert broken(FREE, call, Answer(NOT_FOUND), GRPC_DEVICE) == "DRIVER-CLOSE-UNKNOWN"


def test___device_open_session___close___gone() -> None:
    assert after(TAKEN, Close("dmm"), Answer(OK), GRPC_DEVICE).open == frozenset()


@pytest.mark.parametrize(
    ("state", "call", "answer", "rules", "sentence"),
    [
        (OPEN, Initialize("R", NEW), Answer(OK, "s1"), CORE,
         "INITIALIZE_NEW is refused with ALREADY_EXISTS while a session is open; it answered OK"),
        (OPEN, Initialize("R", AUTO), Answer(OK, "s2", new=True), CORE,
         "UNSPECIFIED answers the session that is open, s1; it answered s2 and created it"),
        (OPEN, Initialize("R", AUTO), Answer(OK, "s2"), CORE,
         "UNSPECIFIED answers the session that is open, s1; it answered s2"),
        (OPEN, Initialize("Q", AUTO), Answer(OK, "s1", new=True), CORE,
         "session s1 of R is open; it was answered for Q"),
        (FREE, Initialize("R", NEW), Answer(OK), CORE,
         "Initialize answered OK with an empty session id"),
        (OPEN, Close("s1"), Answer("INTERNAL"), CORE,
         "session s1 is open: OK is due, not INTERNAL"),
        (FREE, Close("s1"), Answer(OK), CORE,
         "session s1 is not open: NOT_FOUND is due, not OK"),
        (FREE, Initialize("R", 3), Answer(OK), EVERY_CLAIM,
         "behaviour 3 is none of 0, 1, 2: INVALID_ARGUMENT is due, not OK"),
        (FREE, Initialize("", AUTO), Answer(OK), EVERY_CLAIM,
         "the resource name is empty: INVALID_ARGUMENT is due, not OK"),
        (TAKEN, Initialize("dmm", AUTO), Answer(OK, ""), GRPC_DEVICE,
         "the client named the session dmm; it answered an empty name"),
        (TAKEN, Initialize("", AUTO), Answer(OK, "dmm"), GRPC_DEVICE,
         "an empty session name always creates a new session; it answered OK dmm, not new"),
        (TAKEN, Initialize("", AUTO), Answer(OK, "", new=True), GRPC_DEVICE,
         "an empty session name always creates a new session; it answered OK without a name"),
    ],
)  # fmt: skip
def test___violation___read_by_a_person___says_what_was_due_and_what_came(
    state: State, call: Call, answer: Answer, rules: Rules, sentence: str
) -> None:
    verdict = step(state, call, answer, rules)

    assert isinstance(verdict, Violation)
    assert verdict.sentence == sentence
