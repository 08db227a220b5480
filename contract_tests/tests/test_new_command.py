"""``session-contract new``: what it asks, what it refuses, and what it makes."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from new_projects.check import SHAPES
from session_contract import cli
from session_contract.scaffold import project
from session_contract.scaffold.names import ScaffoldError, names
from session_contract.subject.loading import load_target

HOUSE = Path(__file__).resolve().parents[2]
REFERENCES = HOUSE / "reference_impl" / "session_reference"
TEMPLATE = HOUSE / "contract_tests" / "session_contract" / "scaffold" / "template"


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command in this process: its exit code, its output, its complaint."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        cli.cli.main(["new", *arguments], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue()


@pytest.fixture
def no_stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the step that takes long."""

    def skip(_: Path) -> None:
        pass

    monkeypatch.setattr(project, "_make_stubs", skip)


@pytest.fixture
def made(tmp_path: Path, no_stubs: None) -> Path:
    """A project without its stubs."""
    del no_stubs
    folder = tmp_path / "made"
    code, _, complaint = run(*SHAPES["locks"].split(), "--into", str(folder))
    assert (code, complaint) == (0, "")
    return folder


@pytest.mark.usefixtures("no_stubs")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test___project___made___has_no_word_of_the_template(shape: str, tmp_path: Path) -> None:
    run(*shape.split(), "--into", str(tmp_path))

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 25
    for path in files:
        assert "gadget" not in path.relative_to(tmp_path).as_posix().lower()
        text = path.read_text(encoding="utf-8")
        assert not re.search("[Gg]adget|[A-Z]+: (begin|end)$", text, re.MULTILINE), path


def test___project___made___names_agree_across_its_files(made: Path) -> None:
    (service,) = json.loads((made / "LockService.serviceconfig").read_text("utf-8"))["services"]
    instrument = ET.parse(made / "station.pinmap").find(".//{*}Instrument")
    target = load_target(made / "target.toml")
    connection = (made / "lock_service" / "connection.py").read_text("utf-8")

    assert service["providedInterfaces"] == ["lock_service.LockService"]
    assert 'GRPC_SERVICE_INTERFACE_NAME = "lock_service.LockService"' in connection
    assert (service["serviceClass"], service["displayName"]) == ("acme.LockServer", "Lock Service")
    assert 'GRPC_SERVICE_CLASS = "acme.LockServer"' in connection
    assert instrument is not None
    assert instrument.get("instrumentTypeId") == "LockService"
    assert target.names.service == "lock_service.LockService"
    assert (target.names.initialize, target.names.close) == ("AcquireLock", "ReleaseLock")
    assert target.names.resource == "lock_name"
    assert len(target.claims) == 7


def test___project___made___marks_what_is_the_users(made: Path) -> None:
    marked = {
        path.name for path in made.rglob("*") if path.is_file() and b"YOURS" in path.read_bytes()
    }

    assert marked == {
        "README.md", "lock_service.proto", "resource.py", "server.py", "session.py", "target.toml",
        "test_lock_service.py",
    }  # fmt: skip


def test___project___made___imports_in_the_order_that_ruff_wants(made: Path) -> None:
    for path in made.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        own = [line.split()[1].rstrip("(") for line in text.splitlines() if line[:6] == "from ."]
        assert own == sorted(own), path


def test___project___made___starts_by_its_scripts(made: Path) -> None:
    assert os.access(made / "start.sh", os.X_OK)
    assert b"\r\n" in (made / "start.bat").read_bytes()
    assert (made / ".github" / "workflows" / "contract.yml").exists()
    for path in (made / ".vscode").iterdir():
        json.loads(path.read_text("utf-8"))


def test___client___of_the_template___is_that_of_the_references() -> None:
    ours = (TEMPLATE / "gadget_service" / "connection.py").read_text("utf-8")
    theirs = (REFERENCES / "custom_instrument" / "connection.py").read_text("utf-8")
    words = {
        "DeviceCommunicationError": "ServiceError",
        "ni.device_control.v1.service": "gadget_package.GadgetService",
        "ni.DeviceControl.CommService": "gadget_class",
        "the instrument": "the resource",
    }
    for word, other in words.items():
        assert word in theirs
        theirs = theirs.replace(word, other)

    assert ast.dump(ast.parse(ours)) == ast.dump(ast.parse(theirs))


def test___lifecycle_of_the_client___of_the_template___is_that_of_the_references() -> None:
    ours = methods(TEMPLATE / "gadget_service" / "session.py", "GadgetServiceClient")
    theirs = methods(REFERENCES / "file_logger" / "session.py", "JsonLoggerClient")

    for name in ("session_id", "new_session", "__exit__", "close"):
        renamed = theirs[name].replace("JsonLoggerError", "ServiceError")
        assert ours[name].replace("Gadget", "File") == renamed


def methods(path: Path, name: str) -> dict[str, str]:
    """The methods of a class, without their layout."""
    tree = ast.parse(path.read_text("utf-8"))
    (found,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name]
    return {n.name: ast.unparse(n) for n in found.body if isinstance(n, ast.FunctionDef)}


