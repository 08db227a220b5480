"""The wheels of the clients: built, installed into an empty environment, used there."""

# ruff: noqa: ANN401 - the fixture of conftest.py has no type to import

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import session_reference

PACKAGE = Path(session_reference.__file__).parent
LIMIT = 500.0
LOGGER = """
import importlib.util
from json_logger_client import JSON_LOGGER_INSTRUMENT_TYPE, JsonLoggerSessionConstructor
class Info: resource_name = {resource!r}
with JsonLoggerSessionConstructor(address={address!r})(Info()) as client:
    client.log_data("from the wheel", {{}}, {{"new": client.new_session}})
"""
INSTRUMENT = """
import importlib.util
from device_communication_client import (
    INSTRUMENT_TYPE, DeviceCommunicationSessionConstructor, Protocol
)
class Info: resource_name = "Dut"
make = DeviceCommunicationSessionConstructor({resource!r}, Protocol.SPI, address={address!r})
with make(Info()) as client:
    client.write_register("CONFIG_0", 77)
    assert client.read_register("CONFIG_0") == 77
"""
ALONE = """
for name in ("click", "session_reference", "session_contract", "session_fakes", "pytest"):
    assert not importlib.util.find_spec(name), name
print("used")
"""


class Environment:
    """A virtual environment, made with uv if that is there, else with venv and pip."""

    def __init__(self, folder: Path) -> None:
        """Make an empty one."""
        bin_folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
        self.python = folder / bin_folder / f"python{suffix}"
        self._uv = shutil.which("uv")
        venv = [self._uv, "venv"] if self._uv else [sys.executable, "-m", "venv"]
        python = ["--python", sys.executable] if self._uv else []
        _run(*venv, *python, folder).check_returncode()

    def build(self, project: Path, wheels: Path) -> Path:
        """The wheel of a project."""
        if self._uv:
            done = _run(self._uv, "build", "--wheel", "--out-dir", wheels, project)
        else:
            done = self._pip("wheel", "--no-deps", "--wheel-dir", wheels, project)
        assert done.returncode == 0, done.stderr
        (wheel,) = wheels.glob("*.whl")
        return wheel

    def install(self, *what: str | Path) -> None:
        """Install packages."""
        done = self._pip("install", *what)
        assert done.returncode == 0, done.stderr
        checked = self._pip("check")
        assert checked.returncode == 0, checked.stdout

    def reaches_index(self) -> str:
        """Why no package index can be reached; empty when one can."""
        done = self._pip("install", "--dry-run", "--no-deps", "hatchling>=1.26")
        return done.stderr if done.returncode else ""

    def run(self, code: str) -> str:
        """What a script prints."""
        done = _run(self.python, "-I", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _pip(self, verb: str, *what: str | Path) -> subprocess.CompletedProcess[str]:
        if self._uv:
            return _run(self._uv, "pip", verb, "--python", self.python, *what)
        return _run(self.python, "-m", "pip", "--disable-pip-version-check", verb, *what)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An empty environment; the test is skipped where nothing can be installed."""
    made = Environment(tmp_path / "environment")
    if trouble := made.reaches_index():
        pytest.skip(f"no package index can be reached: {trouble[-300:]}")
    return made


def copied(folder: Path, place: Path) -> Path:
    """A copy of a service's folder, as somebody adapts it."""
    ignored = shutil.ignore_patterns(".venv", "__pycache__")
    return Path(shutil.copytree(folder, place / "my service v2.1", ignore=ignored))


def use(environment: Environment, servers: Any, folder: Path, resource: Path, code: str) -> None:
    """Open a session from within the environment, at our server."""
    server = servers.run(sys.executable, folder, "--discovery", "off")
    address = server.wait_address()
    code = code.format(resource=str(resource), address=address) + ALONE
    assert environment.run(code) == "used\n"


@pytest.mark.timeout(LIMIT)
def test___wheel_of_a_copied_logger___installed_with_the_oldest_sdk___opens_a_session(
    environment: Environment,
    servers: Any,
    tmp_path: Path,
) -> None:
    folder, log = PACKAGE / "file_logger", tmp_path / "run.ndjson"

    wheel = environment.build(copied(folder, tmp_path), tmp_path / "wheels")
    environment.install(wheel, "ni-measurement-plugin-sdk-service==2.3.0")
    use(environment, servers, folder, log, LOGGER)

    assert json.loads(log.read_text(encoding="utf-8"))["measurement_outputs"] == {"new": "True"}
    assert wheel.name.startswith("json_logger_client-1.0.0-py3-none-any")


@pytest.mark.timeout(LIMIT)
def test___wheel_of_the_instrument___installed___opens_a_session(
    environment: Environment,
    servers: Any,
    tmp_path: Path,
) -> None:
    folder = PACKAGE / "custom_instrument"

    wheel = environment.build(folder, tmp_path / "wheels")
    environment.install(wheel)
    use(environment, servers, folder, folder / "register_map.csv", INSTRUMENT)

    files = {name.partition("/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    assert {"py.typed", "device_comm_service.proto", "stubs/__init__.py"} <= files
    assert not files & {"server.py", "registers.py", "__main__.py"}
