"""Judges sequences of events, overlapping calls included, against the model of their class.

For a handful of events: it keeps every state that some order of the overlapping calls leads to.
The contract suite's race checker, made for long histories, is checked against this one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from session_spec.examples import LOST, Event
from session_spec.model import Violation


class Model(Protocol):
    """What the judge needs of a model: where it starts, and what an event leads to."""

    def initial(self) -> Hashable:
        """The state before the first event."""
        ...

    def apply(self, state: Any, event: Event) -> Sequence[Hashable] | Violation:  # noqa: ANN401
        """The states after the event, or the requirement that it violates."""
        ...


@dataclass(frozen=True)
class NoOrder:
    """No order of the calls is allowed: the event at which that became certain, and the reasons."""

    event: Event
    violations: tuple[Violation, ...]


_Config = tuple[Hashable, frozenset[int]]
"""A state, and the calls that are under way and have not taken effect yet."""


def judge(
    events: Sequence[Event], model: Model, *, lost_calls_linger: bool = False
) -> NoOrder | None:
    """Return None when some order of the calls explains all answers, else why none does.

    Calls that linger may, once their answer is lost, take effect at any later moment, or never.
    """
    calls = _pair_answers(events)
    configs: set[_Config] = {(model.initial(), frozenset())}
    under_way: dict[str, int] = {}
    for index, event in enumerate(events):
        if event.call:
            configs = {(state, waiting | {index}) for state, waiting in configs}
            under_way[event.actor] = index
        lingers = lost_calls_linger and event.code == LOST
        if event.outcome is None or lingers:
            continue
        due = under_way.pop(event.actor)
        configs, violations = _take_effect(configs, due, calls, model)
        if not configs:
            return NoOrder(event, tuple(dict.fromkeys(violations)))
    return None


def _pair_answers(events: Sequence[Event]) -> dict[int, Event]:
    """Each call by the index of its start, with the answer that came, at once or later."""
    calls: dict[int, Event] = {}
    under_way: dict[str, int] = {}
    for index, event in enumerate(events):
        if not event.call:
            start = under_way.pop(event.actor, None)
            if start is None:
                raise ValueError(f"{event.text!r} answers no call of {event.actor!r}")
            calls[start] = replace(calls[start], outcome=event.outcome)
        else:
            calls[index] = event if event.outcome is not None else replace(event, outcome=(LOST,))
            if event.outcome is None:
                under_way[event.actor] = index
    return calls


def _take_effect(
    configs: Iterable[_Config], due: int, calls: dict[int, Event], model: Model
) -> tuple[set[_Config], list[Violation]]:
    """Every way in which the call ``due``, and others under way before it, can have happened."""
    done: set[_Config] = set()
    seen: set[_Config] = set()
    violations: list[Violation] = []
    todo = list(configs)
    while todo:
        config = todo.pop()
        if config in seen:
            continue
        seen.add(config)
        state, waiting = config
        if due not in waiting:
            done.add(config)
            continue
        for index in waiting:
            verdict = model.apply(state, calls[index])
            if isinstance(verdict, Violation):
                violations.append(verdict)
            else:
                todo += [(after, waiting - {index}) for after in verdict]
    return done, violations
