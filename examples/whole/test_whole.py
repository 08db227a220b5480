"""All that ``nox -s examples`` does: every example is shown, its copies are judged and typed.

Nothing of this is in the session ``tests``, whose part is in the folder ``tests``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from session_contract import copying

EXAMPLES = Path(__file__).resolve().parents[1]
ADAPTATIONS = sorted(path.parent.name for path in EXAMPLES.glob("*/server.py"))
LIMIT = 840.0
CONTRACT = "from session_contract.cli import main; main()"
PROMISED: dict[str, tuple[str, ...]] = {
    "simple_measurement": (
        r"✓ alone, the measurement opens a session and closes it",
        r"New session   bool    false",
        r"✓ both measurements use that session",
        r"✓ the second reads what the first has written",
    ),
    "nidcpower_measurement_with_logger": (
        r"✓ it measured the 3.3 V that it sources",
        r"✓ all 2 records are in one file",
    ),
    "nidmm_measurement_with_logger": (
        r"✓ it measured the 2.5 V that are there",
        r'"measurement_name":"NI-DMM"',
        r"✓ all 2 records are in one file",
    ),
    "teststand_sequence": (
        r"5  Cleanup  .*  destroy_device_communication_sessions  Done",
        r"custom_instrument\.svg",
        r"✓ both measurements use the session that Setup has opened",
        r"9  Cleanup  .*  destroy_json_logger_sessions .* Done",
        r"file_logger\.svg",
        r"✓ all 2 records are in one file",
        r"✓ each driver session was opened once: by Setup",
    ),
    "database_session": (
        r"✓ no other program sees it yet",
        r"✓ committed by one, the results of both are there",
    ),
    "hardware_lock": (
        r"→ UNAVAILABLE: Another program holds the lock: process \d+, 'leak test'",
        r"✓ then the other station gets it",
    ),
    "network_stream": (
        r"answer=session-contract,SCPI simulator,0,1.0",
        r"✓ and the session is over",
    ),
    "node_lock": (
        r"Left out: it needs Node.js|node_lock 1.0.0 meets session sharing",
        r"node_lock_client 1.0.0 meets session sharing|node_lock was shown",
        r"violated .*RACE-ONE-CREATOR|node_lock was shown",
    ),
}
"""What a user is to see, in this order."""


def run(*command: str | Path, cwd: Path = EXAMPLES) -> str:
    """Run a command that has to succeed; return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test___examples___listed___are_those_that_promise_something() -> None:
    _, listing = run(sys.executable, "run.py", "--help").split("examples:")
    listed = re.findall(r"^  (\w+)  ", listing, re.MULTILINE)

    assert set(listed) == set(PROMISED)
    assert {name for name in PROMISED if (EXAMPLES / name / "server.py").exists()} == {*ADAPTATIONS}


@pytest.mark.parametrize("name", PROMISED)
def test___example___shown___prints_what_is_promised(name: str) -> None:
    printed = run(sys.executable, "run.py", name)

    at = 0
    for sentence in PROMISED[name]:
        found = re.compile(sentence).search(printed, at)
        assert found, f"{sentence} is missing in:\n{printed}"
        at = found.end()


@pytest.mark.parametrize("name", ADAPTATIONS)
def test___copy_of_an_adaptation___judged_by_the_contract___holds(
    name: str, tmp_path: Path
) -> None:
    copying.copy(str(EXAMPLES / name), tmp_path / "mine")

    judged = run(
        sys.executable, "-c", CONTRACT, "run", "--quick", "--target",
        tmp_path / "mine" / "target.toml", "--results", tmp_path / "results", cwd=tmp_path,
    )  # fmt: skip

    assert f"{name} 0.1.0 meets session sharing" in judged


def test___copies_of_adaptations___checked_by_mypy___are_typed(tmp_path: Path) -> None:
    for name in ADAPTATIONS:
        copying.copy(str(EXAMPLES / name), tmp_path / name)

    run(
        sys.executable, "-m", "mypy", "--strict", "--exclude", "/(stubs|__main__)",
        *(word for name in ADAPTATIONS for word in ("-p", name)), cwd=tmp_path,
    )  # fmt: skip
