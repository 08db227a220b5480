"""A log: lines that are whole or not there, whatever fails and however many write at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .open_files import File, FileGoneError, Identity, OpenFiles
from .taking_over import take_over


class _Batch:
    """The records that one sync makes durable together, or that are lost together."""

    __slots__ = ("begin", "error", "settled")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.error: OSError | None = None
        self.settled = False

    def settle(self, error: OSError | None = None) -> None:
        self.error = error
        self.settled = True


class LogFile:
    """An open log; its methods may be called from any thread."""

    def __init__(self, file: File, files: OpenFiles, *, durable: bool) -> None:
        """Take a file that is known to have whole lines only.

        Args:
            file: The file of the log.
            files: What opens it when it is needed.
            durable: Whether an appended line has to survive a power failure, too.
        """
        self._file = file
        self._files = files
        self._durable = durable
        self._writing = threading.Lock()
        self._syncing = threading.Lock()  # taken before the other, if both
        self._batch: _Batch | None = None
        self._excess: int | None = None  # where the rest of a failed line begins

    def is_gone(self) -> bool:
        """Whether the log was deleted, renamed or replaced."""
        return self._file.is_gone()

    def append(self, line: bytes) -> None:
        """Write a line whole, so that it outlives this process; if that fails, nothing is left.

        Args:
            line: A record, with its newline.

        Raises:
            OSError: The line is not in the log, and never will be; the next one may succeed.
        """
        descriptor = self._files.take(self._file)
        try:
            with self._writing:
                begin = self._write(descriptor, line)
                batch = self._batch = self._batch or _Batch(begin)
            if self._durable:
                self._settle(descriptor, batch)
        finally:
            self._files.put_back(self._file)

    def close(self) -> None:
        """Release the log; nobody may append any more."""
        try:
            if self._excess is not None:
                with suppress(FileGoneError), self._files.using(self._file) as descriptor:
                    self._cut(descriptor, self._excess)
        finally:
            self._files.close(self._file)

    def _write(self, descriptor: int, line: bytes) -> int:
        """Write at the end of the log; return where the line begins, which only syncs ask."""
        if self._excess is not None:
            self._cut(descriptor, self._excess)
        written = 0
        try:
            while written < len(line):  # once, unless the disk is nearly full
                written += os.write(descriptor, line[written:] if written else line)
        except OSError as error:
            error.filename = self._file.path
            if written:
                with suppress(OSError):  # it is tried again before the next line
                    self._cut(descriptor, _end(descriptor) - written)
            raise
        return _end(descriptor) - written if self._durable else 0

    def _cut(self, descriptor: int, length: int) -> None:
        self._excess = length
        if os.fstat(descriptor).st_size > length:
            os.ftruncate(descriptor, length)
        self._excess = None

    def _settle(self, descriptor: int, batch: _Batch) -> None:
        """Wait for a sync that began after the batch was written: one's own, if nobody else's."""
        with self._syncing:
            if not batch.settled:
                self._sync(descriptor, batch)
        if batch.error is not None:
            error = batch.error
            raise OSError(error.errno, error.strerror, self._file.path) from error

    def _sync(self, descriptor: int, batch: _Batch) -> None:
        with self._writing:
            self._batch = None  # what is written from now on may be too late for this sync
        try:
            os.fsync(descriptor)
        except OSError as error:
            self._lose(descriptor, batch, error)
        else:
            batch.settle()

    def _lose(self, descriptor: int, batch: _Batch, error: OSError) -> None:
        """Take back what was not synced: also what was written behind it meanwhile."""
        with self._writing:
            batch.settle(error)
            if self._batch is not None:
                self._batch.settle(error)
                self._batch = None
            with suppress(OSError):
                self._cut(descriptor, batch.begin)


def _end(descriptor: int) -> int:
    """Where the line that was written last ends, even if other programs have written since."""
    return os.lseek(descriptor, 0, os.SEEK_CUR)


def open_log(
    path: str,
    identity: Identity,
    files: OpenFiles,
    waited_for: Callable[[], bool],
    *,
    durable: bool = False,
) -> LogFile:
    """Open a log that exists, and has these lines; one that is refused is left as it is.

    Args:
        path: Its complete path, without links.
        identity: The file that the path is known to lead to.
        files: What opens it when it is needed.
        waited_for: Whether the client still waits for the answer.
        durable: Whether what is in the log has to survive a power failure, too.

    Raises:
        FileGoneError: The path leads to another file meanwhile, or to none.
    """
    file = File(path, identity)
    try:
        with files.using(file) as descriptor:
            take_over(descriptor, path, waited_for)
            if durable:
                os.fsync(descriptor)
                _sync_folder(Path(path).parent)
    except BaseException:
        files.close(file)
        raise
    return LogFile(file, files, durable=durable)


def _sync_folder(path: Path) -> None:
    """Make durable that the folder has the log; Windows does so by itself."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
