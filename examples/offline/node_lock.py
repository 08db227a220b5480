"""A server in Node.js is judged: by its command, at its address, with a fault; and its client."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / "node_lock"
_CONTRACT = (
    sys.executable,
    "-c",
    "from session_contract.cli import main; main()",
    "run",
    "--quick",
)
_PROTO = ("--proto", "hardware_lock.proto")
_FORGETFUL = "node server.js --port {port} --forgetful"


def show() -> None:
    """Install what they need into a copy of their folder, judge the server, and the client."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        print("Left out: it needs Node.js 18 or later, with npm, and there is none on this path.")
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "node_lock")
        shutil.copytree(_FOLDER, copy, ignore=shutil.ignore_patterns("node_modules"))
        _run(copy, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        print(_judge(copy, 0, "--target", "target.toml"))
        print(_judge(copy, 0, "--target", "client_target.toml"))
        with _served(copy, node) as address:
            print(_judge(copy, 0, "--address", address, *_PROTO))
        print("And with its fault:")
        print(_judge(copy, 1, "--command", _FORGETFUL, *_PROTO))


def _judge(folder: Path, due: int, *flags: str) -> str:
    """Judge the server; return what was said of faults, and the verdict."""
    done = _run(folder, *_CONTRACT, *flags, allowed=(0, 1))
    if done.returncode != due:
        raise RuntimeError(f"exit code {done.returncode}, {due} was due:\n{done.stdout}")
    *_, verdict = done.stdout.strip().splitlines()
    if not due:
        return verdict
    if "RACE-ONE-CREATOR" not in verdict:
        raise RuntimeError(f"its fault was not named:\n{done.stdout}")
    found = re.search(
        r"^✗ RACE-ONE-CREATOR.*?(?=^✗|^Results)", done.stdout, re.MULTILINE | re.DOTALL
    )
    return f"{found[0] if found else ''}{verdict}"


def _run(
    folder: Path, *command: str, allowed: Sequence[int] = (0,)
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode not in allowed:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


@contextlib.contextmanager
def _served(folder: Path, node: str) -> Generator[str, None, None]:
    """A server that runs already, at its address."""
    server = subprocess.Popen(
        [node, "server.js"], cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert server.stdout
        yield server.stdout.readline().rpartition(" ")[2].strip()
    finally:
        server.terminate()
        server.communicate()
