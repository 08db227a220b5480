"""A server that does not answer, or is not there any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from session_contract.checks.client.cases import CELLS, CLOSING, ENTERED, Cell, cases
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage
from session_contract.clients.trace import LOST
from session_contract.subject.finding import NotEstablished

DEAD = "TIDY-DEAD-SERVER"


@pytest.mark.parametrize("cell", list(cases("lost", CELLS[::2], DEAD)))
def test___a_server_that_is_stuck___initialize_sent___raised_in_time(
    stage: Stage, cell: Cell
) -> None:
    behavior, is_open = cell

    def play(seconds: float) -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.limit(seconds)
        caller.gate.initialize_fails = LOST
        caller.enter(behavior)
        caller.leave()
        return caller

    _judge(stage, play, lambda caller: caller.trace.saw("Initialize"))


@pytest.mark.parametrize(("cell", "error"), list(cases("lost", CLOSING, DEAD, (False,), (True,))))
def test___a_server_that_gets_stuck___close_sent___comes_out_in_time(
    stage: Stage, cell: Cell, error: bool
) -> None:
    behavior, is_open = cell

    def play(seconds: float) -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.limit(seconds)
        caller.enter(behavior)
        caller.gate.close_fails = LOST
        caller.leave(error=error)
        return caller

    _judge(stage, play, lambda caller: caller.trace.saw("Close"))


@pytest.mark.parametrize("cell", list(cases("lost", CELLS[::2], DEAD)))
def test___a_server_that_is_gone___entered___raised_in_time(stage: Stage, cell: Cell) -> None:
    behavior, is_open = cell

    def play(seconds: float) -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.limit(seconds)
        stage.relayed(caller).close()
        caller.trace.caller("Down")
        caller.enter(behavior)
        caller.leave()
        return caller

    _judge(stage, play, lambda _: True)


@pytest.mark.parametrize(("cell", "error"), list(cases("lost", ENTERED, DEAD, (False,), (True,))))
def test___a_server_that_goes___left___comes_out_in_time(
    stage: Stage, cell: Cell, error: bool
) -> None:
    behavior, is_open = cell

    def play(seconds: float) -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.limit(seconds)
        relay = stage.relayed(caller)
        if caller.enter(behavior):
            relay.close()
            caller.trace.caller("Down")
            caller.leave(error=error)
        return caller

    _judge(stage, play, lambda caller: caller.trace.saw("Leave"))


def _judge(
    stage: Stage, play: Callable[[float], Caller], came_to_it: Callable[[Caller], bool]
) -> None:
    caller = stage.patiently(play, came_to_it)
    stage.judge(caller)
    if not came_to_it(caller):
        raise NotEstablished("The client did not come to the call that was to get no answer.")
