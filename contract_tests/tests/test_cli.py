"""The command line as its users meet it: exit codes, texts, JSON; in a pipe and in a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from session_contract import cli
from session_spec import SourceError, load
from session_spec.errors import Finding

SPECIFICATION = load()


@dataclass(frozen=True)
class Result:
    """What a run of the command left."""

    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Result:
    """Run the command in this process.

    Not with click's own runner: before click 8.2 it mixes the two outputs.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        cli.cli.main(list(arguments), prog_name="session-contract")
    return Result(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())


def test___list___in_a_pipe___one_plain_line_each() -> None:
    result = run("list")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[0] for line in lines] == [r.id for r in SPECIFICATION]
    assert "\x1b" not in result.stdout


def test___list_of_a_class___run___only_that_class() -> None:
    result = run("list", "--class", "client")

    ids = [line.split()[0] for line in result.stdout.splitlines()]
    assert ids == [r.id for r in SPECIFICATION.of_class("client")]


def test___list_of_a_claim___run___only_that_claim() -> None:
    result = run("list", "--class", "server", "--claim", "restart")

    ids = [line.split()[0] for line in result.stdout.splitlines()]
    assert ids == ["RESTART-OLD-IDS", "RESTART-REOPEN"]


def test___list_of_an_unknown_claim___run___names_those_that_exist() -> None:
    result = run("list", "--class", "client", "--claim", "restart")

    assert result.exit_code == 2
    assert "class client has core, errors, tidy" in result.stderr


def test___list_of_an_unknown_class___run___usage_error() -> None:
    result = run("list", "--class", "servers")

    assert result.exit_code == 2
    assert "'server'" in result.stderr


def test___list_as_json___run___has_all_parts() -> None:
    result = run("list", "--json")

    (entry,) = [r for r in json.loads(result.stdout) if r["id"] == "CLOSE-UNKNOWN"]
    requirement = SPECIFICATION["CLOSE-UNKNOWN"]
    assert entry["obligation"] == requirement.obligation
    assert (entry["class"], entry["origin"], entry["claim"]) == ("server", "core", None)
    assert entry["examples"] == [requirement.examples[0].text]


@pytest.mark.parametrize("requirement", list(SPECIFICATION), ids=lambda r: r.id)
def test___explain___any_requirement___shows_its_parts(requirement: object) -> None:
    name = getattr(requirement, "id", "")
    wanted = SPECIFICATION[name]

    result = run("explain", name)

    shown = " ".join(result.stdout.split())
    assert result.exit_code == 0
    for text in (wanted.obligation, wanted.why, wanted.source, wanted.also_allowed):
        assert " ".join(text.replace("`", "").split()) in shown
    for decision in wanted.decisions:
        assert f"Decision: {decision.title}" in shown
    for example in wanted.examples:
        assert all(event.text in result.stdout for event in example.events)


def test___explain_of_several___run___shows_all_of_them() -> None:
    result = run("explain", "CLOSE-OPEN", "close-unknown")

    assert "CLOSE-OPEN ·" in result.stdout
    assert "\n\nCLOSE-UNKNOWN ·" in result.stdout


def test___explain_of_a_mistyped_id___run___suggests_the_nearest() -> None:
    result = run("explain", "CLOSE-UNKNWON")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Did you mean CLOSE-UNKNOWN" in result.stderr


def test___explain_of_nothing___run___plain_refusal() -> None:
    result = run("explain", "")

    assert result.exit_code == 2
    assert result.stderr == "There is no requirement ''. All of them: session-contract list\n"


def test___explain_as_json___run___is_json() -> None:
    result = run("explain", "--json", "CLOSE-OPEN")

    assert [entry["id"] for entry in json.loads(result.stdout)] == ["CLOSE-OPEN"]


