"""The model of the client, against traces written by hand and an obedient client of this file."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_spec.class_models.client import ClientModel
from session_spec.examples import parse_example
from session_spec.judge import judge
from session_spec.matrix import SdkBehavior

ALL = frozenset({"errors", "tidy"})
CORE = frozenset[str]()

# The matrix, told a second time: what goes over the wire, and whether the client closes.
WIRE = {
    "AUTO": "UNSPECIFIED",
    "INITIALIZE_SERVER_SESSION": "INITIALIZE_NEW",
    "ATTACH_TO_SERVER_SESSION": "ATTACH_TO_EXISTING",
    "INITIALIZE_SESSION_THEN_DETACH": "INITIALIZE_NEW",
    "ATTACH_TO_SESSION_THEN_CLOSE": "ATTACH_TO_EXISTING",
}
WIRE_REQUIREMENT = {
    "AUTO": "WIRE-AUTO",
    "INITIALIZE_SERVER_SESSION": "WIRE-INITIALIZE",
    "ATTACH_TO_SERVER_SESSION": "WIRE-ATTACH",
    "INITIALIZE_SESSION_THEN_DETACH": "WIRE-DETACH",
    "ATTACH_TO_SESSION_THEN_CLOSE": "WIRE-THEN-CLOSE",
}
EXIT = {
    ("AUTO", True): ("EXIT-AUTO-NEW", True),
    ("AUTO", False): ("EXIT-AUTO-ATTACHED", False),
    ("INITIALIZE_SERVER_SESSION", True): ("EXIT-INITIALIZE", True),
    ("ATTACH_TO_SERVER_SESSION", False): ("EXIT-ATTACH", False),
    ("INITIALIZE_SESSION_THEN_DETACH", True): ("EXIT-DETACH", False),
    ("ATTACH_TO_SESSION_THEN_CLOSE", False): ("EXIT-THEN-CLOSE", True),
}


def broken(trace: list[str], claims: frozenset[str] = CORE) -> set[str]:
    """The requirements that a trace breaks, at its first line that is not allowed."""
    no_order = judge(parse_example(trace, 1).events, ClientModel(claims))
    return {v.requirement for v in no_order.violations} if no_order else set()


def lines(text: str) -> list[str]:
    """The lines of a trace written in one: ``Enter(AUTO); Down()``."""
    return [line.strip() for line in text.split(";")]


@dataclass(frozen=True)
class Life:
    """One life of a client, up to its first leaving."""

    case: tuple[str, bool]
    """The behaviour, and whether the session is new."""
    error: str
    """What the body raises."""
    code: str
    """What the server answers to Close."""

    @property
    def behavior(self) -> str:
        """The SDK's behaviour."""
        return self.case[0]

    @property
    def closes(self) -> bool:
        """Whether it has to close."""
        return EXIT[self.case][1]

    @property
    def exit_requirement(self) -> str:
        """What is broken when it closes and should not, or the other way round."""
        return "EXIT-BODY-ERROR" if self.error else EXIT[self.case][0]

    @property
    def until_leave(self) -> list[str]:
        """From entering to the end of the body."""
        flag = " new" if self.case[1] else ""
        initialize = f"Initialize(R, {WIRE[self.behavior]}) -> OK s1{flag}"
        return [f"Enter({self.behavior})", initialize, "Entered()", f"Leave({self.error})"]

    @property
    def close(self) -> list[str]:
        """The Close that it owes."""
        return [f"Close(s1) -> {self.code}"] if self.closes else []

    @property
    def out(self) -> str:
        """What comes out of an obedient client that claims everything."""
        failed = self.closes and self.code != "OK"
        return self.error or (self.code if failed else "")


lives = st.builds(
    Life,
    st.sampled_from(sorted(EXIT)),
    st.sampled_from(["", "error"]),
    st.sampled_from(["OK", "NOT_FOUND", "INTERNAL"]),
)


@given(st.lists(lives, min_size=1, max_size=4), st.sampled_from([CORE, ALL]))
def test___obedient_clients___one_after_the_other___are_allowed(
    following: list[Life], claims: frozenset[str]
) -> None:
    trace = [x for n in following for x in (*n.until_leave, *n.close, f"Left({n.out})")]

    assert broken(trace, claims) == set()


