"""The fixtures of the checks of clients."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from session_contract.clients.stage import Stage, open_stage
from session_contract.clients.target import ClientTarget
from session_contract.running.checking import checking_of
from session_contract.subject.record import Journal


@pytest.fixture(scope="session")
def contract_stage(pytestconfig: pytest.Config) -> Iterator[Stage]:
    """The target, for all checks of this process."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, ClientTarget)
    with checking.opened(partial(_opened, target)) as stage:
        yield stage


@contextmanager
def _opened(target: ClientTarget, folder: Path, calls: Path | None) -> Generator[Stage, None, None]:
    journal = Journal(calls)
    try:
        with open_stage(target, folder, journal) as stage:
            yield stage
    finally:
        journal.close()


@pytest.fixture
def stage(contract_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The target; the gates of the check are ended with it."""
    contract_stage.begin_check(f"{request.node.path.name}::{request.node.name}")
    yield contract_stage
    contract_stage.end_check()
