"""Looks for an order of calls that the model allows: depth first, never twice at one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from session_contract.subject.record import Record
from session_spec.model import Lost, Rules, State, Violation, step

BUDGET = 200_000
"""Steps of the model after which a search gives up: a minute of a slow machine."""


class BudgetSpent(Exception):  # noqa: N818 - no error: the question was too big
    """The search came to no answer within its budget."""


@dataclass(frozen=True)
class Operation:
    """A call to be placed in an order."""

    record: Record
    optional: bool
    """Whether it may as well not have happened: its answer was lost, or is left out of account."""
    ended: float

    @classmethod
    def of(cls, record: Record) -> Operation:
        """A call as it was recorded; one whose answer was lost may have happened, or not."""
        return cls(record, isinstance(record.answer, Lost), record.ended)

    def weakened(self) -> Operation:
        """The same call, of which it is not known any more whether it happened.

        Its answer still says what it did, if it did: so that a weakened creation does not turn
        into one of any id.
        """
        return replace(self, optional=True, ended=math.inf)


def find_order(
    operations: Sequence[Operation],
    rules: Rules,
    start: State | None = None,
    budget: int = BUDGET,
) -> list[Operation] | None:
    """An order of the operations that the model allows, or None; raise BudgetSpent."""
    return _Search(operations, rules, budget).run(start or State())


class _Search:
    def __init__(self, operations: Sequence[Operation], rules: Rules, budget: int) -> None:
        self._operations = sorted(operations, key=lambda o: o.record.started)
        self._rules = rules
        self._budget = budget
        self._due = sum(1 << i for i, o in enumerate(self._operations) if not o.optional)

    def run(self, start: State) -> list[Operation] | None:
        """Walk the tree of orders; a node is what was done and the state it led to."""
        seen: set[tuple[int, State]] = {(0, start)}
        path: list[int] = []
        branches = [self._next(0, start)]
        if not self._due:
            return []
        while branches:
            if not branches[-1]:
                branches.pop()
                if path:
                    path.pop()
                continue
            index, done, state = branches[-1].pop()
            if (done, state) in seen:
                continue
            seen.add((done, state))
            path.append(index)
            if done & self._due == self._due:
                return [self._operations[i] for i in path]
            branches.append(self._next(done, state))
        return None

    def _next(self, done: int, state: State) -> list[tuple[int, int, State]]:
        """Every operation that may come next, with what it leads to."""
        found: list[tuple[int, int, State]] = []
        horizon = math.inf  # nothing that began after it may come next: another had ended by then
        for index in range(_lowest_zero(done), len(self._operations)):
            operation = self._operations[index]
            if operation.record.started > horizon:
                break
            if done >> index & 1:
                continue
            horizon = min(horizon, operation.ended)
            self._budget -= 1
            if self._budget < 0:
                raise BudgetSpent
            verdict = step(state, operation.record.call, operation.record.answer, self._rules)
            if isinstance(verdict, Violation):
                continue
            for after in verdict:
                if operation.optional and after == state:
                    continue  # as if it had not happened: that is tried anyway
                found.append((index, done | 1 << index, after))
        found.reverse()  # the one that began first is tried first
        return found


def _lowest_zero(bits: int) -> int:
    """The place of the first bit that is not set: all operations before it are done."""
    return (~bits & (bits + 1)).bit_length() - 1
