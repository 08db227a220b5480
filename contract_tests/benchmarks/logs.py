"""The file logger with a long log: attaching to it, and checking it when a session is created."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Call, Figure, Findings, Rounds, Spread, alone
from benchmarks.servers import started
from session_reference.file_logger import taking_over
from session_reference.file_logger.open_files import open_regular
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

PART = "File logger, with a long log"


def measure(findings: Findings, folder: Path, rounds: int, megabytes: int) -> None:
    """An attach to a long log beside one to an empty log, and how long the long one is checked."""
    folder.mkdir(parents=True)
    _attaching(findings, folder, rounds, megabytes)
    _checking(findings, folder / "long.log", max(rounds // 10, 1), megabytes)


def write(path: Path, size: int) -> None:
    """Write a log of about that size, in lines as the file logger writes them."""
    with path.open("w", encoding="utf-8", newline="\n") as log:
        for number in range(10**9):
            log.write(
                f'{{"timestamp":"2026-01-01T00:00:00.{number % 10**6:06}Z",'
                '"measurement_name":"Output voltage",'
                '"measurement_configurations":{"level":"3.3","range":"6.0"},'
                f'"measurement_outputs":{{"voltage":"{number % 9973}"}}}}\n'
            )
            if log.tell() >= size:
                return


def _attaching(findings: Findings, folder: Path, rounds: int, megabytes: int) -> None:
    write(folder / "long.log", megabytes * 10**6)
    with started("reference", 0, folder / "served") as server, server.channel() as channel:
        files: Any = logger_rpc.JsonLoggerStub(channel)

        def attach(name: str) -> Call:
            request = logger.InitializeFileRequest(resource_name=str(folder / name))
            files.InitializeFile(request, timeout=600, wait_for_ready=True)
            request.initialization_behavior = (
                logger.SESSION_INITIALIZATION_BEHAVIOR_ATTACH_TO_EXISTING
            )
            return lambda: files.InitializeFile(request)

        seen = Rounds.of({name: alone(attach(name)) for name in ("empty.log", "long.log")}, rounds)
    label = f"attach to a log of {megabytes} MB, of the rate with an empty one"
    findings.add(Figure(PART, label, seen.ratio("long.log", "empty.log"), least=0.9))


def _checking(findings: Findings, path: Path, rounds: int, megabytes: int) -> None:
    ours: list[float] = []
    ratios: list[float] = []
    for number in range(rounds):
        turns: list[Callable[[Path], None]] = [_check, _load_each]
        took = {step: _seconds(step, path) for step in (turns if number % 2 else turns[::-1])}
        ours.append(took[_check])
        ratios.append(took[_load_each] / took[_check])
    label = f"checking a log of {megabytes} MB"
    findings.add(Figure(PART, label, Spread.of(ours), "s"))
    findings.add(
        Figure(PART, f"{label}, times as fast as json.loads of each line", Spread.of(ratios),
               "times", least=1.7)
    )  # fmt: skip


def _seconds(step: Callable[[Path], None], path: Path) -> float:
    begun = time.perf_counter()
    step(path)
    return time.perf_counter() - begun


def _check(path: Path) -> None:
    descriptor, _ = open_regular(str(path), 0)
    taking_over.take_over(descriptor, str(path), lambda: True)


def _load_each(path: Path) -> None:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            json.loads(line)
