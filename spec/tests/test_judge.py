"""The judge of overlapping calls, on histories written by hand, and the notation it reads."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_spec.class_models.server import ServerModel
from session_spec.examples import Event, ExampleError, parse_example
from session_spec.judge import NoOrder, judge
from session_spec.model import EVERY_CLAIM, Rules, Violation


def events(text: str) -> tuple[Event, ...]:
    """The events of an example written as text."""
    return parse_example(text.strip().splitlines(), 1).events


def judged(text: str, rules: Rules = EVERY_CLAIM) -> NoOrder | None:
    """What the judge says of a history written as text."""
    return judge(events(text), ServerModel(rules), lost_calls_linger=True)


ALLOWED = {
    "the later call took effect first": """
        a: Initialize(R, UNSPECIFIED) ...
        b: Initialize(R, UNSPECIFIED) ...
        a: -> OK s1
        b: -> OK s1 new""",
    "attach between create and close": """
        a: Initialize(R, INITIALIZE_NEW) -> OK s1 new
        a: Close(s1) ...
        b: Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        c: Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND
        a: -> OK""",
    "lost close took effect later": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        a: Close(s1) ...
        b: Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        b: Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND""",
    "lost close never took effect": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        Close(s1) -> lost
        Initialize(R, ATTACH_TO_EXISTING) -> OK s1""",
    "lost initialize left a session": """
        Initialize(R, INITIALIZE_NEW) -> lost
        Initialize(R, INITIALIZE_NEW) -> ALREADY_EXISTS
        Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        Close(s1) -> OK""",
    "lost initialize created long after its caller had gone": """
        Initialize(R, INITIALIZE_NEW) -> lost
        Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND
        Initialize(R, ATTACH_TO_EXISTING) -> OK s1""",
    "lost close closed long after its caller had gone": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        Close(s1) -> lost
        Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND""",
    "use overlaps close": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        a: Use(s1) ...
        b: Close(s1) -> OK
        a: -> NOT_FOUND""",
    "three clients, two resources": """
        a: Initialize(R, UNSPECIFIED) ...
        b: Initialize(Q, UNSPECIFIED) ...
        c: Initialize(R, ATTACH_TO_EXISTING) ...
        b: -> OK s2 new
        c: -> NOT_FOUND
        a: -> OK s1 new""",
}

REFUSED = {
    "two creators": """
        a: Initialize(R, UNSPECIFIED) ...
        b: Initialize(R, UNSPECIFIED) ...
        a: -> OK s1 new
        b: -> OK s2 new""",
    "created before it was asked for": """
        a: Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        b: Initialize(R, INITIALIZE_NEW) -> OK s1 new""",
    "two closes": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        a: Close(s1) ...
        b: Close(s1) ...
        a: -> OK
        b: -> OK""",
    "closed, then used": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        a: Close(s1) ...
        b: Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND
        b: Use(s1) -> OK
        a: -> OK""",
    "order of the clock ignored": """
        a: Initialize(R, UNSPECIFIED) -> OK s1 new
        b: Initialize(R, ATTACH_TO_EXISTING) -> NOT_FOUND""",
    "lost initialize created twice": """
        Initialize(R, INITIALIZE_NEW) -> lost
        Initialize(R, INITIALIZE_NEW) -> ALREADY_EXISTS
        Initialize(R, ATTACH_TO_EXISTING) -> OK s1
        Close(s1) -> OK
        Initialize(R, ATTACH_TO_EXISTING) -> OK s2""",
    "ALREADY_EXISTS for nothing": """
        a: Initialize(R, ATTACH_TO_EXISTING) ...
        b: Initialize(R, INITIALIZE_NEW) -> ALREADY_EXISTS
        a: -> NOT_FOUND""",
    "lost call explains one refusal, not two": """
        Initialize(R, INITIALIZE_NEW) -> OK s1 new
        Close(s1) -> lost
        Close(s1) -> OK
        Close(s1) -> OK""",
}


@pytest.mark.parametrize("name", ALLOWED)
def test___history_with_an_order___judged___allowed(name: str) -> None:
    assert judged(ALLOWED[name]) is None


@pytest.mark.parametrize("name", REFUSED)
def test___history_without_an_order___judged___refused_with_reasons(name: str) -> None:
    verdict = judged(REFUSED[name])

    assert verdict is not None
    assert verdict.violations
    assert verdict.event is not None


def test___refused_history___judged___names_the_first_event_that_cannot_be() -> None:
    verdict = judged(REFUSED["two creators"])

    assert verdict is not None
    assert verdict.event.text == "b: -> OK s2 new"
    assert {v.requirement for v in verdict.violations} == {"INIT-AUTO-ATTACH"}


lanes = st.lists(
    st.sampled_from(
        [
            ("Initialize(R, UNSPECIFIED)", ("OK s1 new", "OK s1", "OK s2 new", "ALREADY_EXISTS")),
            ("Initialize(R, INITIALIZE_NEW)", ("OK s1 new", "ALREADY_EXISTS", "OK s2 new")),
            ("Initialize(R, ATTACH_TO_EXISTING)", ("OK s1", "NOT_FOUND")),
            ("Close(s1)", ("OK", "NOT_FOUND")),
        ]
    ).flatmap(lambda call: st.tuples(st.just(call[0]), st.sampled_from(call[1]))),
    min_size=1,
    max_size=4,
)


@given(lanes)
def test___calls_that_all_overlap___judged___same_as_trying_every_order(
    calls: list[tuple[str, str]],
) -> None:
    starts = [f"c{n}: {call} ..." for n, (call, _) in enumerate(calls)]
    answers = [f"c{n}: -> {answer}" for n, (_, answer) in enumerate(calls)]
    model = ServerModel(EVERY_CLAIM)

    def allowed(order: tuple[tuple[str, str], ...]) -> bool:
        states = [model.initial()]
        for call, answer in order:
            (event,) = events(f"{call} -> {answer}")
            verdicts = [model.apply(state, event) for state in states]
            states = [s for v in verdicts if not isinstance(v, Violation) for s in v]
        return bool(states)

    expected = any(allowed(order) for order in itertools.permutations(calls))
    assert (judged("\n".join(starts + answers)) is None) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: -> OK", "answers no call of 'a'"),
        ("Open(R) -> OK", "is no call that the server model knows"),
        ("Initialize(R) -> OK", "is no call that the server model knows"),
        ("Initialize(R, SOMETIMES) -> OK", "'SOMETIMES' is no behaviour"),
        ("Close(s1) -> OK s9 new", "Close answers nothing but a code"),
        ("Initialize(R, 1) -> OK s1 s2", "'OK s1 s2' is no answer"),
        ("Gone(R) -> OK", "is no call that the server model knows"),
        ("Close(s1)", "a call has no answer"),
    ],
)
def test___nonsense___judged___says_what_cannot_be_read(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        judged(text)


def test___lost_call_that_does_not_linger___judged___settled_at_its_place() -> None:
    text = ALLOWED["lost close closed long after its caller had gone"]

    assert judge(events(text), ServerModel(EVERY_CLAIM)) is not None


REFERENCE = ServerModel(EVERY_CLAIM, reference=True)


@pytest.mark.parametrize(
    ("model", "text", "requirement"),
    [
        (REFERENCE, "Initialize(R, 7, disk full) -> INVALID_ARGUMENT", None),
        (REFERENCE, 'Initialize("", 1, disk full) -> INVALID_ARGUMENT', None),
        (REFERENCE, "Initialize(/x, 2, outside the root) -> PERMISSION_DENIED", None),
        (REFERENCE, "Initialize(/x, 2, folder missing) -> NOT_FOUND", None),
        (REFERENCE, "Initialize(R, 0, folder missing) -> NOT_FOUND", "CODE-REQUEST"),
        (REFERENCE, "Close(s1) -> UNKNOWN", "CODE-NEVER-UNKNOWN"),
        (ServerModel(), "Initialize(R, 1, folder missing) -> NOT_FOUND", None),
        (ServerModel(), "Initialize(R, 1, folder missing) -> OK s1 new", None),
        (ServerModel(), "Initialize(R, 1, folder missing) -> OK s1", "INIT-FLAG-CREATED"),
        (ServerModel(), "Initialize(R, 2, folder missing) -> OK s1", "INIT-ATTACH-MISSING"),
        (ServerModel(), "Initialize(R, 1, mode=x) -> INVALID_ARGUMENT", "INIT-NEW-CREATE"),
    ],
)
def test___first_call___with_trouble_or_configuration___judged(
    model: ServerModel, text: str, requirement: str | None
) -> None:
    verdict = judge(events(text), model)

    named = {v.requirement for v in verdict.violations} if verdict else {None}
    assert named == {requirement}


@pytest.mark.parametrize(
    ("model", "text", "requirement"),
    [
        (ServerModel(), "Use(s1, register unknown) -> NOT_FOUND", None),
        (ServerModel(), "Use(s1) -> NOT_FOUND", "RACE-ID-USABLE"),
        (ServerModel(), "Initialize(R, 2, mode=x) -> INVALID_ARGUMENT", None),
        (ServerModel(), "Initialize(R, 2, mode=x) -> NOT_FOUND", "INIT-ATTACH-OPEN"),
        (REFERENCE, "Initialize(R, 2, mode=x) -> INVALID_ARGUMENT", "ATTACH-CONFIG-UNCHECKED"),
        (REFERENCE, "Initialize(R, 0, disk full) -> OK s1", None),
        (REFERENCE, "Use(s1, disk full) -> OK", "CODE-FULL"),
        (REFERENCE, "Use(s1, read) -> OK 8", "ATTACH-CONFIG-UNUSED"),
        (REFERENCE, "Use(s1, read) -> OK 7", None),
    ],
)
def test___open_session___with_trouble_or_configuration___judged(
    model: ServerModel, text: str, requirement: str | None
) -> None:
    before = "Initialize(R, 1) -> OK s1 new\nUse(s1, write=7) -> OK\n"

    verdict = judge(events(before + text), model)

    named = {v.requirement for v in verdict.violations} if verdict else {None}
    assert named == {requirement}


def test___file_that_is_gone___spelled_otherwise___is_gone() -> None:
    text = """
        Initialize(/logs/a.log, 1) -> OK s1 new
        Gone(/logs/old/../a.log)
        Initialize(/logs/a.log, 0) -> OK s2 new"""

    assert judge(events(text), REFERENCE) is None


def test___every_form_of_a_line___parsed___has_its_parts() -> None:
    first, second, third, fourth = events(
        """
not [CLOSE-OPEN]: a: Close(s1) -> NOT_FOUND
b: Initialize("", 7, reset=true) ...
b: -> OK s1 new
Restart()
"""
    )

    assert (first.forbidden, first.breaks, first.actor) == (True, "CLOSE-OPEN", "a")
    assert (first.call, first.arguments, first.outcome) == ("Close", ("s1",), ("NOT_FOUND",))
    assert (second.arguments, second.outcome) == (("", "7", "reset=true"), None)
    assert (third.call, third.outcome) == ("", ("OK", "s1", "new"))
    assert (fourth.call, fourth.arguments, fourth.outcome) == ("Restart", (), ())


def test___line_that_cannot_be_read___parsed___says_which() -> None:
    with pytest.raises(ExampleError) as caught:
        parse_example(["Close(s1) -> OK", "-> OK"], 10)

    assert caught.value.line == 1
