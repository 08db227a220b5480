"""The part of a soak that is a station: reservations under stress, dead plug-ins, a fast clock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as stubs

from long_runs import stress
from long_runs.shared import channel_to
from session_fakes.station import FakeStation
from soaking.servers import LIMIT
from soaking.tally import Tally

_SIZE = stress.Size(clients=8, sessions=5, turns=3)
_PLUG_IN = """
import sys, grpc
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as stubs
request = pb.ReserveSessionsRequest(pin_or_relay_names=["P0"])
request.pin_map_context.pin_map_id = sys.argv[2]
stub = stubs.SessionManagementServiceStub(grpc.insecure_channel("127.0.0.1:" + sys.argv[1]))
stub.ReserveSessions(request, timeout=60)
print("reserved", flush=True)
sys.stdin.read()
"""


class StationPart:
    """Two stations: one that stays, and in each round a new one for the stress."""

    def __init__(self, pin_map: Path, tally: Tally) -> None:
        """Start the one that stays."""
        self._pin_map = pin_map
        self._tally = tally
        self._station = FakeStation(pin_map)
        self._station.start()

    def stop(self) -> None:
        """Stop it; nothing may be left on it."""
        left = [session.name for session in self._station.sessions() if session.reserved]
        if left or self._station.waiting() or self._station.internal_errors:
            self._tally.complain(f"left on the station: {left}, {self._station.internal_errors}")
        self._station.stop()

    def round(self, seed: str) -> None:
        """Stress reservations, kill a plug-in that has one, let the time of a wait run out."""
        result = stress.repetition(seed, self._pin_map, threading.Event(), _SIZE, LIMIT)
        for text in result["failures"]:
            self._tally.complain(f"station: {text}")
        for code, count in result["counts"].items():
            self._tally.calls[f"ReserveSessions {code}"] += count
        with channel_to(self._station.session_management.port) as channel:
            stub: Any = stubs.SessionManagementServiceStub(channel)
            self._kill_plug_in(stub)
            self._jump(stub)

    def _request(self, timeout_ms: int = 0) -> pb.ReserveSessionsRequest:
        request = pb.ReserveSessionsRequest(
            pin_or_relay_names=["P0"], timeout_in_milliseconds=timeout_ms
        )
        request.pin_map_context.pin_map_id = self._station.pin_map_id
        return request

    def _kill_plug_in(self, stub: Any) -> None:  # noqa: ANN401 - a stub
        """What a dead plug-in has reserved stays reserved, until somebody releases it."""
        port, pin_map_id = str(self._station.session_management.port), self._station.pin_map_id
        command = [sys.executable, "-c", _PLUG_IN, port, pin_map_id]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as plug_in:
            assert plug_in.stdout
            reserved = plug_in.stdout.readline()
            plug_in.kill()
        self._tally.fault("plug-ins killed that held a session")
        held = [session.name for session in self._station.sessions() if session.reserved]
        if reserved != "reserved\n" or self._code(stub) != "UNAVAILABLE":
            self._tally.complain(f"a dead plug-in's session was given away: {held}")
        for name in held:
            self._station.release(name)

    def _jump(self, stub: Any) -> None:  # noqa: ANN401 - a stub
        """A wait ends when the clock of the station says so, and not a moment before."""
        got = stub.ReserveSessions(self._request(), timeout=LIMIT)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._code, stub, 3_600_000)
            while not self._station.waiting() and not waiting.done():
                time.sleep(0.005)
            self._tally.fault("clock jumps")
            self._station.clock.advance(3601)
            if (code := waiting.result()) != "UNAVAILABLE":
                self._tally.complain(f"a wait that ran out was answered with {code}")
        stub.UnreserveSessions(pb.UnreserveSessionsRequest(sessions=got.sessions), timeout=LIMIT)

    def _code(self, stub: Any, timeout_ms: int = 0) -> str:  # noqa: ANN401 - a stub
        try:
            stub.ReserveSessions(self._request(timeout_ms), timeout=LIMIT)
        except grpc.RpcError as error:
            refused: Any = error
            return str(refused.code().name)
        return "OK"
