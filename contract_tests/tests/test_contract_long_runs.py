"""A short form of the search for false alarms, and that it can find one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from selftest import small_servers

HERE = Path(__file__).parent
ALARMS = HERE.parent / "long_runs" / "alarms.py"
CORRECT = f"""
[target]
name = "lock"
servicer = "lock_server:add_to"
folder = {json.dumps(str(HERE))}
"""


def alarms(folder: Path, *flags: str, text: str = CORRECT) -> subprocess.CompletedProcess[str]:
    target = folder / "target.toml"
    target.write_text(text, encoding="utf-8")
    command = [sys.executable, str(ALARMS), "--load", "0", "--full", "0", "--target", str(target)]
    return subprocess.run(
        [*command, *flags], cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )


def test___a_correct_server___judged_again_after_an_interruption___goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"run": "alarms", "seed": 5}\n'
        '{"key": "001 quick target", "seed": 3, "code": 0, "verdict": "met"}\n{"key": "00'
    )

    done = alarms(tmp_path, "--quick", "2", "--log", str(log))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 quick and 0 full runs of 2, seed 5: 2 met, 0 ALARM" in done.stdout
    assert "001 quick" not in done.stdout


def test___a_target_that_is_found_wrong___judged___is_an_alarm_and_kept(tmp_path: Path) -> None:
    text = small_servers.target(
        small_servers.SERVICER, "wrong.created_is_not_new", small_servers.PROTO, tmp_path
    )

    done = alarms(tmp_path, "--quick", "1", "--log", "log.jsonl", text=text)

    assert done.returncode == 1
    assert "1 quick and 0 full runs of 1" in done.stdout
    assert "0 met, 1 ALARM" in done.stdout
    (kept,) = (tmp_path / "log.jsonl.kept").iterdir()
    assert (kept / "results.json").exists()
