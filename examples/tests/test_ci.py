"""The recipes for CI are well-formed and name what is there; ``nox -s examples`` runs them."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from session_contract.cli import cli

HOUSE = Path(__file__).resolve().parents[2]
CI = HOUSE / "examples" / "ci"
NEW = HOUSE / "contract_tests/session_contract/scaffold/template/dot-github/workflows/contract.yml"
INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")


def read(path: Path) -> Any:  # noqa: ANN401 - YAML
    """A YAML file, as somebody else's reader sees it."""
    return importlib.import_module("yaml").safe_load(path.read_text(encoding="utf-8"))


def steps_of(workflow: Path) -> list[dict[str, Any]]:
    """The steps of a workflow with one job."""
    (job,) = read(workflow)["jobs"].values()
    return list(job["steps"])


ACTION = read(CI / "action" / "action.yml")


@pytest.mark.parametrize("path", [CI / "workflow.yml", NEW], ids=["recipe", "new project"])
def test___workflow___read___runs_on_three_systems_and_ends(path: Path) -> None:
    (job,) = read(path)["jobs"].values()

    assert len(job["strategy"]["matrix"]["os"]) == 3
    assert job["timeout-minutes"] <= 20
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"\./\S+|actions/[\w-]+@v\d+", step.get("uses", "./x"))


def test___workflow___calls_the_action___with_inputs_that_it_has() -> None:
    (call,) = [step for step in steps_of(CI / "workflow.yml") if "./" in step.get("uses", "")]

    assert set(call["with"]) <= set(ACTION["inputs"])
    assert f"`{call['uses'].removeprefix('./')}/action.yml`" in (CI / "README.md").read_text()


def test___action___read___has_shells_and_uses_each_input_safely() -> None:
    steps = ACTION["runs"]["steps"]

    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    assert all(each["description"] for each in ACTION["inputs"].values())
    # What somebody else may have written comes by the environment, never into the text of a script.
    assert not any("${{" in step.get("run", "") for step in steps)
    assert set(INPUT.findall((CI / "action/action.yml").read_text())) == set(ACTION["inputs"])


def commands() -> list[list[str]]:
    """The commands of ours that the recipes run."""
    texts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    texts += [step["run"] for path in (CI / "workflow.yml", NEW) for step in steps_of(path)
              if "run" in step]  # fmt: skip
    texts += (CI / "contract.sh").read_text(encoding="utf-8").splitlines()
    lines = [text.partition("||")[0].strip() for text in texts]
    return [shlex.split(line) for line in lines if line.startswith("session-contract ")]


def test___commands___of_the_recipes___are_commands_with_such_flags() -> None:
    found = commands()

    assert {words[1] for words in found} == {"lint", "run"}
    for _, name, *words in found:
        flags = {flag for option in cli.commands[name].params for flag in option.opts}
        assert {word for word in words if word.startswith("-")} <= flags


def test___script___read_by_the_shell___is_one() -> None:
    shell = shutil.which("sh")
    if not shell:
        pytest.skip("there is no shell")
    subprocess.run([shell, "-n", CI / "contract.sh"], check=True)

    done = subprocess.run([shell, CI / "contract.sh"], capture_output=True, text=True, check=False)

    assert (done.returncode, "contract.sh target.toml" in done.stderr) == (2, True)


def test___image___what_it_copies___is_there() -> None:
    text = (CI / "Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
              for word in line.split()}  # fmt: skip

    assert all((HOUSE / name).exists() for name in copied)
    assert {"pyproject.toml", "README.md", "LICENSE"} <= copied
    assert re.search(r"^# Unverified", text, re.MULTILINE)
