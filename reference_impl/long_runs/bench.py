"""Measures the reference servers against a bare gRPC echo of the same run, as ratios of rates.

The echo takes the same requests, answers the same responses and does nothing. Every server is a
process of its own; all live at the same time and are called in turn, so that a noisy machine
slows them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc

from session_reference.custom_instrument import server as instrument_server
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as instrument_rpc
from session_reference.file_logger import server as logger_server
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

MANY = 100_000
ROUNDS = 60
SLICE = 0.05
"""Seconds of calls to one server before it is the next one's turn."""
REGISTER_MAP = Path(instrument_server.__file__).with_name("register_map.csv")


class _Context:
    """Stands in for gRPC where calls are made without it."""

    def is_active(self) -> bool:
        return True

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise RuntimeError(f"{code.name}: {details}")


_CONTEXT: Any = _Context()


# Servers ------------------------------------------------------------------------------------------


_ECHOES: dict[str, dict[str, tuple[Any, Any]]] = {
    "json_logger.JsonLogger": {
        "InitializeFile": (logger.InitializeFileRequest, logger.InitializeFileResponse),
        "LogMeasurementData": (logger.LogMeasurementDataRequest, logger.LogMeasurementDataResponse),
        "CloseFile": (logger.CloseFileRequest, logger.CloseFileResponse),
    },
    "DeviceCommunication.DeviceCommunication": {
        "Initialize": (instrument.InitializeRequest, instrument.InitializeResponse),
        "ReadRegister": (instrument.ReadRegisterRequest, instrument.ReadRegisterResponse),
        "Close": (instrument.CloseRequest, instrument.StatusResponse),
    },
}


def _echo(request: Any, response: Any) -> grpc.RpcMethodHandler[Any, Any]:  # noqa: ANN401
    """Takes a request, answers an empty response, does nothing."""

    def answer(_request: object, _context: object) -> object:
        return response()

    return grpc.unary_unary_rpc_method_handler(
        answer, request.FromString, response.SerializeToString
    )


def _add_echoes(server: grpc.Server) -> None:
    for service, methods in _ECHOES.items():
        handlers = {name: _echo(*types) for name, types in methods.items()}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])


def _add_references(server: grpc.Server, sessions: int, folder: Path) -> None:
    files, devices = _servicers(sessions, folder)
    logger_rpc.add_JsonLoggerServicer_to_server(files, server)
    instrument_rpc.add_DeviceCommunicationServicer_to_server(devices, server)


def _servicers(sessions: int, folder: Path) -> tuple[Any, Any]:
    """The logger and the instrument of the references, with so many open sessions."""
    files, devices = (
        logger_server.JsonLoggerServicer(),
        instrument_server.DeviceCommunicationServicer(),
    )
    for number in range(sessions):
        devices.Initialize(_open_device(f"open-{number}"), _CONTEXT)
        files.InitializeFile(_open_log(folder / f"{number % 100}" / f"open-{number}.log"), _CONTEXT)
    return files, devices


def serve(kind: str, sessions: int, folder: Path) -> None:
    """Serve both services until standard input ends; print the port when all is open."""
    for number in range(100):
        (folder / str(number)).mkdir(exist_ok=True)
    server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
    if kind == "echo":
        _add_echoes(server)
    else:
        _add_references(server, sessions, folder)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()
    os._exit(0)  # 100,000 sessions need not be closed


