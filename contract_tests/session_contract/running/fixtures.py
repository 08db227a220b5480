"""The fixtures that the checks of every class have; they are there when a target is named."""

from __future__ import annotations

import pytest

from session_contract.checks.budget import BUDGETS, Budget
from session_contract.running.checking import checking_of


@pytest.fixture(scope="session")
def budget(pytestconfig: pytest.Config) -> Budget:
    """How often to repeat."""
    return BUDGETS[checking_of(pytestconfig).option("budget")]


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """What random checks are made of."""
    return int(checking_of(pytestconfig).option("seed"))
