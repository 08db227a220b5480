"""Several clients at once, or one after the other, in one process."""

from __future__ import annotations

import pytest

from session_contract.checks.client.cases import ENTERED, Cell, cases, entered, exit_of
from session_contract.checks.marking import requirement
from session_contract.clients.stage import Stage
from session_spec.matrix import SdkBehavior


@pytest.mark.parametrize(
    ("cell", "other"),
    [
        *cases("together", ENTERED, "EXIT-CLOSE-ID", *((cell,) for cell in ENTERED[:3])),
        *cases("together", ENTERED, "WIRE-RESOURCE", *((cell,) for cell in ENTERED[3:])),
    ],
)
def test___two_resources___two_clients_at_once___each_has_its_own(
    stage: Stage, cell: Cell, other: Cell
) -> None:
    first, second = entered(stage, cell), entered(stage, other)

    first.use()
    first.leave()
    second.use()
    second.leave()

    stage.judge(first, second)


@pytest.mark.parametrize("creator", [1, 2, 3], ids="created by {}".format)
@requirement("EXIT-AUTO-ATTACHED", 1, kind="together")
def test___one_resource___three_clients_at_once___whoever_created_it_closes(
    stage: Stage, creator: int
) -> None:
    shared = stage.shared()
    callers = [stage.caller(shared) for _ in range(3)]
    order = callers[creator - 1 :] + callers[: creator - 1]

    for caller in order:
        caller.enter(SdkBehavior.AUTO)
    for caller in callers[::-1]:
        caller.leave()

    stage.judge(*callers)


@pytest.mark.parametrize("cell", list(cases("together", ENTERED, exit_of)))
def test___a_sequence_that_ran___run_again___each_client_as_the_first_time(
    stage: Stage, cell: Cell
) -> None:
    shared = stage.shared()
    setup, first, second, cleanup = callers = [stage.caller(shared) for _ in range(4)]
    setup.enter(SdkBehavior.INITIALIZE_SESSION_THEN_DETACH)
    setup.leave()
    first.enter(SdkBehavior.AUTO)
    second.enter(SdkBehavior.ATTACH_TO_SERVER_SESSION)
    first.leave(error=True)
    second.leave()
    cleanup.enter(SdkBehavior.ATTACH_TO_SESSION_THEN_CLOSE)
    cleanup.leave()

    last = entered(stage, cell)

    last.leave()
    stage.judge(last, *callers)
