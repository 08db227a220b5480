"""The recipes for CI at work: each judges a project, as it would that of a user."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from session_contract import copying

HOUSE = Path(__file__).resolve().parents[2]
CI = HOUSE / "examples" / "ci"
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
QUICKLY_JUDGED = HOUSE / "contract_tests" / "targets" / "nidmm.toml"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the recipes are run by a shell")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a server and its target file."""
    copying.copy(str(HOUSE / "examples" / "hardware_lock"), tmp_path / "project")
    return tmp_path / "project"


def run(command: list[str | Path], folder: Path, variables: Mapping[str, str]) -> str:
    """Run a command that has to succeed; return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": PATH, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=840,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copied_by(dockerfile: Path, place: Path) -> None:
    """Copy what an image is made of."""
    for line in re.findall(r"^COPY (.+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            if (HOUSE / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "tests")
                shutil.copytree(HOUSE / source, place / target, ignore=ignored)
            else:
                shutil.copy(HOUSE / source, place / target)


def test___script___run_where_nothing_is_installed___judges(project: Path, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    kit.mkdir()
    copied_by(CI / "Dockerfile", kit)
    variables = {"SESSION_CONTRACT": f"{kit}[contract]", "PYTHON": sys.executable}

    printed = run([CI / "contract.sh", "target.toml", "--quick"], project, variables)

    assert (project / ".contract-venv").is_dir()
    assert "Nothing found." in printed
    assert "hardware_lock 0.1.0 meets session sharing" in printed


def test___script___run_where_something_is_wrong___fails(project: Path) -> None:
    (project / "HardwareLock.serviceconfig").write_text("{}", encoding="utf-8")
    target = '[target]\nclass = "station"\nname = "it"\ncommand = ["x", "{port}"]\n'
    (project / "wrong.toml").write_text(target, encoding="utf-8")

    with pytest.raises(AssertionError, match=r"config-syntax[\s\S]*cannot be started"):
        run([CI / "contract.sh", "wrong.toml"], project, {"SESSION_CONTRACT": ""})


def test___action___its_commands_run___judge(project: Path) -> None:
    action: Any = importlib.import_module("yaml").safe_load(
        (CI / "action" / "action.yml").read_text(encoding="utf-8")
    )
    inputs = {name: each["default"] for name, each in action["inputs"].items()}
    inputs |= {"target": str(QUICKLY_JUDGED), "flags": "--quick -x"}
    printed = ""
    for step in action["runs"]["steps"]:
        if "run" in step and step["name"] != "Install":  # the script is tried with that
            variables = {
                key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)
                for key, text in step["env"].items()
            }
            printed += run(["bash", "-e", "-c", step["run"]], project, variables)

    assert "Nothing found." in printed
    assert "0.1.0 meets session sharing" in printed
    assert (project / "contract-results" / "index.html").exists()


def test___test___run_by_pytest___judges(tmp_path: Path) -> None:
    shutil.copy(QUICKLY_JUDGED, tmp_path / "target.toml")
    (tmp_path / "tests").mkdir()
    shutil.copy(CI / "test_contract.py", tmp_path / "tests")
    pytest_ = [sys.executable, "-m", "pytest"]

    assert "1 passed" in run([*pytest_, "tests"], tmp_path, {})

    target = (tmp_path / "target.toml").read_text(encoding="utf-8")
    (tmp_path / "target.toml").write_text(target.replace("version", "verson"), encoding="utf-8")
    with pytest.raises(AssertionError, match="verson is no key of ours"):
        run([*pytest_, "tests"], tmp_path, {})


def test___suite___run_by_pytest_itself___judges(tmp_path: Path) -> None:
    text = (CI / "test_contract.py").read_text(encoding="utf-8")
    (command,) = re.findall(r"``(pytest [^`]*)``", text)

    words = command.replace("target.toml", str(QUICKLY_JUDGED)).split()
    printed = run([sys.executable, "-m", *words, "--contract-budget", "quick"], tmp_path, {})

    assert re.search(r"\b\d{2,} passed", printed)
