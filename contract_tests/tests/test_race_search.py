"""The race checker finds an order where there is one, and none where there is none."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_contract.races import Contradiction, Inconclusive, Possible, judge_history
from session_contract.races.search import BudgetSpent, Operation, find_order
from session_contract.races.simulation import CorrectServer, Traffic, simulate
from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import (
    CORE,
    EVERY_CLAIM,
    LOST,
    Answer,
    Call,
    Close,
    Initialize,
    Lost,
    State,
    Use,
    Violation,
    step,
)

AUTO, NEW, ATTACH = Behavior.UNSPECIFIED, Behavior.INITIALIZE_NEW, Behavior.ATTACH_TO_EXISTING
R, Q = "R", "Q"


def opened(session: str, *, new: bool = True) -> Answer:
    return Answer("OK", session, new)


def refused(code: str) -> Answer:
    return Answer(code)


def history(*calls: tuple[str, Call, Answer | Lost, float, float]) -> list[Record]:
    """Records of calls: who, what, the answer, from when to when."""
    return [
        Record(number, lane, call, answer, began, math.inf if answer == LOST else ended)
        for number, (lane, call, answer, began, ended) in enumerate(calls, start=1)
    ]


@pytest.mark.parametrize(
    "calls",
    [
        # one after the other
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("b", Initialize(R, AUTO), opened("s1", new=False), 2, 3),
            ("a", Close("s1"), refused("OK"), 4, 5),
            ("b", Close("s1"), refused("NOT_FOUND"), 6, 7),
        ),
        # the one that began later was first
        history(
            ("a", Initialize(R, AUTO), opened("s1", new=False), 0, 5),
            ("b", Initialize(R, AUTO), opened("s1"), 1, 4),
        ),
        # an attach that overlaps the creation may miss it
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 5),
            ("b", Initialize(R, ATTACH), refused("NOT_FOUND"), 1, 4),
        ),
        # a use that overlaps the close may go either way, twice
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("a", Close("s1"), refused("OK"), 2, 9),
            ("b", Use("s1"), refused("OK"), 3, 4),
            ("b", Use("s1"), refused("NOT_FOUND"), 5, 6),
        ),
        # a lost creation is seen only later
        history(
            ("a", Initialize(R, NEW), LOST, 0, 0),
            ("b", Initialize(R, ATTACH), refused("NOT_FOUND"), 1, 2),
            ("b", Initialize(R, ATTACH), opened("s1", new=False), 3, 4),
            ("b", Initialize(R, NEW), refused("ALREADY_EXISTS"), 5, 6),
        ),
        # a lost close may have happened
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("a", Close("s1"), LOST, 2, 0),
            ("b", Initialize(R, NEW), opened("s2"), 3, 4),
        ),
        # or not
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("a", Close("s1"), LOST, 2, 0),
            ("b", Close("s1"), refused("OK"), 3, 4),
        ),
        # two resources do not know of each other
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("a", Initialize(Q, NEW), opened("s2"), 2, 3),
            ("b", Close("s2"), refused("OK"), 4, 5),
            ("b", Initialize(R, ATTACH), opened("s1", new=False), 6, 7),
        ),
        # touching moments overlap
        history(
            ("a", Initialize(R, NEW), opened("s1"), 0, 1),
            ("b", Initialize(R, ATTACH), refused("NOT_FOUND"), 1, 2),
        ),
        [],
    ],
    ids=[
        "serial", "later first", "attach misses", "use and close", "lost creation", "lost close",
        "close lost in vain", "two resources", "touching", "nothing",
    ],
)  # fmt: skip
def test___calls_with_an_order___judged___possible(calls: list[Record]) -> None:
    assert judge_history(calls, EVERY_CLAIM) == Possible()


@pytest.mark.parametrize(
    ("requirement", "calls"),
    [
        (
            "RACE-ONE-CREATOR",
            history(
                ("a", Initialize(R, AUTO), opened("s1"), 0, 3),
                ("b", Initialize(R, AUTO), opened("s2"), 1, 4),
            ),
        ),
        (
            "RACE-ONE-NEW",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 3),
                ("b", Initialize(R, NEW), opened("s2"), 1, 4),
                ("c", Initialize(R, NEW), refused("ALREADY_EXISTS"), 1, 4),
            ),
        ),
        (
            "RACE-AUTO-NEVER-EXISTS",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 3),
                ("b", Initialize(R, AUTO), refused("ALREADY_EXISTS"), 1, 4),
            ),
        ),
        (
            "RACE-ONE-CLOSE",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("a", Close("s1"), refused("OK"), 2, 5),
                ("b", Close("s1"), refused("OK"), 3, 4),
            ),
        ),
        (
            "RACE-ID-USABLE",
            history(
                ("a", Initialize(R, AUTO), opened("s1"), 0, 3),
                ("b", Initialize(R, AUTO), opened("s1", new=False), 1, 2),
                ("b", Use("s1"), refused("NOT_FOUND"), 2.5, 4),
            ),
        ),
        (
            "USE-ORDER",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("a", Close("s1"), refused("OK"), 2, 5),
                ("b", Use("s1"), refused("NOT_FOUND"), 3, 3.5),
                ("b", Use("s1"), refused("OK"), 4, 4.5),
            ),
        ),
        (
            "RACE-ORDER",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("a", Close("s1"), refused("OK"), 2, 3),
                ("b", Initialize(R, ATTACH), opened("s1", new=False), 2.5, 4),
                ("c", Initialize(R, NEW), opened("s2"), 2.2, 2.4),
            ),
        ),
        (
            "INIT-NEW-EXISTS",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("b", Initialize(R, NEW), opened("s2"), 2, 3),
            ),
        ),
        (
            "CLOSE-UNKNOWN",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("a", Close("s1"), refused("OK"), 2, 3),
                ("a", Close("s1"), refused("OK"), 4, 5),
            ),
        ),
        (
            "ISO-OWN-SESSION",
            history(
                ("a", Initialize(R, NEW), opened("s1"), 0, 1),
                ("a", Initialize(Q, AUTO), opened("s1", new=False), 2, 3),
            ),
        ),
        (
            "INIT-ATTACH-MISSING",
            history(
                ("a", Initialize(R, ATTACH), LOST, 0, 0),
                ("a", Initialize(R, ATTACH), opened("s1", new=False), 2, 3),
            ),
        ),
    ],
)
def test___calls_without_an_order___judged___the_requirement_is_named(
    requirement: str, calls: list[Record]
) -> None:
    judgement = judge_history(calls, EVERY_CLAIM)

    assert isinstance(judgement, Contradiction)
    assert judgement.requirement == requirement
    assert judgement.orders
    assert judgement.left_out == len(calls) - len(judgement.records)


def test___a_use_of_a_closed_session___judged_without_the_claim___possible() -> None:
    calls = history(("a", Use("s9"), refused("OK"), 0, 1))

    assert judge_history(calls, CORE) == Possible()
    assert isinstance(judge_history(calls, EVERY_CLAIM), Contradiction)


def _objection(first: str, session: str, second: str, other: str) -> str:
    due = f"UNSPECIFIED answers the session that is open, {session}"
    return f"if {first} went first, then {second}: {due}; it answered {other} and created it"


def test___a_contradiction_among_many_calls___explained___two_calls_are_left() -> None:
    calls = history(
        *[(f"x{i}", Initialize(Q, ATTACH), refused("NOT_FOUND"), i, i + 3) for i in range(10)],
        ("a", Initialize(R, AUTO), opened("s1"), 20, 23),
        ("b", Initialize(R, AUTO), opened("s2"), 21, 24),
        *[
            (f"y{i}", Initialize(R, AUTO), opened("s2", new=False), 30 + i, 33 + i)
            for i in range(10)
        ],
    )

    judgement = judge_history(calls, EVERY_CLAIM)

    assert isinstance(judgement, Contradiction)
    assert [record.lane for record in judgement.records] == ["a", "b"]
    assert judgement.left_out == 20
    assert judgement.orders == (
        _objection("a", "s1", "b", "s2"),
        _objection("b", "s2", "a", "s1"),
    )


def test___many_lost_creations___judged_with_a_small_budget___inconclusive() -> None:
    lost = [(f"l{i}", Initialize(R, NEW), LOST, float(i), 0.0) for i in range(12)]
    closes = [(f"c{i}", Close(f"s{i}"), LOST, 20.0 + i, 0.0) for i in range(12)]
    calls = history(
        *lost, *closes, ("z", Initialize(R, ATTACH), opened("s1", new=False), 40.0, 41.0)
    )

    assert judge_history(calls, EVERY_CLAIM, budget=5) == Inconclusive(len(lost) + 2)


@pytest.mark.parametrize("traffic", [Traffic(4, 8), Traffic(6, 10, 2), Traffic(4, 8, 1, lost=0.1)])
def test___a_correct_server___simulated_histories___no_false_alarm(traffic: Traffic) -> None:
    rng = random.Random(20)

    for _ in range(60):
        calls = simulate(rng, traffic, CorrectServer())
        assert not isinstance(judge_history(calls, EVERY_CLAIM), Contradiction)


class CreatesTwice(CorrectServer):
    """Forgets now and then that a session is open."""

    def initialize(self, call: Initialize) -> Answer:
        """Create also where a session is open."""
        if call.behavior == AUTO and self.created % 3 == 1:
            return self.create(call.resource)
        return super().initialize(call)


def test___a_server_that_creates_twice___simulated_histories___it_is_found() -> None:
    rng = random.Random(21)

    verdicts = [
        judge_history(simulate(rng, Traffic(4, 8), CreatesTwice()), EVERY_CLAIM) for _ in range(30)
    ]

    found = [v for v in verdicts if isinstance(v, Contradiction)]
    assert len(found) >= 20
    assert all(len(v.records) <= 3 and v.orders for v in found)


# Against brute force ------------------------------------------------------------------------------

_CALLS = st.one_of(
    st.builds(Initialize, st.sampled_from([R, Q]), st.sampled_from([0, 1, 2])),
    st.builds(Close, st.sampled_from(["s1", "s2"])),
    st.builds(Use, st.sampled_from(["s1", "s2"])),
)
_ANSWERS = st.one_of(
    st.just(LOST),
    st.sampled_from([Answer("OK"), Answer("NOT_FOUND"), Answer("ALREADY_EXISTS")]),
    st.builds(Answer, st.just("OK"), st.sampled_from(["s1", "s2"]), st.booleans()),
)


@st.composite
def _histories(draw: st.DrawFn) -> list[Record]:
    calls: list[tuple[str, Call, Answer | Lost, float, float]] = []
    for number in range(draw(st.integers(1, 5))):
        call, answer = draw(_CALLS), draw(_ANSWERS)
        if isinstance(answer, Answer) and isinstance(call, Initialize) != bool(answer.session):
            answer = Answer("NOT_FOUND")
        began = draw(st.integers(0, 6))
        calls.append((f"c{number}", call, answer, began, began + draw(st.integers(0, 4))))
    return history(*calls)


def _brute_force(calls: Sequence[Record]) -> bool:
    """Whether any order of all calls, without any of the lost ones, is allowed."""
    lost = [r for r in calls if r.answer == LOST]
    known = [r for r in calls if r.answer != LOST]
    return any(
        _allowed(order)
        for count in range(len(lost) + 1)
        for some in combinations(lost, count)
        for order in permutations([*known, *some])
    )


def _allowed(order: Sequence[Record]) -> bool:
    for i, earlier in enumerate(order):
        if any(later.ended < earlier.started for later in order[i + 1 :]):
            return False
    states = [State()]
    for record in order:
        verdicts = [step(s, record.call, record.answer, EVERY_CLAIM) for s in states]
        states = [s for v in verdicts if not isinstance(v, Violation) for s in v]
    return bool(states)


@settings(max_examples=300, deadline=None)
@given(_histories())
def test___any_small_history___judged___as_brute_force_says(calls: list[Record]) -> None:
    judgement = judge_history(calls, EVERY_CLAIM)

    assert isinstance(judgement, Possible) == _brute_force(calls)


def _operations(calls: Sequence[Record]) -> list[Operation]:
    return [Operation.of(record) for record in calls]


@settings(max_examples=200, deadline=None)
@given(_histories())
def test___any_small_history___searched___the_order_that_is_found_is_allowed(
    calls: list[Record],
) -> None:
    found = find_order(_operations(calls), EVERY_CLAIM)

    if found is not None:
        order = [operation.record for operation in found]
        assert _allowed(order)
        assert len({record.number for record in order}) == len(order)
        assert {r.number for r in calls if r.answer != LOST} <= {r.number for r in order}


# What a search costs ------------------------------------------------------------------------------


def test___calls_one_after_the_other___searched___a_step_for_each() -> None:
    calls = history(
        ("a", Initialize(R, NEW), opened("s1"), 0, 1), ("a", Close("s1"), refused("OK"), 2, 3)
    )

    assert find_order(_operations(calls), EVERY_CLAIM, budget=2)
    with pytest.raises(BudgetSpent):
        find_order(_operations(calls), EVERY_CLAIM, budget=1)


def test___calls_at_once_that_all_could_be_first___searched___the_first_to_begin_is() -> None:
    calls = history(
        *[(f"{i}", Initialize(R, ATTACH), refused("NOT_FOUND"), i, 9) for i in range(4)]
    )

    found = find_order(_operations(calls), EVERY_CLAIM)

    assert found is not None
    assert [operation.record.number for operation in found] == [1, 2, 3, 4]


IMPOSSIBLE = ("z", Close("s0"), refused("OK"), 40.0, 41.0)


def test___many_calls_at_once___searched_in_vain___no_place_is_visited_twice() -> None:
    at_once = [(f"{i}", Use("s0"), refused("NOT_FOUND"), 0.0, 9.0) for i in range(8)]

    assert find_order(_operations(history(*at_once, IMPOSSIBLE)), EVERY_CLAIM, budget=2000) is None


def test___many_lost_calls_without_an_effect___searched_in_vain___none_is_tried() -> None:
    lost = [(f"{i}", Use("s0"), LOST, 0.0, 0.0) for i in range(12)]

    assert find_order(_operations(history(*lost, IMPOSSIBLE)), EVERY_CLAIM, budget=20) is None


def test___an_open_session___searched_from_there___is_known() -> None:
    calls = history(("a", Initialize(R, ATTACH), opened("s1", new=False), 0, 1))
    start = State(frozenset({(R, "s1")}), frozenset({"s1"}))

    assert find_order(_operations(calls), EVERY_CLAIM, start) is not None
    assert find_order(_operations(calls), EVERY_CLAIM) is None


def test___two_resources_with_refusals___one_costs_too_much___the_other_is_judged() -> None:
    calls = history(
        *[(f"l{i}", Initialize(R, NEW), LOST, float(i), 0.0) for i in range(12)],
        ("r", Initialize(R, ATTACH), refused("NOT_FOUND"), 20, 21),
        ("q", Initialize(Q, ATTACH), refused("NOT_FOUND"), 0, 1),
        ("q", Initialize(Q, AUTO), opened("s9", new=False), 2, 3),
    )

    assert isinstance(judge_history(calls, EVERY_CLAIM, budget=8), Contradiction)
    assert judge_history(calls[:13], EVERY_CLAIM, budget=8) == Inconclusive(13)


# What is said of a contradiction ------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(_histories())
def test___any_contradiction___its_calls_alone___are_one_with_the_rest_in_doubt(
    calls: list[Record],
) -> None:
    judgement = judge_history(calls, EVERY_CLAIM)

    if isinstance(judgement, Contradiction):
        kept = {record.number for record in judgement.records}
        doubted = [r for r in calls if r.number in kept or _matters(r)]
        assert isinstance(judge_history(doubted, EVERY_CLAIM), Contradiction)
        assert judgement.records


def _matters(record: Record) -> bool:
    return replace(record, lane="").answer == LOST or record.code == "OK"
