"""The sequence model: a right sequence is accepted, a changed one is refused by the right name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_spec.class_models.sequence import SequenceModel
from session_spec.examples import parse_example
from session_spec.judge import judge

SETUP = (
    "Setup: Reserve(R) -> OK",
    "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> OK s1 new",
    "Setup: Register(R) -> OK",
    "Setup: Unreserve(R) -> OK",
    "Setup: Done()",
)
ATTACH_AND_CLOSE = (
    "Cleanup: Initialize(R, ATTACH_TO_SESSION_THEN_CLOSE) -> OK s1",
    "Cleanup: Close(s1) -> OK",
)
UNREGISTER = ("Cleanup: Unregister(R) -> OK",)
RESERVE_ALL = ("Cleanup: ReserveAll() -> OK R",)
UNRESERVE_AND_END = ("Cleanup: Unreserve(R) -> OK", "Cleanup: Done()", "End()")
CLEANUP = (*RESERVE_ALL, *ATTACH_AND_CLOSE, *UNREGISTER, *UNRESERVE_AND_END)


def main_step(number: int, ending: str) -> tuple[str, ...]:
    step = f"Main{number}"
    return (
        f"{step}: Reserve(R) -> OK",
        f"{step}: Initialize(R, AUTO) -> OK s1",
        f"{step}: Use(s1) -> OK",
        f"{step}: Unreserve(R) -> OK",
        f"{step}: {ending}()",
    )


def refusals(*lines: str) -> set[str]:
    """The requirements that the sequence violates; none when it is right."""
    no_order = judge(parse_example(list(lines), 1).events, SequenceModel())
    return {violation.requirement for violation in no_order.violations} if no_order else set()


@st.composite
def right_sequences(draw: st.DrawFn) -> list[str]:
    """Some runs, each with Main steps that succeed or fail and either order of cleaning up."""
    lines: list[str] = []
    for run in range(draw(st.integers(1, 3))):
        endings = draw(st.lists(st.sampled_from(["Done", "Failed"]), max_size=3))
        steps = [main_step(number, ending) for number, ending in enumerate(endings)]
        freeing = draw(st.permutations([ATTACH_AND_CLOSE, UNREGISTER]))
        parts = [SETUP, *steps, RESERVE_ALL, *freeing, UNRESERVE_AND_END]
        lines += [line.replace("s1", f"s{run}") for part in parts for line in part]
    return lines


LEFT_OUT = {
    "Setup: Reserve(R) -> OK": {"SEQ-SETUP-RESERVES"},
    "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> OK s1 new": {"SEQ-SETUP-REGISTERS"},
    "Setup: Register(R) -> OK": {"SEQ-SETUP-REGISTERS"},
    "Setup: Unreserve(R) -> OK": {"SEQ-SETUP-UNRESERVES"},
    "Main0: Reserve(R) -> OK": {"SEQ-MAIN-RESERVES"},
    "Main0: Unreserve(R) -> OK": {"SEQ-MAIN-UNRESERVES"},
    "Cleanup: ReserveAll() -> OK R": {"SEQ-CLEANUP-RESERVES-ALL"},
    "Cleanup: Close(s1) -> OK": {"SEQ-CLEANUP-CLOSES"},
    "Cleanup: Unregister(R) -> OK": {"SEQ-CLEANUP-UNREGISTERS"},
    "Cleanup: Unreserve(R) -> OK": {"SEQ-NOTHING-LEFT"},
}

PUT_INSTEAD = {
    "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> OK s1 new": {
        "Setup: Initialize(R, AUTO) -> OK s1 new": "SEQ-SETUP-DETACH",
        "Setup: Initialize(R, UNSPECIFIED) -> OK s1 new": "SEQ-SETUP-DETACH",
        "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> ALREADY_EXISTS": "SEQ-SETUP-TWICE",
    },
    "Main0: Initialize(R, AUTO) -> OK s1": {
        "Main0: Initialize(R, ATTACH_TO_SERVER_SESSION) -> OK s1": "SEQ-MAIN-AUTO",
        "Main0: Initialize(R, AUTO) -> OK s7 new": "SEQ-ONE-CREATOR",
        "Main0: Initialize(R, AUTO) -> OK s7": "SEQ-ONE-SESSION",
    },
    "Main0: Use(s1) -> OK": {"Main0: Close(s1) -> OK": "SEQ-MAIN-LEAVES"},
    "Cleanup: Initialize(R, ATTACH_TO_SESSION_THEN_CLOSE) -> OK s1": {
        "Cleanup: Initialize(R, AUTO) -> OK s1": "SEQ-CLEANUP-CLOSES",
        "Cleanup: Initialize(R, ATTACH_TO_SERVER_SESSION) -> OK s1": "SEQ-CLEANUP-CLOSES",
    },
}

WHOLE = (*SETUP, *main_step(0, "Done"), *CLEANUP)


@given(right_sequences())
def test___any_right_sequence___judged___accepted(lines: list[str]) -> None:
    assert refusals(*lines) == set()


@given(right_sequences(), st.sampled_from(sorted(LEFT_OUT)), st.booleans())
def test___right_runs_before___next_run_leaves_a_line_out___refused_by_its_name(
    before: list[str], line: str, fails: bool
) -> None:
    changed = [*SETUP, *main_step(0, "Failed" if fails else "Done"), *CLEANUP]
    changed.remove(line)

    assert refusals(*before, *changed) == LEFT_OUT[line]


@pytest.mark.parametrize(
    ("line", "instead", "requirement"),
    [(line, new, name) for line, news in PUT_INSTEAD.items() for new, name in news.items()],
)
def test___right_sequence___one_line_changed___refused_by_its_name(
    line: str, instead: str, requirement: str
) -> None:
    changed = [instead if known == line else known for known in WHOLE]

    assert refusals(*changed) == {requirement}


def test___names_on_the_wire___judged___accepted_like_those_of_the_sdk() -> None:
    wire = {
        "INITIALIZE_SESSION_THEN_DETACH": "INITIALIZE_NEW",
        "AUTO": "UNSPECIFIED",
        "ATTACH_TO_SESSION_THEN_CLOSE": "ATTACH_TO_EXISTING",
    }
    lines = list(WHOLE)
    for sdk, name in wire.items():
        lines = [line.replace(sdk, name) for line in lines]

    assert refusals(*lines) == set()


def test___no_cleanup___the_sequence_ends___refused() -> None:
    assert refusals(*SETUP, *main_step(0, "Failed"), "End()") == {"SEQ-CLEANUP-ALWAYS"}


def test___cleanup_of_one_type_only___the_sequence_ends___refused() -> None:
    assert refusals("Prepared(Q, s2)", *SETUP, *CLEANUP) == {"SEQ-CLEANUP-CLOSES"}


def test___cleanup_step_that_reserved_all_types___leaves_one_to_the_next___accepted() -> None:
    lines = (
        "Prepared(Q, s2)",
        *SETUP,
        "Cleanup: ReserveAll() -> OK R Q",
        *ATTACH_AND_CLOSE,
        *UNREGISTER,
        "Cleanup: Unreserve(R, Q) -> OK",
        "Cleanup: Done()",
    )
    second = (
        "Cleanup2: ReserveAll() -> OK Q",
        "Cleanup2: Initialize(Q, ATTACH_TO_SESSION_THEN_CLOSE) -> OK s2",
        "Cleanup2: Close(s2) -> OK",
        "Cleanup2: Unregister(Q) -> OK",
        "Cleanup2: Unreserve(Q) -> OK",
        "Cleanup2: Done()",
        "End()",
    )

    assert refusals(*lines, *second) == set()
    assert refusals(*lines, "End()") == {"SEQ-CLEANUP-CLOSES"}
    assert refusals(*lines, *second[:3], *second[4:]) == {"SEQ-CLEANUP-UNREGISTERS"}


@pytest.mark.parametrize("behavior", ["AUTO", "ATTACH_TO_SESSION_THEN_CLOSE"])
def test___session_of_another_sequence___reserved_by_cleanup___may_be_left_open(
    behavior: str,
) -> None:
    lines = [line.replace("(R)", "(R, Z)") for line in CLEANUP]
    lines[lines.index("Cleanup: Unregister(R, Z) -> OK")] = UNREGISTER[0]
    lines[0] = "Cleanup: ReserveAll() -> OK R Z"
    attached = f"Cleanup: Initialize(Z, {behavior}) -> OK s9"

    assert refusals(*SETUP, *lines) == set()
    assert refusals(*SETUP, lines[0], attached, *lines[1:]) == set()
    assert refusals(*SETUP, lines[0], attached, "Cleanup: Close(s9) -> OK", *lines[1:]) == set()


def test___plug_in_that_was_killed___the_sequence_ends___its_reservation_is_refused() -> None:
    killed = main_step(0, "Done")[:3]
    cleanup = [line.replace("(R)", "()") for line in CLEANUP[-3:]]

    assert refusals(*killed, "Cleanup: ReserveAll() -> OK", *cleanup) == {"SEQ-NOTHING-LEFT"}


def test___nothing_registered___cleanup_fails___refused() -> None:
    lines = ("Cleanup: ReserveAll() -> OK", "Cleanup: Failed()")

    assert refusals(*lines) == {"SEQ-CLEANUP-EMPTY"}


def test___clean_run___next_setup_finds_a_session___refused() -> None:
    again = (SETUP[0], "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> ALREADY_EXISTS")

    assert refusals(*WHOLE, *again) == {"SEQ-REPEATS"}


def test___leftover_of_a_crash___setup_fails___accepted() -> None:
    lines = (
        "Setup: Reserve(R) -> OK",
        "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> ALREADY_EXISTS",
        "Setup: Unreserve(R) -> OK",
        "Setup: Failed()",
        "Cleanup: ReserveAll() -> OK",
        "Cleanup: Done()",
        "End()",
    )

    assert refusals(*lines) == set()


def test___setup_that_tried_again___created___accepted() -> None:
    refused = "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> ALREADY_EXISTS"

    assert refusals(SETUP[0], refused, *SETUP[1:], *CLEANUP) == set()


def test___setup_that_fails_between_two_resources___the_sequence_ends___accepted() -> None:
    lines = (
        "Setup: Reserve(R, Q) -> OK",
        "Setup: Initialize(R, INITIALIZE_SESSION_THEN_DETACH) -> OK s1 new",
        "Setup: Initialize(Q, INITIALIZE_SESSION_THEN_DETACH) -> INVALID_ARGUMENT",
        "Setup: Unreserve(R, Q) -> OK",
        "Setup: Failed()",
        "Cleanup: ReserveAll() -> OK",
        "Cleanup: Done()",
        "End()",
    )

    assert refusals(*lines) == set()


def test___setup_that_tidies_up___it_fails___accepted() -> None:
    lines = ("Setup: Close(s1) -> OK", "Setup: Unreserve(R) -> OK", "Setup: Failed()", "End()")

    assert refusals(*SETUP[:2], *lines) == set()


def test___setup_that_closed_its_session___it_reports_success___refused() -> None:
    lines = (*SETUP[:3], "Setup: Close(s1) -> OK", *SETUP[3:])

    assert refusals(*lines) == {"SEQ-SETUP-DETACH"}


ATTACH = ATTACH_AND_CLOSE[0]
ATTACH_REFUSED = "Cleanup: Initialize(R, ATTACH_TO_SESSION_THEN_CLOSE) -> NOT_FOUND"


@pytest.mark.parametrize("ending", ["Done", "Failed"])
def test___server_that_was_restarted___cleanup_cannot_attach___it_unregisters_or_fails(
    ending: str,
) -> None:
    end = ("Cleanup: Unreserve(R) -> OK", f"Cleanup: {ending}()", "End()")
    attached = (*SETUP, *RESERVE_ALL, ATTACH_REFUSED)

    assert refusals(*attached, *UNREGISTER, *end) == set()
    goes_on = {"SEQ-CLEANUP-UNREGISTERS"} if ending == "Done" else set[str]()
    assert refusals(*attached, *end) == goes_on


@pytest.mark.parametrize("ending", ["Done", "Failed"])
def test___step_that_could_not_attach___next_step_reserves___it_has_to_unregister(
    ending: str,
) -> None:
    first = (*RESERVE_ALL, ATTACH_REFUSED, "Cleanup: Unreserve(R) -> OK", f"Cleanup: {ending}()")

    assert refusals(*SETUP, *first, *RESERVE_ALL, *UNREGISTER, *UNRESERVE_AND_END) == set()
    again = refusals(*SETUP, *first, *RESERVE_ALL, *UNRESERVE_AND_END)
    assert again == {"SEQ-CLEANUP-UNREGISTERS"}


def test___close_refused___attached_again___the_close_is_due_again() -> None:
    again = (*SETUP, *RESERVE_ALL, ATTACH, "Cleanup: Close(s1) -> INTERNAL", ATTACH, *UNREGISTER)

    assert refusals(*again, *UNRESERVE_AND_END) == {"SEQ-CLEANUP-CLOSES"}


def test___refused_unregister___the_sequence_ends___excuses_no_missing_close() -> None:
    refused = ("Cleanup: Unregister(R) -> INTERNAL", *UNRESERVE_AND_END)

    assert refusals(*SETUP, *RESERVE_ALL, *ATTACH_AND_CLOSE, *refused) == set()
    assert refusals(*SETUP, *RESERVE_ALL, *refused) == {"SEQ-CLEANUP-CLOSES"}


def test___refused_use___the_sequence_ends___excuses_nothing() -> None:
    used = (ATTACH, "Cleanup: Use(s1) -> INTERNAL", *UNRESERVE_AND_END)

    assert refusals(*SETUP, *RESERVE_ALL, *used) == {"SEQ-CLEANUP-CLOSES"}


@pytest.mark.parametrize("refused", ["ReserveAll()", "Reserve(R)"])
def test___reservation_refused_once___granted_then___nothing_is_excused(refused: str) -> None:
    waited = (*SETUP, f"Cleanup: {refused} -> UNAVAILABLE")
    end = ("Cleanup: Done()", "End()")

    assert refusals(*waited, *end) == set()
    assert refusals(*waited, *CLEANUP) == set()
    assert refusals(*waited, *RESERVE_ALL, *UNRESERVE_AND_END) == {"SEQ-CLEANUP-CLOSES"}


def test___attach_refused_once___granted_then___the_close_is_due_again() -> None:
    attached = (*SETUP, *RESERVE_ALL, ATTACH_REFUSED, ATTACH)

    assert refusals(*attached, *UNREGISTER, *UNRESERVE_AND_END) == {"SEQ-CLEANUP-CLOSES"}
    assert refusals(*attached, *CLEANUP[2:]) == set()


def test___close_refused___the_sequence_ends___only_the_unregister_is_due() -> None:
    refused = (*SETUP, *RESERVE_ALL, ATTACH, "Cleanup: Close(s1) -> INTERNAL")

    assert refusals(*refused, *UNREGISTER, *UNRESERVE_AND_END) == set()
    assert refusals(*refused, *UNRESERVE_AND_END) == {"SEQ-CLEANUP-UNREGISTERS"}


def test___cleanup_that_fails_for_no_reason___the_sequence_ends___refused() -> None:
    lines = ("Cleanup: Unreserve(R) -> OK", "Cleanup: Failed()", "End()")

    assert refusals(*SETUP, *RESERVE_ALL, *lines) == {"SEQ-CLEANUP-CLOSES"}


def test___resource_that_setup_does_not_know___plug_in_opens_and_closes_it___accepted() -> None:
    lines = (
        "Main: Reserve(Q) -> OK",
        "Main: Initialize(Q, AUTO) -> OK s9 new",
        "Main: Close(s9) -> OK",
        "Main: Unreserve(Q) -> OK",
        "Main: Done()",
    )

    assert refusals(*SETUP, *lines, *CLEANUP) == set()


def test___private_session_that_was_leaked___the_sequence_ends___refused() -> None:
    lines = (
        "Main: Reserve(Q) -> OK",
        "Main: Initialize(Q, AUTO) -> OK s9 new",
        "Main: Unreserve(Q) -> OK",
        "Main: Done()",
    )

    assert refusals(*SETUP, *lines, *CLEANUP) == {"SEQ-NOTHING-LEFT"}


@pytest.mark.parametrize("line", ["Main: Reset(R) -> OK", "Teardown: Reserve(R) -> OK", "Done()"])
def test___line_that_no_step_says___judged___error_quotes_it(line: str) -> None:
    with pytest.raises(ValueError, match=line.split("(", maxsplit=1)[0]):
        refusals(line)
