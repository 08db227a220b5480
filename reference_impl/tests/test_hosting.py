"""A server from its start to its exit code, as a process without Discovery."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest

from session_reference.file_logger.stubs import json_logger_pb2 as messages

if TYPE_CHECKING:
    from tests.conftest import ServerProcess, Servers

OFF = ("--discovery", "off")
PATIENCE = 60.0
posix = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")


class RunningCall:
    """A call of LogMeasurementData that the server has begun, until it is let go."""

    def __init__(self, servers: Servers, address: str, fifo: Path) -> None:
        """Call, and come back once the server carries the call out."""
        self.address = address
        os.mkfifo(fifo)
        request = messages.LogMeasurementDataRequest(measurement_name=str(fifo))
        self._call = servers.stub(address).LogMeasurementData.future(request, timeout=PATIENCE)
        self._hold = fifo.open("wb")  # waits for the reader

    def let_go(self) -> None:
        """Let the server finish the call."""
        self._hold.close()

    def code(self) -> grpc.StatusCode:
        """How it ended."""
        code = self._call.code()
        assert isinstance(code, grpc.StatusCode)
        return code


@contextmanager
def a_running_call(
    servers: Servers, server: ServerProcess, folder: Path
) -> Generator[RunningCall, None, None]:
    call = RunningCall(servers, server.wait_address(), folder / "fifo")
    server.wait_line("Ctrl-C stops it")
    try:
        yield call
    finally:
        call.let_go()


def with_grace(servers: Servers, seconds: float) -> ServerProcess:
    """A server that gives running calls another time to finish than usual."""
    start = (
        f"import runpy, sys; import session_reference.hosting.stopping as s; s.GRACE = {seconds};"
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = Path(__file__).with_name("hosted_logger.py")
    return servers.run(sys.executable, "-c", start, script, *OFF)


def wait_refused(address: str) -> None:
    """Wait until the server takes no calls any more."""
    deadline = time.monotonic() + PATIENCE
    with suppress(ConnectionError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", int(port_of(address)))).close()
        raise AssertionError("the server still takes calls")


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test___server___started___serves_both_loopbacks_on_one_port(servers: Servers) -> None:
    port = port_of(servers(*OFF).wait_address())

    assert servers.calls(f"127.0.0.1:{port}")
    assert not has_ipv6() or servers.calls(f"[::1]:{port}")


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test___server___gets_a_signal___stops_in_order(servers: Servers, name: str) -> None:
    server = servers(*OFF)
    server.wait_line("Ctrl-C stops it.")

    server.send(getattr(signal, name))

    assert server.ended() == 0
    assert server.output.splitlines()[-4:] == [
        f"Stopping ({name}); running calls have 5 s to finish.",
        "releasing",
        "released",
        "Stopped.",
    ]


@posix
def test___server_that_ignores_hangups___terminal_closes___goes_on(servers: Servers) -> None:
    nohup = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    replace = "os.execv(sys.argv[1], sys.argv[1:])"
    script = Path(__file__).with_name("hosted_logger.py")
    server = servers.run(sys.executable, "-c", nohup + replace, sys.executable, script, *OFF)
    address = server.wait_address()
    server.wait_line("Ctrl-C")

    server.send(signal.SIGHUP)

    assert servers.calls(address)
    server.send(signal.SIGTERM)
    assert server.ended() == 0


def terminal() -> tuple[int, int]:
    import pty

    return pty.openpty()


@posix
def test___server_at_a_terminal___enter_pressed___stops(servers: Servers) -> None:
    user, terminal_ = terminal()
    server = servers(*OFF, stdin=terminal_)
    server.wait_line("Enter or Ctrl-C stops it.")

    os.write(user, b"x\n")

    assert server.ended() == 0
    assert "Stopping (Enter)" in server.output
    assert server.last_line == "Stopped."
    os.close(user)
    os.close(terminal_)


@posix
def test___server_at_a_terminal___terminal_closes___stops_in_order(
    servers: Servers, tmp_path: Path
) -> None:
    user, terminal_ = terminal()
    ready = tmp_path / "ready"
    # A session of its own with this terminal: whoever closes it hangs up.
    attach = "import os, fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    replace = "os.execv(sys.argv[1], sys.argv[1:])"
    script = Path(__file__).with_name("hosted_logger.py")
    server = servers.run(
        sys.executable, "-c", attach + replace, sys.executable, script, *OFF,
        "--ready-file", ready, stdin=terminal_, start_new_session=True,
    )  # fmt: skip
    os.close(terminal_)
    server.wait_line("Ctrl-C stops it.")

    os.close(user)

    assert server.ended() == 0
    assert "Stopping (SIGHUP)" in server.output
    assert server.last_line == "Stopped."


def test___server_with_empty_input___started___goes_on(servers: Servers) -> None:
    server = servers(*OFF, stdin=subprocess.DEVNULL)
    address = server.wait_address()

    server.wait_line("Ctrl-C stops it.")

    assert "Enter" not in server.output
    assert servers.calls(address)


def test___server_whose_pipe_ends___not_told_to_mind___goes_on(servers: Servers) -> None:
    server = servers(*OFF, stdin=subprocess.PIPE)
    address = server.wait_address()
    assert server.process.stdin is not None

    server.process.stdin.write("\n")
    server.process.stdin.close()

    assert servers.calls(address)


def test___server_that_stops_with_its_input___pipe_ends___stops(servers: Servers) -> None:
    server = servers(*OFF, "--stop-on-stdin-close", stdin=subprocess.PIPE)
    address = server.wait_address()
    assert server.process.stdin is not None
    server.process.stdin.write("\n")
    server.process.stdin.flush()
    assert servers.calls(address)

    server.process.stdin.close()

    assert server.ended() == 0
    assert "Stopping (standard input was closed)" in server.output


@posix
def test___running_call___server_stops___is_finished(servers: Servers, tmp_path: Path) -> None:
    server = servers(*OFF)
    with a_running_call(servers, server, tmp_path) as call:
        server.send(signal.SIGTERM)
        wait_refused(call.address)
        call.let_go()

        assert call.code() is grpc.StatusCode.OK
        assert server.ended() == 0
        assert server.last_line == "Stopped."


@posix
def test___call_that_hangs___second_signal___ends_at_once(servers: Servers, tmp_path: Path) -> None:
    server = with_grace(servers, 600.0)
    with a_running_call(servers, server, tmp_path) as call:
        server.send(signal.SIGINT)
        server.wait_line("Stopping")
        server.send(signal.SIGINT)

        assert server.process.wait(PATIENCE) == 0
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert server.ended() == 0
        assert server.last_line == "Stopped; a call that does not end was left behind."


@posix
def test___call_that_hangs___grace_is_over___is_left_behind(
    servers: Servers, tmp_path: Path
) -> None:
    server = with_grace(servers, 0.5)
    with a_running_call(servers, server, tmp_path) as call:
        server.send(signal.SIGINT)

        assert server.ended() == 0
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert "releasing" in server.output
        assert server.last_line == "Stopped; a call that does not end was left behind."


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test___port_that_is_taken___asked_for___says_so(servers: Servers, family: int) -> None:
    if family == socket.AF_INET6 and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with socket.socket(family) as other:
        other.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        server = servers(*OFF, "--port", str(port))

        assert server.ended() == 1
    assert f"Error: Cannot serve on localhost:{port}: another program has the port" in server.output
    assert "Traceback" not in server.output


def test___second_server___same_port___does_not_share_it(servers: Servers) -> None:
    port = port_of(servers(*OFF).wait_address())

    assert servers(*OFF, "--port", port).ended() == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com"])
def test___address_of_the_network___without_tls___is_refused(servers: Servers, host: str) -> None:
    server = servers(*OFF, "--host", host)

    assert server.ended() == 1
    assert f"Error: {host} can be reached from the network" in server.output
    assert "--allow-insecure" in server.output


def test___address_of_the_network___insecure_is_meant___serves(servers: Servers) -> None:
    address = servers(*OFF, "--host", "0.0.0.0", "--allow-insecure").wait_address()

    assert address.startswith("0.0.0.0:")
    assert servers.calls(f"127.0.0.1:{port_of(address)}")


@pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.1"])
def test___one_loopback___asked_for___serves_there_alone(servers: Servers, host: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")

    address = servers(*OFF, "--host", host).wait_address()

    assert servers.calls(address)
    family = socket.AF_INET if ":" in host else socket.AF_INET6
    with socket.socket(family) as other:
        other.bind(("127.0.0.1" if ":" in host else "::1", int(port_of(address))))


def test___ready_file___server_comes_and_goes___holds_its_address_meanwhile(
    servers: Servers, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    server = servers(*OFF, "--ready-file", ready)
    address = server.wait_address()
    server.wait_line("Ctrl-C stops it.")

    assert ready.read_text(encoding="utf-8") == f"{address}\n"
    server.send(signal.SIGTERM)
    assert server.ended() == 0
    assert list(tmp_path.iterdir()) == []


def test___ready_file_in_no_folder___started___says_so(servers: Servers, tmp_path: Path) -> None:
    server = servers(*OFF, "--ready-file", tmp_path / "no" / "ready")

    assert server.ended() == 1
    assert "Error: Cannot write the ready file" in server.output
    assert "Traceback" not in server.output


def test___verbose___called___logs_a_line_for_each_call(servers: Servers) -> None:
    server = servers(*OFF, "-v")
    stub = servers.stub(server.wait_address())

    stub.InitializeFile(messages.InitializeFileRequest(resource_name="r"))
    with pytest.raises(grpc.RpcError):
        stub.CloseFile(messages.CloseFileRequest(session_id="s"))

    assert "INFO /json_logger.JsonLogger/InitializeFile OK " in server.wait_line("Initialize")
    assert "INFO /json_logger.JsonLogger/CloseFile NOT_FOUND " in server.wait_line("Close")
    assert "resource_name" not in server.output


def test___very_verbose___called___logs_the_request(servers: Servers) -> None:
    server = servers(*OFF, "-vv")

    assert servers.calls(server.wait_address())

    assert server.wait_line("resource_name").endswith('DEBUG resource_name: "r"')


def test___not_verbose___called___logs_nothing(servers: Servers) -> None:
    server = servers(*OFF)
    address = server.wait_address()
    server.wait_line("Ctrl-C")
    assert servers.calls(address)

    server.send(signal.SIGTERM)

    server.ended()
    assert len(server.output.splitlines()) == 6


def test___output_that_nobody_reads___server_stops___exit_code_is_0(
    servers: Servers, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    ready = tmp_path / "ready"
    server = servers(*OFF, "--ready-file", ready, stdout=writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        assert "Ctrl-C" in lines.readline() + lines.readline()

    server.send(signal.SIGTERM)

    assert server.ended() == 0


def test___console_without_umlauts___name_has_one___is_shown_without(
    servers: Servers, tmp_path: Path
) -> None:
    script = tmp_path / "hosted_logger.py"
    script.write_text(Path(__file__).with_name("hosted_logger.py").read_text("utf-8"), "utf-8")
    config = Path(__file__).with_name("hosted_logger.serviceconfig").read_text("utf-8")
    script.with_suffix(".serviceconfig").write_text(config.replace("Hosted", "Prüf"), "utf-8")

    server = servers.run(
        sys.executable, script, *OFF, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )

    assert "Pr?f Logger serves on localhost" in server.wait_line("serves")


def test___service_config_that_is_none___started___says_what_it_needs(
    servers: Servers, tmp_path: Path
) -> None:
    script = tmp_path / "hosted_logger.py"
    script.write_text(Path(__file__).with_name("hosted_logger.py").read_text("utf-8"), "utf-8")
    script.with_suffix(".serviceconfig").write_text("{}", "utf-8")

    server = servers.run(sys.executable, script, *OFF)

    assert server.ended() == 1
    assert "hosted_logger.serviceconfig does not describe a service" in server.output
    assert "it needs services[0] with displayName" in server.output


def test___standard_services___installed___are_offered(servers: Servers) -> None:
    health_pb2 = pytest.importorskip("grpc_health.v1.health_pb2")
    health_rpcs = pytest.importorskip("grpc_health.v1.health_pb2_grpc")
    reflection = pytest.importorskip("grpc_reflection.v1alpha.reflection_pb2")
    reflection_rpcs = pytest.importorskip("grpc_reflection.v1alpha.reflection_pb2_grpc")
    with grpc.insecure_channel(servers(*OFF).wait_address()) as channel:
        health = health_rpcs.HealthStub(channel)
        for name in ("", "json_logger.JsonLogger"):
            assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == 1
        request = reflection.ServerReflectionRequest(list_services="")
        (answer,) = reflection_rpcs.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([request])
        )

    listed = [service.name for service in answer.list_services_response.service]
    assert "json_logger.JsonLogger" in listed


def test___standard_services___not_installed___are_left_out(
    servers: Servers, tmp_path: Path
) -> None:
    for name in ("grpc_health", "grpc_reflection"):
        (tmp_path / f"{name}.py").write_text("raise ImportError", "utf-8")
    hidden = {**os.environ, "PYTHONPATH": str(tmp_path)}
    address = servers(*OFF, env=hidden).wait_address()

    with grpc.insecure_channel(address) as channel:
        check: Any = cast("Any", channel).unary_unary("/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.RpcError) as refused:
            check(b"")

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert servers.calls(address)


def test___many_calls___at_once___do_not_wait_for_each_other(
    servers: Servers, tmp_path: Path
) -> None:
    server = servers(*OFF)
    address = server.wait_address()
    calls = [RunningCall(servers, address, tmp_path / f"fifo{n}") for n in range(64)]

    assert servers.calls(address)

    for call in calls:
        call.let_go()
    assert {call.code() for call in calls} == {grpc.StatusCode.OK}
