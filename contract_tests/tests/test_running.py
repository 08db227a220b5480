"""The pytest plugin: idle in runs that are not of the contract, at work with pytest alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HEAVY = ("grpc", "google.protobuf", "session_spec", "hypothesis")


def foreign(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder of somebody else."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    plugin = ["-p", "session_contract.running.plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), *plugin, *arguments],
        cwd=folder,
        env={"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test___run_of_somebody_else___plugin_installed___has_no_part_in_it(tmp_path: Path) -> None:
    heavy = (
        "import sys\n"
        "def test_light(pytestconfig):\n"
        f"    assert [m for m in {HEAVY!r} if m in sys.modules] == []\n"
        "    assert not pytestconfig.pluginmanager.hasplugin('session_contract_checking')\n"
    )
    clash = (
        "def pytest_addoption(parser):\n"
        "    for name in ('target', 'address', 'seed', 'results', 'quick'):\n"
        "        parser.addoption('--' + name)\n"
    )

    done = foreign(tmp_path, test_theirs=heavy, conftest=clash)

    assert "1 passed" in done.stdout


def test___fixture_of_somebody_else___plugin_installed___is_theirs(tmp_path: Path) -> None:
    done = foreign(tmp_path, test_theirs="def test_theirs(subject): pass\n")

    assert "fixture 'subject' not found" in done.stdout


def target(folder: Path) -> str:
    path = folder / "target.toml"
    servicer = f'servicer = "lock_server:add_to"\nfolder = {json.dumps(str(HERE))}\n'
    path.write_text(f'[target]\nname = "locks"\n{servicer}', encoding="utf-8")
    return str(path)


def test___pytest_alone___target_named___checks_run_beside_other_tests(tmp_path: Path) -> None:
    checks = (
        "from session_contract.checks.marking import requirement\n"
        "from session_contract.subject.finding import Finding, Violated\n"
        "@requirement('CLOSE-OPEN', 1, kind='matrix')\n"
        "def test_violated(subject, budget, seed, lane):\n"
        "    assert (budget.name, seed) == ('quick', 7)\n"
        "    lane.initialize(subject.fresh(), 1)\n"
        "    raise Violated(Finding('CLOSE-OPEN', 'it stayed open'))\n"
        "@requirement('USE-CLOSED', 1, kind='matrix')\n"
        "def test_not_claimed(subject): raise RuntimeError\n"
        "def test_mine(): pass\n"
    )
    flags = ["--contract-target", target(tmp_path), "--contract-budget", "quick"]

    done = foreign(tmp_path, *flags, "--contract-seed", "7", test_theirs=checks)

    assert "1 failed, 1 passed" in done.stdout
    assert "Violated: it stayed open." in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--contract-target", "none.toml"], "none.toml cannot be read"),
        (["--contract-target", "x", "--contract-address", "h:1"], "stand together"),
        (["--contract-address", "nowhere"], "write host and port"),
    ],
)
def test___wrong_flags___pytest_alone___usage_error(
    tmp_path: Path, flags: list[str], told: str
) -> None:
    done = foreign(tmp_path, *flags, test_theirs="def test_mine(): pass\n")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert told in done.stderr


def test___whole_package___named_to_pytest___its_checks_are_collected_and_nothing_else(
    tmp_path: Path,
) -> None:
    done = foreign(
        tmp_path, "--pyargs", "session_contract", "--contract-target", target(tmp_path),
        "--collect-only",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "error" not in done.stdout
    collected = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected
    assert all("checks/server/" in each for each in collected)
