"""When a server has to stop, and how it does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

GRACE = 5.0
"""Seconds that running calls have to finish, as in NI's plug-in host."""
_LAST = 1.0
"""Seconds more for what should take none: the end of workers, and of sessions after the grace."""
_GLANCE = 0.05
"""Seconds between two looks whether somebody is in a hurry."""


class StopRequests:
    """Waits for somebody who asks to stop; who asks again means at once.

    SIGINT, SIGTERM, SIGBREAK (Windows), a terminal that closes, and Enter at a terminal ask. Any
    other standard input is left alone, since services are started with none, unless its end was
    said to count.
    """

    def __init__(self, *, on_stdin_close: bool) -> None:
        """Begin to listen; only the main thread may."""
        self._said = ""
        # Python writes the number of a signal there, whichever thread it reaches and whatever
        # the main thread waits for, on Windows, too.
        self._ear, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._signalled)
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._signalled)  # who uses nohup wants it ignored
        self.at_terminal = not on_stdin_close and sys.stdin is not None and sys.stdin.isatty()
        if on_stdin_close:
            self._watch_stdin(b"", "standard input was closed")
        elif self.at_terminal:
            if hasattr(signal, "SIGTTIN"):  # reading in the background must not suspend the server
                signal.signal(signal.SIGTTIN, signal.SIG_IGN)
            self._watch_stdin(b"\n", "Enter")

    def pending(self) -> bool:
        """Whether somebody has asked and was not heard yet."""
        return bool(select.select([self._ear], [], [], 0)[0])

    def wait(self) -> str:
        """Wait until somebody asks; return how."""
        number = self._ear.recv(1)[0]
        return signal.Signals(number).name if number else self._said

    def _signalled(self, _number: int, _frame: object) -> None:
        """Nothing more: the bell has rung already."""

    def _watch_stdin(self, until: bytes, reason: str) -> None:
        def read() -> None:
            # Not sys.stdin, whose lock this thread would hold when Python ends.
            with contextlib.suppress(OSError):
                while (byte := os.read(0, 1)) not in (until, b""):
                    pass
                if byte == until:  # a terminal that closes tells it by a signal
                    self._said = reason
                    self._bell.send(b"\0")

        threading.Thread(target=read, name="stdin", daemon=True).start()


def stop(
    server: grpc.Server,
    pool: ThreadPoolExecutor,
    release: Callable[[], None],
    in_a_hurry: Callable[[], bool],
) -> bool:
    """Finish running calls within the grace period, then release what is open.

    Returns:
        Whether everything ended; False when a call never does and has to be left behind.
    """
    deadline = time.monotonic() + GRACE
    stopped = server.stop(GRACE)
    while not stopped.wait(_GLANCE):
        if in_a_hurry():
            server.stop(0)
    left = deadline - time.monotonic()
    return ends(release, left, in_a_hurry) and ends(pool.shutdown, 0, in_a_hurry)


def ends(step: Callable[[], None], seconds: float, in_a_hurry: Callable[[], bool]) -> bool:
    """Take a step that may wait for ever; whether it ended in about that time."""
    thread = threading.Thread(target=step, name="stop", daemon=True)
    thread.start()
    deadline = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < deadline and not in_a_hurry():
        thread.join(_GLANCE)
    thread.join(_LAST)
    return not thread.is_alive()