def test___rules_of_ruff___of_the_template___are_those_of_the_house() -> None:
    ours, theirs = (
        re.search(r"^select = \[(.*?)\]", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for path in (TEMPLATE / "pyproject.toml", HOUSE / "pyproject.toml")
    )

    assert ours is not None
    assert theirs is not None
    assert re.findall(r"\w+", ours[1]) == re.findall(r"\w+", theirs[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["my-service"], "write my_service"),
        (["MyService"], "write my_service"),
        (["1st"], "write my_service"),
        (["class"], "a word of Python"),
        (["json"], "Python knows as another module"),
        (["grpc"], "such as grpc_service"),
        (["a" * 31], "31 letters: choose one of at most 30"),
        (["x", "--service", "lock_service"], "write LockService"),
        (
            ["x", "--service", "OpenRequest", "--rpc-names", "Open,Close"],
            "a message of the project",
        ),
        (["x", "--rpc-names", "Acquire"], "--rpc-names has 1"),
        (["x", "--rpc-names", "acquire_lock,ReleaseLock"], "write AcquireLock"),
        (["x", "--rpc-names", "Open,Open"], "two that differ"),
        (["x", "--rpc-names", "WriteNote,Close"], "none of the example's ReadNote, WriteNote"),
        (["x", "--rpc-names", "None,Close"], "a word of Python"),
        (["x", "--rpc-names", "O,C"], "looks like a digit"),
        (["x", "--resource-field", "lockName"], "write lock_name"),
        (["x", "--resource-field", "session_id"], "calls something else"),
        (["x", "--resource-field", "from"], "a word of Python"),
        (["x", "--package", "acme..v1"], "write acme_v1"),
        (["x", "--package", "acme.class.v1"], "a word of Python"),
        (["x", "--service-class", "my class"], "write acme.Locks"),
    ],
)
def test___name_that_cannot_be_used___asked_for___is_refused_with_one_that_can(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, out, complaint = run(*arguments)

    assert (code, out) == (2, "")
    assert said in complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "noun"),
    [
        ("lock_name", "lock"),
        ("com_port", "com port"),
        ("path", "path"),
        ("database_path", "database"),
    ],
)
def test___resource_field___named___gives_the_noun(field: str, noun: str) -> None:
    assert names("x", resource_field=field).noun == noun


def test___folder_with_a_file___asked_for___is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    code, _, complaint = run("my_service", "--into", str(tmp_path))

    assert code == 2
    assert f"{tmp_path} is not empty: name a folder that is new." in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.usefixtures("no_stubs")
def test___empty_folder___asked_for_from_within___is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    code, _, complaint = run("my_service", "--into", ".")

    assert (code, complaint) == (0, "")
    assert Path("my_service", "server.py").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test___file___asked_for___is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    code, _, complaint = run("my_service", "--into", str(tmp_path / "mine.txt"))

    assert code == 2
    assert "cannot be made: Not a directory." in complaint


def test___stubs_that_fail___made___nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise ScaffoldError("The stubs cannot be made: no.")

    monkeypatch.setattr(project, "_make_stubs", fail)

    code, _, complaint = run("my_service", "--into", str(tmp_path / "made"))

    assert (code, complaint) == (2, "The stubs cannot be made: no.\n")
    assert list(tmp_path.iterdir()) == []


def test___environment_without_grpcio_tools___asked___says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_nothing(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", find_nothing)

    code, _, complaint = run("my_service", "--into", str(tmp_path / "made"))

    assert code == 2
    assert "pip install 'session-contract[contract]'" in complaint


def test___no_name___asked_in_a_pipe___usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("my_service\n"))

    code, out, complaint = run()

    assert (code, out) == (2, "")
    assert "session-contract new my_service" in complaint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in Python")
@pytest.mark.parametrize(("answers", "code"), [(b"doors\nOpenDoor,CloseDoor\n\n", 0), (b"\x04", 1)])
def test___no_name___asked_at_a_terminal___asks(tmp_path: Path, answers: bytes, code: int) -> None:
    import pty

    ours, terminal = pty.openpty()
    script = "from session_contract.cli import main; main()"
    os.write(ours, answers)
    process = subprocess.run(
        [sys.executable, "-c", script, "new"],
        stdin=terminal, capture_output=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    os.close(terminal)
    os.close(ours)

    assert process.returncode == code, process.stderr
    if code == 0:
        proto = (tmp_path / "doors" / "doors" / "doors.proto").read_text("utf-8")
        assert "rpc OpenDoor (OpenDoorRequest)" in proto
        assert "string resource_name = 1;" in proto


def everything(folder: Path) -> dict[str, Any]:
    """All files and what is in them."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.usefixtures("no_stubs")
def test___project___made_twice___is_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("my_service", "--into", str(tmp_path / name))

    assert everything(tmp_path / "one") == everything(tmp_path / "two")
