"""Measures the station against its aims, calls against a bare gRPC echo of the same run."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import (
    discovery_service_pb2_grpc as discovery_stubs,
)
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2_grpc as pin_map_stubs
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2 as pb,
)
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as session_stubs,
)

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from long_runs.shared import channel_to, pin_map_xml, quiet_grpc
from session_fakes.serving import server as serving
from session_fakes.station import FakeStation

MARGIN = 0.05
"""How far a measured value may miss its aim: about the noise of a shared machine."""
LIMIT = 60.0
EXAMPLE = """example:
  python fakes/long_runs/speed.py --json speed.json

exit code: 0; with --strict 1 when an aim is missed by more than 5 %; 130 interrupted
"""


@dataclass(frozen=True)
class Figure:
    """One thing that was measured."""

    what: str
    aim: float | None
    measured: float
    unit: str
    at_most: bool = True
    detail: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or ``within 5 %`` when it is missed by less than the margin."""
        if self.aim is None:
            return ""
        small, large = (self.measured, self.aim) if self.at_most else (self.aim, self.measured)
        return (
            "met" if small <= large else "within 5 %" if small <= large * (1 + MARGIN) else "missed"
        )


@dataclass(frozen=True)
class Amount:
    """How much is measured: rounds, calls in each, the waiting calls, the largest pin map."""

    rounds: int = 60
    calls: int = 60
    waiting: int = 1000
    cycles: int = 8
    starts: int = 40
    processes: int = 20
    pins: int = 500
    sites: int = 16


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


def rate(action: Callable[[], object], count: int) -> float:
    """How often something can be done in a second, one after the other."""
    started = time.perf_counter()
    for _ in range(count):
        action()
    return count / (time.perf_counter() - started)


def paired(
    one: Callable[[], object], other: Callable[[], object], amount: Amount
) -> tuple[float, float, float]:
    """The median ratio of two rates, and their medians, in rounds that change the order."""
    for action in (one, other):
        rate(action, amount.calls)  # To warm up.
    ones: list[float] = []
    others: list[float] = []
    for number in range(amount.rounds):
        turns = [(one, ones), (other, others)]
        for action, rates in turns if number % 2 else reversed(turns):
            rates.append(rate(action, amount.calls))
    ratios = [a / b for a, b in zip(ones, others, strict=True)]
    return statistics.median(ratios), statistics.median(ones), statistics.median(others)


_RESOLVE = discovery.ResolveServiceRequest(
    provided_interface="ni.measurementlink.pinmap.v1.PinMapService"
)


def resolving(amount: Amount) -> list[Figure]:
    """ResolveService against an echo of its types."""
    method = "/ni.measurementlink.discovery.v1.DiscoveryService/ResolveService"
    types = (discovery.ResolveServiceRequest, discovery.ServiceLocation)
    with (
        FakeStation() as station,
        channel_to(station.discovery.port) as channel,
        echo(method, *types) as bare,
    ):
        stub: Any = discovery_stubs.DiscoveryServiceStub(channel)
        ratio, ours, theirs = paired(
            lambda: stub.ResolveService(_RESOLVE), lambda: bare(_RESOLVE), amount
        )
    detail = f"{ours:.0f} and {theirs:.0f} calls/s"
    return [Figure("ResolveService to an echo", 0.9, ratio, "ratio", at_most=False, detail=detail)]


def reserving(amount: Amount, pin_map: Path) -> list[Figure]:
    """A Reserve and an Unreserve against one echo of the types of Reserve."""
    method = "/ni.measurementlink.sessionmanagement.v1.SessionManagementService/ReserveSessions"
    types = (pb.ReserveSessionsRequest, pb.ReserveSessionsResponse)
    with (
        FakeStation(pin_map) as station,
        channel_to(station.session_management.port) as channel,
        echo(method, *types) as bare,
    ):
        stub: Any = session_stubs.SessionManagementServiceStub(channel)
        request = _reserve(station)

        def pair() -> None:
            got = stub.ReserveSessions(request)
            stub.UnreserveSessions(pb.UnreserveSessionsRequest(sessions=got.sessions))

        ratio, ours, theirs = paired(pair, lambda: bare(request), amount)
    detail = f"{ours:.0f} pairs/s, {theirs:.0f} echoes/s; two calls to one, so at most 0.5"
    return [
        Figure("Reserve + Unreserve to an echo", 0.4, ratio, "ratio", at_most=False, detail=detail)
    ]


