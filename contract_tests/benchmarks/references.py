"""The reference servers over gRPC, against echoes of the same run.

All servers live at the same time and are called in turn, so that a noisy machine slows them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks.figures import Call, Curve, Figure, Findings, Rate, Rounds, Spread, alone, together
from benchmarks.servers import Server, open_device, open_log, record, started
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as instrument_rpc
from session_reference.file_logger.server import OPEN_FILES
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

PART = "Reference servers, of a bare echo's rate"
LOG_PAIR = "InitializeFile NEW + CloseFile"
DEVICE_PAIR = "Initialize NEW + Close"
SINGLE = {LOG_PAIR: "InitializeFile", DEVICE_PAIR: "Initialize"}
"""A pair is two calls: its rate is held against that of a single one, so that 0.5 is the most."""
AIMS = {"LogMeasurementData": 0.90, "ReadRegister": 0.95, LOG_PAIR: 0.45, DEVICE_PAIR: 0.45}
OTHERS = [
    "InitializeFile ATTACH",
    "WriteRegister",
    "ReadGpioChannel",
    "WriteGpioChannel",
    "ReadGpioPort",
    "WriteGpioPort",
]
CLIENTS = 8
SPARE = 100
"""Descriptors that a process needs besides those of logs: connections, libraries."""
_ATTACH = logger.SESSION_INITIALIZATION_BEHAVIOR_ATTACH_TO_EXISTING


def calls(channel: grpc.Channel, folder: Path, client: int = 0) -> dict[str, Call]:
    """What is measured, by name, with sessions of its own; an echo takes the same calls."""
    files: Any = logger_rpc.JsonLoggerStub(channel)
    devices: Any = instrument_rpc.DeviceCommunicationStub(channel)
    path = folder / f"measured-{client}.log"
    log = files.InitializeFile(open_log(path), timeout=60, wait_for_ready=True).session_id
    device = devices.Initialize(open_device(f"measured-{client}"), timeout=60).session_id
    attach = logger.InitializeFileRequest(resource_name=str(path), initialization_behavior=_ATTACH)
    new_log, new_device = open_log(folder / f"pair-{client}.log"), open_device(f"pair-{client}")

    def pair_of_log() -> None:
        session = files.InitializeFile(new_log).session_id
        files.CloseFile(logger.CloseFileRequest(session_id=session))

    def pair_of_device() -> None:
        session = devices.Initialize(new_device).session_id
        devices.Close(instrument.CloseRequest(session_id=session))

    found: dict[str, Call] = {
        LOG_PAIR: pair_of_log,
        DEVICE_PAIR: pair_of_device,
        "InitializeFile": lambda: files.InitializeFile(new_log),
        "Initialize": lambda: devices.Initialize(new_device),
        "InitializeFile ATTACH": lambda: files.InitializeFile(attach),
        "LogMeasurementData": _bound(files.LogMeasurementData, record(log)),
    }
    return found | _device_calls(devices, device)


def _device_calls(devices: Any, session: str) -> dict[str, Call]:  # noqa: ANN401 - a stub
    requests = [
        instrument.ReadRegisterRequest(session_id=session, register_name="CONFIG_0"),
        instrument.WriteRegisterRequest(session_id=session, register_name="CONFIG_0", value=85),
        instrument.ReadGpioChannelRequest(session_id=session, port=1, channel=1),
        instrument.WriteGpioChannelRequest(session_id=session, port=1, channel=1, state=True),
        instrument.ReadGpioPortRequest(session_id=session, port=1, mask=255),
        instrument.WriteGpioPortRequest(session_id=session, port=1, mask=255, state=85),
    ]
    names = [type(request).__name__.removesuffix("Request") for request in requests]
    return {
        name: _bound(getattr(devices, name), request)
        for name, request in zip(names, requests, strict=True)
    }


def _bound(rpc: Callable[[Any], object], request: object) -> Call:
    return lambda: rpc(request)


@contextmanager
def _all(servers: Mapping[str, Server], count: int) -> Generator[dict[str, list[dict[str, Call]]]]:
    """The calls of so many clients of each server."""
    with ExitStack() as stack:
        yield {
            name: [
                calls(stack.enter_context(server.channel()), server.folder, client)
                for client in range(count)
            ]
            for name, server in servers.items()
        }


def measure(findings: Findings, folder: Path, rounds: int, many: Iterable[int]) -> None:
    """Each RPC with one client and with several, and with few and many open sessions."""
    sizes = sorted(many)
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:

        def start(kind: str, sessions: int, name: str) -> Server:
            return stack.enter_context(started(kind, sessions, folder / name))

        servers = {"echo": start("echo", 0, "echo"), "1": start("reference", 0, "one")}
        servers |= {f"{size}": start("reference", size, f"many-{size}") for size in sizes}
        with _all(servers, CLIENTS) as clients:
            first = {name: found[0] for name, found in clients.items()}
            _compare_sizes(findings, first, rounds)
            _compare_others(findings, first, rounds)
            _compare_clients(findings, clients, rounds, pool)
        open_now = float(servers[f"{sizes[-1]}"].counts()[1])
        label = f"descriptors of a process with {sizes[-1]:,} open logs"
        findings.add(Figure(PART, label, Spread.of([open_now]), "", most=OPEN_FILES + SPARE))


def sides(clients: Mapping[str, dict[str, Call]], what: str) -> dict[str, Rate]:
    """The rates to compare for an RPC: the echo's, and that of each reference server."""
    return {
        name: alone(found[SINGLE.get(what, what) if name == "echo" else what])
        for name, found in clients.items()
    }


