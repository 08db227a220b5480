"""How a server's folder is started: by Python, by its start script, by a station."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from session_contract import copying
from session_fakes.station import FakeStation

if TYPE_CHECKING:
    from tests.conftest import Servers

REFERENCE = Path(__file__).parents[1] / "session_reference"
SERVERS = ["custom_instrument", "file_logger"]
OFF = ("--discovery", "off")
PROJECT = "pyproject.toml"
posix = pytest.mark.skipif(os.name != "posix", reason="scripts and signals of POSIX")

INTERRUPTED = """
import os, runpy, signal, sys
left = int(sys.argv.pop(1))
def interrupt(event, _):
    global left
    if event == "import" and running:
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGINT)
running = False
sys.addaudithook(interrupt)
before = signal.signal
def signalled(number, handler):
    global running
    result = before(number, handler)
    running = running or number == signal.SIGTERM
    return result
signal.signal = signalled
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Starts a folder, and interrupts it at an import, counted from when the launcher listens."""


@pytest.fixture(params=["as in the repository", "as a copy"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A server's folder, which has spaces in its path."""
    if request.param == "as a copy":
        here = tmp_path / "my server v2.1"
        copying.copy("file_logger", here)
    else:
        here = as_in_the_repository(tmp_path / "my servers")
    (here / PROJECT).write_text("# stands in for the real one", "utf-8")
    return here


