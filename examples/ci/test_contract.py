"""The contract as one test among others: copy this file into the tests of a project.

For a line for each check in place of this one test, let pytest run the suite itself:
``pytest --pyargs session_contract.checks --contract-target target.toml``.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TARGET = Path(__file__).resolve().parents[1] / "target.toml"


@pytest.mark.timeout(600)
def test_contract(tmp_path: Path) -> None:
    """What is claimed in the target file holds; the text of the failure is the report."""
    program = shutil.which("session-contract")
    assert program, "pip install 'session-contract[contract]'"

    done = subprocess.run(
        [program, "run", "--quick", "--target", TARGET, "--results", tmp_path / "results"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stdout
