"""A server that the kit starts by its command, and stops, kills and starts again."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc

from session_contract.subject.target import Command, TargetError, Unreachable
from session_contract.subject.templates import fill

_STEP = 0.005
"""Seconds between two looks at a server that is on its way."""
TO_END = 10.0
"""Seconds more than its grace period that a server has to end, since machines are busy."""
TIMES_LONGER = 3
"""How much longer a start may take that has worked before: machines are busy, by and by."""
_TO_LOOK = 0.5
"""Seconds after which gRPC has looked whether anybody still asks for the state of a connection."""
_TO_READ = 2.0
"""Seconds for the last lines of a server that has ended."""
_LINES_SHOWN = 20
_WINDOWS = os.name == "nt"
_UNIGNORE = (
    "import os, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "try: os.execvp(sys.argv[1], sys.argv[1:])\n"
    "except OSError as error: sys.exit(f'{sys.argv[1]}: {error.strerror}')"
)
"""A shell's background job ignores SIGINT, and so would all that it starts."""


def answers(address: str, within: float) -> bool:
    """Whether a gRPC server is at this address, waiting for it if need be."""
    patience = 1000 + int(within * 1000)
    options = [("grpc.enable_http_proxy", 0), ("grpc.initial_reconnect_backoff_ms", 50),
               ("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1),
               # As long as a busy server may take to greet, in spite of the name.
               ("grpc.min_reconnect_backoff_ms", patience)]  # fmt: skip
    channel = grpc.insecure_channel(address, options)
    ready = threading.Event()

    def look(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            ready.set()

    channel.subscribe(look, try_to_connect=True)
    is_there = ready.wait(within)
    channel.unsubscribe(look)
    if is_there:
        # Closing waits until gRPC has looked at the connection again; and it may not come first.
        closing = threading.Timer(_TO_LOOK, channel.close)
        closing.daemon = True
        closing.start()
    else:
        channel.close()
    return is_there


class CommandHost:
    """A server in a process of its own, with what it starts itself."""

    def __init__(
        self,
        command: Command,
        folder: Path,
        values: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the server, and wait until it answers.

        Args:
            command: How.
            folder: Where the ready file is to be.
            values: What the templates of its texts stand for, but ports and ready files.
            environment: What it finds in its environment, besides ours.
        """
        self.address = ""
        self._command = command
        self._folder = folder
        self._values = values
        self._environment = environment or {}
        self._starts = 0
        self._process: ServerProcess | None = None
        self.start()

    @property
    def output(self) -> Sequence[str]:
        """The last lines that the server printed, on either stream."""
        return self._process.lines() if self._process else ()

    @property
    def pid(self) -> int | None:
        """The id of its process while it runs."""
        running = self._process is not None and self._process.exit_code() is None
        return self._process.pid if self._process and running else None

    def start(self) -> None:
        """Start the server, on an address that may be another than before."""
        self.close()
        self._starts += 1
        ready_file = self._folder / f"ready-{self._starts}"
        port = str(_free_port())
        values = {**self._values, "port": port, "ready_file": str(ready_file)}
        self._process = ServerProcess(self._command, values, self._environment)
        try:
            self.address = self._wait_ready(self._process, port, ready_file)
        except BaseException:
            self._process.end()
            raise

    def stop(self, how: str) -> int | None:
        """Ask the server to stop; return its exit code, or None if it had to be killed.

        Args:
            how: ``SIGTERM``, ``SIGINT``, ``CTRL_BREAK``, ``stdin-close`` or ``enter``.
        """
        if self._process is None:
            return None
        self._process.ask(how)
        return self._process.wait(self._command.grace + TO_END)

    def kill(self) -> None:
        """End the server as a crash would, and what it started."""
        if self._process:
            self._process.end()

    def close(self) -> None:
        """End the server: in order if it can, in any case for good."""
        if self._process and self._process.exit_code() is None:
            with contextlib.suppress(BaseException):
                self._process.ask("CTRL_BREAK" if _WINDOWS else "SIGTERM")
                self._process.wait(self._command.grace)
        self.kill()
        self._process = None

    def _wait_ready(self, process: ServerProcess, port: str, ready_file: Path) -> str:
        """Wait until it says that it is ready, and answers; return the address."""
        again = TIMES_LONGER if self._starts > 1 else 1
        patience = self._command.within * again
        deadline = time.monotonic() + patience
        while not (address := self._told(process, port, ready_file)):
            self._check(process, deadline, f"did not say that it is ready within {patience:g} s")
            time.sleep(_STEP)
        while not answers(address, min(0.5, self._command.within)):
            self._check(
                process, deadline, f"does not answer gRPC at {address} within {patience:g} s"
            )
        return address

    def _told(self, process: ServerProcess, port: str, ready_file: Path) -> str:
        """The address, once the server has told it, or has a port and nothing to tell."""
        if self._command.ready_file:
            with contextlib.suppress(OSError):
                return _callable(ready_file.read_text(encoding="utf-8").strip())
            return ""
        if self._command.ready_output:
            return _told_in(process.lines(), self._command.ready_output, port)
        return f"127.0.0.1:{port}"

    def _check(self, process: ServerProcess, deadline: float, complaint: str) -> None:
        code = process.exit_code()
        if code is not None:
            process.wait(0)
            raise Unreachable(f"The server ended at its start, exit code {code}.{process.told()}")
        if time.monotonic() > deadline:
            raise Unreachable(
                f"The server {complaint}: see its output, or set [target.start] within."
                f"{process.told()}"
            )


def _require(program: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Raise what the start of a program that is not there would raise."""
    if not (shutil.which(program, path=environment.get("PATH")) or shutil.which(folder / program)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


class ServerProcess:
    """The process, its output, and the ways to end it."""

    def __init__(
        self, command: Command, values: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        """Start the process."""
        argv = [fill(text, values) for text in command.argv]
        own = {key: fill(text, values) for key, text in command.environment.items()}
        self._lines: deque[str] = deque(maxlen=2000)
        # Enter counts at a terminal only, with many a server.
        self._terminal = "enter" in command.stops and not _WINDOWS
        self._process = self._start(
            argv, command.folder, {**os.environ, "PYTHONUNBUFFERED": "1", **environment, **own}
        )
        self._reader = threading.Thread(target=self._read, name="server output", daemon=True)
        self._reader.start()
        # Popen looks for the end every 50 ms when it has a limit of time: this one is told of it.
        self._waiter = threading.Thread(target=self._process.wait, name="server end", daemon=True)
        self._waiter.start()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def lines(self) -> list[str]:
        """The last lines that it printed."""
        return list(self._lines)

    def told(self) -> str:
        """Its last words, as the end of a complaint."""
        lines = self.lines()[-_LINES_SHOWN:]
        if not lines:
            return " It printed nothing."
        return "\nIt printed:\n" + "\n".join(f"  {line}" for line in lines)

    def ask(self, how: str) -> None:
        """Ask it to stop."""
        if how in ("enter", "stdin-close"):
            self._end_input(how)
            return
        number = getattr(signal, "CTRL_BREAK_EVENT" if how == "CTRL_BREAK" else how, None)
        if number is None:
            raise TargetError(f"[target.start] stops: {how} does not exist on this system.")
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, and for the last of its output; None if it had to be killed."""
        self._waiter.join(seconds)
        if self.exit_code() is None:
            self.end()
            return None
        self._reader.join(_TO_READ)
        return self._process.returncode

    def end(self) -> None:
        """End it at once, with all that it started."""
        if _WINDOWS:
            tree = ["taskkill", "/F", "/T", "/PID", str(self.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(_TO_READ)
        self._shut_input()

    def _start(
        self, argv: list[str], folder: Path, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        self._input, stdin = self._make_input()
        try:
            if not _WINDOWS and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
                _require(argv[0], folder, environment)
                argv = [sys.executable, "-c", _UNIGNORE, *argv]
            process = subprocess.Popen(
                argv,
                cwd=folder,
                env=environment,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as error:
            self._shut_input()
            raise TargetError(
                f"[target] command: {argv[0]!r} cannot be started in {folder}: {error}. "
                "Check the command and [target] folder."
            ) from None
        finally:
            os.close(stdin)
        return process

    def _make_input(self) -> tuple[int, int]:
        """Our end of its standard input, and its own."""
        if self._terminal:
            return os.openpty()
        stdin, ours = os.pipe()
        return ours, stdin

    def _end_input(self, how: str) -> None:
        if how == "enter":
            with contextlib.suppress(OSError):
                os.write(self._input, b"\n")
        else:
            self._shut_input()

    def _shut_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is not None:
            with stream:
                for line in stream:
                    self._lines.append(line.decode("utf-8", "replace").rstrip())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _told_in(lines: Sequence[str], pattern: str, port: str) -> str:
    for line in lines:
        if found := re.search(pattern, line):
            groups = found.groupdict()
            if address := groups.get("address"):
                return _callable(address)
            return f"127.0.0.1:{groups.get('port') or port}"
    return ""


def _callable(address: str) -> str:
    """The address as a client names it: no client can call ``0.0.0.0``."""
    for everywhere in ("0.0.0.0:", "[::]:"):
        if address.startswith(everywhere):
            return f"localhost:{address.removeprefix(everywhere)}"
    return f"127.0.0.1:{address}" if address.isdecimal() else address