def _compare_sizes(findings: Findings, clients: dict[str, dict[str, Call]], rounds: int) -> None:
    curves: dict[str, list[tuple[float, float]]] = {}
    for what, aim in AIMS.items():
        seen = Rounds.of(sides(clients, what), rounds)
        sizes = [name for name in clients if name != "echo"]
        for size in sizes:
            ratio = seen.ratio(size, "echo")
            detail = f"{seen.rate(size).median:,.0f} and {seen.rate('echo').median:,.0f} a second"
            findings.add(
                Figure(PART, f"{what}, {_sessions(size)}", ratio, least=aim, detail=detail)
            )
            curves.setdefault(what, []).append((float(size), ratio.median))
        label = f"{what}, {_sessions(sizes[-1])}, of one session's rate"
        findings.add(Figure(PART, label, seen.ratio(sizes[-1], "1"), least=0.9))
    findings.curves.append(
        Curve("sessions", "Rates with open sessions", "open sessions", "of an echo's rate", curves)
    )


def _sessions(size: str) -> str:
    return "1 open session" if size == "1" else f"{int(size):,} open sessions"


def _compare_others(findings: Findings, clients: dict[str, dict[str, Call]], rounds: int) -> None:
    two = {name: clients[name] for name in ("echo", "1")}
    for what in OTHERS:
        measured = dict(two)
        if what == "InitializeFile ATTACH":
            measured["echo"] = {what: two["echo"]["InitializeFile"]}
        ratio = Rounds.of(sides(measured, what), rounds).ratio("1", "echo")
        findings.add(Figure(PART, what, ratio))


def _compare_clients(
    findings: Findings,
    clients: Mapping[str, list[dict[str, Call]]],
    rounds: int,
    pool: ThreadPoolExecutor,
) -> None:
    for what in AIMS:
        seen = Rounds.of(
            {
                name: together([one[SINGLE.get(what, what) if name == "echo" else what]
                                for one in clients[name]], pool)
                for name in ("echo", "1")
            },
            max(rounds // 2, 1),
        )  # fmt: skip
        findings.add(Figure(PART, f"{what}, {CLIENTS} clients at once", seen.ratio("1", "echo")))
