"""A reference server that is killed and started again, behind a relay that cuts and stalls."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import grpc

from session_fakes.network.relay import Relay

LIMIT = 180.0
"""Seconds after which something hangs: on a busy machine a start alone may take a minute."""


@dataclass(frozen=True)
class Life:
    """One start of a server; no call that was sent to it can reach another."""

    number: int
    process: subprocess.Popen[bytes]
    relay: Relay
    address: str
    """Where it serves itself: what Discovery is told."""

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        return grpc.insecure_channel(self.relay.address, options)


class Server:
    """A reference server; ``up`` is set while it runs."""

    def __init__(self, kind: str, folder: Path, discovery: str = "") -> None:
        """Start it.

        Args:
            kind: ``file_logger`` or ``custom_instrument``.
            folder: For what it says, and for its ready file.
            discovery: The address of the Discovery to register with, whenever it is there.
        """
        self.kind = kind
        self.said = folder / f"{kind}.out"
        self._folder = folder
        self._discovery = ["--discovery", "off"]
        if discovery:
            self._discovery = ["--discovery", "optional", "--discovery-address", discovery]
        self.up = threading.Event()
        self.life = self._start(1)

    def _start(self, number: int) -> Life:
        ready = self._folder / f"{self.kind}.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", f"session_reference.{self.kind}", *self._discovery]
        if self.kind == "file_logger":
            command += ["--open-files", "2", *(["--durable"] if number % 2 == 0 else [])]
        with self.said.open("ab") as said:
            process = subprocess.Popen(
                [*command, "--ready-file", str(ready)],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        deadline = time.monotonic() + LIMIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                told = self.said.read_text(encoding="utf-8")[-2000:]
                raise RuntimeError(f"{self.kind} did not start ({process.wait()}): {told}")
            time.sleep(0.005)
        address = ready.read_text(encoding="utf-8").strip()
        life = Life(number, process, Relay(address), address)
        self.up.set()
        return life

    def kill(self) -> None:
        """End it without warning, and start it again."""
        self.up.clear()
        self._end()
        self.life = self._start(self.life.number + 1)

    def pause(self, seconds: float) -> None:
        """Let it stand still."""
        self.life.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.life.process.send_signal(signal.SIGCONT)

    def _end(self) -> None:
        self.life.process.kill()
        self.life.process.wait()
        self.life.relay.close()

    def stop(self) -> str:
        """Ask it to stop; what is wrong with how it did, or with what it has said."""
        self.life.process.terminate()
        try:
            code = self.life.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._end()
            return f"{self.kind} did not stop"
        self.life.relay.close()
        said = self.said.read_text(encoding="utf-8")
        if "Traceback" in said:
            return f"{self.kind} printed a traceback: {said[said.index('Traceback') :][:2000]}"
        return "" if code == 0 else f"{self.kind} ended with {code}"
