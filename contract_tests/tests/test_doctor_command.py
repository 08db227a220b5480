"""``session-contract doctor``: what it says of a target that is right, and of each fault."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from session_contract import cli
from session_contract.doctor import examine
from session_contract.subject import hosting
from session_contract.subject.hosting import answers
from session_contract.subject.target import (
    Command,
    Identity,
    Names,
    Resources,
    Servicer,
    Target,
    UseCall,
)
from session_spec.matrix import Behavior

HERE = Path(__file__).parent
LOCKS = Target(Identity("locks"), Servicer("lock_server:add_to", HERE), HERE)
COMMAND = Command((sys.executable, str(HERE / "lock_server.py"), "{port}"), HERE, within=60)
FILE = f"""
[target]
name = "locks"
servicer = "lock_server:add_to"
folder = {str(HERE)!r}
"""


def run(*arguments: str) -> tuple[int, list[str], str]:
    """Run the command in this process: its exit code, its lines, its complaint."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        cli.cli.main(["doctor", *arguments], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue().splitlines(), stderr.getvalue()


def steps(target: Target, folder: Path) -> Mapping[str, tuple[bool, str]]:
    """Each step by its name: whether it failed, and its text."""
    return {step.name: (step.failed, step.text) for step in examine(target, folder)}


def test___right_target___examined___every_step_is_ok(tmp_path: Path) -> None:
    path = tmp_path / "locks.toml"
    path.write_text(FILE + '[[use]]\nrpc = "WriteNote"\nrequest = { text = "{value}" }\n')

    code, lines, complaint = run("--target", str(path))

    assert (code, complaint) == (0, "")
    assert [line.split()[1] for line in lines[:-1]] == [
        *("target", "server", "initialize", "behaviours", "close"),
        *("create", "attach", "use", "close"),
    ]
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert "locks.Locks/AcquireLock: resource lock_name, behaviour how; answers id" in lines[2]
    assert lines[-1].startswith("All is well: session-contract run")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE + "clams = []", "[target] clams is no key of ours; did you mean claims?"),
        (FILE.replace("add_to", "add"), "lock_server:add cannot be imported"),
        (FILE.replace("add_to", "add_silent"), "The server offers no reflection; give its .proto"),
        (FILE + "[service]\nclose = 'Shut'", "[service] close = 'Shut': locks.Locks has no such"),
        (FILE + "[initialize]\nmode = 1", "[initialize] does not fit locks.Wanted"),
    ],
)
def test___file_with_a_fault___examined___exit_2_with_the_fix(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "locks.toml"
    path.write_text(text)

    code, lines, complaint = run("--target", str(path))

    assert code == 2
    assert said in "\n".join([*lines, complaint])


def test___nobody_there___examined___exit_3(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    path.write_text("[target]\nname = 'a'\naddress = '127.0.0.1:1'\n[limits]\ncall = 0.2\n")

    code, _, complaint = run("--target", str(path))

    assert code == 3
    assert "Nobody answers gRPC at 127.0.0.1:1" in complaint


def test___no_target___examined___exit_2() -> None:
    code, lines, complaint = run()

    assert (code, lines) == (2, [])
    assert "give one of --target, --address" in complaint


@pytest.mark.parametrize(
    ("about", "step", "said"),
    [
        (
            {"resources": Resources(name="")},
            "create",
            "AcquireLock answered INVALID_ARGUMENT (what?). If it needs further arguments, give",
        ),
        (
            {
                "names": Names(
                    behaviors={Behavior.INITIALIZE_NEW: 0, Behavior.ATTACH_TO_EXISTING: 1}
                )
            },
            "attach",
            "AcquireLock answered ALREADY_EXISTS (taken), which is not what is due: see the names",
        ),
        (
            {"resources": Resources(setup=("no-such-command",))},
            "session",
            "[resource] the command no-such-command cannot be run",
        ),
        (
            {"resources": Resources(slow="slow-{unique}")},
            "slow",
            "make [resource] slow one that opens, and takes a second or more.",
        ),
        (
            {"bad_configuration": {"lock_name": "x"}},
            "initialize.bad",
            "AcquireLock answered OK for a create: set [initialize.bad] to values that a create",
        ),
    ],
)
def test___target_with_a_fault___examined___the_step_says_the_fix(
    tmp_path: Path, about: Mapping[str, object], step: str, said: str
) -> None:
    failed, text = steps(replace(LOCKS, **about), tmp_path)[step]  # type: ignore[arg-type]

    assert failed
    assert said in text


def test___use_that_is_refused___examined___says_what_to_correct(tmp_path: Path) -> None:
    target = replace(LOCKS, uses=[UseCall("ReleaseLock"), UseCall("WriteNote", answer="text")])

    failed, text = steps(target, tmp_path)["use"]

    assert failed
    assert (
        text
        == "WriteNote answered NOT_FOUND (no such ticket): correct the request of that [[use]]."
    )


def test___command___examined___is_stopped_in_each_way_and_started_again(tmp_path: Path) -> None:
    place = replace(COMMAND, stops=("SIGTERM", "stdin-close"), grace=20)
    target = replace(LOCKS, place=place, claims=frozenset({"hosting", "restart"}))

    result = steps(target, tmp_path)

    assert result["registered"][0]
    assert "put {discovery} into the command" in result["registered"][1]
    assert result["stop SIGTERM"] == result["stop stdin-close"] == (False, "exit code 0")
    assert not result["start again"][0]


def test___command_that_does_not_stop___examined___says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "TO_END", 0.1)
    place = replace(COMMAND, argv=(*COMMAND.argv, "--deaf"), grace=0.1)
    target = replace(LOCKS, place=place, claims=frozenset({"hosting"}))

    failed, text = steps(target, tmp_path)["stop SIGTERM"]

    assert failed
    assert text.startswith("It did not end in time: see [target.start] stops and grace")


def test___examination___left_early___server_is_ended(tmp_path: Path) -> None:
    examination = examine(replace(LOCKS, place=COMMAND), tmp_path)
    address = next(examination).text.rpartition(" ")[2]
    assert answers(address, 20)

    examination.close()

    assert not answers(address, 0.2)
