"""Every cell of the client's matrix, and every way to leave the block."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from session_contract.checks.client.cases import (
    CELLS,
    CLOSING,
    ENTERED,
    Cell,
    cases,
    entered,
    exit_of,
    wire_of,
)
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage
from session_contract.subject.finding import NotEstablished


def cleanly(caller: Caller) -> None:
    """The body ends."""
    caller.leave()


def by_an_error(caller: Caller) -> None:
    """The body raises."""
    caller.leave(error=True)


def after_use(caller: Caller) -> None:
    """The body uses the session and ends."""
    caller.use()
    caller.leave()


def twice(caller: Caller) -> None:
    """The block is left twice."""
    caller.leave()
    caller.leave()


def twice_by_an_error(caller: Caller) -> None:
    """The body raises, and the block is left once more."""
    caller.leave(error=True)
    caller.leave()


def closed_first(caller: Caller) -> None:
    """The body closes before it ends."""
    caller.close()
    caller.leave()


def closed_first_by_an_error(caller: Caller) -> None:
    """The body closes, and then raises."""
    caller.close()
    caller.leave(error=True)


def closed_twice(caller: Caller) -> None:
    """The body closes twice before it ends."""
    caller.close()
    caller.close()
    caller.leave()


Way = Callable[[Caller], None]
LEAVINGS: tuple[tuple[Way], ...] = ((cleanly,), (by_an_error,))
TWICE: tuple[tuple[Way], ...] = ((twice,), (twice_by_an_error,))
CLOSES: tuple[tuple[Way], ...] = ((closed_first,), (closed_first_by_an_error,), (closed_twice,))


@pytest.mark.parametrize(
    ("cell", "leave"),
    [
        *cases("matrix", CELLS, wire_of, (cleanly,)),
        *cases("matrix", CELLS, "WIRE-RESOURCE", (cleanly,)),
        *cases("matrix", ENTERED, exit_of, (cleanly,), (after_use,)),
        *cases("matrix", ENTERED, "EXIT-BODY-ERROR", (by_an_error,)),
        *cases("matrix", ENTERED, "EXIT-ERROR-OUT", *LEAVINGS),
        *cases("matrix", CLOSING, "EXIT-CLOSE-ID", *LEAVINGS, (closed_first,)),
        *cases("matrix", ENTERED, "TIDY-CLOSE-ONCE", *TWICE),
    ],
)
def test___a_cell_of_the_matrix___block_left___as_the_matrix_says(
    stage: Stage, cell: Cell, leave: Way
) -> None:
    def play() -> Caller:
        caller = entered(stage, cell)
        leave(caller)
        return caller

    caller = stage.once((cell, leave), play)

    stage.judge(caller)


@pytest.mark.parametrize(
    ("cell", "leave"), list(cases("matrix", ENTERED, "TIDY-CLOSE-FIRST", *CLOSES))
)
def test___a_block___closed_first___left_without_another_close(
    stage: Stage, cell: Cell, leave: Way
) -> None:
    caller = entered(stage, cell)

    leave(caller)

    stage.judge(caller)
    if caller.is_inside and not caller.can_close:
        raise NotEstablished("The driver cannot close in the body: have it answer 'close'.")
