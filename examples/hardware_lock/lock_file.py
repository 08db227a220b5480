"""A lock that holds against every program of the machine: the operating system keeps it.

It ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .refusals import SessionError


class HeldElsewhereError(SessionError):
    """Another program holds the lock."""

    code = "UNAVAILABLE"


class LockFile:
    """The file of a lock, which stays for whoever takes it next."""

    def __init__(self, path: Path, purpose: str) -> None:
        """Open the file; what the lock is for is told to whoever is kept out."""
        self.purpose = purpose
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    def take(self, seconds: float, waited_for: Callable[[], bool]) -> None:
        """Take the lock within some seconds, as long as the client waits."""
        deadline = time.monotonic() + seconds
        while not _locked(self._descriptor):
            if time.monotonic() >= deadline or not waited_for():
                holder = os.read(self._descriptor, 300).decode("ascii", "replace")
                raise HeldElsewhereError(f"Another program holds the lock: {holder}. Wait for it.")
            time.sleep(0.05)
        self.describe(self.purpose)

    def describe(self, purpose: str) -> None:
        """Say what the lock is held for, also to whoever is kept out."""
        self.purpose = purpose
        self._path.write_text(f"process {os.getpid()}, {purpose[:200]!a}", encoding="ascii")

    def release(self) -> None:
        """Give the lock back, if it was taken."""
        os.close(self._descriptor)


def _locked(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a byte that nobody reads
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True
