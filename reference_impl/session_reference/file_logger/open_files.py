"""Files that are open as far as that is affordable: a process may have few, and logs are many."""

from __future__ import annotations

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager, suppress

from ..refusals import InvalidRequestError, SessionNotFoundError, quoted

Identity = tuple[int, int, int]
"""The device, the inode and the kind of a file: the same for each of its names."""

# A FIFO that took the place of a file must not hold its opener, nor a link lead it elsewhere.
_FLAGS = sum(
    getattr(os, name, 0)
    for name in ("O_APPEND", "O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK")
)


class FileGoneError(SessionNotFoundError):
    """A file was deleted or replaced, so that no session has it open any longer."""


def identity(status: os.stat_result) -> Identity:
    """What tells a file from every other."""
    return status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode)


def identity_of_regular(status: os.stat_result, path: str) -> Identity:
    """The same for a file that one may write to: folders, devices and pipes are refused."""
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequestError(f"{quoted(path)} is no regular file: choose another path.")
    return identity(status)


def open_regular(path: str, flags: int) -> tuple[int, Identity]:
    """Open a regular file to append to it, without ever waiting for anybody."""
    descriptor = os.open(path, flags | _FLAGS, 0o666)
    try:
        return descriptor, identity_of_regular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise


class File:
    """A file that is known by its identity, whether or not it is open at the moment."""

    __slots__ = ("_opening", "descriptor", "identity", "parked_size", "path", "users")

    def __init__(self, path: str, identity: Identity) -> None:
        self.path = path
        self.identity = identity
        self.descriptor: int | None = None
        self.users = 0
        self.parked_size = 0
        self._opening = threading.Lock()

    def is_gone(self) -> bool:
        """Whether the path leads to this file no longer; what cannot be found out is no."""
        try:
            status = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        # The number of a deleted file that was not open is soon given to the next one.
        return identity(status) != self.identity or status.st_size < self.parked_size

    def open(self) -> int:
        """Open the file unless it is open; a slow disk holds up nobody who wants another one."""
        with self._opening:
            if self.descriptor is None:
                self.descriptor = self._open()
            return self.descriptor

    def park(self, descriptor: int) -> None:
        """Close a descriptor that the file had until now, and may need again."""
        with suppress(OSError):  # the call that notices is about another file
            self.parked_size = os.fstat(descriptor).st_size
            os.close(descriptor)

    def _open(self) -> int:
        try:
            descriptor, opened = open_regular(self.path, os.O_RDWR)
        except (OSError, InvalidRequestError):
            if self.is_gone():
                raise self._gone() from None
            raise
        if opened == self.identity:
            self.parked_size = 0
            return descriptor
        os.close(descriptor)
        raise self._gone()

    def _gone(self) -> FileGoneError:
        return FileGoneError(
            f"The log {quoted(self.path)} was deleted or replaced: initialize a session of it anew."
        )


class OpenFiles:
    """Keeps files open that may be used again, but only those used last once they are many."""

    def __init__(self, limit: int) -> None:
        """Begin with none.

        Args:
            limit: How many files stay open while no call uses them.
        """
        self._limit = limit
        self._mutex = threading.Lock()  # held for a few lookups, never while a file is opened
        self._idle: OrderedDict[File, int] = OrderedDict()

    @contextmanager
    def using(self, file: File) -> Generator[int, None, None]:
        """Give the descriptor of a file, which stays open until the block ends."""
        descriptor = self.take(file)
        try:
            yield descriptor
        finally:
            self.put_back(file)

    def take(self, file: File) -> int:
        """The descriptor of a file, which stays open until it is put back."""
        with self._mutex:
            file.users += 1
            self._idle.pop(file, None)
        descriptor = file.descriptor
        if descriptor is not None:
            return descriptor
        try:
            return file.open()
        except BaseException:
            self.put_back(file)
            raise

    def put_back(self, file: File) -> None:
        """Take note that a call needs the descriptor no longer."""
        with self._mutex:
            file.users -= 1
            if file.users or file.descriptor is None:
                return
            self._idle[file] = file.descriptor
            if len(self._idle) <= self._limit:
                return
            parked, descriptor = self._idle.popitem(last=False)
            parked.descriptor = None
        parked.park(descriptor)

    def close(self, file: File) -> None:
        """Close a file that no call uses."""
        with self._mutex:
            self._idle.pop(file, None)
            descriptor, file.descriptor = file.descriptor, None
        if descriptor is not None:
            os.close(descriptor)
