"""Judges several targets at the same time, each by a run in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from session_contract.results.files import read
from session_contract.results.run_result import RunResult, Verdict
from session_contract.running.classes import missing_needs
from session_contract.subject.target import TargetError

_PROGRAM = "from session_contract.cli import main; main()"
_SEVERITY = (
    Verdict.KIT_FAILED,
    Verdict.USAGE,
    Verdict.UNREACHABLE,
    Verdict.VIOLATED,
    Verdict.NOT_ESTABLISHED,
)
"""Which verdict is that of all of them, when they differ."""


@dataclass(frozen=True)
class Judged:
    """One target, and what its run came to."""

    file: Path
    folder: Path
    """Where its results are."""
    code: int = 0
    """The exit code of its run."""
    result: RunResult | None = None
    """What was found; None when the run did not come that far."""
    left_out: str = ""
    """Why it was not run."""
    output: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What to call it."""
        return self.result.target if self.result else self.file.stem


@dataclass
class Together:
    """Runs of several targets, some of them at the same time."""

    files: Sequence[Path]
    results: Path
    flags: Sequence[str] = ()
    """Further flags of ``session-contract run``, the same for all."""
    jobs: int = 2
    _running: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])
    _ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seen: Callable[[Judged], None]) -> list[Judged]:
        """Judge them all; ``seen`` is told of each when it is done."""
        with ThreadPoolExecutor(self.jobs) as pool:
            pending = [pool.submit(self._one, *each) for each in self._folders()]
            try:
                return [self._told(future.result(), seen) for future in pending]
            except KeyboardInterrupt:
                self._interrupt()
                raise

    def _told(self, judged: Judged, seen: Callable[[Judged], None]) -> Judged:
        seen(judged)
        return judged

    def _folders(self) -> Iterator[tuple[Path, Path]]:
        """Each file with a folder for its results; files of one name get a number."""
        taken: set[str] = set()
        for file in self.files:
            name, number = file.stem, 1
            while name in taken:
                number += 1
                name = f"{file.stem}-{number}"
            taken.add(name)
            yield file, self.results / name

    def _one(self, file: Path, folder: Path) -> Judged:
        began = time.monotonic()
        try:
            if reason := missing_needs(file):
                return Judged(file, folder, left_out=reason)
        except TargetError as error:
            return Judged(file, folder, Verdict.USAGE, output=str(error))
        code, output = self._carry_out(file, folder)
        result = None
        if code in {*Verdict} - {Verdict.USAGE}:
            with suppress(ValueError):
                result = read(folder)
        seconds = time.monotonic() - began
        return Judged(file, folder, code, result, output=output, seconds=seconds)

    def _carry_out(self, file: Path, folder: Path) -> tuple[int, str]:
        if self._ended:
            return Verdict.NOT_ESTABLISHED, "It was not begun."
        given = ["run", "--target", str(file), "--results", str(folder), *self.flags]
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is passed on once, by us
        )
        with self._lock:
            self._running.append(process)
            is_late = self._ended
        if is_late:
            _interrupt(process)
        output, _ = process.communicate()
        self._running.remove(process)
        return process.returncode, output

    def _interrupt(self) -> None:
        """Have those that run clean up after themselves, and begin no other."""
        with self._lock:
            self._ended, running = True, list(self._running)
        for process in running:
            _interrupt(process)


def _interrupt(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            process.terminate()
        else:
            process.send_signal(signal.SIGINT)


def verdict_of(judged: Sequence[Judged]) -> Verdict:
    """The verdict on all: the gravest; without one that was run, nothing is established."""
    ran = [each for each in judged if not each.left_out]
    codes = {each.code for each in ran}
    grave = next((verdict for verdict in _SEVERITY if verdict in codes), None)
    if grave is not None:
        return grave
    if codes - {Verdict.HOLDS}:
        return Verdict.KIT_FAILED  # a code that no run should end with
    return Verdict.HOLDS if ran else Verdict.NOT_ESTABLISHED
