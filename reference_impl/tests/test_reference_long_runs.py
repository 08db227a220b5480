"""Short forms of the long runs, and that each of them can fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "long_runs"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"reference_{name}", FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _run(name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *flags],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("flags", [[], ["--durable"]])
def test___eight_writers___server_killed___no_acknowledged_record_is_lost(flags: list[str]) -> None:
    done = _run("kill", "--rounds", "2", "--seed", "7", *flags)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rounds, seed 7:" in done.stdout
    assert "0 rounds failed" in done.stdout


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        ('{"measurement_name":"1-a"}\n', "acknowledged, but not in the log: 1-b"),
        ('{"measurement_name":"1-a"}\n{"measurement_name":"1-b"}\n' * 2, "2 times: 1-a"),
        ('{"measurement_name":"1-a"}\n{"measurement_name":"1-b"}', "the last line is torn"),
        ('{"measurement_name":"1-a"}{"measurement_name":"1-b"}\n', "line 1 is no record"),
    ],
)
def test___a_log_that_is_wrong___checked___the_round_fails(
    tmp_path: Path, log: str, complaint: str
) -> None:
    path = tmp_path / "killed.log"
    path.write_text(log, encoding="utf-8")

    wrong = _module("kill").check(path, ["1-a", "1-b"], "1-")

    assert any(complaint in line for line in wrong)


def test___sessions_opened_and_closed___soaked___nothing_grew() -> None:
    done = _run("cycles", "--cycles", "600")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "600 cycles; before: Held(" in done.stdout


def test___more_held_than_before___growth___is_told() -> None:
    cycles = _module("cycles")
    before = cycles.Held(threads=10, descriptors=10, memory=10)

    found = cycles.growth(before, cycles.Held(threads=50, descriptors=20, memory=10 * 2**20))

    assert [line.partition(":")[0] for line in found] == ["threads", "descriptors", "memory"]
    assert cycles.growth(before, before) == []
