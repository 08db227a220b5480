"""A server that is started again while a client is in its block."""

from __future__ import annotations

import pytest

from session_contract.checks.client.cases import ENTERED, Cell, cases, wire_of
from session_contract.clients.stage import Stage


@pytest.mark.parametrize(
    ("cell", "error"), list(cases("restart", ENTERED, wire_of, (False,), (True,)))
)
def test___a_client_in_its_block___server_started_again___no_second_session(
    stage: Stage, cell: Cell, error: bool
) -> None:
    behavior, is_open = cell
    caller = stage.caller(is_open=is_open)
    relay = stage.relayed(caller)
    caller.enter(behavior)
    caller.use()

    caller.shared.restart()
    relay.cut()

    caller.use()
    caller.use()
    caller.leave(error=error)
    stage.judge(caller)
