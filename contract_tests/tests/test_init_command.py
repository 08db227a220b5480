"""``session-contract init``: the target file that it writes is one, and says what is left."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Generator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from session_contract import cli, schemas
from session_contract.subject.loading import load_target
from session_contract.subject.opening import bind, open_subject
from session_contract.subject.placing import ServicerHost
from session_contract.subject.record import Journal
from session_contract.subject.target import Address, Command, Servicer, UseCall
from session_spec.matrix import Behavior

HERE = Path(__file__).parent
LOCK_SERVER = HERE / "lock_server.py"


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command in this process: its exit code, its output, its complaint."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        cli.cli.main(["init", *arguments], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue()


def with_proposals(path: Path) -> Path:
    """The file with what it proposes taken over."""
    path.write_text(re.sub(r"^#(?=[^\s:])", "", path.read_text(), flags=re.MULTILINE))
    return path


@pytest.fixture
def address() -> Generator[str, None, None]:
    """Where a server of locks listens."""
    with closing(ServicerHost(Servicer("lock_server:add_to", HERE))) as host:
        yield host.address


def test___name___given___is_what_the_file_calls_the_server(tmp_path: Path, address: str) -> None:
    path = tmp_path / "locks.toml"

    code, _, _ = run("--address", address, "--name", "our locks", "-o", str(path))

    assert code == 0
    assert load_target(path).identity.name == "our locks"


def test___server_with_reflection___asked___file_says_what_it_is(
    tmp_path: Path, address: str
) -> None:
    path = tmp_path / "locks.toml"

    code, out, complaint = run("--address", address, "-o", str(path))

    target = load_target(path)
    assert (code, complaint) == (0, "")
    assert out.strip().endswith(f"session-contract doctor --target {path}")
    (schema,) = re.findall(r"\A#:schema (\S+)\n", path.read_text(encoding="utf-8"))
    assert (tmp_path / schema).read_text(encoding="utf-8") == schemas.schema("target")
    assert target.identity.name == "locks.Locks"
    assert target.place == Address(address)
    assert target.names.initialize == "AcquireLock"
    assert target.names.behaviors == {
        Behavior.UNSPECIFIED: "HOW_AUTO",
        Behavior.INITIALIZE_NEW: "HOW_CREATE",
        Behavior.ATTACH_TO_EXISTING: "HOW_JOIN",
    }
    assert bind(target, address).close.method.name == "ReleaseLock"


def test___file_with_its_proposals_taken_over___loaded_and_opened___fits(
    tmp_path: Path, address: str
) -> None:
    path = tmp_path / "locks.toml"
    run("--address", address, "--claim", "strict-input", "-o", str(path))

    target = load_target(with_proposals(path))

    assert target.uses == [UseCall("WriteNote", "ticket", {"text": ""})]
    assert target.resources.setup == ("touch", "{name}")
    assert target.claims == {"strict-input"}
    assert bind(target, address).uses[0].method.name == "WriteNote"


def test___command___asked___file_starts_it(tmp_path: Path) -> None:
    path = tmp_path / "locks.toml"
    command = f"{sys.executable} {LOCK_SERVER} {{port}}"

    code, _, complaint = run("--command", command, "--name", "mine", "-o", str(path))

    target = load_target(path)
    assert (code, complaint) == (0, "")
    assert isinstance(target.place, Command)
    assert target.place.argv == (sys.executable, str(LOCK_SERVER), "{port}")
    assert target.place.folder.resolve() == Path.cwd()
    with open_subject(target, tmp_path, Journal()) as subject:
        assert subject.lane().initialize(subject.fresh(), 0).code == "OK"
        subject.end_check()


def test___servicer___asked_without_a_file___is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)

    code, out, complaint = run("--servicer", "lock_server:add_to")

    assert (code, complaint) == (0, "")
    assert 'servicer = "lock_server:add_to"\n' in out
    assert "folder =" not in out


MUCH = """
syntax = "proto3";
package much;
enum Behavior { NONE = 0; NEW = 1; ATTACH = 2; }
enum Protocol { UNKNOWN = 0; SPI = 1; }
message Inner { string a = 1; }
message Wanted {
  string file_path = 1;
  Behavior behavior = 2;
  Protocol protocol = 3;
  bool reset = 4;
  uint32 speed = 5;
  double factor = 6;
  map<string, string> tags = 7;
  repeated string names = 8;
  repeated Inner inners = 9;
  Inner inner = 10;
  bytes raw = 11;
}
message Got { int64 id = 1; bool fresh = 2; }
message Id { int64 id = 1; }
message Nothing {}
service Much {
  rpc Open (Wanted) returns (Got);
  rpc Close (Id) returns (Nothing);
  rpc Watch (Id) returns (stream Nothing);
  rpc Sum (Nothing) returns (Nothing);
}
"""


def test___server_that_takes_much___asked___each_field_is_proposed(
    tmp_path: Path, address: str
) -> None:
    proto, path = tmp_path / "much.proto", tmp_path / "targets" / "much.toml"
    path.parent.mkdir()
    proto.write_text(MUCH)

    code, _, complaint = run("--address", address, "--proto", str(proto), "-o", str(path))

    text = path.read_text()
    target = load_target(with_proposals(path))
    assert (code, complaint) == (0, "")
    assert 'source = "../much.proto"' in text
    assert '#protocol = "SPI"   # UNKNOWN, SPI' in text
    assert target.configuration == {
        "protocol": "SPI",
        "reset": False,
        "speed": 0,
        "factor": 0.0,
        "tags": {},
        "names": [],
        "inners": [],
        "inner": {},
        "raw": "",
    }
    assert target.bad_configuration == target.configuration
    assert target.resources.name == "{tmp}/{unique}.txt"
    assert not target.uses
    assert bind(target, address).numeric_ids


def test___server_that_leaves_a_doubt___asked___file_has_it_and_exit_2(
    tmp_path: Path, address: str
) -> None:
    proto, path = tmp_path / "much.proto", tmp_path / "much.toml"
    proto.write_text(MUCH.replace("file_path", "one").replace("bytes raw", "string two"))

    code, out, complaint = run("--address", address, "--proto", str(proto), "-o", str(path))

    assert code == 2
    assert "is written" in out
    assert 'resource = "one", or one of one, two' in complaint
    assert "# Which field of much.Wanted is the resource cannot be told." in path.read_text()
    assert load_target(path).place == Address(address)


def test___file_that_is_there___asked_for___is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "locks.toml"
    path.write_text("mine")

    code, out, complaint = run("--address", "127.0.0.1:1", "-o", str(path))

    assert (code, out, path.read_text()) == (2, "", "mine")
    assert complaint == f"{path} is there already: name another file with -o.\n"


def test___folder_that_is_not_there___asked_for___exit_2(tmp_path: Path, address: str) -> None:
    code, _, complaint = run("--address", address, "-o", str(tmp_path / "no" / "locks.toml"))

    assert code == 2
    assert "cannot be written: No such file or directory" in complaint


def test___target_file_as_a_place___asked___exit_2() -> None:
    code, _, complaint = run("--target", "locks.toml")

    assert code == 2
    assert "--target names a file that is there: give --address or --command." in complaint


def test___command_that_ends_at_once___asked___exit_3() -> None:
    code, out, complaint = run("--command", f"{sys.executable} -c exit(3) {{port}}")

    assert (code, out) == (3, "")
    assert "The server ended at its start, exit code 3" in complaint
