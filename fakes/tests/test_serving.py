"""The servers of the fakes: statuses, the call log, faults, stop and restart, over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from google.protobuf.message import Message
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as pb
from ni.measurementlink.discovery.v1.discovery_service_pb2_grpc import DiscoveryServiceStub

from session_fakes.clock import Clock
from session_fakes.errors import FakeError, Refusal, listed, quoted
from session_fakes.serving.calls import CallLog
from session_fakes.serving.dispatch import Caller, Dispatcher, Handler, Service
from session_fakes.serving.faults import Faults
from session_fakes.serving.names import MethodNames
from session_fakes.serving.server import LoopbackServer

DESCRIPTOR = pb.DESCRIPTOR.services_by_name["DiscoveryService"]
LIMIT = 20.0
"""Seconds after which a call of these tests is stuck."""
GRAIN = 1.0
"""Seconds by which gRPC may round a limit up: 0.1, from ten seconds on, and some milliseconds."""


def resolve(request: pb.ResolveServiceRequest, _: Caller) -> Message:
    """Answer the class as location."""
    return pb.ServiceLocation(location=request.service_class)


def refuse(_: object, __: Caller) -> NoReturn:
    """Refuse."""
    raise Refusal("NOT_FOUND", "there is no such thing")


def break_down(_: object, __: Caller) -> NoReturn:
    """Fail in a way that nobody foresaw."""
    raise KeyError("oops")


def break_down_over_a_text(_: object, __: Caller) -> NoReturn:
    """Fail to read a text that is not the caller's."""
    b"\xffours".decode()
    raise AssertionError("that was no UTF-8")


def read_as_older_protobuf(request: pb.ResolveServiceWithInformationRequest, _: Caller) -> NoReturn:
    """Fail to read a text of the request, as protobuf 4.22 may at a text in a map."""
    raise UnicodeDecodeError("utf-8", request.service_class.encode(), 0, 1, "as if")


def answer_nonsense(_: object, __: Caller) -> Message:
    """Answer a message of another type."""
    return pb.ServiceLocation()


HANDLERS: dict[str, Handler] = {
    "ResolveService": resolve,
    "UnregisterService": refuse,
    "RegisterService": break_down,
    "EnumerateServices": answer_nonsense,
    "EnumerateActiveServices": break_down_over_a_text,
    "ResolveServiceWithInformation": read_as_older_protobuf,
}


@dataclass
class Bench:
    """One service on a server, and a client of it."""

    server: LoopbackServer
    dispatcher: Dispatcher
    stub: DiscoveryServiceStub

    @property
    def calls(self) -> CallLog:
        """The log."""
        return self.dispatcher.calls

    @property
    def faults(self) -> Faults:
        """The faults."""
        return self.dispatcher.faults

    def resolve(self, name: str = "C", timeout: float = LIMIT) -> str:
        """Make the call that succeeds."""
        request = pb.ResolveServiceRequest(service_class=name)
        return self.stub.ResolveService(request, timeout=timeout).location


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A server of its own for each test."""
    service = Service(DESCRIPTOR, HANDLERS)
    names = MethodNames(service.method_names)
    dispatcher = Dispatcher(Clock(), CallLog(names), Faults(names))
    server = LoopbackServer("discovery", partial(dispatcher.serve, service))
    server.start()
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        yield Bench(server, dispatcher, DiscoveryServiceStub(channel))
    server.stop()


def status_of(call: Callable[[], object]) -> tuple[str, str]:
    """The status of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error.code().name, error.details() or ""


def test___handler_that_answers___called___answer_and_record(bench: Bench) -> None:
    request = pb.ResolveServiceRequest(service_class="C")
    response = bench.stub.ResolveService(request, timeout=LIMIT, metadata=(("who", "me"),))

    assert response.location == "C"
    call = bench.calls.of("ResolveService").last
    assert (call.seq, call.code, call.details, call.fault) == (1, "OK", "", None)
    assert call.full_name == "ni.measurementlink.discovery.v1.DiscoveryService/ResolveService"
    assert (call.request, call.response) == (request, response)
    assert ("who", "me") in call.metadata
    assert call.deadline is not None
    assert 0 < call.deadline <= LIMIT + GRAIN
    assert call.elapsed >= 0
    assert "127.0.0.1" in call.peer or "::1" in call.peer or "%5B::1%5D" in call.peer