def _reserve(station: FakeStation, timeout_ms: int = 0) -> pb.ReserveSessionsRequest:
    request = pb.ReserveSessionsRequest(
        pin_or_relay_names=["P0"], timeout_in_milliseconds=timeout_ms
    )
    request.pin_map_context.pin_map_id = station.pin_map_id
    return request


# With many that wait ------------------------------------------------------------------------------


def waiting(amount: Amount, pin_map: Path) -> list[Figure]:
    """ResolveService with and without calls that wait, and how long such a station stops."""
    ratios: list[float] = []
    stops: list[float] = []
    for number in range(amount.cycles):
        order = (True, False) if number % 2 else (False, True)
        rates = {crowd: _with_crowd(amount, pin_map, crowd, stops) for crowd in order}
        ratios += [a / b for a, b in zip(rates[True], rates[False], strict=True)]
    ratio = statistics.median(ratios)
    many = f"{amount.waiting} waiting reservations"
    detail = f"{len(ratios)} pairs on {2 * amount.cycles} stations"
    return [
        Figure(f"ResolveService with {many} to none", 0.9, ratio, "ratio", False, detail),
        Figure(f"stop with {many}", 1.0, statistics.median(stops), "s", detail=_range(stops)),
    ]


def _with_crowd(amount: Amount, pin_map: Path, crowd: bool, stops: list[float]) -> list[float]:
    """Rates of ResolveService on a new station, with a crowd that waits or without."""
    rounds = -(-amount.rounds // amount.cycles)
    station = FakeStation(pin_map)
    station.start()
    try:
        with (
            channel_to(station.discovery.port) as channel,
            channel_to(station.session_management.port) as busy,
        ):
            calls = _gather(station, busy, amount.waiting) if crowd else []
            stub: Any = discovery_stubs.DiscoveryServiceStub(channel)
            rate(lambda: stub.ResolveService(_RESOLVE), amount.calls)
            rates = [
                rate(lambda: stub.ResolveService(_RESOLVE), amount.calls) for _ in range(rounds)
            ]
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
    stub: Any = session_stubs.SessionManagementServiceStub(channel)
    stub.ReserveSessions(_reserve(station))
    calls = [stub.ReserveSessions.future(_reserve(station, -1)) for _ in range(count)]
    deadline = time.monotonic() + LIMIT
    while len(station.waiting()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return calls


# Start, stop, import ------------------------------------------------------------------------------


def starting(amount: Amount, pin_map: Path) -> list[Figure]:
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
    return [
        Figure("start of a station", 20, statistics.median(starts), "ms", detail=_range(starts)),
        Figure("stop of a station", 20, statistics.median(stops), "ms", detail=_range(stops)),
    ]


_IMPORT = (
    "import time, grpc; t = time.perf_counter(); import session_fakes.station; "
    "print(time.perf_counter() - t)"
)
_PLUGIN = "import sys, {module}; print(int('grpc' in sys.modules))"


def importing(amount: Amount) -> list[Figure]:
    """Imports in fresh processes; the first one compiles, and is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = [_printed(_IMPORT, folder) for _ in range(amount.processes + 1)][1:]
    figures = [
        Figure(
            "import of the station beyond grpc",
            0.10,
            statistics.median(seconds),
            "s",
            detail=_range(seconds),
        )
    ]
    plugins = [p for p in entry_points(group="pytest11") if p.value.startswith("session_fakes")]
    for plugin in plugins:
        imported = _printed(_PLUGIN.format(module=plugin.module))
        figures.append(Figure(f"pytest plugin {plugin.name} imports grpc", 0, imported, "modules"))
    return figures


def _printed(code: str, bytecode: str | None = None) -> float:
    """What a new Python prints; with a folder that keeps bytecode, as an installed kit has it."""
    environment = dict(os.environ)
    if bytecode is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = bytecode
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


# Pin maps -----------------------------------------------------------------------------------------


def pin_map_curve(amount: Amount) -> list[Figure]:
    """Loading and resolving pin maps of growing size, over gRPC."""
    sizes = [
        *((amount.pins // part, amount.sites) for part in (8, 4, 2)),
        *((amount.pins, amount.sites // part) for part in (8, 4, 2)),
        (amount.pins, amount.sites),
    ]
    with (
        FakeStation() as station,
        channel_to(station.pin_map_service.port) as channel,
    ):
        stub: Any = pin_map_stubs.PinMapServiceStub(channel)
        curve = [(size, *_load_and_resolve(stub, *size)) for size in sorted(sizes, key=_product)]
    return list(_curve_figures(curve))


def _product(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def _load_and_resolve(stub: Any, pins: int, sites: int) -> tuple[float, float]:  # noqa: ANN401
    """Median seconds to load a map, and to resolve all of its pins on all of its sites."""
    update = pin_maps.UpdatePinMapFromXmlRequest(
        pin_map_id="map", pin_map_xml=pin_map_xml(pins, sites)
    )
    query = pin_maps.QueryResourceAccessInformationRequest(
        pin_map_id="map",
        sites=range(sites),
        pin_or_relay_names=[f"P{pin}" for pin in range(pins)],
    )
    loads: list[float] = []
    resolves: list[float] = []
    for _ in range(5):
        loads.append(1 / rate(lambda: stub.UpdatePinMapFromXml(update), 1))
        resolves.append(1 / rate(lambda: stub.QueryResourceAccessInformation(query), 1))
    return statistics.median(loads), statistics.median(resolves)


def _curve_figures(
    curve: list[tuple[tuple[int, int], float, float]],
) -> Iterable[Figure]:
    for name, index in (("load", 1), ("resolve", 2)):
        each = [1e6 * float(row[index]) / (row[0][0] * row[0][1]) for row in curve]  # type: ignore[arg-type]
        for ((pins, sites), *seconds), cost in zip(curve, each, strict=True):
            detail = f"{seconds[index - 1] * 1000:.1f} ms in all"
            yield Figure(
                f"{name} {pins} pins, {sites} sites", None, cost, "µs/connection", detail=detail
            )
        # Per connection: what grows in step with the size stays the same.
        middle = statistics.median(each[:-1])
        yield Figure(
            f"{name}: largest to the median of the others", 1.5, each[-1] / middle, "ratio"
        )


# The command --------------------------------------------------------------------------------------


def _range(values: list[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}"


def measure(amount: Amount, tell: Callable[[str], None] = print) -> list[Figure]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        pin_map = Path(folder, "speed.pinmap")
        pin_map.write_text(pin_map_xml(20), encoding="utf-8")
        parts: dict[str, Callable[[], list[Figure]]] = {
            "imports": lambda: importing(amount),
            "start and stop": lambda: starting(amount, pin_map),
            "ResolveService": lambda: resolving(amount),
            "reservations": lambda: reserving(amount, pin_map),
            "waiting calls": lambda: waiting(amount, pin_map),
            "pin maps": lambda: pin_map_curve(amount),
        }
        figures: list[Figure] = []
        for name, part in parts.items():
            tell(f"measuring {name} ...")
            figures += part()
    return figures


def table(figures: list[Figure]) -> str:
    """The figures as Markdown."""
    rows = ["| what | aim | measured | | |", "| --- | --- | --- | --- | --- |"]
    for one in figures:
        sign = "≤" if one.at_most else "≥"
        aim = "" if one.aim is None else f"{sign} {one.aim:g}"
        value = f"{one.measured:.3g} {one.unit}"
        rows.append(f"| {one.what} | {aim} | {value} | {one.verdict} | {one.detail} |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    quiet_grpc()
    try:
        figures = measure(Amount(), lambda text: print(text, file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    print(table(figures))
    if options.json is not None:
        facts = {"python": platform.python_version(), "grpc": grpc.__version__}
        rows = [{**asdict(one), "verdict": one.verdict} for one in figures]
        options.json.write_text(json.dumps({**facts, "figures": rows}, indent=1), encoding="utf-8")
    missed = [one.what for one in figures if one.verdict == "missed"]
    return 1 if missed and options.strict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speed.py",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    add("--strict", action="store_true", help="fail when an aim is missed by more than 5 %%")
    return parser


if __name__ == "__main__":
    sys.exit(main())