@given(lives, st.sampled_from([CORE, ALL]))
def test___obedient_client___closing_turned_round___exit_requirement_is_broken(
    life: Life, claims: frozenset[str]
) -> None:
    wrong = f"Left({life.out})" if life.closes else "Close(s1) -> OK"

    assert broken([*life.until_leave, wrong], claims) == {life.exit_requirement}


@given(lives, st.sampled_from(["0", "1", "2", "3", "4", "UNSPECIFIED", "INITIALIZE_NEW"]))
def test___obedient_client___other_value_on_the_wire___wire_requirement_is_broken(
    life: Life, sent: str
) -> None:
    right = {"UNSPECIFIED": "0", "INITIALIZE_NEW": "1", "ATTACH_TO_EXISTING": "2"}
    due = right[WIRE[life.behavior]] == right.get(sent, sent)

    found = broken([f"Enter({life.behavior})", f"Initialize(R, {sent}) -> OK s1"])

    assert found == (set() if due else {WIRE_REQUIREMENT[life.behavior]})


@given(lives, st.sampled_from(["", "error", "other", "NOT_FOUND", "INTERNAL", "CANCELLED"]))
def test___obedient_client___something_else_comes_out___the_right_requirement_is_broken(
    life: Life, out: str
) -> None:
    failed = life.closes and life.code != "OK"
    if out == life.out or (failed and not life.error and out == "other"):
        expected = set[str]()
    elif failed and not life.error:
        expected = {"ERRORS-CLOSE-RAISED"}
    elif failed and out in (life.code, "other"):
        expected = {"ERRORS-BODY-WINS"}
    else:
        expected = {"EXIT-ERROR-OUT"}

    assert broken([*life.until_leave, *life.close, f"Left({out})"], ALL) == expected


@given(lives, st.sampled_from(["s2", "R", '""']))
def test___obedient_client___close_of_another_id___is_refused(life: Life, wrong: str) -> None:
    trace = [*life.until_leave, f"Close({wrong}) -> OK"]

    assert broken(trace) == {"EXIT-CLOSE-ID"}


@given(lives)
def test___obedient_client___leaves_again_with_another_close___only_the_claim_forbids_it(
    life: Life,
) -> None:
    trace = [*life.until_leave, *life.close, f"Left({life.out})", "Leave()", "Close(s1) -> OK"]
    open_still = life.code == "INTERNAL"

    if life.closes:
        assert broken(trace) == set()
        assert broken(trace, ALL) == (set() if open_still else {"TIDY-CLOSE-ONCE"})
    else:
        assert broken(trace) == {EXIT[life.case][0]}


@pytest.mark.parametrize("behavior", [b.name for b in SdkBehavior])
def test___refused_initialize___every_ending___only_its_own_error_is_right(behavior: str) -> None:
    refused = [f"Enter({behavior})", f"Initialize(R, {WIRE[behavior]}) -> ALREADY_EXISTS"]

    assert broken([*refused, "Raised(ALREADY_EXISTS)"]) == set()
    assert broken([*refused, "Raised(other)"]) == set()
    for ending in ("Entered()", "Raised(INTERNAL)", "Hung()"):
        assert broken([*refused, ending]) == {"ENTER-REFUSED-RAISES"}
    for late in ([], ["Raised(ALREADY_EXISTS)"]):
        assert broken([*refused, *late, "Close(s1) -> OK"]) == {"ENTER-REFUSED-NO-CLOSE"}


