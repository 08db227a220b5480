"""Recording the calls of Python servers and clients, for the command ``judge``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory

from session_contract.races import Possible, judge_history
from session_contract.recorder import Reader, Recorder
from session_contract.subject.record import Record, read_journal
from session_spec.model import LOST, Answer, Close, Initialize, Rules, Use

_SPEC = importlib.util.spec_from_file_location(
    "lock_server_to_record", Path(__file__).parent / "lock_server.py"
)
assert _SPEC
assert _SPEC.loader
locks: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(locks)

READER = Reader("AcquireLock", "ReleaseLock", "lock_name", "how", "ticket", "fresh")
FAR = "127.0.0.1:1"


@contextmanager
def serving(*interceptors: grpc.ServerInterceptor) -> Generator[str, None, None]:
    server = grpc.server(ThreadPoolExecutor(8), interceptors=list(interceptors))
    locks.add_silent(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def call(channel: grpc.Channel, rpc: str, **fields: object) -> Any:  # noqa: ANN401 - made messages
    method = locks.POOL.FindServiceByName("locks.Locks").methods_by_name[rpc]
    request = message_factory.GetMessageClass(method.input_type)(**fields)
    response = message_factory.GetMessageClass(method.output_type)
    path = f"/locks.Locks/{rpc}"
    return channel.unary_unary(path, type(request).SerializeToString, response.FromString)(
        request, timeout=10
    )


def some_calls(channel: grpc.Channel) -> str:
    ticket: str = call(channel, "AcquireLock", lock_name="door").ticket
    call(channel, "WriteNote", ticket=ticket, text="x")
    with pytest.raises(grpc.RpcError):
        call(channel, "AcquireLock", lock_name="door", how=1)
    call(channel, "ReleaseLock", ticket=ticket)
    return ticket


def recorded(path: Path) -> list[Record]:
    return list(read_journal(path.read_text(encoding="utf-8").splitlines()))


def told(records: list[Record]) -> list[tuple[object, object]]:
    return [(r.call, r.answer) for r in records]


def expected(ticket: str) -> list[tuple[object, object]]:
    return [
        (Initialize("door", 0), Answer("OK", ticket, new=True)),
        (Use(ticket), Answer("OK")),
        (Initialize("door", 1), Answer("ALREADY_EXISTS")),
        (Close(ticket), Answer("OK")),
    ]


def test___server_with_recorder___called___calls_can_be_judged(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl", READER)
    with serving(recorder.of_server()) as address, grpc.insecure_channel(address) as channel:
        ticket = some_calls(channel)
    recorder.close()

    records = recorded(tmp_path / "calls.jsonl")
    assert told(records) == expected(ticket)
    assert judge_history(records, Rules()) == Possible()
    assert {r.rpc for r in records} == {"AcquireLock", "WriteNote", "ReleaseLock"}


def test___client_with_recorder___calls___calls_can_be_judged(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl", READER)
    with serving() as address, grpc.insecure_channel(address) as channel:
        ticket = some_calls(grpc.intercept_channel(channel, recorder.of_client("me")))
    recorder.close()

    records = recorded(tmp_path / "calls.jsonl")
    assert told(records) == expected(ticket)
    assert judge_history(records, Rules()) == Possible()
    assert {r.lane for r in records} == {"me"}
    assert all(r.started < r.ended for r in records)


def test___client_with_recorder___nobody_listens___call_is_lost(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl", READER)
    with grpc.insecure_channel(FAR) as channel:
        recording = grpc.intercept_channel(channel, recorder.of_client())
        with pytest.raises(grpc.RpcError):
            call(recording, "ReleaseLock", ticket="t1")
    recorder.close()

    assert told(recorded(tmp_path / "calls.jsonl")) == [(Close("t1"), LOST)]


def test___handler_that_raises___recorded___as_unknown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls.jsonl", READER)

    class Broken(grpc.ServerInterceptor):
        def intercept_service(
            self,
            continuation: Callable[[grpc.HandlerCallDetails], Any],
            handler_call_details: grpc.HandlerCallDetails,
        ) -> Any:  # noqa: ANN401 - a handler
            handler = continuation(handler_call_details)

            def fail(_: object, __: object) -> None:
                raise RuntimeError

            return grpc.unary_unary_rpc_method_handler(
                fail, handler.request_deserializer, handler.response_serializer
            )

    with serving(recorder.of_server(), Broken()) as address:  # noqa: SIM117 - the order matters
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
            call(channel, "ReleaseLock", ticket="t1")
    recorder.close()

    assert told(recorded(tmp_path / "calls.jsonl")) == [(Close("t1"), Answer("UNKNOWN"))]


def test___call_that_names_no_session___read___is_none_of_ours() -> None:
    assert Reader().call("Ping", object()) is None
