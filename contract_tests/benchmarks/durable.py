"""The file logger with ``--durable``: how many records of many writers one fsync serves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.figures import Call, Figure, Findings, Spread, alone
from benchmarks.servers import SLOW_SYNC, Server, open_log, record, started
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

PART = "File logger, --durable"
WRITERS = 32
_SECONDS = 0.3


def measure(findings: Findings, folder: Path, rounds: int) -> None:
    """Records for each fsync, and what many writers gain, on this disk and on a slow one."""
    folder.mkdir(parents=True)
    slow = f"an fsync slowed to {1000 * SLOW_SYNC:g} ms"
    for kind, disk in {"durable": "the fsync of this disk", "slow": slow}.items():
        with started(kind, 0, folder / kind) as server, ExitStack() as stack:
            writers = [_writer(server, stack) for _ in range(WRITERS)]
            shared, gain = _tried(server, writers, max(rounds // 4, 1))
        label = f"{WRITERS} writers, {disk}"
        real = kind == "durable"
        findings.add(
            Figure(PART, f"{label}: records for each fsync", shared, "records",
                   least=3 if real else None)
        )  # fmt: skip
        findings.add(
            Figure(PART, f"{label}: times the rate of one writer", gain, "times",
                   least=None if real else 8)
        )  # fmt: skip


def _writer(server: Server, stack: ExitStack) -> Call:
    files: Any = logger_rpc.JsonLoggerStub(stack.enter_context(server.channel()))
    request = open_log(server.folder / "shared.log")
    request.initialization_behavior = logger.SESSION_INITIALIZATION_BEHAVIOR_UNSPECIFIED
    session = files.InitializeFile(request, timeout=60, wait_for_ready=True).session_id
    one = record(session)
    return lambda: files.LogMeasurementData(one)


def _tried(server: Server, writers: list[Call], rounds: int) -> tuple[Spread, Spread]:
    shared: list[float] = []
    gain: list[float] = []
    with ThreadPoolExecutor(len(writers)) as pool:
        for _ in range(rounds):
            single = alone(writers[0])(_SECONDS)
            before, begun = server.counts()[0], time.perf_counter()
            counts = list(pool.map(_count, writers))
            rate = sum(counts) / (time.perf_counter() - begun)
            shared.append(sum(counts) / max(server.counts()[0] - before, 1))
            gain.append(rate / single)
    return Spread.of(shared), Spread.of(gain)


def _count(call: Call) -> int:
    count, end = 0, time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        call()
        count += 1
    return count
