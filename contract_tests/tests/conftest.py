"""Fixtures that several test modules share."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.small_runs import SmallRuns

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallRuns:
    """Runs of the command in a folder of the test's own."""
    made: SmallRuns = importlib.import_module("small_runs").SmallRuns(tmp_path, monkeypatch)
    return made
