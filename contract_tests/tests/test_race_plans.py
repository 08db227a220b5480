"""Rounds of calls at the same time: over real channels, against a right and a wrong server."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from session_contract.races import Contradiction, judge_history
from session_contract.races.plans import CLOSING, CREATING, LANES, USING, Plan, Rounds, random_plan
from session_contract.races.simulation import CorrectServer
from session_contract.subject.lane import Lane
from session_contract.subject.record import Journal
from session_spec.model import EVERY_CLAIM, Answer, Call, Close, Initialize, Use

_KINDS: dict[str, type[Call]] = {"Initialize": Initialize, "Close": Close, "Use": Use}


class JsonWire:
    """Says calls in JSON: no descriptors are needed to try plans."""

    def method(self, call: Call, use: int = 0) -> str:
        """The RPC is named after the call."""
        del use
        return f"/test.Sessions/{type(call).__name__}"

    def request(
        self, call: Call, configuration: Mapping[str, object], use: int, value: str
    ) -> bytes:
        """The fields of the call."""
        del configuration, use, value
        return json.dumps(vars(call)).encode()

    def answer(self, call: Call, response: bytes, use: int) -> tuple[Answer, str]:
        """The fields of the answer."""
        del call, use
        return Answer("OK", **json.loads(response)), ""


class Locked:
    """A server that does one thing at a time."""

    def __init__(self) -> None:
        self.sessions = CorrectServer()
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Answer:
        """Carry out a call."""
        with self._lock:
            return self.sessions(call)


class ChecksThenCreates(Locked):
    """Releases its lock between looking and creating, in a share of its creations.

    For long enough to let another call pass, if one is under way.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._rng = random.Random(5)
        self._share = share
        self._passed = threading.Event()

    def __call__(self, call: Call) -> Answer:
        """Carry out a call, now and then in two steps."""
        careful = self._rng.random() >= self._share
        if careful or not isinstance(call, Initialize) or call.behavior == 2:
            answer = super().__call__(call)
            self._passed.set()
            return answer
        with self._lock:
            known = self.sessions.open.get(call.resource)
            self._passed.clear()
        if known:
            return super().__call__(call)
        self._passed.wait(timeout=0.02)
        with self._lock:
            return self.sessions.create(call.resource)


def _rpc(kind: type[Call], effect: Callable[[Call], Answer]) -> grpc.RpcMethodHandler[bytes, bytes]:
    def call(request: bytes, context: grpc.ServicerContext) -> bytes:
        answer = effect(kind(**json.loads(request)))
        if answer.code != "OK":
            context.abort(grpc.StatusCode[answer.code], "")
        return json.dumps({"session": answer.session, "new": answer.new}).encode()

    return grpc.unary_unary_rpc_method_handler(call)


@contextmanager
def serving(effect: Callable[[Call], Answer]) -> Generator[str, None, None]:
    methods = {name: _rpc(kind, effect) for name, kind in _KINDS.items()}
    handler = grpc.method_handlers_generic_handler("test.Sessions", methods)
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool, [handler], options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()


@contextmanager
def rounds(effect: Callable[[Call], Answer]) -> Generator[Rounds, None, None]:
    journal, numbers = Journal(), itertools.count()
    with serving(effect) as address:
        options = [("grpc.use_local_subchannel_pool", 1)]
        lanes = [
            Lane(f"client {n}", grpc.insecure_channel(address, options), JsonWire(), journal,
                 timeout=30)
            for n in range(1, LANES + 1)
        ]  # fmt: skip
        with Rounds(lanes, lambda: f"R{next(numbers)}") as ready:
            yield ready
        for lane in lanes:
            lane.hang_up()


def test___a_correct_server___every_plan___no_false_alarm() -> None:
    server = Locked()
    rng = random.Random(6)
    plans = [*CREATING, *CLOSING, *USING, *(random_plan(rng, uses=True) for _ in range(20))]

    with rounds(server) as ready:
        judged = [judge_history(history, EVERY_CLAIM) for _, history in ready.run(plans, 72)]

    assert not [j for j in judged if isinstance(j, Contradiction)]
    assert server.sessions.open == {}


def test___a_server_that_checks_then_creates___directed_rounds___named_and_explained() -> None:
    with rounds(ChecksThenCreates(share=0.02)) as ready:
        judged = [judge_history(history, EVERY_CLAIM) for _, history in ready.run(CREATING, 600)]

    found = [j for j in judged if isinstance(j, Contradiction)]
    assert len(found) >= 3
    assert {j.requirement for j in found} & {"RACE-ONE-NEW", "RACE-ONE-CREATOR", "RACE-ORDER"}
    assert all(len(j.records) <= 3 for j in found)


def test___a_seed___random_plans___the_same_again() -> None:
    def plans(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [random_plan(rng, uses=False).name for _ in range(20)]

    assert plans(1) == plans(1) != plans(2)
    assert not any("Use" in name for name in plans(3))


@pytest.mark.parametrize("plan", [*CREATING, *CLOSING], ids=lambda p: p.name)
def test___a_round___its_calls___one_a_lane_at_once_and_a_look_at_the_end(plan: Plan) -> None:
    with rounds(Locked()) as ready:
        history = ready.round(plan)

    lanes = {record.lane for record in history}
    assert len(lanes) == len(plan.lanes)
    assert any(isinstance(r.call, Initialize) and r.call.behavior == 2 for r in history)
