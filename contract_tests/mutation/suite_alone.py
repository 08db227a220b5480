"""The contract suite in place of a module's own tests: does it alone notice a mutant?

For ``mutate.py --tests contract_tests/mutation/suite_alone.py::test_NAME``. A mutant counts as
noticed when the suite says that the target violates a requirement, died, or cannot be loaded; a run
that does not come to a verdict has noticed nothing.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from click.testing import CliRunner

import session_reference
from session_contract.cli import cli
from session_contract.results.run_result import Verdict
from session_contract.running.runner import Run, carry_out

TARGETS = Path(__file__).resolve().parents[1] / "targets"
MUTATED = Path(session_reference.__file__).resolve().parent
"""The copy that is mutated: the target files name the sources, which are not."""
_NOTICED = (Verdict.VIOLATED, Verdict.UNREACHABLE, Verdict.USAGE)


def test_file_logger(tmp_path: Path) -> None:
    """The server for log files."""
    assert judged("file_logger", tmp_path) not in _NOTICED


def test_file_logger_races(tmp_path: Path) -> None:
    """The server for log files, raced and left as often as a run does that is not quick."""
    assert judged("file_logger", tmp_path, "default", "test_races or test_lost") not in _NOTICED


def test_file_logger_profile(tmp_path: Path) -> None:
    """The server for log files, by its own calls."""
    assert judged("variants/file_logger_profile", tmp_path) not in _NOTICED


def test_custom_instrument(tmp_path: Path) -> None:
    """The server for instruments."""
    assert judged("custom_instrument", tmp_path) not in _NOTICED


def test_json_logger_client(tmp_path: Path) -> None:
    """The client of the server for log files, alone and in a sequence."""
    assert judged("json_logger_client", tmp_path) not in _NOTICED
    assert tried("file_logger_sequence", tmp_path) == 0
    assert judged("file_logger_sequence", tmp_path) not in _NOTICED


def test_device_communication_client(tmp_path: Path) -> None:
    """The client of the server for instruments, alone and in a sequence."""
    assert judged("device_communication_client", tmp_path) not in _NOTICED
    assert tried("custom_instrument_sequence", tmp_path) == 0
    assert judged("custom_instrument_sequence", tmp_path) not in _NOTICED


def judged(name: str, folder: Path, budget: str = "quick", select: str = "") -> int:
    """Judge the copy as its target file says, up to the first violation."""
    place = {"target": str(_target(name, folder))}
    return carry_out(
        Run(place, folder / "results", budget=budget, seed=1, select=select, first=True)
    )


def tried(name: str, folder: Path) -> int:
    """Have ``session-contract doctor`` go through the copy, which tells of each step that fails."""
    return CliRunner().invoke(cli, ["doctor", "--target", str(_target(name, folder))]).exit_code


def _target(name: str, folder: Path) -> Path:
    targets = folder / "targets"
    if not targets.exists():
        shutil.copytree(TARGETS, targets)
        for file in targets.rglob("*.toml"):
            file.write_text(_of_the_copy(file.read_text(encoding="utf-8")), encoding="utf-8")
    return targets / f"{name}.toml"


def _of_the_copy(text: str) -> str:
    """What a target file says, with the sources that are mutated."""
    return re.sub(r"({here}/)?(\.\./)+reference_impl", MUTATED.parent.as_posix(), text)
