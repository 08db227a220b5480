"""Makes calls at the same time, many times, and keeps the histories that have no order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations, zip_longest
from weakref import WeakKeyDictionary

from session_contract.checks.budget import Budget
from session_contract.checks.server.attribution import resource_of
from session_contract.checks.server.examples import fails
from session_contract.checks.server.life import ensure_alive
from session_contract.races import Contradiction, History, Inconclusive, judge_history
from session_contract.races.plans import (
    CLOSING,
    CREATING,
    LANES,
    USING,
    Ask,
    Plan,
    Rounds,
    random_plan,
)
from session_contract.subject.finding import Finding
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_spec.matrix import Behavior
from session_spec.model import Initialize, Lost, Rules, State, Violation, step

_ENOUGH = 5
"""Contradictions after which a group of rounds ends."""
_ORDERS = 24
_IDS_OF_OTHERS = "ISO-OWN-SESSION"
_NO_RACE = "RACE-ORDER"


@dataclass
class Raced:
    """What the rounds of a run came to."""

    rounds: int = 0
    undecided: int = 0
    contradictions: int = 0
    found: dict[str, Finding] = field(default_factory=dict[str, Finding])
    """The first finding of each requirement."""
    times: Counter[str] = field(default_factory=Counter[str])
    serial: dict[str, str] = field(default_factory=dict[str, str])
    """Requirements that are violated one call after the other, too, with the sentence."""


_RACED: WeakKeyDictionary[Subject, Raced] = WeakKeyDictionary()
"""All race checks judge the same rounds: whichever is first makes them."""


def raced(subject: Subject, budget: Budget, seed: int) -> Raced:
    """Carry out the rounds, unless an earlier check of this run has."""
    if subject not in _RACED:
        _RACED[subject] = _race(subject, budget, seed)
    return _RACED[subject]


def finding(result: Raced, name: str) -> Finding | None:
    """What was found against a requirement, with how often."""
    first = result.found.get(name)
    if first is None:
        return None
    seen = f"{result.times[name]} of {result.rounds} histories"
    return Finding(
        name, first.sentence, first.records, first.orders, first.left_out, seen, first.facts
    )


def _race(subject: Subject, budget: Budget, seed: int) -> Raced:
    result = Raced()
    lanes = [subject.lane(f"client {number}") for number in range(1, LANES + 1)]
    with Rounds(lanes, subject.fresh) as rounds:
        for plans, count in _groups(subject, budget, seed):
            before = result.contradictions
            for plan, history in rounds.run(plans, count):
                result.rounds += 1
                _judge(subject, rounds, plan, history, result)
                if result.contradictions - before >= _ENOUGH:
                    break
    return result


def _groups(subject: Subject, budget: Budget, seed: int) -> Iterator[tuple[Sequence[Plan], int]]:
    rng = random.Random(seed)
    uses = bool(subject.target.uses)
    yield CREATING, budget.creating
    yield CLOSING, budget.closing
    if uses:
        yield USING, budget.closing
    yield [random_plan(rng, uses=uses) for _ in range(budget.random)], budget.random


def _judge(subject: Subject, rounds: Rounds, plan: Plan, history: History, result: Raced) -> None:
    for lost in (record for record in history if isinstance(record.answer, Lost)):
        ensure_alive(subject, lost)
    judged = judge_history(history, subject.rules)
    if isinstance(judged, Inconclusive):
        result.undecided += 1
    elif isinstance(judged, Contradiction):
        result.contradictions += 1
        if violation := _without_race(subject, rounds, plan, history, judged):
            result.serial.setdefault(violation.requirement, violation.sentence)
            return
        is_race = judged.requirement.startswith(("RACE-", "USE-ORDER"))
        name = judged.requirement if is_race else _NO_RACE
        result.times[name] += 1
        result.found.setdefault(name, _found(name, plan, judged))


def _without_race(
    subject: Subject, rounds: Rounds, plan: Plan, history: History, judged: Contradiction
) -> Violation | None:
    """What is wrong with the calls of a plan one after the other, too: other checks find that."""
    if fails(subject, _IDS_OF_OTHERS):
        return Violation(_IDS_OF_OTHERS, "one id is that of several sessions")
    for order in (*in_a_row(plan), _again(judged.records), _again(history)):
        if violation := _first_violation(rounds.round(order), subject.rules):
            return violation
    return None


def _again(records: Sequence[Record]) -> Plan:
    """The calls of a history in the order in which they began, one after the other."""
    resources = dict.fromkeys(filter(None, (resource_of(r, records) for r in records)))
    numbers = {name: number for number, name in enumerate(resources)}
    asks = [_ask(r, numbers.get(resource_of(r, records), 0)) for r in records]
    created = bool(asks) and asks[0].what in Behavior.__members__
    return Plan((*(() if created else (Ask(Behavior.INITIALIZE_NEW.name),)), *asks), ())


def _ask(record: Record, resource: int) -> Ask:
    call = record.call
    if isinstance(call, Initialize):
        return Ask(Behavior(call.behavior).name, resource)
    return Ask(type(call).__name__, resource)


def _first_violation(history: History, rules: Rules) -> Violation | None:
    """What is wrong with calls of which each ended before the next began."""
    states = [State()]
    for record in history:
        verdicts = [step(state, record.call, record.answer, rules) for state in states]
        states = [s for v in verdicts if not isinstance(v, Violation) for s in v]
        if not states:
            return next(v for v in verdicts if isinstance(v, Violation))
    return None


def in_a_row(plan: Plan) -> list[Plan]:
    """The calls of a plan one after the other, in the orders that differ, or in some of them."""
    orders = islice(permutations(plan.lanes), _ORDERS)
    turns = ([ask for turn in zip_longest(*lanes) for ask in turn] for lanes in orders)
    rows = {plan.prefix + tuple(ask for ask in row if ask) for row in turns}
    return [Plan(row, ()) for row in sorted(rows)]


def _found(name: str, plan: Plan, judged: Contradiction) -> Finding:
    return Finding(
        name,
        sentence(judged),
        judged.records,
        judged.orders,
        judged.left_out,
        facts=(f"The round: {plan.name}",),
    )


def sentence(judged: Contradiction) -> str:
    """What is wrong with calls that have no order, in one sentence."""
    return f"no order of these calls is allowed: {', '.join(map(told, judged.records))}"


def told(record: Record) -> str:
    """A call and its answer in a few words."""
    return f"{record.rpc or type(record.call).__name__} of {record.lane} answered {record.code}"