def as_in_the_repository(folder: Path) -> Path:
    shutil.copytree(REFERENCE, folder, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    return folder / "file_logger"


@pytest.fixture
def ready_folder(tmp_path: Path) -> Path:
    """A server's folder, with an environment that is that of the tests."""
    here = as_in_the_repository(tmp_path / "reference")
    (here / PROJECT).touch()
    fill_environment(here)
    return here


def fill_environment(folder: Path) -> None:
    """Put in place what the first start would make."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    shutil.copy(folder / PROJECT, folder / ".venv" / PROJECT)


FAKE_VENV = '''
"""A venv that costs nothing, and notes what is asked of its pip."""
import sys
from pathlib import Path

PIP = """#!/bin/sh
[ "$1" = "-m" ] || exec "{python}" "$@"
echo "$(pwd): $*" >> "{notes}"
exit {code}
"""

def create(environment, with_pip, symlinks):
    python = Path(environment) / "bin" / "python"
    python.parent.mkdir()
    python.write_text(PIP)
    python.chmod(0o755)
    with open("{notes}", "a") as notes:
        notes.write("created\\n")
'''


class Machine:
    """A machine whose Pythons and packages are those that a test says."""

    def __init__(self, folder: Path) -> None:
        """Make a machine with the Python of the tests, and a network."""
        self.bin = folder / "bin"
        self.notes = folder / "notes"
        self.library = folder / "library"
        self.bin.mkdir()
        self.library.mkdir()
        for program in ("sh", "dirname", "cmp"):
            (self.bin / program).symlink_to(shutil.which(program) or "")
        self.has_python("python3", sys.version_info[:2])
        self.has_pip()

    def has_python(self, name: str, version: tuple[int, ...]) -> None:
        """Let a command be a Python of this version, as far as it says itself."""
        check = f'case "$*" in *version_info*) exit {int(version < (3, 10))};; esac\n'
        path = self.bin / name
        path.write_text(f'#!/bin/sh\n{check}exec "{sys.executable}" "$@"\n', "utf-8")
        path.chmod(0o755)

    def has_pip(self, code: int = 0) -> None:
        """Let installations end with this exit code."""
        text = FAKE_VENV.replace("{python}", sys.executable).replace("{notes}", str(self.notes))
        (self.library / "venv.py").write_text(text.replace("{code}", str(code)), "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process on the machine."""
        own = {"PATH": str(self.bin), "PYTHONPATH": str(self.library)}
        # Compiled, what was replaced within a second by a file of the same size would live on.
        return {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def noted(self) -> list[str]:
        """What was done, in order."""
        return self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []

    def start(self, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run the start script to its end."""
        return subprocess.run(
            [folder / "start.sh", *flags],
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with Python and a network."""
    (tmp_path / "machine").mkdir()
    return Machine(tmp_path / "machine")


@posix
@pytest.mark.parametrize("name", SERVERS)
def test___folder___given_to_python___serves(servers: Servers, name: str) -> None:
    server = servers.run(sys.executable, REFERENCE / name, *OFF)

    assert " serves on localhost:" in server.wait_line("serves")


def test___package___started_by_its_name___serves(servers: Servers) -> None:
    server = servers.run(sys.executable, "-m", "session_reference.file_logger", *OFF)

    assert " serves on localhost:" in server.wait_line("serves")


def test___module_in_the_folder___named_like_one_of_python___is_not_taken_for_it(
    servers: Servers, folder: Path
) -> None:
    (folder / "queue.py").write_text("raise AssertionError('not me')", "utf-8")

    server = servers.run(sys.executable, folder, *OFF)

    assert " serves on localhost:" in server.wait_line("serves")


@posix
@pytest.mark.parametrize("moment", list(range(1, 541, 18)))
def test___server___interrupted_while_it_starts___ends_without_a_word(
    servers: Servers, moment: int
) -> None:
    launcher = REFERENCE / "file_logger" / "__main__.py"
    server = servers.run(sys.executable, "-c", INTERRUPTED, str(moment), launcher, *OFF)
    with suppress(AssertionError):  # what was interrupted before does not say that
        server.wait_line("Ctrl-C stops it.")
        server.send(signal.SIGINT)

    assert server.ended() == 0
    assert "Traceback" not in server.output
    assert server.output == "" or server.last_line == "Stopped."


@posix
def test___start_script___environment_is_there___says_nothing_of_its_own(
    servers: Servers, ready_folder: Path, tmp_path: Path
) -> None:
    server = servers.run(ready_folder / "start.sh", *OFF, cwd=tmp_path)
    assert server.wait_line("").startswith("JSON Logger Service serves on localhost:")
    server.wait_line("Ctrl-C")

    server.process.terminate()

    assert server.ended() == 0
    assert server.last_line == "Stopped."


@posix
def test___installed_server___resolved___is_started_by_its_script(ready_folder: Path) -> None:
    from ni.measurementlink.discovery.v1.client import DiscoveryClient

    config = ready_folder / "JsonLogger.serviceconfig"
    with FakeStation(service_configs=[config]) as station, station.installed():
        place = DiscoveryClient().resolve_service("ni.logger.v1.json", "ni.logger.JSONLogService")

        assert [s.port for s in station.services() if not s.static] == [place.insecure_port]


@posix
def test___start_script___first_start___makes_the_environment(
    machine: Machine, folder: Path
) -> None:
    first = machine.start(folder, "--help")

    assert machine.noted == [
        "created",
        f"{folder}: -m pip --disable-pip-version-check install --quiet .[server]",
    ]
    assert first.stderr == f"Setting up {folder / '.venv'} (once).\n"
    assert first.stdout.startswith("Usage: ")
    assert first.returncode == 0


@posix
def test___start_script___second_start___makes_nothing(machine: Machine, folder: Path) -> None:
    machine.start(folder, "--help")
    machine.notes.unlink()

    second = machine.start(folder, "--help")

    assert machine.noted == []
    assert (second.returncode, second.stderr) == (0, "")


@posix
def test___start_script___project_has_changed___installs_again(
    machine: Machine, folder: Path
) -> None:
    machine.start(folder, "--help")
    machine.notes.unlink()
    (folder / PROJECT).write_text("# changed", "utf-8")

    machine.start(folder, "--help")

    assert [line.partition(": ")[2][:6] for line in machine.noted] == ["-m pip"]


def break_python(folder: Path) -> None:
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(folder / "no such python")


def forget_completion(folder: Path) -> None:
    (folder / ".venv" / PROJECT).unlink()


@posix
@pytest.mark.parametrize("damage", [break_python, forget_completion])
def test___start_script___environment_is_broken___makes_another(
    machine: Machine, folder: Path, damage: Callable[[Path], None]
) -> None:
    machine.start(folder, "--help")
    machine.notes.unlink()
    (folder / ".venv" / "lib").mkdir()
    damage(folder)

    again = machine.start(folder, "--help")

    assert machine.noted[0] == "created"
    assert again.returncode == 0
    assert not (folder / ".venv" / "lib").exists()


@posix
def test___start_script___index_out_of_reach___says_so_and_tries_again(
    machine: Machine, folder: Path
) -> None:
    machine.has_pip(code=1)
    failed = machine.start(folder, "--help")
    machine.has_pip()
    good = machine.start(folder, "--help")

    assert failed.returncode == 1
    assert "pip has to reach a package index" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert good.returncode == 0


@posix
def test___start_script___python_without_venv___says_what_to_install(
    machine: Machine, folder: Path
) -> None:
    (machine.library / "venv.py").write_text("raise ImportError", "utf-8")

    failed = machine.start(folder, "--help")

    assert failed.returncode == 1
    assert "apt install python3-venv" in failed.stderr
    assert "Traceback" not in failed.stderr


@posix
def test___start_script___old_python_first___finds_the_newer_one(
    machine: Machine, folder: Path
) -> None:
    machine.has_python("python3", (3, 8))
    machine.has_python("python3.11", (3, 11))

    assert machine.start(folder, "--help").returncode == 0


@posix
def test___start_script___old_python_only___says_what_it_needs(
    machine: Machine, folder: Path
) -> None:
    machine.has_python("python3", (3, 8))

    failed = machine.start(folder, "--help")

    assert failed.returncode == 1
    assert failed.stderr == "The server needs Python 3.10 or later, and finds none: install it.\n"


@posix
def test___start_script___started_by_four_at_once___makes_one_environment(
    machine: Machine, folder: Path, servers: Servers
) -> None:
    script = folder / "start.sh"
    started = [servers.run(script, "--help", env=machine.environment) for _ in range(4)]

    assert [server.ended() for server in started] == [0] * 4
    assert machine.noted.count("created") == 1
    assert len(machine.noted) == 2


@pytest.mark.parametrize("name", SERVERS)
def test___batch_file___read___is_as_cmd_wants_it(name: str) -> None:
    raw = (REFERENCE / name / "start.bat").read_bytes()
    text = raw.decode("ascii")
    lines = text.split("\r\n")

    assert "\n" not in text.replace("\r\n", "")
    assert lines[0] == "@echo off"
    assert lines[-1] == ""
    assert set(re.findall(r"goto (\w+)", text)) <= set(re.findall(r"^:(\w+)", text, re.MULTILINE))
    used = set(re.findall(r"%(\w+)%", text)) - {"errorlevel"}
    assert used == set(re.findall(r'set "(\w+)=', text))
    assert '"%here%"' not in text  # the backslash at its end would escape the quote
    assert all(line.count('"') % 2 == 0 for line in lines)


@pytest.mark.parametrize("name", SERVERS)
def test___start_scripts___compared___do_the_same(name: str) -> None:
    shell = (REFERENCE / name / "start.sh").read_text("utf-8")
    batch = (REFERENCE / name / "start.bat").read_text("utf-8")

    for part in ("pyproject.toml", "environment.py", "sys.version_info < (3, 10)", "or later"):
        assert part in shell
        assert part in batch
    assert os.access(REFERENCE / name / "start.sh", os.X_OK)
