"""One service that was started as a process, in a group of its own, with its last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["ServiceProcess"]

_KEPT_BYTES = 8192
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 1500
_LAST_WORDS_SECONDS = 0.5
"""How long an ended process may keep us waiting for output that its children hold back."""


class ServiceProcess:
    """A process that serves; the callback is called once when it has ended, in a thread."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        on_exit: Callable[[ServiceProcess], None],
    ) -> None:
        self._on_exit = on_exit
        self._tail = b""
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=sys.platform != "win32",
            creationflags=_creation_flags(),
        )
        self._exited = threading.Event()
        name = f"discovery-process-{self.pid}"
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._watcher = threading.Thread(target=self._watch, name=name, daemon=True)
        self._reader.start()
        self._watcher.start()

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group, too."""
        return self._process.pid

    @property
    def end_words(self) -> str:
        """How it has ended, in words."""
        code = self._process.returncode
        return f"exit code {code}" if code is None or code >= 0 else f"signal {-code}"

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, and everything that it started and that holds its output."""
        return self._exited.is_set() and not self._reader.is_alive()

    def tail(self) -> str:
        """The last lines of its output, with whatever is not plain text escaped."""
        lines = self._tail.decode("utf-8", "backslashreplace").splitlines()[-_SHOWN_LINES:]
        plain = (line.encode("unicode_escape").decode("ascii") for line in lines)
        return "\n".join(plain)[-_SHOWN_CHARACTERS:]

    def terminate(self) -> None:
        """Ask it, and what it started, to end."""
        if self.is_gone:
            return
        if sys.platform == "win32":
            self._process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self._signal_group(signal.SIGTERM)

    def end(self, grace: float) -> None:
        """Ask it to end, and kill it when it has not after some seconds."""
        self.terminate()
        self.join(grace)

    def join(self, grace: float) -> None:
        """Wait some seconds for its end, then kill it."""
        deadline = time.monotonic() + grace
        self._exited.wait(grace)
        self._reader.join(max(0.0, deadline - time.monotonic()))
        if not self.is_gone:
            self._kill()
            self._exited.wait()
            self._reader.join(_LAST_WORDS_SECONDS)
        if threading.current_thread() is not self._watcher:
            self._watcher.join(_LAST_WORDS_SECONDS)

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
        else:
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> None:
        # Somebody still holds its output, so the group exists and its number is not another's.
        if sys.platform != "win32":
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):
                return

    def _read(self) -> None:
        output = self._process.stdout
        if output is not None:
            with output:
                while chunk := os.read(output.fileno(), 4096):
                    self._tail = (self._tail + chunk)[-_KEPT_BYTES:]

    def _watch(self) -> None:
        self._process.wait()
        self._exited.set()
        self._reader.join(_LAST_WORDS_SECONDS)
        self._on_exit(self)


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