IN_BODY = "Enter(AUTO); Initialize(R, UNSPECIFIED) -> OK s1 new; Entered(); "
ATTACHED = "Enter(AUTO); Initialize(R, UNSPECIFIED) -> OK s1; Entered(); "


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(IN_BODY + "CloseCall(); Close(s1) -> OK; Leave(); Left()", id="close first"),
        pytest.param(IN_BODY + "CloseCall(); Leave(); Close(s1) -> OK; Left()", id="lazy close"),
        pytest.param(ATTACHED + "CloseCall(); Close(s1) -> OK; Leave(); Left()", id="asked to"),
        pytest.param(ATTACHED + "CloseCall(); Leave(); Left()", id="asked to, and does not"),
        pytest.param(
            IN_BODY + "CloseCall(); Close(s1) -> INTERNAL; Leave(INTERNAL); Close(s1) -> OK; "
            "Left(INTERNAL)",
            id="close() failed, leaving tries again",
        ),
        pytest.param(
            IN_BODY + "CloseCall(); Close(s1) -> NOT_FOUND; Leave(); Left()",
            id="close() failed, the body caught it",
        ),
        pytest.param(
            IN_BODY + "Leave(); Close(s1) -> lost; Close(s1) -> NOT_FOUND; Left()",
            id="the lost close had worked",
        ),
        pytest.param(
            "Enter(AUTO); Initialize(R, UNSPECIFIED) -> UNAVAILABLE; "
            "Initialize(R, UNSPECIFIED) -> OK s1; Entered()",
            id="initialize tried again",
        ),
        pytest.param(
            "Enter(AUTO); Initialize(R, UNSPECIFIED) -> OK s1 new; Close(s1) -> OK; Raised(other)",
            id="entering failed after initialize, and cleaned up",
        ),
        pytest.param(
            "Enter(AUTO, a.log); Initialize(/data/a.log, UNSPECIFIED) -> OK s1; Entered()",
            id="path completed",
        ),
        pytest.param(
            r"Enter(AUTO, a.log); Initialize(C:\data\a.log, UNSPECIFIED) -> OK s1; Entered()",
            id="path completed on Windows",
        ),
        pytest.param(
            "Enter(AUTO, R); Initialize(R, 0) -> OK s1; Entered(); Leave(); Left(); "
            "Enter(AUTO, Q); Initialize(Q, 0) -> OK s2; Entered()",
            id="the next client has another resource",
        ),
        pytest.param("Down(); Enter(AUTO); Raised(UNAVAILABLE)", id="dead from the start"),
        pytest.param("Enter(AUTO); Down(); Raised(other)", id="dead on the way"),
        pytest.param(IN_BODY + "Down(); Leave(); Left(UNAVAILABLE)", id="dead at the end"),
        pytest.param(IN_BODY + "Leave(); Down(); Left(UNAVAILABLE)", id="dead while leaving"),
        pytest.param(ATTACHED + "Down(); Leave(); Left()", id="dead, and nothing to send"),
        pytest.param(IN_BODY + "Down(); CloseCall(); Leave(); Left()", id="close() saw it dead"),
        pytest.param(
            IN_BODY + "Down(); CloseCall(); Leave(); Left(UNAVAILABLE)", id="both saw it dead"
        ),
    ],
)
def test___every_claim___allowed_oddity___is_allowed(trace: str) -> None:
    assert broken(lines(trace), ALL) == set()


@pytest.mark.parametrize(
    ("trace", "requirement"),
    [
        (IN_BODY + "Close(s1) -> OK", "EXIT-AUTO-NEW"),
        (IN_BODY + "Leave(); Hung()", "EXIT-AUTO-NEW"),
        (IN_BODY + "Leave(); Close(s1) -> OK; Hung()", "EXIT-ERROR-OUT"),
        (ATTACHED + "Close(s1) -> OK", "EXIT-AUTO-ATTACHED"),
        ("Enter(AUTO); Entered()", "WIRE-AUTO"),
        ("Enter(AUTO); Raised(other)", "WIRE-AUTO"),
        ("Enter(AUTO); Hung()", "WIRE-AUTO"),
        ("Enter(AUTO); Close(s1) -> OK", "EXIT-CLOSE-ID"),
        ("Enter(AUTO); Initialize(R, 0) -> OK s1 new; Raised(other)", "EXIT-AUTO-NEW"),
        ("Enter(AUTO); Initialize(R, 0) -> OK s1 new; Close(s1) -> OK; Entered()", "EXIT-AUTO-NEW"),
        (
            "Enter(AUTO); Initialize(R, 0) -> OK s1 new; Initialize(R, 0) -> OK s1; Raised(other)",
            "EXIT-AUTO-NEW",
        ),
        ("Down(); Enter(AUTO); Entered()", "ENTER-REFUSED-RAISES"),
        ("Enter(AUTO, R); Initialize(Q, 0) -> OK s1 new", "WIRE-RESOURCE"),
        ("Enter(AUTO, R); Initialize(Q, 0) -> NOT_FOUND", "WIRE-RESOURCE"),
        (
            "Enter(AUTO, R); Initialize(/data/R, 0) -> OK s1; Initialize(Q, 0) -> lost",
            "WIRE-RESOURCE",
        ),
        ("Enter(AUTO, a.log); Initialize(b/a.log, 0) -> OK s1", "WIRE-RESOURCE"),
        ("Enter(AUTO, a.log); Initialize(/b/aa.log, 0) -> OK s1", "WIRE-RESOURCE"),
        (
            "Enter(AUTO); Initialize(R, 0) -> OK s1 new; Initialize(Q, 0) -> OK s2 new",
            "WIRE-RESOURCE",
        ),
    ],
)
def test___no_claim___wrong_all_the_same___is_refused(trace: str, requirement: str) -> None:
    assert broken(lines(trace)) == {requirement}


