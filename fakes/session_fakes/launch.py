"""Starts a plug-in as a process of its own, watches it, stops it, and says why it failed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from session_fakes.bootstrap import DISCOVERY, REPORT, BootstrappedProcess, read_report
from session_fakes.bootstrap.diagnosis import explanation
from session_fakes.errors import FakeError, quoted

__all__ = ["NotRegisteredError", "PlugInProcess", "launch"]

GRACE = 5.0
"""Seconds that a plug-in gets for each of the ways to end by itself."""

_MOST_LINES = 10_000
_SLICE = 0.1
_STEP = 0.01
_ENTER_TIME = 2.0
_WINDOWS = os.name == "nt"
_UNIGNORE = (
    "import os, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "try: os.execvp(sys.argv[1], sys.argv[1:])\n"
    "except OSError as error: sys.exit(f'{sys.argv[1]}: {error.strerror}')"
)


class NotRegisteredError(FakeError):
    """A plug-in was started and no registration arrived; the text says why, as far as it shows."""


def launch(
    command: Sequence[str | os.PathLike[str]],
    environment: Mapping[str, str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    on_output: Callable[[str], None] | None = None,
    keyboard: bool = False,
) -> PlugInProcess:
    """Start a plug-in process.

    Args:
        command: The program and its arguments, e.g. ``[sys.executable, "measurement.py"]``.
        environment: Its whole environment; see `session_fakes.bootstrap.environment_for`.
        cwd: Its working folder.
        on_output: Called with each line it prints, from a thread of its own.
        keyboard: Let it read what the user types. Otherwise its input stays open and silent, so
            that a plug-in which waits for Enter goes on.

    Raises:
        FakeError: There is no such command, or it cannot be started.
    """
    if isinstance(command, (str, bytes, os.PathLike)):
        raise FakeError(
            f"The command {quoted(os.fsdecode(command))} is one text: give the program and its"
            ' arguments as a list, e.g. ["python", "measurement.py"].'
        )
    if not command:
        raise FakeError("No command was given: name the program, e.g. python measurement.py")
    return PlugInProcess(
        [os.fspath(part) for part in command], environment, cwd, on_output, keyboard=keyboard
    )


class PlugInProcess:
    """A plug-in process, with what it starts itself: one to stop, and one output."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: str | os.PathLike[str] | None,
        on_output: Callable[[str], None] | None,
        *,
        keyboard: bool,
    ) -> None:
        self.command = tuple(command)
        self._own_report = REPORT not in environment and DISCOVERY in environment
        self._environment = {"PYTHONUNBUFFERED": "1", **environment}
        if self._own_report:
            handle, self._environment[REPORT] = tempfile.mkstemp(suffix=".jsonl")
            os.close(handle)
        self._own_group = not keyboard
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._on_output = on_output
        self._is_stopped = False
        self._process = self._start(cwd)
        self._reader = threading.Thread(target=self._read, name="plug-in output", daemon=True)
        self._reader.start()

    def __enter__(self) -> PlugInProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The id of the process that was started, not of those it starts."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the number of a signal that ended it, or None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has printed so far, errors included: at most the last 10,000 lines."""
        return "".join(f"{line}\n" for line in tuple(self._lines))

    @property
    def reached(self) -> tuple[BootstrappedProcess, ...]:
        """The processes, of this and its children, that the bootstrap reached so far."""
        report = self._environment.get(REPORT)
        return read_report(report) if report else ()

    def wait_registered(self, arrived: Callable[[float], bool], timeout: float = 30.0) -> None:
        """Wait until the station has a registration, as long as the plug-in could still make it.

        Args:
            arrived: Waits at most that many seconds for a registration; whether it is there.
            timeout: Seconds to wait in all.

        Raises:
            NotRegisteredError: None arrived in that time, or the plug-in ended before.
        """
        end = time.monotonic() + timeout
        while not arrived(max(0.0, min(_SLICE, end - time.monotonic()))):
            if self._has_ended() or time.monotonic() >= end:
                if arrived(0.0):  # it came as the last thing
                    return
                raise NotRegisteredError(self._why_not(timeout))

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends by itself; its exit code, or subprocess.TimeoutExpired."""
        code = self._process.wait(timeout)
        self._reader.join(1.0)
        return code

    def press_enter(self) -> None:
        """Send it the key on which NI's plug-ins close; nothing happens when it has ended."""
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()

    def stop(self, grace: float = GRACE) -> int:
        """End it and what it started: with Enter, then as Ctrl-C does, then harder; its exit code.

        What it started gets the same time as itself, also when it has ended before.

        Enter comes first because NI's plug-ins close on it, on Windows it is their one clean end,
        and an interrupt right after the registration can reach them before they know its id: they
        would never unregister.

        Args:
            grace: Seconds to wait after the interrupt, and again after the request to end.
        """
        if self._is_stopped:
            # Its number may be that of another group by now.
            return self._process.wait()
        self.press_enter()
        self._give_time(min(_ENTER_TIME, grace))
        for number in (_interrupt(), signal.SIGTERM):
            if not self._lives():
                break
            self._signal(number)
            self._give_time(grace)
        if self._lives():
            self._signal(signal.SIGTERM if _WINDOWS else signal.SIGKILL)
        code = self._process.wait()
        self._clean_up()
        self._is_stopped = True
        return code

    def _start(self, cwd: str | os.PathLike[str] | None) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                _interruptible(self.command, self._environment, cwd),
                env=self._environment,
                cwd=cwd,
                stdin=subprocess.PIPE if self._own_group else None,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=self._own_group and not _WINDOWS,
                creationflags=_windows_flags(own_group=self._own_group),
            )
        except OSError as error:
            self._remove_report()
            raise FakeError(
                f"{quoted(self.command[0])} cannot be started in"
                f" {quoted(str(cwd or Path.cwd()))}: {error.strerror or error}. Check its name and"
                " folder."
            ) from error

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self._lines.append(line)
            self._pass_on(line)

    def _pass_on(self, line: str) -> None:
        if self._on_output is None:
            return
        try:
            self._on_output(line)
        except Exception as error:
            # Reading must go on: a plug-in whose output nobody takes comes to a halt.
            self._on_output = None
            self._lines.append(f"(output is no longer passed on: {error!r})")

    def _has_ended(self) -> bool:
        """Whether no registration can come: a script that ended well may have left its child."""
        if self._process.poll() is None:
            return False
        self._reader.join(_SLICE)
        return bool(self._process.returncode) or not self._reader.is_alive()

    def _lives(self) -> bool:
        """Whether it runs, or something of its group that it started."""
        if self._process.poll() is None:
            return True
        if _WINDOWS or not self._own_group:
            return False
        try:
            os.killpg(self._process.pid, 0)
        except OSError:
            return False
        return True

    def _give_time(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        while self._lives() and time.monotonic() < end:
            time.sleep(_STEP)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._own_group and not _WINDOWS:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _clean_up(self) -> None:
        self._reader.join(1.0)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
        self._remove_report()

    def _remove_report(self) -> None:
        if self._own_report:
            Path(self._environment[REPORT]).unlink(missing_ok=True)

    def _why_not(self, timeout: float) -> str:
        return explanation(
            self.command,
            self.returncode,
            timeout,
            list(self._lines),
            self.reached if REPORT in self._environment else None,
        )


def _interrupt() -> int:
    return int(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))


def _windows_flags(*, own_group: bool) -> int:
    return int(getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)) if own_group else 0


def _interruptible(
    command: Sequence[str], environment: Mapping[str, str], cwd: str | os.PathLike[str] | None
) -> list[str]:
    """The command, able to be interrupted also where Ctrl-C is ignored, as in background jobs."""
    if _WINDOWS or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return list(command)
    program = command[0] if os.sep not in command[0] else str(Path(cwd or "", command[0]))
    if shutil.which(program, path=environment.get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return [sys.executable, "-I", "-S", "-c", _UNIGNORE, *command]
