"""What stays behind when clients are gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.client.cases import ENTERED, REFUSED
from session_contract.checks.marking import requirement
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage
from session_contract.subject.finding import Finding, NotEstablished, Violated

_FIRST = 10
"""Uses before the first count: what is made once for all clients is there after them."""
_MORE = 3
"""How much a count may rise by chance."""
_SETTLES = 5.0
"""Seconds in which what ends in the background has to end."""
_STEP = 0.05
_SHOWN = 6
"""Events of a finding."""


def clean(caller: Caller, number: int) -> bool:
    """A block that is left cleanly."""
    behavior, _ = ENTERED[number % len(ENTERED)]
    entered = caller.enter(behavior)
    caller.leave()
    return entered


def failing(caller: Caller, number: int) -> bool:
    """A body that raises."""
    behavior, _ = ENTERED[number % len(ENTERED)]
    entered = caller.enter(behavior)
    caller.leave(error=True)
    return entered


def refused(caller: Caller, number: int) -> bool:
    """An Initialize that is refused."""
    behavior, _ = REFUSED[number % len(REFUSED)]
    return not caller.enter(behavior)


Use = Callable[[Caller, int], bool]


@pytest.mark.parametrize("use", [clean, failing, refused], ids=lambda use: str(use.__name__))
@requirement("TIDY-NOTHING-LEFT", 1, kind="leaks")
def test___many_clients___gone___no_more_is_left_than_of_a_few(
    stage: Stage, budget: Budget, use: Use
) -> None:
    cells = REFUSED if use is refused else ENTERED
    caller = stage.caller()

    def repeat(times: int) -> None:
        for number in range(times):
            stage.next_client(caller, is_open=cells[number % len(cells)][1])
            if not use(caller, number):
                stage.judge(caller)
                raise NotEstablished("A client did not get as far as it should.")

    # What remains of a block that failed or never began adds up as well, but needs no long run.
    uses = budget.uses if use is clean else budget.uses // 4
    repeat(_FIRST)
    before = _counted(stage)
    repeat(uses)
    after = _settled(stage, before)

    stage.executions = uses
    for kind, count in before.items():
        if after.get(kind, 0) > count + _MORE:
            raise _left(stage, caller, kind, (count, after[kind]), uses)


def _counted(stage: Stage) -> Mapping[str, int]:
    said = stage.driver.ask("remains", stage.target.limits.hang)
    if not said.remains:
        raise NotEstablished(
            "The driver counts nothing that a client could leave behind: have it answer 'remains' "
            'with what there is in its process, such as {"channel": 2, "thread": 5}.'
        )
    return said.remains


def _settled(stage: Stage, before: Mapping[str, int]) -> Mapping[str, int]:
    """The counts, once they are as before, or stay as they are."""
    until = time.monotonic() + _SETTLES
    while True:
        after = _counted(stage)
        rises = any(after.get(kind, 0) > count + _MORE for kind, count in before.items())
        if not rises or time.monotonic() > until:
            return after
        time.sleep(_STEP)


def _left(stage: Stage, caller: Caller, kind: str, counts: tuple[int, int], uses: int) -> Violated:
    caller.trace.caller("Remains", kind)
    violation = caller.trace.violation(stage.target.claims)
    told = violation.sentence if violation else f"{kind}s stay behind"
    few, many = counts
    fact = f"of kind {kind} there were {few} after {_FIRST} clients, {many} after {uses} more"
    return Violated(
        Finding("TIDY-NOTHING-LEFT", told, events=caller.trace.told()[-_SHOWN:], facts=[fact])
    )