@given(lives, st.booleans())
def test___obedient_client___initializes_again_after_entering___wire_requirement_is_broken(
    life: Life, left: bool
) -> None:
    trace = [*life.until_leave, *life.close, f"Left({life.out})"] if left else life.until_leave[:3]
    again = f"Initialize(R, {WIRE[life.behavior]}) -> OK s2 new"

    assert broken([*trace, again]) == {WIRE_REQUIREMENT[life.behavior]}


def test___entering_failed___initializes_again___wire_requirement_is_broken() -> None:
    trace = "Enter(AUTO); Initialize(R, 0) -> UNAVAILABLE; Raised(UNAVAILABLE)"

    assert broken([*lines(trace), "Initialize(R, 0) -> OK s1 new"]) == {"WIRE-AUTO"}


@pytest.mark.parametrize(
    ("trace", "claim", "requirement"),
    [
        (IN_BODY + "Leave(); Close(s1) -> INTERNAL; Left()", "errors", "ERRORS-CLOSE-RAISED"),
        (IN_BODY + "Leave(); Close(s1) -> lost; Left()", "errors", "ERRORS-CLOSE-RAISED"),
        (IN_BODY + "Down(); Leave(); Left()", "errors", "ERRORS-CLOSE-RAISED"),
        (
            IN_BODY + "Leave(error); Close(s1) -> INTERNAL; Left(INTERNAL)",
            "errors",
            "ERRORS-BODY-WINS",
        ),
        (IN_BODY + "Leave(); Close(s1) -> lost; Left(INTERNAL)", "tidy", "TIDY-DEAD-SERVER"),
        (IN_BODY + "Leave(); Close(s1) -> lost; Hung()", "tidy", "TIDY-DEAD-SERVER"),
        (IN_BODY + "CloseCall(); Close(s1) -> lost; Hung()", "tidy", "TIDY-DEAD-SERVER"),
        ("Enter(AUTO); Initialize(R, 0) -> lost; Hung()", "tidy", "TIDY-DEAD-SERVER"),
        ("Enter(AUTO); Initialize(R, 0) -> lost; Raised(NOT_FOUND)", "tidy", "TIDY-DEAD-SERVER"),
        ("Down(); Enter(AUTO); Hung()", "tidy", "TIDY-DEAD-SERVER"),
        (
            IN_BODY + "CloseCall(); Close(s1) -> OK; Leave(); Close(s1) -> NOT_FOUND",
            "tidy",
            "TIDY-CLOSE-FIRST",
        ),
        (
            IN_BODY + "Leave(); Close(s1) -> OK; Left(); Remains(thread)",
            "tidy",
            "TIDY-NOTHING-LEFT",
        ),
    ],
)
def test___rule_of_a_claim___broken___binds_only_who_claims_it(
    trace: str, claim: str, requirement: str
) -> None:
    assert broken(lines(trace)) == set()
    assert broken(lines(trace), ALL - {claim}) == set()
    assert broken(lines(trace), frozenset({claim})) == {requirement}


@pytest.mark.parametrize(
    "trace",
    [
        "Entered()",
        "Close(s1) -> OK",
        "Enter(AUTO); Enter(AUTO)",
        "Enter(SOMETHING)",
        "Enter(AUTO); Leave()",
        "Enter(AUTO); Initialize(R, UNSPECIFIED)",
        "Enter(AUTO); Initialize(R, SOMETHING) -> OK s1",
        ATTACHED + "Left()",
        ATTACHED + "Leave(one, two)",
        ATTACHED + "Use(s1) -> OK",
    ],
)
def test___line_that_makes_no_sense___read___is_an_error_and_no_verdict(trace: str) -> None:
    with pytest.raises(ValueError):
        broken(lines(trace), ALL)
