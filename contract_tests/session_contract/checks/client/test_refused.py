"""An Initialize that the server refuses, or whose answer the client never gets."""

from __future__ import annotations

import pytest

from session_contract.checks.client.cases import CELLS, REFUSED, Cell, cases, entered
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage

CODES = [("UNAVAILABLE",), ("INVALID_ARGUMENT",), ("INTERNAL",)]
RULES = ("ENTER-REFUSED-RAISES", "ENTER-REFUSED-NO-CLOSE")


@pytest.mark.parametrize(
    "cell", [case for rule in RULES for case in cases("refused", REFUSED, rule)]
)
def test___a_session_in_the_way_or_missing___initialize_refused___raised_and_nothing_closed(
    stage: Stage, cell: Cell
) -> None:
    def play() -> Caller:
        caller = entered(stage, cell)
        caller.leave()
        return caller

    caller = stage.once(("refused", cell), play)

    stage.judge(caller)


@pytest.mark.parametrize(
    ("cell", "code"),
    [case for rule in RULES for case in cases("refused", CELLS[::2], rule, *CODES)],
)
def test___a_server_in_trouble___initialize_refused___raised_and_nothing_closed(
    stage: Stage, cell: Cell, code: str
) -> None:
    behavior, is_open = cell

    def play() -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.gate.initialize_fails = code
        caller.enter(behavior)
        caller.leave()
        return caller

    caller = stage.once((code, cell), play)

    stage.judge(caller)


@pytest.mark.parametrize(
    "cell", [case for rule in RULES for case in cases("lost", CELLS[::2], rule)]
)
def test___a_connection_that_breaks___answer_of_initialize_lost___raised_and_nothing_closed(
    stage: Stage, cell: Cell
) -> None:
    behavior, is_open = cell

    def play() -> Caller:
        caller = stage.caller(is_open=is_open)
        caller.gate.answers_get_lost = True
        stage.relayed(caller).cut_before("answer")
        caller.enter(behavior)
        caller.leave()
        return caller

    caller = stage.once(("lost", cell), play)

    stage.judge(caller)
