"""Says in a few calls why no order of a history is allowed.

Three steps, each of which keeps the contradiction: cut the history where it became certain, drop
calls that by their own answer changed nothing, and weaken the others one by one to "may or may not
have happened". Every step only adds orders, so what is left contradicts itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from session_contract.races.search import BUDGET, BudgetSpent, Operation, find_order
from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import (
    ALREADY_EXISTS,
    OK,
    Answer,
    Close,
    Initialize,
    Rules,
    State,
    Use,
    Violation,
    step,
)

_ORDERS = 6
"""Orders to tell, at most: more convince nobody."""


@dataclass(frozen=True)
class Contradiction:
    """Calls that have no order."""

    requirement: str
    records: tuple[Record, ...]
    """The calls that contradict each other, in the order in which they began."""
    orders: tuple[str, ...]
    """For each order of them, why it is not allowed."""
    left_out: int
    """Calls of the history that change nothing about it."""


def explain(
    operations: Sequence[Operation], rules: Rules, calls: int, budget: int = BUDGET
) -> Contradiction:
    """Reduce a history that has no order to the calls that matter, and say why."""
    doubt = _Doubt(rules, budget)
    kept = _weaken(_drop(_cut(list(operations), doubt), doubt), doubt)
    core = [o for o in kept if not o.optional]
    shown = sorted((o.record for o in core), key=lambda r: r.number)
    told = list(_tell(core, [o for o in kept if o.optional], rules))
    raced = any(_overlaps(o, others) for o in core for others in operations)
    return Contradiction(
        _requirement(shown, [v for _, v in told], raced=raced),
        tuple(shown),
        tuple(dict.fromkeys(text for text, _ in told))[:_ORDERS],
        calls - len(shown),
    )


class _Doubt:
    """Whether a set of operations still has no order; a search that gives up counts as having."""

    def __init__(self, rules: Rules, budget: int) -> None:
        self._rules = rules
        self._budget = budget

    def impossible(self, operations: Sequence[Operation]) -> bool:
        try:
            return find_order(operations, self._rules, budget=self._budget) is None
        except BudgetSpent:
            return False


def _cut(operations: list[Operation], doubt: _Doubt) -> list[Operation]:
    """The calls up to the end that made it certain: what was under way then is left open."""
    ends = sorted(o.ended for o in operations if not math.isinf(o.ended))
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if doubt.impossible(_until(operations, ends[middle])):
            high = middle
        else:
            low = middle + 1
    cut = _until(operations, ends[high]) if ends else operations
    return cut if doubt.impossible(cut) else operations


def _until(operations: Sequence[Operation], moment: float) -> list[Operation]:
    return [
        o if o.ended <= moment else o.weakened() for o in operations if o.record.started <= moment
    ]


def _drop(operations: list[Operation], doubt: _Doubt) -> list[Operation]:
    """Leave out calls that changed nothing: without them there are not fewer orders."""
    kept = list(operations)
    for operation in operations:
        if not _changes(operation.record):
            rest = [o for o in kept if o is not operation]
            if doubt.impossible(rest):
                kept = rest
    return kept


def _changes(record: Record) -> bool:
    """Whether a call may, going by its own answer, have changed which sessions are open."""
    answer = record.answer
    if isinstance(record.call, Use) or not isinstance(answer, Answer):
        return not isinstance(record.call, Use)
    return answer.code == OK and (isinstance(record.call, Close) or answer.new)


def _weaken(operations: list[Operation], doubt: _Doubt) -> list[Operation]:
    """Take what can be spared out of account: nothing is claimed any more about these calls."""
    kept = list(operations)
    for index, operation in enumerate(kept):
        if not operation.optional:
            weaker = [*kept[:index], operation.weakened(), *kept[index + 1 :]]
            if doubt.impossible(weaker):
                kept = weaker
    return kept


def _tell(
    core: Sequence[Operation], spare: Sequence[Operation], rules: Rules
) -> Iterator[tuple[str, Violation]]:
    """Why each order of the calls that matter is not allowed."""
    if len(core) > 5:
        core = core[:5]
    for order in permutations(sorted(core, key=lambda o: o.record.number)):
        if _is_true_to_time(order):
            told = _first_objection(order, spare, rules)
            if told:
                yield told


def _is_true_to_time(order: Sequence[Operation]) -> bool:
    return all(
        later.ended >= earlier.record.started
        for i, earlier in enumerate(order)
        for later in order[i + 1 :]
    )


def _first_objection(
    order: Sequence[Operation], spare: Sequence[Operation], rules: Rules
) -> tuple[str, Violation] | None:
    """Go through one order until the model objects, helped by what may have happened besides."""
    states = [State()]
    for position, operation in enumerate(order):
        states = _with_spare(states, operation, spare, rules)
        verdicts = [step(s, operation.record.call, operation.record.answer, rules) for s in states]
        after = [s for v in verdicts if not isinstance(v, Violation) for s in v]
        if not after:
            # The last state is the one in which the most may have happened before.
            violation = [v for v in verdicts if isinstance(v, Violation)][-1]
            return _sentence(order[:position], operation, violation), violation
        states = list(dict.fromkeys(after))
    return None


def _with_spare(
    states: list[State], operation: Operation, spare: Sequence[Operation], rules: Rules
) -> list[State]:
    """The states that spare calls may have led to before this one."""
    reached = dict.fromkeys(states)
    todo = list(states)
    while todo and len(reached) < 64:
        state = todo.pop()
        for other in spare:
            if other.record.started > operation.ended:
                continue
            verdict = step(state, other.record.call, other.record.answer, rules)
            if not isinstance(verdict, Violation):
                new = [s for s in verdict if s not in reached]
                reached |= dict.fromkeys(new)
                todo += new
    return list(reached)


def _sentence(before: Sequence[Operation], operation: Operation, violation: Violation) -> str:
    lane = operation.record.lane
    if not before:
        return f"if {lane} went first: {violation.sentence}"
    others = ", then ".join(o.record.lane for o in before)
    return f"if {others} went first, then {lane}: {violation.sentence}"


def _requirement(records: Sequence[Record], violations: Sequence[Violation], *, raced: bool) -> str:
    """The requirement that a contradiction breaks: the one that speaks of its very calls."""
    named = {v.requirement for v in violations}
    if not raced and len(named) == 1:
        return next(iter(named))
    opens = [r for r in records if isinstance(r.call, Initialize)]
    if any(_asks(r, Behavior.UNSPECIFIED) and r.code == ALREADY_EXISTS for r in opens):
        return "RACE-AUTO-NEVER-EXISTS"
    if any(isinstance(r.call, Use) for r in records):
        return "RACE-ID-USABLE" if "RACE-ID-USABLE" in named else "USE-ORDER"
    if len(opens) == len(records) and all(r.code == OK for r in opens):
        if all(_asks(r, Behavior.INITIALIZE_NEW) for r in opens):
            return "RACE-ONE-NEW"
        if all(_asks(r, Behavior.UNSPECIFIED) for r in opens):
            return "RACE-ONE-CREATOR"
    closes = [r for r in records if isinstance(r.call, Close)]
    if len(closes) > 1 and len({r.call for r in closes}) < len(closes):
        return "RACE-ONE-CLOSE"
    return "RACE-ORDER"


def _asks(record: Record, behavior: Behavior) -> bool:
    return isinstance(record.call, Initialize) and record.call.behavior == behavior


def _overlaps(one: Operation, other: Operation) -> bool:
    """Whether two calls were certainly under way at the same time."""
    return (
        one is not other
        and not (one.optional or other.optional)
        and one.record.started <= other.ended
        and other.record.started <= one.ended
    )
