"""Input that no client of good will sends: servers as processes go on, and say nothing odd."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.file_logger.stubs import json_logger_pb2 as logger

if TYPE_CHECKING:
    from tests.conftest import ServerProcess, Servers

PATIENCE = 60.0
CONNECTIONS = 1000
"""At most: a system may allow a process fewer."""
DOCUMENTED = {"OK", "NOT_FOUND", "INVALID_ARGUMENT"}
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\nforged line\u202e"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LINE = re.compile(
    r"[\w ]+ serves on \S+\.|Ctrl-C stops it\.|Stopping \(SIGTERM\); .*|Stopped\.|"
    r"\d{4}-\d\d-\d\d [\d:,]+ (INFO|DEBUG) .*|(\s*\w+: .*|[\w ]+\{|\})?"
)
"""What a server may print: its sentences, and the requests that it was told to show."""


@dataclass
class Target:
    """A reference server that runs, and how to send it anything."""

    process: ServerProcess
    address: str
    messages: Any
    channel: Any

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    @property
    def service(self) -> Any:  # noqa: ANN401 - descriptors are untyped
        """The descriptor of its service."""
        (service,) = self.messages.DESCRIPTOR.services_by_name.values()
        return service

    def send(self, method: str, data: bytes) -> tuple[str, str]:
        """Send bytes as a request; the name and the text of the status."""
        call = self.channel.unary_unary(f"/{self.service.full_name}/{method}")
        try:
            call(data, timeout=PATIENCE)
        except grpc.RpcError as error:
            refused: Any = error
            return refused.code().name, refused.details()
        return "OK", ""

    def held(self) -> int:
        """How many descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.process.pid}/fd").iterdir()))

    def ends_quietly(self) -> None:
        """Stop it: it said nothing but what it should, and nothing that a console obeys."""
        self.process.process.terminate()
        assert self.process.ended() == 0, self.process.output
        for line in self.process.output.splitlines():
            assert _LINE.fullmatch(line), line
            assert line.replace("\t", "").isprintable(), line


@pytest.fixture(scope="module", params=["file_logger", "custom_instrument"])
def target(
    request: pytest.FixtureRequest,
    lasting_servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Target]:
    """Each reference server, with a line for each call; in the end it has said nothing else."""
    folder = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-m", f"session_reference.{request.param}", "--discovery", "off"]
    process = lasting_servers.run(*command, "-v", cwd=folder)
    address = process.wait_address()
    messages = {"file_logger": logger, "custom_instrument": instrument}[request.param]
    with grpc.insecure_channel(
        address, [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        target = Target(process, address, messages, channel)
        yield target
        target.ends_quietly()


def first(target: Target) -> Any:  # noqa: ANN401 - descriptors are untyped
    """The method that initializes."""
    return target.service.methods[0]


def connections() -> int:
    """How many to open: half of the descriptors of each process are for the rest."""
    resource: Any = pytest.importorskip("resource", reason="this limit is POSIX's")
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(CONNECTIONS, allowed // 2) if allowed > 0 else CONNECTIONS


def answers(target: Target) -> bool:
    """Whether it still carries out calls."""
    return target.send(first(target).name, b"")[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + b"\xff" * 512,
        bytes(range(256)) * 16,
        _PREFACE + bytes(range(256)) * 4,
        _PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        _PREFACE + b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"",
    ],
)
def test___bytes_that_are_no_http2___sent___others_are_served(target: Target, data: bytes) -> None:
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", target.port), PATIENCE)
        with connection, suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    assert answers(target)


def test___requests_that_are_none___sent___are_refused_without_a_traceback(target: Target) -> None:
    odd = [
        b"\xff" * 4,
        b"\x0a\x05abc",
        b"\x0a\x02\xff\xfe",
        b"\x0b" * 50_000,
        b"\x0a\xff\xff\xff\xff\x7f",
    ]

    for method in target.service.methods:
        assert {target.send(method.name, data)[0] for data in odd} == {"INTERNAL"}

    assert answers(target)


def test___unknown_fields_and_other_wire_types___sent___are_passed_over(target: Target) -> None:
    unknown = b"\x7a\x03abc" + b"\xf8\x3f\x01" + b"\x0d\x01\x02\x03\x04"

    for method in target.service.methods:
        assert target.send(method.name, unknown)[0] in ("INVALID_ARGUMENT", "NOT_FOUND")


@pytest.mark.parametrize("text", ["x" * 2**20, EVIL, EVIL * 5000, "\0", "../" * 300], ids=len)
def test___a_text_in_every_field___sent___is_answered_briefly_and_shown_by_nobody(
    target: Target, text: str
) -> None:
    for method in target.service.methods:
        request = getattr(target.messages, method.input_type.name)()
        for field in method.input_type.fields:
            if field.type == field.TYPE_STRING:
                setattr(request, field.name, text)

        code, details = target.send(method.name, request.SerializeToString())

        assert code in DOCUMENTED, (method.name, details)
        assert len(details) < 2000
        assert details.isprintable()


def test___a_message_beyond_the_limit___sent___is_refused_and_others_are_served(
    target: Target,
) -> None:
    code, _ = target.send(first(target).name, b"\x0a" + b"\x80\x80\x80\x28" + b"x" * (80 * 2**20))

    assert code == "RESOURCE_EXHAUSTED"
    assert answers(target)


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 60),
    reason="an old gRPC keeps connections that never greeted for minutes",
)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test___a_thousand_connections_that_say_little___opened___others_are_served(
    target: Target,
) -> None:
    before = target.held()
    with ExitStack() as stack:
        for number in range(connections()):
            connection = socket.create_connection(("127.0.0.1", target.port), PATIENCE)
            stack.enter_context(connection)
            connection.sendall(_PREFACE[: number % len(_PREFACE)])

        assert answers(target)

    deadline = time.monotonic() + PATIENCE
    while target.held() > before + 5 and time.monotonic() < deadline:
        assert answers(target)
    assert target.held() <= before + 5


