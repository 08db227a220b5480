"""The examples that are quick are shown; ``nox -s examples`` shows all, and does more with them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from session_contract import copying

EXAMPLES = Path(__file__).resolve().parents[1]
ADAPTATIONS = sorted(path.parent.name for path in EXAMPLES.glob("*/server.py"))
LIMIT = 100.0
needs_client = pytest.mark.skipif(
    importlib.util.find_spec("device_communication_client") is None,
    reason="the client of the custom instrument is not installed, as it is by nox",
)


def shown(*names: str) -> subprocess.CompletedProcess[str]:
    """What the command prints."""
    return subprocess.run(
        [sys.executable, EXAMPLES / "run.py", *names],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )


@needs_client
def test___simple_measurement___shown___shares_the_session() -> None:
    done = shown("simple_measurement")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ both measurements use that session" in done.stdout
    assert "✓ the second reads what the first has written" in done.stdout


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("database_session", "✓ committed by one, the results of both are there"),
        ("hardware_lock", "✓ it is kept out, and told by whom"),
        ("network_stream", "✓ and the session is over: nobody attaches to it any more"),
    ],
)
def test___adaptation___shown___shares_the_session(name: str, sentence: str) -> None:
    done = shown(name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sentence in done.stdout


def test___unknown_example___shown___names_those_that_exist() -> None:
    done = shown("hardware_luck")

    assert done.returncode == 2
    assert "hardware_lock" in done.stderr


def test___adaptation___copied___starts_anywhere(tmp_path: Path) -> None:
    for name in ADAPTATIONS:
        copying.copy(str(EXAMPLES / name), tmp_path / f"my {name}")
        done = subprocess.run(
            [sys.executable, tmp_path / f"my {name}", "--help"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

        assert "--stop-on-stdin-close" in done.stdout, done.stderr
