"""The fixtures of the checks; they are there when a target is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from session_contract.checks.budget import BUDGETS, Budget
from session_contract.running.checking import PLUGIN, Checking
from session_contract.subject.lane import Lane
from session_contract.subject.subject import Subject


@pytest.fixture(scope="session")
def contract_subject(pytestconfig: pytest.Config) -> Iterator[Subject]:
    """The target, for all checks of this process."""
    with _checking(pytestconfig).opened() as subject:
        yield subject


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


@pytest.fixture(scope="session")
def budget(pytestconfig: pytest.Config) -> Budget:
    """How often to repeat."""
    return BUDGETS[_checking(pytestconfig).option("budget")]


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """What random checks are made of."""
    return int(_checking(pytestconfig).option("seed"))


def _checking(config: pytest.Config) -> Checking:
    checking = config.pluginmanager.getplugin(PLUGIN)
    assert isinstance(checking, Checking)
    return checking
