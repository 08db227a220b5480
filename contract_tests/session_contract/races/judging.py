"""Judges a history: the calls of several clients, perhaps on several resources."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from session_contract.races.explaining import Contradiction, explain
from session_contract.races.search import BUDGET, BudgetSpent, Operation, find_order
from session_contract.subject.record import Record
from session_spec.model import Answer, Initialize, Rules

History = Sequence[Record]


@dataclass(frozen=True)
class Possible:
    """Some order of the calls explains all answers."""


@dataclass(frozen=True)
class Inconclusive:
    """Too many orders to try."""

    calls: int


Judgement = Possible | Inconclusive | Contradiction


def judge_history(history: History, rules: Rules, budget: int = BUDGET) -> Judgement:
    """Whether some order of the calls, true to which ended before which began, is allowed.

    Calls on different resources do not touch each other, so that each resource is judged alone.
    """
    undecided = 0
    for calls in _by_resource(history):
        operations = [Operation.of(record) for record in calls]
        try:
            if find_order(operations, rules, budget=budget) is None:
                return explain(operations, rules, len(history), budget)
        except BudgetSpent:
            undecided += len(calls)
    return Inconclusive(undecided) if undecided else Possible()


def _by_resource(history: History) -> list[list[Record]]:
    """The calls in groups that share neither a resource nor a session."""
    groups = _Groups()
    for record in history:
        first, *others = _touched(record)
        for other in others:
            groups.join(first, other)
    parts: dict[Hashable, list[Record]] = {}
    for record in history:
        parts.setdefault(groups.leader(next(iter(_touched(record)))), []).append(record)
    return list(parts.values())


def _touched(record: Record) -> Iterable[Hashable]:
    """What a call names: its resource or its session, and the session that it was answered."""
    if not isinstance(record.call, Initialize):
        return [("session", record.call.session)]
    answer = record.answer
    named: list[Hashable] = [("resource", record.call.resource)]
    if isinstance(answer, Answer) and answer.session:
        named.append(("session", answer.session))
    return named


class _Groups:
    """Sets of names that belong together; joining two names joins their sets."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def leader(self, name: Hashable) -> Hashable:
        while (parent := self._parents.get(name, name)) != name:
            self._parents[name] = self._parents.get(parent, parent)
            name = parent
        return name

    def join(self, one: Hashable, other: Hashable) -> None:
        self._parents[self.leader(one)] = self.leader(other)
