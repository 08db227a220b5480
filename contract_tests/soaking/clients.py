"""Clients that initialize, use and close at random, and note each answer for the judge."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from session_contract.subject.record import Record
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as instrument
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as instrument_rpc
from session_reference.file_logger.stubs import json_logger_pb2 as logger
from session_reference.file_logger.stubs import json_logger_pb2_grpc as logger_rpc
from session_spec.matrix import Behavior
from session_spec.model import LOST, Answer, Call, Close, Initialize, Use
from soaking.servers import LIMIT, Life, Server
from soaking.tally import Tally

REGISTER_MAP = Path(instrument_rpc.__file__).parents[1] / "register_map.csv"
_JUDGED = {"OK", "NOT_FOUND", "ALREADY_EXISTS"}
_LOST = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}
_HINDERED = {"RESOURCE_EXHAUSTED", "PERMISSION_DENIED"}
"""What a full disk and a log without the right to write are answered with: nothing happened."""


@dataclass
class Scene:
    """What the clients of one server share in one round."""

    server: Server
    resources: Sequence[str]
    tally: Tally
    name: str
    """Of the round: part of the name of each record."""
    sessions: deque[str] = field(default_factory=lambda: deque(["never-was"], maxlen=6))
    records: list[Record] = field(default_factory=list[Record])
    acknowledged: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])


class Client(threading.Thread):
    """One client; each life of the server is called over a channel of its own."""

    def __init__(self, scene: Scene, number: int, calls: int, seed: str) -> None:
        """Plan so many calls.

        Args:
            scene: What it shares with others.
            number: Which of the clients it is.
            calls: How many calls it makes.
            seed: What it draws from.
        """
        super().__init__(name=f"client {number} of {scene.server.kind}", daemon=True)
        self._scene = scene
        self._calls = calls
        self._lane = f"client {number}"
        self._rng = random.Random(seed)
        self._life: Life | None = None
        self._stub: _Stub | None = None

    def run(self) -> None:
        """Make the calls."""
        try:
            for number in range(self._calls):
                if not self._scene.server.up.wait(LIMIT):
                    self._scene.tally.complain(f"{self.name}: the server did not come back")
                    return
                self._step(number)
        except Exception as error:  # a thread that dies is no soak
            self._scene.tally.complain(f"{self.name} failed: {error!r}")
        finally:
            if self._stub:
                self._stub.channel.close()

    def _connected(self, life: Life) -> _Stub:
        if self._stub is None or self._life is not life:
            if self._stub:
                self._stub.channel.close()
            self._life, self._stub = life, _Stub(self._scene.server.kind, life.channel())
        return self._stub

    def _step(self, number: int) -> None:
        scene, rng = self._scene, self._rng
        life = scene.server.life
        stub = self._connected(life)
        sessions = list(scene.sessions)
        kind, session = rng.random(), rng.choice((*sessions, *sessions[-1:] * 6))
        call: Call = Use(session) if kind < 0.5 else Close(session)
        if kind > 0.65:
            call = Initialize(rng.choice(scene.resources), rng.choice(list(Behavior)))
        impatient = rng.random() < 0.04
        mark = f"{scene.name}-{self._lane}-{number}"
        begun = time.monotonic()
        mark += "-" + "y" * rng.choice((0, 0, 0, 5000))  # beyond what a full disk has room for
        code, answer = stub.make(call, mark, 0.002 if impatient else LIMIT)
        ended = time.monotonic()
        if code == "DEADLINE_EXCEEDED" and impatient:
            scene.tally.fault("clients that gave up")
        elif code == "DEADLINE_EXCEEDED":
            scene.tally.complain(f"{self.name} got no answer to {call} in {LIMIT:g} s")
        self._note(call, mark, code, answer, (begun, ended, life.number))

    def _note(
        self, call: Call, mark: str, code: str, answer: Answer, times: tuple[float, float, int]
    ) -> None:
        scene, (begun, ended, life) = self._scene, times
        what = type(call).__name__
        scene.tally.called(what, "lost" if code in _LOST else code)
        if isinstance(call, Use) and code == "OK":
            scene.acknowledged.append(mark)
        elif isinstance(call, Use) and code not in _LOST:
            scene.refused.append(mark)
        if code in _HINDERED:
            return
        if code not in _JUDGED | _LOST:
            scene.tally.complain(f"{self.name} got {code} for {call}: {answer.session}")
            return
        lost = code in _LOST
        if code == "OK" and answer.session:
            scene.sessions.append(answer.session)
        record = Record(
            len(scene.records) + 1, self._lane, call, LOST if lost else answer,
            begun, math.inf if lost else ended, life=life,
        )  # fmt: skip
        scene.records.append(record)


class _Stub:
    """Makes the calls of the model to a server."""

    def __init__(self, kind: str, channel: grpc.Channel) -> None:
        self.channel = channel
        self._is_logger = kind == "file_logger"
        rpc = logger_rpc.JsonLoggerStub if self._is_logger else None
        self._stub: Any = (rpc or instrument_rpc.DeviceCommunicationStub)(channel)

    def make(self, call: Call, mark: str, seconds: float) -> tuple[str, Answer]:
        """Make a call; the code, and the answer: of a refusal its text in place of the id."""
        try:
            response = self._send(call, mark, seconds)
        except grpc.RpcError as error:
            refused: Any = error
            code = str(refused.code().name)
            judged = code in _JUDGED
            return code, Answer(code, "" if judged else str(refused.details()))
        if isinstance(call, Initialize):
            return "OK", Answer("OK", response.session_id, response.new_session_initialized)
        return "OK", Answer("OK")

    def _send(self, call: Call, mark: str, seconds: float) -> Any:  # noqa: ANN401 - a message
        send = self._log if self._is_logger else self._read
        return send(call, mark, seconds)

    def _log(self, call: Call, mark: str, seconds: float) -> Any:  # noqa: ANN401
        if isinstance(call, Initialize):
            request = logger.InitializeFileRequest(resource_name=call.resource)
            request.initialization_behavior = call.behavior  # type: ignore[assignment]
            return self._stub.InitializeFile(request, timeout=seconds)
        if isinstance(call, Close):
            closing = logger.CloseFileRequest(session_id=call.session)
            return self._stub.CloseFile(closing, timeout=seconds)
        record = logger.LogMeasurementDataRequest(session_id=_session(call), measurement_name=mark)
        return self._stub.LogMeasurementData(record, timeout=seconds)

    def _read(self, call: Call, mark: str, seconds: float) -> Any:  # noqa: ANN401
        del mark
        if isinstance(call, Initialize):
            request = instrument.InitializeRequest(
                resource_name=call.resource,
                protocol=instrument.SPI,
                register_map_path=str(REGISTER_MAP),
            )
            request.initialization_behavior = call.behavior  # type: ignore[assignment]
            return self._stub.Initialize(request, timeout=seconds)
        if isinstance(call, Close):
            closing = instrument.CloseRequest(session_id=call.session)
            return self._stub.Close(closing, timeout=seconds)
        reading = instrument.ReadRegisterRequest(
            session_id=_session(call), register_name="CONFIG_0"
        )
        return self._stub.ReadRegister(reading, timeout=seconds)


def _session(call: Call) -> str:
    assert isinstance(call, Use)
    return call.session
