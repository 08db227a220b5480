"""A station that is killed in each round, and what has to hold when it is back."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_rpc
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as rpc

from session_reference.custom_instrument import connection as instrument
from session_reference.file_logger import connection as logger
from soaking.servers import LIMIT, Server
from soaking.tally import Tally

_SERVICES = {"file_logger": logger, "custom_instrument": instrument}
_SESSIONS = "ni.measurementlink.sessionmanagement.v1.SessionManagementService"
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
_PAUSE = 0.02
_TO_REGISTER = 180.0
"""Seconds after which a server should long have found a station that came back."""


class MortalStation:
    """A station in a process of its own, at an address that it keeps from life to life.

    The reference servers register with it if they can, and have to serve on without it.
    """

    def __init__(self, pin_map: Path, folder: Path, tally: Tally) -> None:
        """Start it.

        Args:
            pin_map: What it loads.
            folder: For what it says, and for its ready file.
            tally: Who counts.
        """
        self._pin_map = pin_map
        self._said = folder / "station.out"
        self._ready_file = folder / "station.ready"
        self._tally = tally
        self._port = _port_to_keep()
        self.address = f"localhost:{self._port}"
        self._process: subprocess.Popen[bytes]
        self.start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "session_fakes.cli", "up", "--port", str(self._port)]
        files = ["--pin-map", str(self._pin_map), "--ready-file", str(self._ready_file)]
        with self._said.open("ab") as said:
            return subprocess.Popen(
                [*command, *files], stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )

    def kill(self, seconds: float) -> None:
        """End it without warning, so long after a call began to wait for what is reserved."""
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(1))
            waiting = pool.submit(self._calls(stack).reserve, -1)
            time.sleep(seconds)
            self._process.kill()
            self._process.wait()
            self._tally.fault("station killed")
            if (answer := waiting.result()) != "UNAVAILABLE":
                self._tally.complain(f"who waited for a killed station was answered {answer}")

    def start(self) -> None:
        """Start it: it knows of no reservation, and makes one."""
        self._process = self._start()
        with ExitStack() as stack:
            if (answer := self._calls(stack).reserve(0)) != "OK":
                self._tally.complain(f"a station that was started answered {answer}")

    def look_for(self, servers: Sequence[Server]) -> None:
        """Each server has to be found where it serves, whichever of the two was killed last."""
        with ExitStack() as stack:
            calls, deadline = self._calls(stack), time.monotonic() + _TO_REGISTER
            for server in servers:
                while (found := calls.resolve(server.kind)) != server.life.address:
                    if time.monotonic() > deadline:
                        text = f"{server.kind} serves on {server.life.address}, not on {found}"
                        self._tally.complain(text)
                        break
                    time.sleep(_PAUSE)

    def stop(self) -> None:
        """Stop it; a traceback in what it has said is noted."""
        self._process.terminate()
        code = self._process.wait(LIMIT)
        said = self._said.read_text(encoding="utf-8")
        if code or "Traceback" in said:
            self._tally.complain(f"the station that is killed ended with {code}: {said[-2000:]}")

    def _calls(self, stack: ExitStack) -> _Calls:
        return _Calls(stack, self.address, str(self._pin_map))


def _port_to_keep() -> int:
    """A port that is free, and that no system gives to whoever asks for any: it may be left."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class _Calls:
    """What clients call of a station, once it is there."""

    def __init__(self, stack: ExitStack, address: str, pin_map_id: str) -> None:
        channel = stack.enter_context(grpc.insecure_channel(address, _OPTIONS))
        self._discovery: Any = discovery_rpc.DiscoveryServiceStub(channel)
        place = self._place("", _SESSIONS)
        management = stack.enter_context(grpc.insecure_channel(place, _OPTIONS))
        self._sessions: Any = rpc.SessionManagementServiceStub(management)
        self._pin_map_id = pin_map_id

    def _place(self, service_class: str, interface: str) -> str:
        request = discovery.ResolveServiceRequest(
            service_class=service_class, provided_interface=interface
        )
        found = self._discovery.ResolveService(request, timeout=LIMIT, wait_for_ready=True)
        return f"{found.location}:{found.insecure_port}"

    def resolve(self, kind: str) -> str:
        """Where a reference server is said to serve; else the code of the refusal."""
        named = _SERVICES[kind]
        try:
            return self._place(named.GRPC_SERVICE_CLASS, named.GRPC_SERVICE_INTERFACE_NAME)
        except grpc.RpcError as error:
            return _code(error)

    def reserve(self, timeout_ms: int) -> str:
        """Reserve a session; the code of the answer."""
        request = pb.ReserveSessionsRequest(
            pin_or_relay_names=["P0"], timeout_in_milliseconds=timeout_ms
        )
        request.pin_map_context.pin_map_id = self._pin_map_id
        try:
            self._sessions.ReserveSessions(request, timeout=LIMIT)
        except grpc.RpcError as error:
            return _code(error)
        return "OK"


def _code(error: Any) -> str:  # noqa: ANN401 - gRPC's errors have no types
    return str(error.code().name)
