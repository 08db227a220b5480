"""Judges the reference servers again and again, on a busy machine: none may be found wrong.

Each run is one of the command ``session-contract run``, with a seed of its own, while as many
processes as the machine has cores do nothing but compute. A run that says *violated* is a false
alarm; one that comes to no verdict is no alarm, and is told as well. With ``--log`` a run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TARGETS = Path(__file__).resolve().parents[1] / "targets"
REFERENCES = [_TARGETS / "custom_instrument.toml", _TARGETS / "file_logger.toml"]
RUN = [sys.executable, "-c", "from session_contract.cli import main; main()", "run"]
VERDICTS = {0: "met", 1: "ALARM", 3: "target died", 4: "kit failed", 5: "not established"}
"""By exit code."""
_LIMIT = 3600.0
"""Seconds after which a run is given up; a busy machine may take long."""


@dataclass(frozen=True)
class Part:
    """One run of many."""

    key: str
    target: Path
    options: tuple[str, ...]


def parts(quick: int, full: int, targets: list[Path]) -> Iterator[Part]:
    """The runs in their order: the targets in turn, and the full ones spread among the others."""
    total = quick + full
    done_full = 0
    for number in range(total):
        target = targets[number % len(targets)]
        is_full = done_full * total < full * (number + 1) and done_full < full
        done_full += is_full
        kind = "full" if is_full else "quick"
        options = () if is_full else ("--quick",)
        yield Part(f"{number + 1:03d} {kind} {target.stem}", target, options)


class Log:
    """What the runs came to, as JSON lines; the same file is gone on with."""

    def __init__(self, path: Path | None, seed: int | None) -> None:
        """Read what is there, or begin; a line that was cut off is left out of account."""
        lines = list(_read(path)) if path and path.exists() else []
        drawn = random.SystemRandom().randrange(2**32) if seed is None else seed
        self.seed: int = lines[0]["seed"] if lines else drawn
        if lines and seed not in (None, self.seed):
            raise SystemExit(f"{path} was begun with --seed {self.seed}: leave --seed out.")
        self.done: dict[str, dict[str, Any]] = {line["key"]: line for line in lines[1:]}
        self._path = path
        if not lines:
            self._write({"run": "alarms", "seed": self.seed})

    def add(self, line: dict[str, Any]) -> None:
        """Note what a run came to."""
        self.done[line["key"]] = line
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


@contextlib.contextmanager
def load(processes: int) -> Generator[None, None, None]:
    """Keep cores busy within."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def judge(part: Part, seed: int, kept: Path) -> dict[str, Any]:
    """Carry out one run; keep its results if it did not say that all is met."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        where = ["--target", str(part.target), "--results", str(results), "--seed", str(seed)]
        try:
            done = subprocess.run(
                [*RUN, *where, *part.options],
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
            code, said = done.returncode, (done.stdout + done.stderr).strip().splitlines()
        except subprocess.TimeoutExpired:
            code, said = -1, [f"not ended after {_LIMIT:g} s"]
        if code and results.exists():
            shutil.copytree(results, kept / part.key.replace(" ", "-"), dirs_exist_ok=True)
    line: dict[str, Any] = {
        "key": part.key,
        "seed": seed,
        "code": code,
        "verdict": VERDICTS.get(code, f"exit code {code}"),
        "seconds": round(time.monotonic() - began, 1),
        "load": _load(),
    }
    return line | ({"said": said[-1:]} if code else {})


def _load() -> float | None:
    """How many processes wanted a core during the last minutes, where the system tells."""
    return round(os.getloadavg()[1], 1) if hasattr(os, "getloadavg") else None


def summary(log: Log, due: int) -> str:
    """How many runs there were, and what they came to."""
    counts = dict.fromkeys(("met", "ALARM"), 0)
    for line in log.done.values():
        counts[line["verdict"]] = counts.get(line["verdict"], 0) + 1
    kinds = [sum(kind in key for key in log.done) for kind in (" quick ", " full ")]
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    done = f"{kinds[0]} quick and {kinds[1]} full runs of {due}"
    return f"{done}, seed {log.seed}: {told}"


def main() -> int:
    """Do the runs; 1 when one of them was an alarm, or came to no verdict."""
    chosen = _parser().parse_args()
    log = Log(chosen.log, chosen.seed)
    rng = random.Random(log.seed)
    due = list(parts(chosen.quick, chosen.full, chosen.target or REFERENCES))
    kept = Path(f"{chosen.log or 'alarms'}.kept")
    try:
        with load(chosen.load):
            for part in due:
                seed = rng.randrange(1, 1_000_000)
                if part.key not in log.done:
                    line = judge(part, seed, kept)
                    log.add(line)
                    print(f"{part.key}: {line['verdict']}, {line['seconds']} s", flush=True)
    except KeyboardInterrupt:
        print("Interrupted. The same command with the same --log goes on.", file=sys.stderr)
        return 130
    finally:
        print(summary(log, len(due)), flush=True)
    return int(any(line["code"] for line in log.done.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Judge the reference servers again and again: none may be found wrong.",
        epilog="Example: alarms.py --quick 20 --full 2 --log alarms.jsonl",
    )
    parser.add_argument("--quick", type=int, default=200, help="quick runs (default: 200)")
    parser.add_argument("--full", type=int, default=20, help="full runs (default: 20)")
    parser.add_argument("--seed", type=int, help="else one by chance, or that of the log")
    parser.add_argument("--log", type=Path, metavar="FILE", help="a line for each run, to go on")
    parser.add_argument(
        "--load", type=int, default=os.cpu_count() or 1, metavar="N",
        help="processes that compute meanwhile (default: one a core)",
    )  # fmt: skip
    parser.add_argument(
        "--target", type=Path, action="append", metavar="FILE",
        help="instead of both references; may be given again",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    # Asked to end, it takes its runs and its load along, as at Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
