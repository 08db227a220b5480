"""What the long runs share: a pin map, channels, the log of results, progress."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import grpc

_NAMESPACE = "http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"
_EVERY = 10.0
"""Seconds between two lines of progress."""


class UsageError(Exception):
    """The command cannot do what it was told; the text says what to do."""


def quiet_grpc() -> None:
    """Have gRPC tell errors alone, unless the user wants more; before the first channel."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def pin_map_xml(instruments: int, sites: int = 1) -> str:
    """A pin map: each pin, on each site, at a channel of a custom instrument of its own."""
    channels = "".join(f'<Channel id="{site}"/>' for site in range(sites))
    pins = range(instruments)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<PinMap xmlns="{_NAMESPACE}" '
        'schemaVersion="1.6"><Instruments>'
        + "".join(
            f'<Instrument name="dev{pin}" instrumentTypeId="Custom">{channels}</Instrument>'
            for pin in pins
        )
        + "</Instruments><Pins>"
        + "".join(f'<DUTPin name="P{pin}"/>' for pin in pins)
        + "</Pins><Sites>"
        + "".join(f'<Site siteNumber="{site}"/>' for site in range(sites))
        + "</Sites><Connections>"
        + "".join(
            f'<Connection pin="P{pin}" siteNumber="{site}" instrument="dev{pin}" channel="{site}"/>'
            for pin in pins
            for site in range(sites)
        )
        + "</Connections></PinMap>\n"
    )


def channel_to(port: int) -> grpc.Channel:
    """A channel with a connection of its own, as another process would have."""
    return grpc.insecure_channel(
        f"127.0.0.1:{port}",
        options=[
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ],
    )


class RunLog:
    """The results of a run as JSON lines; a run that was interrupted goes on with the same log."""

    def __init__(self, path: Path | None, run: str, seed: int | None) -> None:
        """Read what is there already, or begin.

        Raises:
            UsageError: The file is the log of another run, or of another seed.
        """
        self.seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        self.finished: dict[str, dict[str, Any]] = {}
        """The results so far, by key."""
        self._file: TextIO | None = None
        if path is not None:
            self._continue(path, run, seed)

    def _continue(self, path: Path, run: str, seed: int | None) -> None:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        records = _complete_records(old)
        if records:
            self._check(records[0], path, run, seed)
            self.finished = {record["key"]: record for record in records[1:]}
        elif old:
            raise UsageError(f"{path} is no log of {run}: name another file, or delete it.")
        self._file = path.open("a", encoding="utf-8")
        if old and not old.endswith("\n"):
            self._file.write("\n")  # The last line was cut off by the interruption.
        if not records:
            facts = {"python": platform.python_version(), "grpc": grpc.__version__}
            self._write({"run": run, "seed": self.seed, **facts})

    def _check(self, head: dict[str, Any], path: Path, run: str, seed: int | None) -> None:
        if head.get("run") != run:
            raise UsageError(f"{path} is no log of {run}: name another file, or delete it.")
        if seed is not None and seed != head["seed"]:
            raise UsageError(f"{path} was begun with --seed {head['seed']}: leave --seed out.")
        self.seed = head["seed"]

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep the result of one part of the run."""
        self.finished[key] = {"key": key, **result}
        self._write(self.finished[key])

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()

    @property
    def failures(self) -> list[str]:
        """All failures, each with the part of the run it belongs to."""
        return [f"{k}: {text}" for k, r in self.finished.items() for text in r["failures"]]


def _complete_records(text: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue  # Cut off by an interruption: that part is done again.
    return records


class Progress:
    """Lines that say how far a run is: in a terminal one that changes, else one now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._next = 0.0
        self._started = time.monotonic()

    def show(self, done: int, rest: str) -> None:
        """Tell how far it is, unless that was told a moment ago."""
        now = time.monotonic()
        terminal = sys.stdout.isatty()
        if now < self._next and done < self._total:
            return
        self._next = now + (0.5 if terminal else _EVERY)
        line = f"{done} of {self._total} in {now - self._started:.0f} s; {rest}"
        print(f"\r{line:<78}" if terminal else line, end="" if terminal else "\n", flush=True)

    def end(self) -> None:
        """Leave the line that changes."""
        if sys.stdout.isatty():
            print()


def logged_run(name: str, path: Path | None, seed: int | None, run: Callable[[RunLog], str]) -> int:
    """Do a run that writes a log and may be interrupted; return the exit code of its command.

    Args:
        name: Of the command, for the log and for texts.
        path: The log, if there is to be one.
        seed: Else one by chance, or that of the log.
        run: Does it, and returns what was done, in words.
    """
    quiet_grpc()
    try:
        with contextlib.closing(_opened(path, name, seed)) as log:
            done = run(log)
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command with the same --log goes on.", file=sys.stderr)
        return 130
    return _concluded(log, done)


def _opened(path: Path | None, name: str, seed: int | None) -> RunLog:
    try:
        return RunLog(path, name, seed)
    except OSError as error:
        raise UsageError(str(error)) from error


def _concluded(log: RunLog, what: str, most: int = 20) -> int:
    """Print the failures and a last line; return the exit code."""
    failures = log.failures
    for text in failures[:most]:
        print(f"FAILED {text}")
    if len(failures) > most:
        print(f"... and {len(failures) - most} more")
    print(f"{what}; seed {log.seed}; failures: {len(failures)}")
    return 1 if failures else 0


__all__ = [
    "Progress",
    "RunLog",
    "UsageError",
    "channel_to",
    "logged_run",
    "pin_map_xml",
    "quiet_grpc",
]