def test___spoiled_specification___any_command___findings_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spoiled() -> None:
        raise SourceError([Finding(Path("server.md"), 7, "it is wrong", "Mend it")])

    monkeypatch.setattr(cli, "load", spoiled)

    result = run("list")

    assert result.exit_code == 2
    assert result.stderr == "server.md:7: it is wrong. Mend it.\n"


def as_process(
    *arguments: str, encoding: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run the installed command as its users do."""
    script = [sys.executable, "-c", "from session_contract.cli import main; main()"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [*script, *arguments],
        stdout=stdout,
        stderr=stderr,
        env=environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test___console_of_any_encoding___explain___shows_what_it_can(encoding: str) -> None:
    result = as_process("explain", "DRIVER-CLOSE-UNKNOWN", encoding=encoding)

    assert result.returncode == 0
    assert b"DRIVER-CLOSE-UNKNOWN" in result.stdout
    assert result.stderr == b""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test___console_of_any_encoding___json___loses_nothing(encoding: str) -> None:
    result = as_process("explain", "--json", "DRIVER-CLOSE-UNKNOWN", encoding=encoding)

    (entry,) = json.loads(result.stdout.decode(encoding))
    wanted = SPECIFICATION["DRIVER-CLOSE-UNKNOWN"]
    assert (entry["source"], entry["why"]) == (wanted.source, wanted.why)
    assert result.stdout.isascii()


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "✗"), ("cp1252", "x"), ("ascii", "x")])
def test___console_of_any_encoding___explain___marks_what_is_forbidden(
    encoding: str, mark: str
) -> None:
    result = as_process("explain", "CLOSE-UNKNOWN", encoding=encoding)

    assert f"  {mark} not: Close(".encode(encoding) in result.stdout


PRINTING = [["list"], ["list", "--json"], ["explain", "CLOSE-OPEN"], ["--help"], ["list", "--help"]]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test___reader_that_has_gone___any_command___ends_quietly_with_0(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    result = as_process(*arguments, encoding="utf-8", stdout=writing)

    os.close(writing)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test___full_disk___any_command___one_line_and_exit_code_4(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        result = as_process(*arguments, encoding="utf-8", stdout=full.fileno())

    assert result.returncode == 4
    assert result.stderr == b"The output cannot be written: No space left on device.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("arguments", [["explain", "X-Y"], ["list", "--class", "x"], ["x"]])
def test___nowhere_to_complain___wrong_usage___exit_code_stays_2(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("wb") as full:
        on_full = as_process(*arguments, encoding="utf-8", stderr=full.fileno())

    on_closed = as_process(*arguments, encoding="utf-8", stderr=writing)

    os.close(writing)
    assert (on_full.returncode, on_closed.returncode) == (2, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's >&- is one of POSIX")
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test___closed_output___any_command___ends_quietly_with_0(arguments: list[str]) -> None:
    script = [sys.executable, "-c", "from session_contract.cli import main; main()", *arguments]

    result = subprocess.run(
        ["sh", "-c", '"$0" "$@" >&-', *script], capture_output=True, timeout=60, check=False
    )

    assert (result.returncode, result.stderr) == (0, b"")


def test___no_arguments___run___help_with_examples() -> None:
    result = as_process(encoding="utf-8")

    assert b"session-contract explain CLOSE-UNKNOWN" in result.stdout + result.stderr


def test___commands___imported___load_no_grpc() -> None:
    probe = "import sys, session_contract.cli; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in Python")
def test___terminal___list___headings_and_colours() -> None:
    import pty

    main_end, terminal = pty.openpty()
    script = [sys.executable, "-c", "from session_contract.cli import main; main()", "list"]
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([*script, "--class", "driver"], stdout=terminal, env=environment)
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(main_end, 65536):
            shown += block
    except OSError:  # Linux says so when the other end was closed
        pass
    finally:
        os.close(main_end)
    assert process.wait(timeout=60) == 0

    assert b"\x1b[1mClass driver" in shown
    assert b"session-contract explain ID" in shown
