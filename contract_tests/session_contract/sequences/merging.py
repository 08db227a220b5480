"""Steps that run at the same time in one process, whose calls nobody can tell apart, as one step.

A plug-in that measures in several test sockets at once makes all its calls from one process. What
it holds is held by one of its runs; which, the wire does not say, and no requirement needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from session_contract.sequences.seen import Run, StepSeen


def merged(run: Run) -> Run:
    """The run with those steps as one, from the first one's start to the last one's end."""
    leaders = {step.number: step.number for step in run.steps}
    for call in run.calls:
        known = [number for number in call.steps if number in leaders]
        for number in known[1:]:
            _join(leaders, known[0], number)
    groups: dict[int, list[StepSeen]] = {}
    for step in run.steps:
        groups.setdefault(leaders[step.number], []).append(step)
    calls = [replace(c, steps=_led(c.steps, leaders)) for c in run.calls]
    return replace(run, steps=[_one(group) for group in groups.values()], calls=calls)


def _join(leaders: dict[int, int], one: int, other: int) -> None:
    old, new = sorted((leaders[one], leaders[other]), reverse=True)
    for number, leader in leaders.items():
        if leader == old:
            leaders[number] = new


def _led(numbers: Sequence[int], leaders: dict[int, int]) -> tuple[int, ...]:
    return tuple({leaders[number] for number in numbers if number in leaders})


def _one(group: Sequence[StepSeen]) -> StepSeen:
    first = group[0]
    if len(group) == 1:
        return first
    names = " and ".join(dict.fromkeys(step.name for step in group))
    return replace(
        first,
        name=f"{names} ({len(group)} at once)",
        failed=any(step.failed for step in group),
        started=min(step.started for step in group),
        ended=max(step.ended for step in group),
        error=next((step.error for step in group if step.error), ""),
    )
