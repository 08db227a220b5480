"""The fake station: its calls against an echo of their types, its start and stop, its import."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_stubs
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as stubs

from benchmarks.figures import SLICE, Figure, Findings, Rounds, Spread, alone
from long_runs.shared import channel_to, pin_map_xml
from session_fakes.serving import server as serving
from session_fakes.station import FakeStation

PART = "Fake station"
LIMIT = 60.0
_RESOLVE = discovery.ResolveServiceRequest(
    provided_interface="ni.measurementlink.pinmap.v1.PinMapService"
)
_SESSIONS = "/ni.measurementlink.sessionmanagement.v1.SessionManagementService/ReserveSessions"
_DISCOVERY = "/ni.measurementlink.discovery.v1.DiscoveryService/ResolveService"


@dataclass(frozen=True)
class Amount:
    """How much is measured: rounds, the waiting calls, stations, fresh processes."""

    rounds: int = 60
    waiting: int = 1000
    cycles: int = 8
    starts: int = 40
    processes: int = 10


def measure(findings: Findings, folder: Path, amount: Amount) -> None:
    """Everything but the pin maps."""
    folder.mkdir(parents=True)
    pin_map = folder / "bench.pinmap"
    pin_map.write_text(pin_map_xml(20), encoding="utf-8")
    importing(findings, amount, folder)
    starting(findings, amount, pin_map)
    resolving(findings, amount)
    reserving(findings, amount, pin_map)
    waiting(findings, amount, pin_map)


# Calls --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def echo(
    method: str, request: type[Message], response: type[Message]
) -> Generator[Callable[[Message], Any], None, None]:
    """A bare gRPC server with one empty handler, set up as the station's; yields the call."""
    service, _, name = method.strip("/").partition("/")
    answer = response()

    def handle(_: object, __: grpc.ServicerContext) -> Message:
        return answer

    handler: Any = grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.FromString,
        response_serializer=response.SerializeToString,
    )
    server = grpc.server(
        ThreadPoolExecutor(serving.WORKERS),  # the same as the station's
        handlers=[grpc.method_handlers_generic_handler(service, {name: handler})],
        options=serving.OPTIONS,
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with channel_to(port) as channel:
            yield channel.unary_unary(
                method,
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
    finally:
        server.stop(0).wait()


def resolving(findings: Findings, amount: Amount) -> None:
    """ResolveService against an echo of its types."""
    types = (discovery.ResolveServiceRequest, discovery.ServiceLocation)
    with (
        FakeStation() as station,
        channel_to(station.discovery.port) as channel,
        echo(_DISCOVERY, *types) as bare,
    ):
        stub: Any = discovery_stubs.DiscoveryServiceStub(channel)
        ours, theirs = alone(lambda: stub.ResolveService(_RESOLVE)), alone(lambda: bare(_RESOLVE))
        ratio = Rounds.of({"ours": ours, "echo": theirs}, amount.rounds).ratio("ours", "echo")
    findings.add(Figure(PART, "ResolveService, of an echo's rate", ratio, least=0.9))


def reserving(findings: Findings, amount: Amount, pin_map: Path) -> None:
    """A Reserve and an Unreserve against one echo of the types of Reserve."""
    types = (pb.ReserveSessionsRequest, pb.ReserveSessionsResponse)
    with (
        FakeStation(pin_map) as station,
        channel_to(station.session_management.port) as channel,
        echo(_SESSIONS, *types) as bare,
    ):
        stub: Any = stubs.SessionManagementServiceStub(channel)
        request = _reserve(station)

        def pair() -> None:
            got = stub.ReserveSessions(request)
            stub.UnreserveSessions(pb.UnreserveSessionsRequest(sessions=got.sessions))

        sides = {"pair": alone(pair), "echo": alone(lambda: bare(request))}
        ratio = Rounds.of(sides, amount.rounds).ratio("pair", "echo")
    findings.add(
        Figure(PART, "Reserve + Unreserve, of an echo's rate", ratio, least=0.4,
               detail="two calls to one, so at most 0.5")
    )  # fmt: skip


def _reserve(station: FakeStation, timeout_ms: int = 0) -> pb.ReserveSessionsRequest:
    request = pb.ReserveSessionsRequest(
        pin_or_relay_names=["P0"], timeout_in_milliseconds=timeout_ms
    )
    request.pin_map_context.pin_map_id = station.pin_map_id
    return request


# With many that wait ------------------------------------------------------------------------------


def waiting(findings: Findings, amount: Amount, pin_map: Path) -> None:
    """ResolveService with and without calls that wait, and how long such a station stops."""
    ratios: list[float] = []
    stops: list[float] = []
    for number in range(amount.cycles):
        order = (True, False) if number % 2 else (False, True)
        rates = {crowd: _with_crowd(amount, pin_map, crowd, stops) for crowd in order}
        ratios += [a / b for a, b in zip(rates[True], rates[False], strict=True)]
    many = f"{amount.waiting:,} waiting reservations"
    stations = f"{2 * amount.cycles} stations in turn"
    findings.add(
        Figure(PART, f"ResolveService with {many}, of the rate with none", Spread.of(ratios),
               least=0.9, detail=stations)
    )  # fmt: skip
    findings.add(Figure(PART, f"stop with {many}", Spread.of(stops), "s", most=1.0))


def _with_crowd(amount: Amount, pin_map: Path, crowd: bool, stops: list[float]) -> list[float]:
    """Rates of ResolveService on a new station, with a crowd that waits or without."""
    station = FakeStation(pin_map)
    station.start()
    try:
        with (
            channel_to(station.discovery.port) as channel,
            channel_to(station.session_management.port) as busy,
        ):
            calls = _gather(station, busy, amount.waiting) if crowd else []
            stub: Any = discovery_stubs.DiscoveryServiceStub(channel)
            resolve = alone(lambda: stub.ResolveService(_RESOLVE))
            rates = [resolve(SLICE) for _ in range(1 + -(-amount.rounds // amount.cycles))][1:]
            started = time.perf_counter()
            station.stop()
            if crowd:
                stops.append(time.perf_counter() - started)
            for call in calls:
                call.exception(LIMIT)
    finally:
        station.stop()
    return rates


def _gather(station: FakeStation, channel: grpc.Channel, count: int) -> list[Any]:
    """Calls that wait for a session that is held."""
    stub: Any = stubs.SessionManagementServiceStub(channel)
    stub.ReserveSessions(_reserve(station))
    calls = [stub.ReserveSessions.future(_reserve(station, -1)) for _ in range(count)]
    deadline = time.monotonic() + LIMIT
    while len(station.waiting()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return calls


# Start, stop, import ------------------------------------------------------------------------------


def starting(findings: Findings, amount: Amount, pin_map: Path) -> None:
    """Making and starting a station, and stopping it."""
    starts: list[float] = []
    stops: list[float] = []
    for _ in range(amount.starts + 1):
        begun = time.perf_counter()
        station = FakeStation(pin_map)
        station.start()
        begun, started = time.perf_counter(), time.perf_counter() - begun
        station.stop()
        starts.append(started * 1000)
        stops.append((time.perf_counter() - begun) * 1000)
    del starts[0], stops[0]  # The first one of a process imports and compiles.
    findings.add(Figure(PART, "start of a station", Spread.of(starts), "ms", most=20))
    findings.add(Figure(PART, "stop of a station", Spread.of(stops), "ms", most=20))


_IMPORT = (
    "import time, grpc; t = time.perf_counter(); import session_fakes.station; "
    "print(time.perf_counter() - t)"
)
_PLUGIN = "import sys, {module}; print(int('grpc' in sys.modules))"
_RUN = (
    "import subprocess, sys, time; t = time.perf_counter(); "
    "subprocess.run([sys.executable, *sys.argv[1:]], check=True, capture_output=True); "
    "print(time.perf_counter() - t)"
)


def importing(findings: Findings, amount: Amount, folder: Path) -> None:
    """Imports and ``run`` in fresh processes; the first one compiles, and is not counted."""
    rounds = range(amount.processes + 1)
    seconds = [_printed(_IMPORT, folder) for _ in rounds][1:]
    findings.add(Figure(PART, "import beyond grpc", Spread.of(seconds), "s", most=0.10))
    nothing = ["-c", "pass"]
    run = ["-m", "session_fakes.cli", "run", "--", sys.executable, *nothing]
    beyond = [_printed(_RUN, folder, *run) - _printed(_RUN, folder, *nothing) for _ in rounds][1:]
    label = "session-fakes run, beyond the program itself"
    findings.add(Figure(PART, label, Spread.of(beyond), "s"))
    for plugin in entry_points(group="pytest11"):
        if plugin.value.startswith("session_"):
            loaded = _printed(_PLUGIN.format(module=plugin.module), folder)
            what = f"modules of gRPC that the pytest plugin {plugin.name} imports"
            findings.add(Figure(PART, what, Spread.of([loaded]), "", most=0))


def _printed(code: str, bytecode: Path, *arguments: str) -> float:
    """What a new Python prints; it keeps its bytecode, as an installed kit does."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


__all__ = ["Amount", "echo", "measure"]
