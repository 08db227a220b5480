"""The fixtures of the checks of servers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from session_contract.running.checking import checking_of
from session_contract.subject.lane import Lane
from session_contract.subject.opening import open_subject
from session_contract.subject.record import Journal
from session_contract.subject.subject import Subject
from session_contract.subject.target import Target


@pytest.fixture(scope="session")
def contract_subject(pytestconfig: pytest.Config) -> Iterator[Subject]:
    """The target, for all checks of this process."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, Target)
    with checking.opened(partial(_opened, target)) as subject:
        yield subject


@contextmanager
def _opened(target: Target, folder: Path, calls: Path | None) -> Generator[Subject, None, None]:
    journal = Journal(calls)
    try:
        with open_subject(target, folder, journal) as subject:
            yield subject
    finally:
        journal.close()


@pytest.fixture
def subject(contract_subject: Subject, request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The target; what the check leaves open is closed at its end."""
    contract_subject.begin_check(f"{request.node.path.name}::{request.node.name}")
    yield contract_subject
    contract_subject.end_check()


@pytest.fixture
def lane(subject: Subject) -> Lane:
    """A client of the target."""
    return subject.lane()
