"""Servers at an address, in this process, or started by a command: made ready and ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import grpc
import pytest

from session_contract.subject import hosting
from session_contract.subject.finding import NotEstablished
from session_contract.subject.hosting import CommandHost, answers
from session_contract.subject.placing import AddressHost, ServicerHost, place
from session_contract.subject.target import (
    Address,
    Command,
    Identity,
    Limits,
    Place,
    Servicer,
    Target,
    TargetError,
    Unreachable,
)

HERE = Path(__file__).parent
LOCKS = str(HERE / "lock_server.py")
ON_PORT = Command((sys.executable, LOCKS, "{port}"), HERE, within=60, grace=20)
posix = pytest.mark.skipif(os.name != "posix", reason="signals, terminals and groups of POSIX")


def target(place: Place, *, patience: float = 20) -> Target:
    """A target at this place."""
    return Target(Identity("acme"), place, HERE, limits=Limits(patience))


def program(text: str, **how: object) -> Command:
    """A command that runs this Python program."""
    command = Command((sys.executable, "-c", text, "{port}"), HERE, within=60, grace=20)
    return replace(command, **how)  # type: ignore[arg-type]


@contextmanager
def started(command: Command, folder: Path) -> Generator[CommandHost, None, None]:
    """A server that was started by a command."""
    with closing(place(target(command), folder)) as host:
        assert isinstance(host, CommandHost)
        yield host


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where nobody collects orphans, they stay as zombies.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().split()[2] != "Z"


# By address ---------------------------------------------------------------------------------------


def test___server_at_an_address___placed___is_there_and_left_alone() -> None:
    with closing(ServicerHost(Servicer("lock_server:add_silent", HERE))) as server:
        host = place(target(Address(server.address)), HERE)
        ways: list[Callable[[], object]] = [partial(host.stop, "SIGTERM"), host.kill, host.start]
        for do in ways:
            with pytest.raises(NotEstablished, match=r"\[target\] command"):
                do()
        host.close()

        assert isinstance(host, AddressHost)
        assert answers(server.address, 20)


def test___nobody_at_an_address___placed___unreachable() -> None:
    with pytest.raises(Unreachable, match=r"Nobody answers gRPC at 127\.0\.0\.1:1 within 0\.2 s"):
        place(target(Address("127.0.0.1:1"), patience=0.2), HERE)


# A servicer ---------------------------------------------------------------------------------------


def test___servicer___placed___serves_until_closed() -> None:
    host = place(target(Servicer("lock_server:add_silent", HERE)), HERE)

    assert answers(host.address, 20)
    with pytest.raises(NotEstablished):
        host.kill()
    host.close()
    assert not answers(host.address, 0.2)


def test___servicer___placed___port_is_not_shared() -> None:
    with closing(place(target(Servicer("lock_server:add_silent", HERE)), HERE)) as host:
        other = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])

        with pytest.raises(RuntimeError):
            assert other.add_insecure_port(host.address)


@pytest.mark.parametrize(
    ("source", "function", "said"),
    [
        ("", "placed_a:add", "placed_a:add cannot be imported from"),
        ("import no_such_package", "placed_b:add", "No module named 'no_such_package'"),
        ("add = 1", "placed_c:add", "placed_c:add is no function."),
        ("def add(server): 1 / 0", "placed_d:add", "placed_d:add fails with ZeroDivisionError"),
    ],
)
def test___servicer_that_cannot_be_had___placed___error_says_why(
    tmp_path: Path, source: str, function: str, said: str
) -> None:
    (tmp_path / f"{function.partition(':')[0]}.py").write_text(source)

    with pytest.raises(TargetError) as error:
        place(target(Servicer(function, tmp_path)), tmp_path)

    assert said in str(error.value)
    assert str(tmp_path) not in sys.path


# A command ----------------------------------------------------------------------------------------


def test___command_with_a_port___placed___serves_there_until_closed(tmp_path: Path) -> None:
    with started(ON_PORT, tmp_path) as host:
        pid = host.pid
        port = host.address.partition(":")[2]
        assert host.address.startswith("127.0.0.1:")
        assert answers(host.address, 20)
        assert list(host.output) == [f"locks at port {port}."]

    assert host.pid is None
    assert pid
    assert not is_alive(pid)


@pytest.mark.parametrize("pattern", ["port (?P<port>[0-9]+)", "port (?P<address>[0-9]+)"])
def test___command_that_says_its_port___placed___is_found_there(
    tmp_path: Path, pattern: str
) -> None:
    command = replace(ON_PORT, argv=(sys.executable, LOCKS, "0"), ready_output=pattern)

    with started(command, tmp_path) as host:
        assert answers(host.address, 20)


def test___command_with_a_ready_file___placed___is_found_there(tmp_path: Path) -> None:
    argv = (sys.executable, LOCKS, "0", "--ready-file={ready_file}")

    with started(replace(ON_PORT, argv=argv, ready_file=True), tmp_path) as host:
        assert answers(host.address, 20)


def test___texts_of_a_command___placed___are_filled_in(tmp_path: Path) -> None:
    show = "import os, sys; print(sys.argv[2:], os.environ['ACME'], os.getcwd()); sys.exit(3)"
    command = program(show, environment={"ACME": "<{discovery}>"}, folder=tmp_path)
    command = replace(command, argv=("{python}", *command.argv[1:], "{here}", "{tmp}"))

    with pytest.raises(Unreachable) as error:
        place(target(command), tmp_path)

    assert f"['{HERE}', '{tmp_path}'] <> {tmp_path}" in str(error.value)


def test___command_that_ends_at_once___placed___unreachable_with_its_last_words(
    tmp_path: Path,
) -> None:
    command = program("import sys; print('hello'); sys.exit('no licence')")

    with pytest.raises(Unreachable) as error:
        place(target(command), tmp_path)

    assert str(error.value) == (
        "The server ended at its start, exit code 1.\nIt printed:\n  hello\n  no licence"
    )


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        ({}, "does not answer gRPC at 127.0.0.1:"),
        ({"ready_output": "ready"}, "did not say that it is ready within 0.5 s"),
    ],
)
def test___command_that_never_serves___placed___unreachable_and_ended(
    tmp_path: Path, ready: dict[str, str], said: str
) -> None:
    text = "import os, threading; print(os.getpid()); threading.Event().wait()"

    with pytest.raises(Unreachable) as error:
        place(target(program(text, within=0.5, **ready)), tmp_path)

    assert said in str(error.value)
    assert "set [target.start] within" in str(error.value)


def test___command_that_does_not_exist___placed___error(tmp_path: Path) -> None:
    command = Command(("no-such-server", "{port}"), tmp_path)

    with pytest.raises(TargetError, match=r"command: 'no-such-server' cannot be started"):
        place(target(command), tmp_path)


@pytest.mark.parametrize(
    "how", [pytest.param("SIGTERM", marks=posix), pytest.param("SIGINT", marks=posix), "enter"]
)
def test___command___stopped___exit_code_is_told(tmp_path: Path, how: str) -> None:
    with started(replace(ON_PORT, stops=(how,)), tmp_path) as host:
        assert host.stop(how) == 0
        assert host.pid is None


def test___command___its_input_closed___exit_code_is_told(tmp_path: Path) -> None:
    with started(ON_PORT, tmp_path) as host:
        assert host.stop("stdin-close") == 0


@posix
def test___command_that_enter_stops___started___has_a_terminal(tmp_path: Path) -> None:
    text = "import os, sys; sys.exit(f'{os.isatty(0)}')"

    with pytest.raises(Unreachable, match="True"):
        place(target(program(text, stops=("enter",))), tmp_path)
    with pytest.raises(Unreachable, match="False"):
        place(target(program(text)), tmp_path)


@posix
def test___command_that_does_not_stop___stopped___is_killed_and_has_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "TO_END", 0.1)
    command = replace(ON_PORT, argv=(*ON_PORT.argv, "--deaf"), grace=0.1)

    with started(command, tmp_path) as host:
        assert host.stop("SIGTERM") is None
        assert host.pid is None


def test___way_to_stop_that_is_not_of_this_system___asked_for___error(tmp_path: Path) -> None:
    foreign = "CTRL_BREAK" if os.name == "posix" else "SIGKILL"

    with (
        started(ON_PORT, tmp_path) as host,
        pytest.raises(TargetError, match=rf"stops: {foreign} does not exist on this system"),
    ):
        host.stop(foreign)


def test___command___killed_and_started___is_another_process(tmp_path: Path) -> None:
    with started(ON_PORT, tmp_path) as host:
        first = host.pid
        host.kill()
        assert host.pid is None

        host.start()

        assert host.pid not in (None, first)
        assert answers(host.address, 20)


def test___command_that_started_before___does_not_start___is_waited_for_by_another_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "TIMES_LONGER", 0.01)
    (tmp_path / "wait.py").write_text(
        "import pathlib, sys, threading\n"
        "if pathlib.Path('been').exists(): threading.Event().wait()\n"
        "pathlib.Path('been').touch()\n"
        f"exec(pathlib.Path({LOCKS!r}).read_text())\n"
    )
    command = replace(ON_PORT, argv=(sys.executable, "wait.py", "{port}"), folder=tmp_path)

    with (
        started(command, tmp_path) as host,
        pytest.raises(Unreachable, match=r"gRPC at 127.0.0.1:\d+ within 0.6 s: see its output"),
    ):
        host.start()


@posix
def test___command_with_a_child___closed___child_is_ended_too(tmp_path: Path) -> None:
    wrapper = (
        "import subprocess, sys, threading\n"
        f"child = subprocess.Popen([sys.executable, {LOCKS!r}, sys.argv[1]])\n"
        "print('child', child.pid, flush=True)\n"
        "threading.Event().wait()\n"
    )

    with started(program(wrapper, grace=0.1), tmp_path) as host:
        pid = next(int(line.split()[1]) for line in host.output if line.startswith("child"))
        assert is_alive(pid)

    assert not is_alive(pid)


@posix
def test___kit_interrupted_while_a_server_starts___it_is_ended(tmp_path: Path) -> None:
    text = (
        "import os, pathlib, signal, threading\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\n"
        f"os.kill({os.getpid()}, signal.SIGINT)\n"
        "threading.Event().wait()\n"
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            place(target(program(text, folder=tmp_path)), tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)

    assert not is_alive(int((tmp_path / "pid").read_text()))


@posix
def test___kit_that_ignores_sigint___starts_a_server___it_does_not(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with started(ON_PORT, tmp_path) as host:
            assert host.stop("SIGINT") == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test___server_that_prints_much___placed___does_not_block(tmp_path: Path) -> None:
    text = (
        "import runpy, sys, threading\n"
        "print('x' * 200 + '\\n' * 5000)\n"
        f"sys.argv[0] = {LOCKS!r}\n"
        f"runpy.run_path({LOCKS!r}, run_name='__main__')\n"
    )

    with started(program(text), tmp_path) as host:
        assert answers(host.address, 20)
        assert len(host.output) <= 2000


def test___command_host___closed___no_thread_is_left(tmp_path: Path) -> None:
    with started(ON_PORT, tmp_path):
        pass

    assert not [thread for thread in threading.enumerate() if thread.name == "server output"]
