"""Makes projects of several shapes and does with each what its README says.

``nox -s scaffold`` does so in fresh environments, from a package index; the tests take parts of it.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
SHAPES = {
    "locks": (
        "lock_service --rpc-names AcquireLock,ReleaseLock --resource-field lock_name"
        " --service-class acme.LockServer"
    ),
    "longest names": (
        "bench_instrument_power_supply1 --rpc-names"
        " InitializeInstrumentSession12,UninitializeInstrumentSession1"
        " --resource-field instrument_on_the_bench_number"
        " --service ZetaInstrumentPowerSupplyBench --package acme.benches.v1"
    ),
    "bare and short": "db2 --service D --rpc-names B,C --resource-field d --bare",
}
"""What ``session-contract new`` is told."""
NEW_NAMES = {
    "lock_service.LockService": "gates.GateKeeper",
    "acme.LockServer": "acme.GateServer",
    "package lock_service;": "package gates;",
    "LockService": "GateKeeper",
    "lock_service": "gate_keeper",
    "lock-service-client": "gate-keeper-client",
    "Lock Service": "Gate Keeper",
}
"""What becomes of the names of the first shape."""
_SHARED = ("stubs", "refusals.py", "session_table.py", "hosting")
_MADE = ("__pycache__", "contract-results", ".mypy_cache", ".pytest_cache", ".ruff_cache")
_OLDEST = ("grpcio==1.49.1", "protobuf==4.22.0")


def make(shape: str, folder: Path) -> Path:
    """Make a project by the command; return where it is."""
    words = ["-c", "from session_contract.cli import main; main()", "new", *shlex.split(shape)]
    run([sys.executable, *words], folder)
    return folder / words[3]


def commands(project: Path, heading: str) -> list[str]:
    """The commands of a chapter of the README."""
    readme = (project / "README.md").read_text(encoding="utf-8")
    chapter = readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def rename(project: Path, new_names: Mapping[str, str]) -> None:
    """Replace names and rename files, as the README says; its commands are left to do."""
    readme = (project / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|", readme.partition("\n## Rename it\n")[2], re.MULTILINE)
    files = [path for path in sorted(project.rglob("*")) if path.is_file()]
    for path in files:
        if not set(path.relative_to(project).parts) & {*_SHARED, *_MADE}:
            text = path.read_bytes().decode("utf-8")
            for row in rows:
                text = text.replace(row, new_names[row])
            path.write_bytes(text.encode("utf-8"))
    for path in sorted(project.rglob("*"), reverse=True):
        for row in rows:
            if row in path.name:
                path = path.rename(path.with_name(path.name.replace(row, new_names[row])))


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a command; RuntimeError with its output when it fails."""
    done = subprocess.run(
        list(command),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}")


class Environment:
    """A fresh virtual environment."""

    def __init__(self, folder: Path, python: str) -> None:
        """Make it, with a Python of this version or at this path."""
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self._variables = {**os.environ, "VIRTUAL_ENV": str(folder)}
        self._variables["PATH"] = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        run([_uv(), "venv", "--quiet", "--python", python, str(folder)], folder.parent)

    def install(self, folder: Path, *packages: str) -> None:
        """Install packages, from the index or from folders."""
        pip = [_uv(), "pip", "install", "--quiet", "--python", str(self.python)]
        run([*pip, *packages], folder)

    def do(self, lines: Sequence[str], folder: Path) -> None:
        """Run commands, and say how long each took."""
        for line in lines:
            began = time.monotonic()
            program, *words = shlex.split(line)
            found = shutil.which(program, path=self._variables["PATH"]) or program
            run([found, *words], folder, self._variables)
            print(f"  {time.monotonic() - began:5.1f} s  {line}", flush=True)


def _uv() -> str:
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    return found or "uv"


def main() -> None:
    """Make each shape and check it in an environment of its own."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--oldest", default="3.10", help="the oldest Python, or where it is")
    oldest = parser.parse_args().oldest
    for name, shape in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            print(name, flush=True)
            project = make(shape, Path(folder))
            environment = Environment(Path(folder, "environment"), sys.executable)
            environment.install(project, "-e", ".[server,dev]", f"{HOUSE}[contract]")
            environment.do(commands(project, "Check")[1:], project)
            if name == next(iter(SHAPES)):
                print(f"{name}, renamed", flush=True)
                rename(project, NEW_NAMES)
                environment.install(project, "-e", ".[server,dev]")
                environment.do(commands(project, "Rename it"), project)
                environment.do(commands(project, "Check")[1:], project)
                print(f"{name}, with Python {oldest} and {', '.join(_OLDEST)}", flush=True)
                old = Environment(Path(folder, "old"), oldest)
                old.install(project, "pytest>=8", ".[server]", *_OLDEST)
                old.do(["python -m pytest"], project)


if __name__ == "__main__":
    main()
