"""The servers that are measured, each a process of its own: the references, and bare echoes.

An echo takes the same requests, answers such responses, and does nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from session_reference.custom_instrument import server as instrument_server
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as instrument_rpc
from session_reference.file_logger import server as logger_server
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

REGISTER_MAP = Path(instrument_server.__file__).with_name("register_map.csv")
SLOW_SYNC = 0.005
FOLDERS = 100
_ID = "01234567-89ab-4cde-8f01-23456789abcd"
_ANSWERS: dict[str, Any] = {
    "InitializeFile": logger.InitializeFileResponse(session_id=_ID, new_session_initialized=True),
    "Initialize": instrument.InitializeResponse(session_id=_ID, new_session_initialized=True),
    "ReadRegister": instrument.ReadRegisterResponse(value=85),
    "ReadGpioChannel": instrument.ReadGpioChannelResponse(state=True),
    "ReadGpioPort": instrument.ReadGpioPortResponse(state=85),
}


class NoContext:
    """Stands in for gRPC where calls are made without it."""

    def is_active(self) -> bool:
        """Nobody gives up."""
        return True

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """A refusal is the end of the measurement."""
        raise RuntimeError(f"{code.name}: {details}")


NO_CONTEXT: Any = NoContext()


@dataclass
class _Syncs:
    """Counts fsyncs, and slows them if told to."""

    slow: bool
    count: int = 0

    def install(self) -> None:
        sync = os.fsync

        def counted(descriptor: int) -> None:
            self.count += 1
            if self.slow:
                time.sleep(SLOW_SYNC)
            sync(descriptor)

        os.fsync = counted  # type: ignore[assignment]


def serve(kind: str, sessions: int, folder: Path) -> None:
    """Serve both services until standard input ends; print the port when all is open.

    Args:
        kind: ``echo``, ``reference``, ``durable``, or ``slow``: durable with slowed fsyncs.
        sessions: How many sessions of each service are open.
        folder: Where the logs lie.
    """
    make_folders(folder)
    syncs = _Syncs(slow=kind == "slow")
    syncs.install()
    server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
    if kind == "echo":
        _add_echoes(server)
    else:
        files, devices = servicers(sessions, folder, durable=kind != "reference")
        logger_rpc.add_JsonLoggerServicer_to_server(files, server)
        instrument_rpc.add_DeviceCommunicationServicer_to_server(devices, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    for _ in sys.stdin:
        print(syncs.count, _descriptors(), flush=True)
    server.stop(0).wait()
    os._exit(0)  # 100,000 sessions need not be closed


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def make_folders(folder: Path) -> None:
    """Make the folders that the logs are spread over."""
    for number in range(FOLDERS):
        (folder / str(number)).mkdir(parents=True, exist_ok=True)


def servicers(sessions: int, folder: Path, *, durable: bool = False) -> tuple[Any, Any]:
    """The logger and the instrument of the references, with so many open sessions."""
    files = logger_server.JsonLoggerServicer(durable=durable)
    devices = instrument_server.DeviceCommunicationServicer()
    for number in range(sessions):
        log = folder / str(number % FOLDERS) / f"open-{number}.log"
        files.InitializeFile(open_log(log), NO_CONTEXT)
        devices.Initialize(open_device(f"open-{number}"), NO_CONTEXT)
    return files, devices


def _add_echoes(server: grpc.Server) -> None:
    for messages in (logger, instrument):
        (service,) = messages.DESCRIPTOR.services_by_name.values()
        handlers = {method.name: _echo(method, messages) for method in service.methods}
        generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
        server.add_generic_rpc_handlers([generic])


def _echo(method: Any, messages: Any) -> Any:  # noqa: ANN401 - descriptors are untyped
    answer: Any = _ANSWERS.get(method.name) or getattr(messages, method.output_type.name)()

    def handle(_request: object, _context: object) -> object:
        return answer

    serializer: Any = getattr(messages, method.output_type.name).SerializeToString
    return grpc.unary_unary_rpc_method_handler(
        handle,
        getattr(messages, method.input_type.name).FromString,
        serializer,
    )


def open_log(path: Path) -> logger.InitializeFileRequest:
    """A request for a new session of a log."""
    return logger.InitializeFileRequest(
        resource_name=str(path),
        initialization_behavior=logger.SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW,
    )


def open_device(name: str) -> instrument.InitializeRequest:
    """A request for a new session of an instrument."""
    return instrument.InitializeRequest(
        resource_name=name,
        protocol=instrument.SPI,
        register_map_path=str(REGISTER_MAP),
        initialization_behavior=instrument.SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW,
    )


def record(session: str) -> logger.LogMeasurementDataRequest:
    """A record as a measurement logs it."""
    request = logger.LogMeasurementDataRequest(
        session_id=session,
        measurement_name="Output voltage",
        measurement_configurations={"level": "3.3", "range": "6.0"},
        measurement_outputs={"voltage": "3.2987"},
    )
    request.timestamp.FromSeconds(1_700_000_000)
    return request


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    folder: Path
    _process: subprocess.Popen[str]

    @contextmanager
    def channel(self) -> Generator[grpc.Channel, None, None]:
        """A connection of its own."""
        with grpc.insecure_channel(
            self.address, [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            yield channel

    def counts(self) -> tuple[int, int]:
        """How many fsyncs there were so far, and how many descriptors are open now."""
        assert self._process.stdin
        assert self._process.stdout
        print(file=self._process.stdin, flush=True)
        syncs, descriptors = self._process.stdout.readline().split()
        return int(syncs), int(descriptors)


@contextmanager
def started(kind: str, sessions: int, folder: Path) -> Generator[Server, None, None]:
    """Start a server as a process, and end it."""
    command = [sys.executable, __file__, kind, str(sessions), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise SystemExit(f"The {kind} server did not start.")
            yield Server(f"127.0.0.1:{port}", folder, process)
        finally:
            process.stdin.close()


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
