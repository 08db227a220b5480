"""Faults that a soak injects while clients call."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soaking.servers import Server
from soaking.tally import Tally

_SIZE = "size=2m"


@contextmanager
def small_disk(folder: Path) -> Generator[Path | None, None, None]:
    """A small file system to fill; None where none may be mounted."""
    folder.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", _SIZE, "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


class Faults(threading.Thread):
    """Injects some faults into a server, one after the other, at moments drawn by lot."""

    def __init__(self, server: Server, logs: list[Path], disk: Path | None, tally: Tally,
                 seed: str) -> None:  # fmt: skip
        """Plan.

        Args:
            server: What is to suffer.
            logs: Logs that may lose the right to be written.
            disk: What may become full.
            tally: Who counts.
            seed: What it draws from.
        """
        super().__init__(name=f"faults of {server.kind}", daemon=True)
        self._server = server
        self._logs = logs
        self._disk = disk
        self._tally = tally
        self._rng = random.Random(seed)
        self._done = threading.Event()

    def run(self) -> None:
        """Inject until the round is over."""
        try:
            while not self._done.wait(self._rng.uniform(0.02, 0.25)):
                self._rng.choice(list(self._kinds()))()
        except Exception as error:  # it would be a soak without faults
            self._tally.complain(f"{self.name} failed: {error!r}")

    def end(self) -> None:
        """Inject no more, and wait until the last one is over."""
        self._done.set()
        self.join()

    def _kinds(self) -> Iterator[Callable[[], None]]:
        yield from (self._kill, self._pause, self._cut, self._cut, self._stall)
        if self._disk:
            yield self._fill
        if self._logs:
            yield self._lock

    def _kill(self) -> None:
        self._tally.fault(f"{self._server.kind} killed")
        self._server.kill()

    def _pause(self) -> None:
        self._tally.fault(f"{self._server.kind} stood still")
        self._server.pause(self._rng.uniform(0.02, 0.2))

    def _cut(self) -> None:
        self._tally.fault("connections cut", self._server.life.relay.cut())

    def _stall(self) -> None:
        self._tally.fault("connections stalled")
        relay = self._server.life.relay
        relay.stall()
        time.sleep(self._rng.uniform(0.02, 0.2))
        relay.heal()

    def _fill(self) -> None:
        assert self._disk
        self._tally.fault("disk full")
        filler = self._disk / "filler"
        try:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            time.sleep(self._rng.uniform(0.02, 0.2))
        finally:
            filler.unlink(missing_ok=True)

    def _lock(self) -> None:
        log = self._rng.choice(self._logs)
        if not log.exists() or not _set_writable(log, writable=False):
            return
        self._tally.fault("log read-only")
        time.sleep(self._rng.uniform(0.02, 0.2))
        _set_writable(log, writable=True)


def _set_writable(log: Path, *, writable: bool) -> bool:
    """Take or give the right to write, of which the administrator is not deprived by a mode."""
    if os.geteuid():
        log.chmod(0o644 if writable else 0o444)
        return True
    if shutil.which("chattr") is None:
        return False
    command = ["chattr", "-i" if writable else "+i", str(log)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
