"""Opens and closes sessions by the thousand: nothing may grow.

Threads, descriptors and memory of the server process are read before and after; a first part of the
cycles warms up, since Python and gRPC keep some memory for later.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc

from session_reference.custom_instrument import server as instrument_server
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as instrument_rpc
from session_reference.file_logger import server as logger_server
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc

CLIENTS = 8
REGISTER_MAP = Path(instrument_server.__file__).with_name("register_map.csv")
MOST_MEMORY = 4 * 2**20
"""Bytes that may come and go without anybody having lost them."""


@dataclass(frozen=True)
class Held:
    """What the process holds."""

    threads: int
    descriptors: int
    memory: int

    @classmethod
    def now(cls) -> Held:
        """Look, after the collector has run."""
        gc.collect()
        open_now = Path("/proc/self/fd")
        descriptors = len(list(open_now.iterdir())) if open_now.exists() else 0
        return cls(threading.active_count(), descriptors, _resident())


def _resident() -> int:
    """Bytes of memory in use; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def cycles(address: str, folder: Path, count: int) -> None:
    """Open, use and close a log and an instrument, so many times, by several clients."""

    def work(client: int) -> None:
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            files = logger_rpc.JsonLoggerStub(channel)
            devices = instrument_rpc.DeviceCommunicationStub(channel)
            for _ in range(count // CLIENTS):
                _log_once(files, folder / f"{client}.log")
                _read_once(devices, f"device {client}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))


def _log_once(files: logger_rpc.JsonLoggerStub, path: Path) -> None:
    opened = files.InitializeFile(logger.InitializeFileRequest(resource_name=str(path)))
    files.LogMeasurementData(logger.LogMeasurementDataRequest(session_id=opened.session_id))
    files.CloseFile(logger.CloseFileRequest(session_id=opened.session_id))
    path.unlink()


def _read_once(devices: instrument_rpc.DeviceCommunicationStub, name: str) -> None:
    request = instrument.InitializeRequest(
        resource_name=name, protocol=instrument.SPI, register_map_path=str(REGISTER_MAP)
    )
    session = devices.Initialize(request).session_id
    devices.ReadRegister(
        instrument.ReadRegisterRequest(session_id=session, register_name="CONFIG_0")
    )
    devices.Close(instrument.CloseRequest(session_id=session))


def soak(count: int) -> tuple[Held, Held]:
    """What is held after warming up, and after so many cycles more."""
    files, devices = (
        logger_server.JsonLoggerServicer(),
        instrument_server.DeviceCommunicationServicer(),
    )
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(32) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        logger_rpc.add_JsonLoggerServicer_to_server(files, server)
        instrument_rpc.add_DeviceCommunicationServicer_to_server(devices, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        cycles(address, Path(folder), max(CLIENTS * 40, count // 4))
        before = Held.now()
        cycles(address, Path(folder), count)
        after = Held.now()
        server.stop(0).wait()
    return before, after


def growth(before: Held, after: Held) -> list[str]:
    """What grew, in sentences."""
    found: list[str] = []
    if after.threads > before.threads + 32:  # workers are made when they are needed, up to 32
        found.append(f"threads: {before.threads} before, {after.threads} after")
    if after.descriptors > before.descriptors + 4:
        found.append(f"descriptors: {before.descriptors} before, {after.descriptors} after")
    if after.memory > before.memory + MOST_MEMORY:
        grown = (after.memory - before.memory) / 2**20
        found.append(f"memory: {grown:.1f} MiB more than after warming up")
    return found


def main() -> int:
    """Soak, and say what grew."""
    parser = argparse.ArgumentParser(description="Open and close sessions: nothing may grow.")
    parser.add_argument("--cycles", type=int, default=10_000, help="open/close cycles")
    chosen = parser.parse_args()
    before, after = soak(chosen.cycles)
    print(f"{chosen.cycles} cycles; before: {before}; after: {after}")
    found = growth(before, after)
    for line in found:
        print(f"Grew: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
