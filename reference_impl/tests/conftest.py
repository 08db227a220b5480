"""Servers as processes: started, watched, spoken to and ended by the tests of this room."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpcs

PATIENCE = 60.0
HOSTED_LOGGER = Path(__file__).with_name("hosted_logger.py")


class ServerProcess:
    """A server that runs as a process of its own; its lines arrive as it prints them."""

    def __init__(self, command: list[str], env: Mapping[str, str], **how: Any) -> None:  # noqa: ANN401
        """Start a server; ``how`` goes to ``subprocess.Popen``."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | how
        with _interruptible():
            self.process = subprocess.Popen(
                command, env=dict(env), stderr=subprocess.STDOUT, text=True, encoding="utf-8", **how
            )
        self.output = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def wait_line(self, words: str) -> str:
        """The next line that holds these words; AssertionError with the output if none comes."""
        while (line := self._next()) is not None:
            if words in line:
                return line.rstrip("\n")
        raise AssertionError(f"{words!r} was never printed:\n{self.output}")

    def _next(self) -> str | None:
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"nothing more was printed:\n{self.output}") from None
        if line is None:
            self._lines.put(None)  # for whoever asks again
        self.output += line or ""
        return line

    def wait_address(self) -> str:
        """Where it serves, as it says once it does."""
        said = self.wait_line(" serves on ").partition(" serves on ")[2]
        return said.partition(",")[0].rstrip(".")

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code, when it has ended and said all it had to say."""
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            while self._next() is not None:
                pass
        return code

    @property
    def last_line(self) -> str:
        """What it said last."""
        return self.output.splitlines()[-1]

    def end(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


@contextmanager
def _interruptible() -> Generator[None, None, None]:
    """Let children get SIGINT, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Servers:
    """Starts servers as processes, and ends them with the test."""

    def __init__(self, stack: ExitStack) -> None:
        """End what is started when the stack is left."""
        self._stack = stack

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        **how: Any,  # noqa: ANN401
    ) -> ServerProcess:
        """Start a command."""
        environment = {"GRPC_VERBOSITY": "ERROR", **(os.environ if env is None else env)}
        environment.pop("PYTHONUNBUFFERED", None)  # servers have to flush what they say
        server = ServerProcess([str(part) for part in command], environment, **how)
        self._stack.callback(server.end)
        return server

    def __call__(self, *flags: str | Path, **how: Any) -> ServerProcess:  # noqa: ANN401
        """Start the small server of this folder with these flags."""
        return self.run(sys.executable, HOSTED_LOGGER, *flags, **how)

    def stub(
        self, address: str, credentials: grpc.ChannelCredentials | None = None
    ) -> rpcs.JsonLoggerStub:
        """What calls a server."""
        channel = (
            grpc.secure_channel(address, credentials)
            if credentials
            else grpc.insecure_channel(address)
        )
        self._stack.callback(channel.close)
        return rpcs.JsonLoggerStub(channel)

    def calls(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> bool:
        """Whether a call is answered there."""
        request = messages.InitializeFileRequest(resource_name="r")
        stub = self.stub(address, credentials)
        return stub.InitializeFile(request, timeout=PATIENCE).session_id == "r"


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Starts the small server of this folder, and whatever else serves; ends all of them."""
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="module")
def lasting_servers() -> Iterator[Servers]:
    """Starts servers that all tests of a module use, and ends them."""
    with ExitStack() as stack:
        yield Servers(stack)