def test___call_without_deadline___recorded___deadline_is_none(bench: Bench) -> None:
    bench.stub.ResolveService(pb.ResolveServiceRequest())

    assert bench.calls.of("ResolveService").last.deadline is None


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test___both_loopback_addresses___called___served(bench: Bench, host: str) -> None:
    with grpc.insecure_channel(f"{host}:{bench.server.port}") as channel:
        response = DiscoveryServiceStub(channel).ResolveService(
            pb.ResolveServiceRequest(service_class="C"), timeout=LIMIT
        )

    assert response.location == "C"


def test___handler_that_refuses___called___status_and_record(bench: Bench) -> None:
    status = status_of(lambda: bench.stub.UnregisterService(pb.UnregisterServiceRequest()))

    assert status == ("NOT_FOUND", "there is no such thing")
    call = bench.calls.of("UnregisterService").last
    assert (call.code, call.details, call.response) == (*status, None)


def test___handler_that_breaks_down___called___internal_and_no_traceback_on_the_console(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = status_of(lambda: bench.stub.RegisterService(pb.RegisterServiceRequest()))

    assert code == "INTERNAL"
    assert "a fault of the fake" in text
    assert "oops" in bench.dispatcher.internal_errors[0]
    assert capfd.readouterr().err == ""


def test___handler_with_a_wrong_answer___called___internal(bench: Bench) -> None:
    code, text = status_of(lambda: bench.stub.EnumerateServices(pb.EnumerateServicesRequest()))

    assert code == "INTERNAL"
    assert "answers no ServiceLocation" in text


def test___rpc_without_handler___called___unimplemented_with_a_text(bench: Bench) -> None:
    code, text = status_of(
        lambda: bench.stub.EnumerateComputeNodes(pb.EnumerateComputeNodesRequest())
    )

    assert code == "UNIMPLEMENTED"
    assert "EnumerateComputeNodes is not simulated" in text


def test___handler_that_fails_to_decode_a_text___called___a_fault_of_the_fake(
    bench: Bench,
) -> None:
    request = pb.EnumerateActiveServicesRequest(service_class="theirs")

    code, text = status_of(lambda: bench.stub.EnumerateActiveServices(request))

    assert code == "INTERNAL"
    assert "a fault of the fake" in text
    assert "UnicodeDecodeError" in bench.dispatcher.internal_errors[0]


def test___text_of_the_caller_that_is_no_utf8___read_by_the_handler___as_on_arrival(
    bench: Bench,
) -> None:
    request = pb.ResolveServiceWithInformationRequest(service_class="theirs")

    status = status_of(lambda: bench.stub.ResolveServiceWithInformation(request))

    assert status == ("INTERNAL", "Exception deserializing request!")
    assert bench.dispatcher.internal_errors == []


# Faults -------------------------------------------------------------------------------------------


def test___failing_fault___called___used_up_and_recorded(bench: Bench) -> None:
    fault = bench.faults.on("ResolveService", times=1).fail("UNAVAILABLE", "the bench is off")

    assert status_of(bench.resolve) == ("UNAVAILABLE", "the bench is off")
    assert bench.resolve() == "C"
    assert fault.hits == 1
    assert [c.fault for c in bench.calls.of("ResolveService")] == ["fail UNAVAILABLE", None]
    assert str(fault) == "ResolveService: fail UNAVAILABLE (1 hits, 0 left)"


def test___driver_error___fault___has_its_code_in_the_trailer(bench: Bench) -> None:
    bench.faults.on("ResolveService").driver_error(-1074118656, "no such instrument")

    with pytest.raises(grpc.RpcError) as caught:
        bench.resolve()

    error: Any = caught.value
    assert (error.code().name, error.details()) == ("UNKNOWN", "no such instrument")
    assert ("ni-error", "-1074118656") in error.trailing_metadata()
    with pytest.raises(FakeError, match="are negative"):
        bench.faults.on("ResolveService").driver_error(1)


def test___code_as_grpc_has_it___fault___same(bench: Bench) -> None:
    bench.faults.on("Resolve*").fail(grpc.StatusCode.ABORTED)

    assert status_of(bench.resolve)[0] == "ABORTED"


def test___two_faults___called___newest_first(bench: Bench) -> None:
    bench.faults.on("ResolveService").fail("ABORTED")
    newest = bench.faults.on("*.DiscoveryService/*").fail("UNAVAILABLE")

    assert status_of(bench.resolve)[0] == "UNAVAILABLE"
    newest.remove()
    newest.remove()
    assert status_of(bench.resolve)[0] == "ABORTED"
    bench.faults.clear()
    assert bench.resolve() == "C"


def test___predicate___called___only_what_fits(bench: Bench) -> None:
    bench.faults.on("ResolveService", predicate=lambda r: r.service_class == "D").fail("ABORTED")

    assert bench.resolve("C") == "C"
    assert status_of(lambda: bench.resolve("D"))[0] == "ABORTED"


def test___canned_reply___called___answered_in_place_of_the_handler(bench: Bench) -> None:
    bench.faults.on("ResolveService").reply(pb.ServiceLocation(location="elsewhere"))

    assert bench.resolve() == "elsewhere"


def test___canned_reply_of_another_type___called___internal(bench: Bench) -> None:
    bench.faults.on("ResolveService").reply(pb.UnregisterServiceResponse())

    assert status_of(bench.resolve)[0] == "INTERNAL"


def test___delay___clock_advanced___answered(bench: Bench) -> None:
    arrived = threading.Event()

    def sees(_: object) -> bool:
        arrived.set()
        return True

    bench.faults.on("ResolveService", predicate=sees).delay(3600)
    future = bench.stub.ResolveService.future(pb.ResolveServiceRequest(), timeout=LIMIT)
    assert arrived.wait(LIMIT)
    assert not future.done()

    while not future.done():
        bench.dispatcher.clock.advance(3600)

    assert future.code() is grpc.StatusCode.OK


def test___hanging_call___given_up___its_worker_is_free(bench: Bench) -> None:
    bench.faults.on("ResolveService", times=1).hang()

    assert status_of(lambda: bench.resolve(timeout=0.05))[0] == "DEADLINE_EXCEEDED"
    bench.calls.wait_for("ResolveService", timeout=LIMIT)
    assert bench.calls.of("ResolveService").last.code == "CANCELLED"


def test___hanging_call___server_stops___ends(bench: Bench) -> None:
    arrived = threading.Event()

    def sees(_: object) -> bool:
        arrived.set()
        return True

    bench.faults.on("ResolveService", predicate=sees).hang()
    future = bench.stub.ResolveService.future(pb.ResolveServiceRequest(), timeout=LIMIT)
    assert arrived.wait(LIMIT)

    bench.server.stop()

    assert future.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test___nonsense___fault___refused_with_a_remedy(bench: Bench) -> None:
    on = bench.faults.on

    with pytest.raises(FakeError, match="Did you mean ResolveService"):
        on("ResolvService")
    with pytest.raises(FakeError, match="RPCs: EnumerateActiveServices"):
        on("zzz")
    with pytest.raises(FakeError, match="at least once"):
        on("ResolveService", times=0)
    with pytest.raises(FakeError, match="'OK' is no status code of a failure"):
        on("ResolveService").fail("OK")
    with pytest.raises(FakeError, match="'BROKEN' is no status code"):
        on("ResolveService").fail("BROKEN")
    with pytest.raises(FakeError, match="not negative"):
        on("ResolveService").delay(-1)
    assert len(bench.faults) == 0


def test___fault_that_nothing_met___asked___is_unused(bench: Bench) -> None:
    fault = bench.faults.on("ResolveService").fail("ABORTED")

    assert bench.faults.unused == [fault]
    status_of(bench.resolve)
    assert bench.faults.unused == []


def test___many_threads___budget_of_five___five_hits(bench: Bench) -> None:
    fault = bench.faults.on("ResolveService", times=5).fail("ABORTED")
    futures = [
        bench.stub.ResolveService.future(pb.ResolveServiceRequest(), timeout=LIMIT)
        for _ in range(40)
    ]

    codes = [future.code() for future in futures]

    assert codes.count(grpc.StatusCode.ABORTED) == fault.hits == 5


# The log ------------------------------------------------------------------------------------------


def test___calls___asserted___say_what_came(bench: Bench) -> None:
    bench.resolve()
    status_of(lambda: bench.stub.UnregisterService(pb.UnregisterServiceRequest()))
    calls = bench.calls

    calls.assert_sequence("ResolveService", "UnregisterService")
    calls.assert_called("Resolve*", times=1)
    calls.assert_not_called("RegisterService")
    with pytest.raises(AssertionError, match="No call of ResolveService came after Unregister"):
        calls.assert_sequence("UnregisterService", "ResolveService")
    with pytest.raises(AssertionError, match=r"called 1 times, not 2.*\n  1 ResolveService -> OK"):
        calls.assert_called("ResolveService", times=2)
    with pytest.raises(AssertionError, match="RegisterService was not called"):
        calls.assert_called("RegisterService")
    with pytest.raises(FakeError, match="There was no call of RegisterService"):
        _ = calls.of("RegisterService").first
    with pytest.raises(FakeError, match="Did you mean"):
        calls.of("RegisterServices")
    with pytest.raises(FakeError, match=r"Waited 0 s for 2 calls of ResolveService"):
        calls.wait_for("ResolveService", times=2, timeout=0)


def test___calls___dumped___one_json_line_each(bench: Bench, tmp_path: Path) -> None:
    bench.resolve("Ä")
    status_of(lambda: bench.stub.UnregisterService(pb.UnregisterServiceRequest()))

    assert bench.calls.dump(tmp_path / "run.jsonl") == 2

    lines = (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = map(json.loads, lines)
    assert first["request"] == {"service_class": "Ä"}
    assert first["response"] == {"location": "Ä"}
    assert (second["method"], second["code"]) == ("UnregisterService", "NOT_FOUND")
    assert second["response"] is None


def test___calls___cleared___log_is_empty_and_numbers_go_on(bench: Bench) -> None:
    bench.resolve()
    bench.calls.clear()

    assert (len(bench.calls), list(bench.calls), bench.calls.dropped) == (0, [], 0)
    bench.resolve()
    assert [call.seq for call in bench.calls] == [2]


# Stop and restart ---------------------------------------------------------------------------------


def test___server___restarted___same_port_and_clients_come_back(bench: Bench) -> None:
    port = bench.server.port
    bench.resolve()

    bench.server.stop()
    assert not bench.server.running
    assert status_of(bench.resolve)[0] == "UNAVAILABLE"
    bench.server.start()

    assert bench.server.port == port
    request = pb.ResolveServiceRequest(service_class="C")
    response = bench.stub.ResolveService(request, timeout=LIMIT, wait_for_ready=True)
    assert response.location == "C"
    bench.server.restart()
    assert bench.server.running


def test___handler_that_does_not_return___stop___says_so_and_ends(bench: Bench) -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def blocks(_: object, __: Caller) -> Message:
        arrived.set()
        let_go.wait(LIMIT)
        return pb.ServiceLocation()

    service = Service(DESCRIPTOR, {"ResolveService": blocks})
    server = LoopbackServer(
        "discovery",
        partial(bench.dispatcher.serve, service),
        unanswered=partial(bench.dispatcher.unanswered, service),
        leave=0.05,
    )
    server.start()
    with grpc.insecure_channel(server.address) as channel:
        stub = DiscoveryServiceStub(channel)
        future = stub.ResolveService.future(pb.ResolveServiceRequest(), timeout=LIMIT)
        assert arrived.wait(LIMIT)

        with pytest.warns(RuntimeWarning, match=r"0\.05 s later .*DiscoveryService/ResolveService"):
            server.stop()

        assert not server.running
        assert future.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    let_go.set()
    bench.calls.wait_for("ResolveService", timeout=LIMIT)
    assert bench.dispatcher.unanswered(service) == []


def test___port_that_is_taken___start___refused(bench: Bench) -> None:
    other = LoopbackServer("other", lambda _: None, port=bench.server.port)

    with pytest.raises(FakeError, match=f"cannot listen on port {bench.server.port}"):
        other.start()
    assert not other.running


def test___text_of_a_caller___quoted___short_and_escaped() -> None:
    assert quoted("a'b\n\x1b[31m") == r"'a\'b\n\x1b[31m'"
    assert len(quoted("x" * 10_000)) < 250
    assert listed([]) == "none"
    assert listed(["A", "B", "C"], most=2) == "'A', 'B' and 1 more"
