"""Which examples of the specification are played, and to whom a violation belongs."""

from __future__ import annotations

import random

import pytest

from session_contract.checks.marking import specification
from session_contract.checks.server.attribution import _suspects  # pyright: ignore[reportPrivateUsage]
from session_contract.checks.server.examples import meanings, playable
from session_contract.checks.server.made_up import _scrambled  # pyright: ignore[reportPrivateUsage]
from session_contract.checks.server.racing import in_a_row
from session_contract.races.plans import CREATING, random_plan
from session_contract.subject.record import Record
from session_spec.model import Answer, Call, Close, Initialize, Use


@pytest.mark.parametrize(
    ("name", "is_played"),
    [
        ("CLOSE-UNKNOWN", True),
        ("INIT-NEW-CREATE", True),  # but for its line with a missing folder
        ("INIT-ATTACH-OPEN", True),  # but for its line with a configuration
        ("RACE-ONE-NEW", False),
        ("LOST-CLOSE", False),
        ("RESTART-REOPEN", False),
        ("SLOW-INDEPENDENT", False),
    ],
)
def test___an_example___of_calls_in_a_row_or_not___played_or_left(
    name: str, is_played: bool
) -> None:
    assert all(map(playable, specification()[name].examples)) is is_played


def test___lines_that_break_others___looked_at___say_as_what_a_violation_shows() -> None:
    assert meanings(specification()["INIT-NEW-UNTOUCHED"]) == {"INIT-ATTACH-OPEN", "CLOSE-OPEN"}


@pytest.mark.parametrize(
    "session", ["1", "42", "session-1", "a3f0-77", "X", "", "0a491849-654a-4276-8b21-6d613a2c45a0"]
)
def test___an_id___scrambled___of_the_same_form_and_long_enough_to_be_nobodys(session: str) -> None:
    made_up = _scrambled(session)

    assert made_up != session
    assert sum(character.isalnum() for character in made_up) >= 12
    assert made_up.isdecimal() is (session.isdecimal() or not session)
    assert [c for c in made_up if not c.isalnum()] == [c for c in session if not c.isalnum()]


def _records(*calls: tuple[Call, Answer]) -> list[Record]:
    return [
        Record(number, "client", call, answer, number, number + 0.5)
        for number, (call, answer) in enumerate(calls)
    ]


_OPENED = (Initialize("R", 1), Answer("OK", "s1", new=True))
_LOOKED = (Initialize("R", 2), Answer("NOT_FOUND"))


@pytest.mark.parametrize(
    ("named", "between", "suspect"),
    [
        ("INIT-ATTACH-OPEN", (Initialize("R", 1), Answer("ALREADY_EXISTS")), "INIT-NEW-UNTOUCHED"),
        ("INIT-ATTACH-OPEN", (Close("s2"), Answer("OK")), "ISO-CLOSE-ONE"),
        ("INIT-ATTACH-OPEN", (Initialize("R", 7), Answer("INVALID_ARGUMENT")), "INPUT-NO-EFFECT"),
        ("INIT-NEW-CREATE", (Initialize("R", 2), Answer("NOT_FOUND")), "INIT-ATTACH-NOTHING"),
        ("INIT-NEW-CREATE", (Close("s1"), Answer("OK")), "CLOSE-RELEASES"),
        ("INIT-ATTACH-MISSING", (Use("s1"), Answer("NOT_FOUND")), "USE-NO-EFFECT"),
    ],
)
def test___a_call_that_left_something_behind___a_later_violation___is_put_down_to_it(
    named: str, between: tuple[Call, Answer], suspect: str
) -> None:
    assert next(_suspects(named, _records(_OPENED, between, _LOOKED))) == suspect


def test___plans_of_one_call_a_lane___in_a_row___each_order_once() -> None:
    assert [len(in_a_row(plan)) for plan in CREATING] == [1, 1, 2, 1, 1, 6]


def test___random_plans___in_a_row___all_their_calls() -> None:
    plan = random_plan(random.Random(1), uses=True)

    for row in in_a_row(plan):
        calls = [ask for lane in plan.lanes for ask in lane]
        assert sorted(row.prefix) == sorted([*plan.prefix, *calls])
        assert row.lanes == ()
