"""``session-contract copy``: a server that stands on its own, wherever it is put."""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from session_contract import cli, copying

PATIENCE = 60.0
HOUSE = Path(__file__).resolve().parents[2]
ORIGINALS = HOUSE / "reference_impl" / "session_reference"
SERVERS = ["custom_instrument", "file_logger"]
INITIALIZE = {
    "custom_instrument": "/DeviceCommunication.DeviceCommunication/Initialize",
    "file_logger": "/json_logger.JsonLogger/InitializeFile",
}
NEW = 1


def request(name: str, folder: Path) -> bytes:
    """The wire format of a request to initialize; in both answers the id is field 1."""
    if name == "file_logger":
        return text_field(1, str(folder / "results.ndjson")) + bytes([2 << 3, NEW])
    register_map = text_field(4, str(folder / "register_map.csv"))
    return text_field(1, "DUT") + bytes([2 << 3, 1]) + register_map + bytes([5 << 3, NEW])


def text_field(number: int, text: str) -> bytes:
    data = text.encode()
    assert len(data) < 1 << 14
    return bytes([number << 3 | 2, len(data) & 0x7F | 0x80, len(data) >> 7]) + data


def copied(name: str, destination: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Copy a server by the command; return what it printed."""
    with pytest.raises(SystemExit) as ended:
        cli.cli.main(["copy", name, str(destination)], prog_name="session-contract")
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    return captured.out


@contextmanager
def interruptible() -> Generator[None, None, None]:
    """Let children get SIGINT, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def started(folder: Path) -> Generator[str, None, None]:
    """Run the server of a copy; its address."""
    elsewhere = folder.parent
    with interruptible():
        server = subprocess.Popen(
            [sys.executable, folder.name, "--discovery", "off"],
            cwd=elsewhere,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
    with server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            found = re.search(r" serves on (\S+)\.$", said)
            assert found, said + server.stdout.read()
            yield found[1]
        finally:
            server.terminate()
            assert server.wait(PATIENCE) == 0


@pytest.mark.parametrize("name", SERVERS)
def test___copy___started_under_any_name___serves(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(name, tmp_path / "my logger v2.1", capsys)

    for folder in ("my logger v2.1", "json", "Überprüfung (2)"):
        here = (tmp_path / "my logger v2.1").rename(tmp_path / folder)
        with started(here) as address, grpc.insecure_channel(address) as channel:
            call: Any = cast("Any", channel).unary_unary(INITIALIZE[name])
            answer = call(request(name, here), timeout=PATIENCE)
            assert answer[:2] == bytes([1 << 3 | 2, 32])
        here.rename(tmp_path / "my logger v2.1")


@pytest.mark.parametrize("name", SERVERS)
def test___copy___its_own_tests_run___pass(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my logger v2.1"
    copied(name, folder, capsys)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", SERVERS)
def test___copy___looked_at___stands_on_its_own(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    copied(name, folder, capsys)

    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    for name in ("session_table.py", "refusals.py", "paths.py", "hosting/service.py"):
        assert Path(name) in files
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert max(levels, default=0) <= 1, path
    assert not any(
        re.search("session_reference", p.read_text("utf-8")) for p in folder.rglob("*.py")
    )
    assert os.access(folder / "start.sh", os.X_OK)
    assert b"\r\n" in (folder / "start.bat").read_bytes()


def test___original_that_was_used___copied___leaves_traces_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "session_reference"
    for place in (
        "__init__.py", "paths.py", "refusals.py", "session_table.py", "hosting/__init__.py",
        "log/server.py",
        "log/__pycache__/server.pyc", "log/.venv/bin/python", "log/stubs/__pycache__/x.pyc",
        "log/dist/log.whl", "log/json_logger_client.egg-info/PKG-INFO", "log/.pytest_cache/x",
    ):  # fmt: skip
        (package / place).parent.mkdir(parents=True, exist_ok=True)
        (package / place).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "session_reference", raising=False)

    copied("log", tmp_path / "copy", capsys)

    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "copy").as_posix() for path in files) == [
        "hosting/__init__.py", "paths.py", "refusals.py", "server.py", "session_table.py",
    ]  # fmt: skip


def test___copy___made___imports_no_reference(tmp_path: Path) -> None:
    probe = (
        "import sys; from session_contract import copying;"
        "copying.copy('file_logger', copying.Path(sys.argv[1]));"
        "sys.exit('session_reference' in sys.modules)"
    )
    command = [sys.executable, "-c", probe, str(tmp_path / "copy")]

    assert subprocess.run(command, timeout=PATIENCE, check=False).returncode == 0


def test___copy___made___says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my logger"

    said = copied("file_logger", folder, capsys).splitlines()

    assert len(said) == 3
    assert shlex.split(said[0])[:3] == [str(folder / "start.sh"), "--discovery", "off"]
    assert shlex.split(said[1])[:7] == [
        "cd", str(folder), "&&", "python", "-m", "pytest", "tests",
    ]  # fmt: skip
    assert said[2].startswith(str(folder / "README.md"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file-loger", "did you mean file_logger?"),
        ("zzz", "there are custom_instrument, file_logger"),
        ("hosting", "there are custom_instrument, file_logger"),
    ],
)
def test___unknown_server___copied___names_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.cli.main(["copy", name, str(tmp_path / "copy")])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test___folder_with_a_file___copied_to___is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()

    with pytest.raises(SystemExit) as ended:
        cli.cli.main(["copy", "file_logger", str(tmp_path)])

    assert ended.value.code == 2
    assert f"{tmp_path} is not empty: name a folder that is new." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test___file___copied_to___is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    with pytest.raises(copying.CopyError, match="cannot be made: Not a directory"):
        copying.copy("file_logger", tmp_path / "mine.txt")


def test___empty_folder___copied_to___is_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied("file_logger", tmp_path, capsys)

    assert (tmp_path / "server.py").exists()


def test___reference___not_installed___says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", find_nothing)

    with pytest.raises(copying.CopyError, match="install session-contract anew"):
        copying.copy("file_logger", Path("nowhere"))


def test___starters___of_both_servers___are_the_same() -> None:
    for name in ("__main__.py", "start.sh", "start.bat"):
        first, second = ((ORIGINALS / server / name).read_bytes() for server in SERVERS)
        assert first == second
