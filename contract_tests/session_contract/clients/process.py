"""The process that makes the clients: started, told line by line, and ended when it hangs."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from session_contract.clients.lines import LONGEST, Garbage, Said, line, read
from session_contract.subject.target import TargetError, Unreachable

_WINDOWS = os.name == "nt"
_TO_QUIT = 2.0
"""Seconds that it has to end by itself, when it was told to."""
_LINES_SHOWN = 12


class Hung(Exception):  # noqa: N818 - what became of it
    """The driver did not answer in time; its process was ended."""


class Ended(Exception):  # noqa: N818 - likewise
    """The process of the driver ended instead of answering; the text says what it printed."""


class DriverProcess:
    """A driver that runs, or that is started again when it is next told something."""

    def __init__(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], *, start: float
    ) -> None:
        """Describe the process.

        Args:
            argv: Its command.
            folder: Where it runs.
            environment: Its whole environment.
            start: Seconds that it has for its first answer.
        """
        self._argv = argv
        self._folder = folder
        self._environment = environment
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._answered = False
        self._number = 0
        self._printed: deque[str] = deque(maxlen=200)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    @property
    def printed(self) -> Sequence[str]:
        """The last lines on its standard error."""
        return list(self._printed)[-_LINES_SHOWN:]

    def ask(self, do: str, within: float, **given: object) -> Said:
        """Tell it to do something, and wait for its answer.

        Raises:
            Hung: There was none within this time.
            Ended: It ended meanwhile.
            Unreachable: It ended before its first answer, or gave none.
            TargetError: It cannot be started, or answered something else.
        """
        if self._process is None:
            self._greet()
        return self._ask(do, within, given)

    def _greet(self) -> None:
        """Start the process, and wait for an answer to what every driver can do at once."""
        self._run()
        self._ask("remains", self._start, {})
        self._answered = True

    def _ask(self, do: str, within: float, given: Mapping[str, object]) -> Said:
        assert self._process is not None
        process = self._process
        self._number += 1
        with contextlib.suppress(OSError):  # it has ended, as will be seen at once
            if process.stdin:
                process.stdin.write(line(self._number, do, **given))
                process.stdin.flush()
        data = self._next(within)
        try:
            said = read(data, self._number)
        except Garbage as garbage:
            self.end()
            shown = data[:200].decode("utf-8", "replace").rstrip()
            raise TargetError(
                f"The driver's answer to {do!r} is none: {garbage}. It wrote {shown!r}. On its "
                "standard output are only answers; what else it has to say goes to standard error."
            ) from None
        if said.failed:
            raise TargetError(f"The driver cannot {do}: {said.failed}")
        return said

    def end(self) -> None:
        """End it at once, with all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        if _WINDOWS:
            tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()

    def close(self) -> None:
        """Let it end by itself, if it does so at once; in any case end it."""
        process = self._process
        if process and process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.write(line(self._number + 1, "quit"))
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TO_QUIT)
        self.end()

    def _next(self, within: float) -> bytes:
        """The next line that it writes; empty data stands for the end of its output."""
        began = time.monotonic()
        try:
            data = self._lines.get(timeout=within)
        except queue.Empty:
            self.end()
            if self._answered:
                raise Hung from None
            raise Unreachable(
                f"The driver gave no first answer within {time.monotonic() - began:.0f} s: see "
                f"[limits] start.{self._told()}"
            ) from None
        if data:
            return data
        code = self._process.wait() if self._process else None
        self.end()
        ended = f"The driver ended, exit code {code}, instead of answering.{self._told()}"
        raise Ended(ended) if self._answered else Unreachable(ended)

    def _told(self) -> str:
        if self._reader:  # its last words may be on their way
            self._reader.join(_TO_QUIT)
        if not self._printed:
            return " It printed nothing."
        return "\nIt printed:\n" + "\n".join(f"  {each}" for each in self.printed)

    def _run(self) -> None:
        self._process = process = self._started()
        self._answered = False
        self._lines = queue.SimpleQueue()
        _in_background(_read_lines, process.stdout, self._lines)
        self._reader = _in_background(_read_prints, process.stderr, self._printed)

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._argv,
                cwd=self._folder,
                env=dict(self._environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as error:
            raise TargetError(
                f"[target] command: {self._argv[0]!r} cannot be started in {self._folder}: "
                f"{error}. Check the command and [target] folder."
            ) from None


def _in_background(read_all: Callable[[Any, Any], None], *given: object) -> threading.Thread:
    thread = threading.Thread(target=read_all, args=given, name="driver output", daemon=True)
    thread.start()
    return thread


def _read_lines(stream: BinaryIO, into: queue.SimpleQueue[bytes]) -> None:
    with stream:
        while data := stream.readline(LONGEST):
            into.put(data)
    into.put(b"")


def _read_prints(stream: BinaryIO, into: deque[str]) -> None:
    with stream:
        for data in stream:
            into.append(data.decode("utf-8", "replace").rstrip())
