"""What a soak has seen so far: calls, faults, what went wrong, what grew."""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

MOST_MEMORY = 24 * 2**20
"""Bytes by which a process may grow once it is warm: what allocators keep for later."""
MOST_DESCRIPTORS = 16
MOST_THREADS = 24
"""Workers are made when calls arrive together, and stay."""


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    threads: int
    descriptors: int
    memory: int

    @classmethod
    def by(cls, process: int) -> Held | None:
        """Look, where the system tells; None where it does not, or the process is gone."""
        if process == os.getpid():
            gc.collect()
        about = Path(f"/proc/{process}")
        try:
            pages = int((about / "statm").read_text().split()[1])
            threads = len(list((about / "task").iterdir()))
            descriptors = len(list((about / "fd").iterdir()))
        except OSError:
            return None
        return cls(threads, descriptors, pages * os.sysconf("SC_PAGE_SIZE"))

    def growth(self, before: Held) -> str:
        """What is more than it may be, in words; empty when nothing is."""
        grown = {
            "threads": (self.threads - before.threads, MOST_THREADS),
            "descriptors": (self.descriptors - before.descriptors, MOST_DESCRIPTORS),
            "bytes": (self.memory - before.memory, MOST_MEMORY),
        }
        return ", ".join(f"{more:,} {what}" for what, (more, most) in grown.items() if more > most)


@dataclass
class Tally:
    """Counts and complaints; any thread may add to it."""

    calls: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    judged: int = 0
    undecided: int = 0
    records: int = 0
    lost: int = 0
    grown: dict[str, int] = field(default_factory=dict[str, int])
    """The most memory that a process has gained since it was warm, by its name."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def called(self, what: str, code: str) -> None:
        """A call was answered."""
        with self._lock:
            self.calls[f"{what} {code}"] += 1

    def fault(self, kind: str, count: int = 1) -> None:
        """A fault was injected."""
        with self._lock:
            self.faults[kind] += count

    def complain(self, text: str) -> None:
        """Something went wrong."""
        with self._lock:
            self.wrong.append(text)

    def watch(self, name: str, before: Held, now: Held) -> None:
        """Hold what a process holds against what it held when it was warm."""
        if grown := now.growth(before):
            self.complain(f"{name} has grown by {grown}")
        with self._lock:
            more = now.memory - before.memory
            self.grown[name] = max(more, self.grown.get(name, 0))