# Paths --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
@pytest.mark.parametrize("name", ["pipe.log", "zero.log", "null.log", "folder.log"])
def test___what_is_no_file___initialized___is_refused_at_once(
    target: Target, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "zero.log").symlink_to("/dev/zero")
    (tmp_path / "null.log").symlink_to("/dev/null")
    (tmp_path / "folder.log").mkdir()
    path = str(tmp_path / name)
    request = getattr(target.messages, first(target).input_type.name)(resource_name=path)
    if target.messages is instrument:
        request.register_map_path, request.protocol = path, instrument.SPI

    code, details = target.send(first(target).name, request.SerializeToString())

    assert code == "INVALID_ARGUMENT", details


def test___odd_register_maps___initialized___are_refused_with_the_line(
    servers: Servers, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "session_reference.custom_instrument", "--discovery", "off"]
    address = servers.run(*command, cwd=tmp_path).wait_address()
    request = instrument.InitializeRequest(
        resource_name="r", register_map_path="odd.csv", protocol=instrument.SPI
    )
    columns = b",".join([b"Register Name"] * 20_000)
    utf_16 = "Register Name".encode("utf-16")
    with grpc.insecure_channel(address) as opened:
        channel: Any = opened
        call = channel.unary_unary("/DeviceCommunication.DeviceCommunication/Initialize")
        for content in (
            utf_16,
            b"\xef\xbb\xbf\xff",
            bytes(4096),
            b"x" * 2**20,
            b'"' * 999,
            columns,
        ):
            (tmp_path / "odd.csv").write_bytes(content)

            with pytest.raises(grpc.RpcError) as refused:
                call(request.SerializeToString(), timeout=PATIENCE)

            error: Any = refused.value
            assert error.code().name == "INVALID_ARGUMENT"
            assert re.search(r"is refused: line \d+ ", error.details())
            assert len(error.details()) < 2000


# Files of the server ------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test___ready_file___written___is_private_and_follows_no_planted_link(
    servers: Servers, tmp_path: Path
) -> None:
    ready, victim = tmp_path / "ready", tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    ready.symlink_to(victim)

    servers("--discovery", "off", "--ready-file", ready).wait_line("Ctrl-C stops it.")

    assert stat.S_IMODE(ready.lstat().st_mode) == 0o600
    assert not ready.is_symlink()
    assert victim.read_text(encoding="utf-8") == "precious"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; where none may be mounted, the test is skipped."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=PATIENCE)


@pytest.mark.parametrize("flags", [[], ["--durable"]])
def test___full_disk___logged___is_told_and_the_log_stays_whole(
    servers: Servers, small_disk: Path, flags: list[str]
) -> None:
    command = [sys.executable, "-m", "session_reference.file_logger", "--discovery", "off", *flags]
    address = servers.run(*command).wait_address()
    filler, log = small_disk / "filler", small_disk / "a.log"
    filler.write_bytes(b"x" * 500_000)
    stub = servers.stub(address)
    session = stub.InitializeFile(
        logger.InitializeFileRequest(resource_name=str(log)), timeout=PATIENCE
    ).session_id
    acknowledged: list[str] = []

    def write(number: int) -> str:
        request = logger.LogMeasurementDataRequest(
            session_id=session, measurement_name=f"{number}", measurement_outputs={"x": "y" * 9973}
        )
        try:
            stub.LogMeasurementData(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            refused: Any = error
            return str(refused.code().name)
        acknowledged.append(f"{number}")
        return "OK"

    answers = [write(number) for number in range(100)]
    assert set(answers) == {"OK", "RESOURCE_EXHAUSTED"}
    filler.unlink()

    assert write(100) == "OK"
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["measurement_name"] for line in lines] == acknowledged


def test___disk_becomes_read_only___initialized___is_refused_as_no_right(
    servers: Servers, small_disk: Path
) -> None:
    command = [sys.executable, "-m", "session_reference.file_logger", "--discovery", "off"]
    stub = servers.stub(servers.run(*command).wait_address())
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True, timeout=PATIENCE)

    with pytest.raises(grpc.RpcError) as refused:
        stub.InitializeFile(
            logger.InitializeFileRequest(resource_name=str(small_disk / "a.log")), timeout=PATIENCE
        )

    assert refused.value.code().name == "PERMISSION_DENIED"