@contextmanager
def _started(kind: str, sessions: int, folder: Path) -> Generator[grpc.Channel, None, None]:
    folder.mkdir()
    command = [sys.executable, __file__, "--serve", kind, str(sessions), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise SystemExit(f"The {kind} server did not start.")
            with grpc.insecure_channel(
                f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                yield channel
        finally:
            process.stdin.close()


# Calls --------------------------------------------------------------------------------------------


def _open_log(path: Path) -> logger.InitializeFileRequest:
    return logger.InitializeFileRequest(
        resource_name=str(path),
        initialization_behavior=logger.SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW,
    )


def _open_device(name: str) -> instrument.InitializeRequest:
    return instrument.InitializeRequest(
        resource_name=name,
        protocol=instrument.SPI,
        register_map_path=str(REGISTER_MAP),
        initialization_behavior=instrument.SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW,
    )


def _record(session: str) -> logger.LogMeasurementDataRequest:
    request = logger.LogMeasurementDataRequest(
        session_id=session,
        measurement_name="Output voltage",
        measurement_configurations={"level": "3.3", "range": "6.0"},
        measurement_outputs={"voltage": "3.2987"},
    )
    request.timestamp.FromSeconds(1_700_000_000)
    return request


Call = Callable[[], object]


def _calls(channel: grpc.Channel, folder: Path) -> dict[str, Call]:
    """What is measured, by name; each call is made once here, so that it is known to work."""
    files, devices = (
        logger_rpc.JsonLoggerStub(channel),
        instrument_rpc.DeviceCommunicationStub(channel),
    )
    log = files.InitializeFile(_open_log(folder / "measured.log"), timeout=60)
    device = devices.Initialize(_open_device("measured"), timeout=60)
    record = _record(log.session_id)
    read = instrument.ReadRegisterRequest(session_id=device.session_id, register_name="CONFIG_0")
    open_log, open_device = _open_log(folder / "pair.log"), _open_device("pair")

    def pair_of_log() -> None:
        session = files.InitializeFile(open_log).session_id
        files.CloseFile(logger.CloseFileRequest(session_id=session))

    def pair_of_device() -> None:
        session = devices.Initialize(open_device).session_id
        devices.Close(instrument.CloseRequest(session_id=session))

    calls: dict[str, Call] = {
        "LogMeasurementData": lambda: files.LogMeasurementData(record),
        "ReadRegister": lambda: devices.ReadRegister(read),
        "InitializeFile + CloseFile": pair_of_log,
        "Initialize + Close": pair_of_device,
    }
    for call in calls.values():
        call()
    return calls


def _rate(call: Call) -> float:
    """Calls a second, over one slice of time."""
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < SLICE:
        call()
        count += 1
    return count / passed


# Figures ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A ratio or a time, and what it should be at least, or at most."""

    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the aim is met."""
        above = self.least is None or self.measured >= self.least
        return above and (self.most is None or self.measured <= self.most)

    def line(self) -> str:
        """The figure as people read it."""
        aim = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        missed = "" if self.met else "  MISSED"
        return f"{self.what:<58} {self.measured:8.3f} {self.unit:<2} aim {aim}{missed}"


_AIMS = {
    "LogMeasurementData": 0.90,
    "ReadRegister": 0.95,
    "InitializeFile + CloseFile": 0.45,
    "Initialize + Close": 0.45,
}
_ECHO = {"InitializeFile + CloseFile": "LogMeasurementData", "Initialize + Close": "ReadRegister"}
"""A pair is two calls: its rate is held against that of a single one."""


def over_grpc(folder: Path, rounds: int, many: int) -> Iterator[Figure]:
    """Rates with one and with many open sessions, each round in turn with those of the echo."""
    with (
        _started("echo", 0, folder / "echo") as echo,
        _started("reference", 0, folder / "one") as one,
        _started("reference", many, folder / "many") as full,
    ):
        channels = {"echo": echo, "one": one, "many": full}
        calls = {name: _calls(channel, folder / name) for name, channel in channels.items()}
        for what, aim in _AIMS.items():
            rates: dict[str, list[float]] = {name: [] for name in channels}
            for _ in range(rounds):
                for name in channels:
                    measured = _ECHO.get(what, what) if name == "echo" else what
                    rates[name].append(_rate(calls[name][measured]))
            yield Figure(
                f"{what}, one session, of an echo's rate", _ratio(rates, "one", "echo"), aim
            )
            yield Figure(
                f"{what}, {many:,} sessions, of an echo's", _ratio(rates, "many", "echo"), aim
            )
            yield Figure(f"{what}, {many:,} sessions, of one's", _ratio(rates, "many", "one"), 0.9)


def _ratio(rates: dict[str, list[float]], name: str, other: str) -> float:
    """The median of the ratios of neighbours: what slows the machine slows both."""
    return statistics.median(a / b for a, b in zip(rates[name], rates[other], strict=True))


def without_grpc(folder: Path, rounds: int, many: int) -> Iterator[Figure]:
    """What the work itself takes: the servicer is called as gRPC would call it."""
    one, full = (_direct_calls(folder / f"direct-{count}", count) for count in (0, many))
    for what, most in {"a Log": 40.0, "an open and close": 90.0}.items():
        pairs = [(1e6 / _rate(one[what]), 1e6 / _rate(full[what])) for _ in range(rounds)]
        yield Figure(
            f"{what} without gRPC", statistics.median(a for a, _ in pairs), None, most, "µs"
        )
        ratio = statistics.median(b / a for a, b in pairs)
        yield Figure(f"{what} without gRPC, {many:,} sessions, of one's time", ratio, None, 1.25)


def _direct_calls(folder: Path, sessions: int) -> dict[str, Call]:
    """The calls to a logger with so many open sessions."""
    for number in range(100):
        (folder / str(number)).mkdir(parents=True)
    files, _ = _servicers(sessions, folder)
    record = _record(files.InitializeFile(_open_log(folder / "log.log"), _CONTEXT).session_id)
    pair = _open_log(folder / "pair.log")

    def open_and_close() -> None:
        opened = files.InitializeFile(pair, _CONTEXT)
        files.CloseFile(logger.CloseFileRequest(session_id=opened.session_id), _CONTEXT)

    return {
        "a Log": lambda: files.LogMeasurementData(record, _CONTEXT),
        "an open and close": open_and_close,
    }


def main() -> int:
    """Measure, print, and say with the exit code whether all aims were met, if asked."""
    parser = argparse.ArgumentParser(description="Measure the reference servers.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="paired rounds (default: 60)")
    parser.add_argument("--sessions", type=int, default=MANY, help="how many sessions are many")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when an aim is missed")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        kind, sessions, folder = chosen.serve
        serve(kind, int(sessions), Path(folder))
        return 0
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        print("Opening the sessions takes a while.", file=sys.stderr, flush=True)
        for source in (
            over_grpc(Path(folder), chosen.rounds, chosen.sessions),
            without_grpc(Path(folder), chosen.rounds, chosen.sessions),
        ):
            for figure in source:
                figures.append(figure)
                print(figure.line(), flush=True)
    if chosen.json:
        told = [vars(figure) | {"met": figure.met} for figure in figures]
        chosen.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if all(figure.met for figure in figures) or not chosen.strict else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
