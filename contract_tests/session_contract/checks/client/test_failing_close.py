"""A Close that fails: what comes out of the block then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from session_contract.checks.client.cases import CLOSING, Cell, cases, entered
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage


def closed_by_another(caller: Caller) -> None:
    """Somebody else has closed the session: NOT_FOUND."""
    caller.shared.restart()


def unavailable(caller: Caller) -> None:
    """The server is shutting down, for example."""
    caller.gate.close_fails = "UNAVAILABLE"


def internal(caller: Caller) -> None:
    """The server failed."""
    caller.gate.close_fails = "INTERNAL"


Fault = Callable[[Caller], None]
FAULTS: list[tuple[Fault]] = [(closed_by_another,), (unavailable,), (internal,)]


@pytest.mark.parametrize(
    ("cell", "fault"), list(cases("failing", CLOSING, "ERRORS-CLOSE-RAISED", *FAULTS))
)
def test___a_clean_body___close_fails___its_error_comes_out(
    stage: Stage, cell: Cell, fault: Fault
) -> None:
    caller = entered(stage, cell)
    fault(caller)

    caller.leave()

    stage.judge(caller)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        *cases("failing", CLOSING, "ERRORS-BODY-WINS", *FAULTS),
        # Without the claim, either error may come out, and none is not enough.
        *cases("failing", CLOSING, "EXIT-ERROR-OUT", *FAULTS),
    ],
)
def test___a_body_that_raised___close_fails___an_error_comes_out(
    stage: Stage, cell: Cell, fault: Fault
) -> None:
    def play() -> Caller:
        caller = entered(stage, cell)
        fault(caller)
        caller.leave(error=True)
        return caller

    caller = stage.once((cell, fault), play)

    stage.judge(caller)


@pytest.mark.parametrize(
    ("cell", "fault"),
    list(cases("failing", CLOSING, "TIDY-CLOSE-FIRST", (closed_by_another,))),
)
def test___a_session_that_another_closed___closed_first___not_closed_again(
    stage: Stage, cell: Cell, fault: Fault
) -> None:
    caller = entered(stage, cell)
    fault(caller)

    caller.close()
    caller.leave()

    stage.judge(caller)
