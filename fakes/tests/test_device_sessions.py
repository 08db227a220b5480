"""Sessions of the fake device server: over the wire, and through NI's own driver packages."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from session_fakes.device.drivers import DRIVERS, Driver
from session_fakes.device.repository import Instrument, SessionRepository
from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

nidmm: Any = pytest.importorskip("nidmm", reason="the extra drivers is not installed")
nidcpower: Any = pytest.importorskip("nidcpower", reason="the extra drivers is not installed")
dmm_pb: Any = pytest.importorskip("nidmm.nidmm_pb2")
session_pb: Any = pytest.importorskip("session_pb2")
session_rpc: Any = pytest.importorskip("session_pb2_grpc")

LIMIT = 30.0
AUTO, INITIALIZE, ATTACH = 0, 1, 2
INVALID = "The session handle is not valid."
ROUNDS = int(os.environ.get("SESSION_FAKES_ROUNDS", "10"))
"""Of races over the wire."""


def _bytes_of(message: Any) -> bytes:
    return bytes(message.SerializeToString())


class Wire:
    """Calls NI-DMM's RPCs as any client could."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def call(self, method: str, request: Any, response: str = "") -> Any:
        """Make a call."""
        name = f"{response or method}Response"
        channel: Any = self._channel
        stub = channel.unary_unary(
            f"/nidmm_grpc.NiDmm/{method}",
            request_serializer=_bytes_of,
            response_deserializer=getattr(dmm_pb, name).FromString,
        )
        return stub(request, timeout=LIMIT)

    def open(self, name: str, behavior: int = AUTO, resource: str = "DMM1") -> Any:
        """Initialize; the enum of the behaviour is open."""
        request = dmm_pb.InitWithOptionsRequest(
            session_name=name, resource_name=resource, initialization_behavior=behavior
        )
        return self.call("InitWithOptions", request)

    def close(self, name: str) -> Any:
        """Close."""
        return self.call("Close", dmm_pb.CloseRequest(vi=session_pb.Session(name=name)))

    def read(self, name: str) -> float:
        """Read."""
        vi = session_pb.Session(name=name)
        reading: float = self.call("Read", dmm_pb.ReadRequest(vi=vi, maximum_time_raw=10)).reading
        return reading


@pytest.fixture
def wire(channel: grpc.Channel) -> Wire:
    """Bare calls."""
    return Wire(channel)


def refused(call: Callable[[], object]) -> tuple[str, str, str]:
    """Code, text and ni-error of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    trailer: dict[str, str] = dict(error.trailing_metadata() or ())
    return error.code().name, error.details(), trailer.get("ni-error", "")


# The rules, over the wire -------------------------------------------------------------------------


@holds("DEV-AUTO", "DEV-OTHER-BEHAVIOR")
@pytest.mark.parametrize("behavior", [AUTO, 3, 77, -1])
def test___unspecified_or_unknown_behavior___initialized_twice___creates_then_attaches(
    wire: Wire, behavior: int
) -> None:
    first, second = wire.open("A", behavior), wire.open("A", behavior, resource="elsewhere")

    assert (first.vi.name, first.status, first.new_session_initialized) == ("A", 0, True)
    assert (second.vi.name, second.status, second.new_session_initialized) == ("A", 0, False)


@holds("DEV-INITIALIZE-TAKEN")
def test___initialize_new___taken___already_exists_and_session_untouched(wire: Wire) -> None:
    assert wire.open("A", INITIALIZE).new_session_initialized

    answer = refused(lambda: wire.open("A", INITIALIZE))

    text = "Cannot initialize 'A' when a session already exists."
    assert answer == ("ALREADY_EXISTS", text, "")
    assert wire.open("A", ATTACH).new_session_initialized is False


@holds("DEV-ATTACH-MISSING")
@pytest.mark.parametrize("name", ["M", ""])
def test___attach___to_nothing___failed_precondition(wire: Wire, name: str) -> None:
    answer = refused(lambda: wire.open(name, ATTACH))

    text = f"Cannot attach to '{name}' because a session has not been initialized."
    assert answer == ("FAILED_PRECONDITION", text, "")


@holds("DEV-EMPTY-NAME")
@pytest.mark.parametrize("behavior", [AUTO, INITIALIZE])
def test___empty_name___always_a_new_session_that_others_can_attach_to(
    wire: Wire, behavior: int
) -> None:
    answers = [wire.open("", behavior) for _ in range(2)]

    assert [answer.vi.name for answer in answers] == ["ni:generated:1", "ni:generated:2"]
    assert all(answer.new_session_initialized for answer in answers)
    assert not wire.open("ni:generated:1", ATTACH).new_session_initialized


@holds("DEV-CLOSE", "DEV-NO-SESSION")
def test___close___closes_for_everybody_and_once(wire: Wire) -> None:
    wire.open("A")
    wire.open("A")

    assert wire.close("A").status == 0

    for call in (lambda: wire.close("A"), lambda: wire.read("A"), lambda: wire.close("")):
        assert refused(call) == ("UNKNOWN", INVALID, "-1074130544")
    assert wire.open("A").new_session_initialized


@holds("DEV-ENUM-LEFT-OUT")
def test___enum_left_out___refused_before_the_session_is_looked_at(wire: Wire) -> None:
    answer = refused(lambda: wire.call("Read", dmm_pb.ReadRequest()))

    text = "The value for maximum_time was not specified or out of range"
    assert answer == ("INVALID_ARGUMENT", text, "")


@holds("DEV-RESET-SERVER")
def test___reset_server___all_sessions_gone_and_numbers_go_on(
    wire: Wire, channel: grpc.Channel
) -> None:
    wire.open("")
    wire.open("A")
    utilities = session_rpc.SessionUtilitiesStub(channel)

    assert utilities.ResetServer(session_pb.ResetServerRequest()).is_server_reset

    assert wire.open("A").new_session_initialized
    assert wire.open("").vi.name == "ni:generated:2"


@holds("DEV-STRICT")
def test___rpc_without_behavior___unimplemented_says_what_to_do(
    station: FakeStation, wire: Wire
) -> None:
    wire.open("A")
    request = dmm_pb.PerformOpenCableCompRequest(vi=session_pb.Session(name="A"))

    code, text, _ = refused(lambda: wire.call("PerformOpenCableComp", request))

    assert code == "UNIMPLEMENTED"
    assert "station.faults.on('PerformOpenCableComp').reply" in text
    reply = dmm_pb.PerformOpenCableCompResponse(conductance=2.5)
    station.faults.on("PerformOpenCableComp").reply(reply)
    assert wire.call("PerformOpenCableComp", request).conductance == 2.5


@holds("DEV-STRICT")
def test___lenient_devices___rpc_without_behavior___zeros() -> None:
    with (
        FakeStation(lenient_devices=True) as station,
        grpc.insecure_channel(station.device_server.address) as channel,
    ):
        wire = Wire(channel)
        wire.open("A")
        request = dmm_pb.PerformOpenCableCompRequest(vi=session_pb.Session(name="A"))

        assert wire.call("PerformOpenCableComp", request).conductance == 0.0


def test___fault___armed_before_any_driver_is_loaded___is_met(
    station: FakeStation, wire: Wire
) -> None:
    fault = station.faults.on("nidmm_grpc.NiDmm/Init*").fail("ABORTED", "the bench is off")

    assert refused(lambda: wire.open("A")) == ("ABORTED", "the bench is off", "")
    assert fault.hits == 1
    fault.remove()
    wire.open("A")
    station.calls.assert_called("InitWithOptions", times=2)
    request: Any = station.calls.of("nidmm_grpc.NiDmm/*").last.request
    assert request.session_name == "A"


@holds("DEV-NOT-INSTALLED")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("/visa_grpc.Visa/Open", "NI-VISA over the device server is not simulated"),
        ("/nirfsa_grpc.NiRFSA/Init", "not among the services of the fake device server"),
        ("/nidmm_grpc.NiDmm/Nothing", "not found"),
    ],
)
def test___unknown_service_or_method___called___unimplemented(
    channel: grpc.Channel, method: str, said: str
) -> None:
    bare: Any = channel
    code, text, _ = refused(lambda: bare.unary_unary(method)(b"", timeout=LIMIT))

    assert code == "UNIMPLEMENTED"
    assert said in text


# Races --------------------------------------------------------------------------------------------


class _Bare:
    """An instrument that does nothing."""

    def close(self) -> None:
        """Nothing to do."""


@holds("DEV-ONE-LOCK")
def test___32_racing_opens___500_rounds___one_creates() -> None:
    driver = DRIVERS[0]
    sessions = SessionRepository()
    start = threading.Barrier(8)

    def race(behavior: int) -> list[str]:
        found: list[str] = []
        for number in range(500):
            start.wait(LIMIT)
            for _ in range(4):
                try:
                    _, is_new = sessions.open(driver, f"{number}", behavior, _created)
                    found.append(f"{number} new" if is_new else "attached")
                except Refusal as refusal:
                    found.append(refusal.code)
        return found

    with ThreadPoolExecutor(8) as pool:
        answers = [each for found in pool.map(race, [AUTO] * 8) for each in found]

    assert sorted({a for a in answers if "new" in a}) == sorted(a for a in answers if "new" in a)
    assert sum("new" in answer for answer in answers) == 500
    assert answers.count("attached") == 500 * 31


def _created(_: str) -> Instrument:
    return _Bare()


@pytest.mark.parametrize(("behavior", "others"), [(AUTO, "attached"), (INITIALIZE, "refused")])
def test___32_racing_calls_over_the_wire___one_creates(
    wire: Wire, behavior: int, others: str
) -> None:
    def open_one(name: str) -> str:
        try:
            return "new" if wire.open(name, behavior).new_session_initialized else "attached"
        except grpc.RpcError:
            return "refused"

    with ThreadPoolExecutor(32) as pool:
        for number in range(ROUNDS):
            answers = list(pool.map(open_one, [f"R{number}"] * 32))
            assert (answers.count("new"), answers.count(others)) == (1, 31)


# Through NI's packages ----------------------------------------------------------------------------


def options(package: Any, channel: grpc.Channel, name: str, behavior: int = AUTO) -> Any:
    """How a session is opened over gRPC."""
    kind = package.SessionInitializationBehavior(behavior)
    return package.GrpcSessionOptions(channel, name, initialization_behavior=kind)


def dmm(channel: grpc.Channel, name: str, behavior: int = AUTO) -> Any:
    """A session of NI-DMM's package."""
    return nidmm.Session("DMM1", grpc_options=options(nidmm, channel, name, behavior))


def fail_as_a_body() -> None:
    """Raise what the caller of a session has to see."""
    raise KeyError("body")


@pytest.mark.parametrize(
    ("behavior", "before", "closes"),
    [(AUTO, False, True), (INITIALIZE, False, True), (AUTO, True, False), (ATTACH, True, False)],
)
@pytest.mark.parametrize("raises", [False, True])
def test___package___block_left___closes_what_it_created_and_nothing_else(
    station: FakeStation,
    channel: grpc.Channel,
    behavior: int,
    before: bool,
    closes: bool,
    raises: bool,
) -> None:
    if before:
        dmm(channel, "A")

    with contextlib.ExitStack() as outside:
        if raises:
            outside.enter_context(pytest.raises(KeyError, match="body"))
        outside.enter_context(dmm(channel, "A", behavior))
        if raises:
            fail_as_a_body()

    station.calls.assert_called("Close", times=int(closes))


def test___package___refused___raises_in_its_own_way(channel: grpc.Channel) -> None:
    with pytest.raises(nidmm.errors.RpcError, match="Cannot attach to 'A'") as caught:
        dmm(channel, "A", ATTACH)
    assert caught.value.rpc_code == grpc.StatusCode.FAILED_PRECONDITION
    dmm(channel, "A")
    with pytest.raises(nidmm.errors.RpcError, match="Cannot initialize 'A'") as caught:
        dmm(channel, "A", INITIALIZE)
    assert caught.value.rpc_code == grpc.StatusCode.ALREADY_EXISTS


def test___package___used_after_somebody_closed___driver_error(channel: grpc.Channel) -> None:
    first, second = dmm(channel, "A"), dmm(channel, "A")

    second.close()

    for call in (first.read, first.close, first.__enter__().read):
        with pytest.raises(nidmm.errors.DriverError, match="handle is not valid") as caught:
            call()
        assert caught.value.code == -1074130544


@holds("DEV-FOREIGN-DRIVER", "DEV-CLOSE-FOREIGN")
def test___session_of_another_driver___attached_but_not_usable_and_closing_orphans(
    station: FakeStation, wire: Wire, channel: grpc.Channel
) -> None:
    wire.open("A")
    with pytest.raises(nidcpower.errors.DriverError):  # its constructor asks for the channels
        nidcpower.Session("SMU1", grpc_options=options(nidcpower, channel, "A"))
    assert station.calls.of("InitializeWithIndependentChannels").last.code == "OK"
    wire.open("A", ATTACH)

    dcpower_pb: Any = pytest.importorskip("nidcpower.nidcpower_pb2")
    bare: Any = channel
    close = bare.unary_unary(
        "/nidcpower_grpc.NiDCPower/Close",
        request_serializer=dcpower_pb.CloseRequest.SerializeToString,
    )
    request = dcpower_pb.CloseRequest(vi=session_pb.Session(name="A"))

    assert refused(lambda: close(request))[2] == "-1074130544"
    assert refused(lambda: wire.read("A"))[2] == "-1074130544"
    assert wire.open("A").new_session_initialized


@holds("DEV-INIT-ERROR")
def test___driver_that_cannot_initialize___nothing_is_kept() -> None:
    sessions = SessionRepository()

    def fails(_: str) -> Instrument:
        raise Refusal("UNKNOWN", "no such device")

    with pytest.raises(Refusal):
        sessions.open(DRIVERS[0], "A", AUTO, fails)

    assert sessions.all() == []
    assert sessions.open(DRIVERS[0], "A", INITIALIZE, _created)[1]


@holds("DEV-FOREIGN-KIND", "DEV-NO-TASK")
def test___sessions_of_another_kind___not_attached_to() -> None:
    task_driver = Driver("nidaqmx", "nidaqmx._stubs.nidaqmx_pb2", "TaskHandle")
    sessions = SessionRepository()
    sessions.open(DRIVERS[0], "A", AUTO, _created)

    with pytest.raises(Refusal) as caught:
        sessions.open(task_driver, "A", AUTO, _created)

    text = 'The session name "A" is being used by a different driver.'
    assert (caught.value.code, caught.value.text) == ("INVALID_ARGUMENT", text)
    with pytest.raises(Refusal, match="Task specified is invalid") as caught:
        sessions.close(task_driver, "A")
    assert caught.value.trailer == (("ni-error", "-200088"),)
    assert [session.name for session in sessions.all()] == ["A"]


def test___sdk_behavior_given_to_a_driver___acts_as_auto(channel: grpc.Channel) -> None:
    options_of = nidmm.GrpcSessionOptions(channel, "A", initialization_behavior=3)

    with nidmm.Session("DMM1", grpc_options=options_of):
        pass

    with pytest.raises(nidmm.errors.RpcError):
        dmm(channel, "A", ATTACH)  # it was closed, as AUTO does


# SessionUtilities ---------------------------------------------------------------------------------


class Utilities:
    """The device server's own RPCs."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = session_rpc.SessionUtilitiesStub(channel)

    def reserve(self, name: str, client: str, limit: float = LIMIT) -> Any:
        """Reserve; a future."""
        request = session_pb.ReserveRequest(reservation_id=name, client_id=client)
        return self._stub.Reserve.future(request, timeout=limit)

    def held(self, name: str, client: str) -> bool:
        """Whether a client holds a name."""
        request = session_pb.IsReservedByClientRequest(reservation_id=name, client_id=client)
        return bool(self._stub.IsReservedByClient(request, timeout=LIMIT).is_reserved)

    def unreserve(self, name: str, client: str) -> bool:
        """Give a name back."""
        request = session_pb.UnreserveRequest(reservation_id=name, client_id=client)
        return bool(self._stub.Unreserve(request, timeout=LIMIT).is_unreserved)

    def reset(self) -> None:
        """Reset the server."""
        self._stub.ResetServer(session_pb.ResetServerRequest(), timeout=LIMIT)

    def devices(self) -> Any:
        """Enumerate."""
        return self._stub.EnumerateDevices(session_pb.EnumerateDevicesRequest(), timeout=LIMIT)


@pytest.fixture
def utilities(channel: grpc.Channel) -> Utilities:
    """The device server's own RPCs."""
    return Utilities(channel)


def await_waiters(station: FakeStation, count: int) -> None:
    """Wait until so many calls wait for a reservation."""
    for _ in range(3000):
        if len(station.waiting()) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{station.waiting()} wait, not {count}")


@holds("DEV-RESERVE")
def test___reserve___free_held_and_empty___in_ni_s_words(utilities: Utilities) -> None:
    assert utilities.reserve("R", "a").result().is_reserved
    again = refused(lambda: utilities.reserve("R", "a").result())
    text = "The provided reservation_id is already reserved by the provided client_id."
    assert again == ("FAILED_PRECONDITION", text, "")
    for name, client in (("", "a"), ("R", "")):
        empty = refused(lambda name=name, client=client: utilities.reserve(name, client).result())  # type: ignore[misc]
        text = "You must specify a non-empty reservation_id and client_id."
        assert empty == ("INVALID_ARGUMENT", text, "")
    assert utilities.held("R", "a")
    assert not utilities.held("R", "b")
    assert not utilities.unreserve("R", "b")
    assert not utilities.unreserve("S", "a")
    assert utilities.unreserve("R", "a")
    assert not utilities.held("R", "a")


@holds("DEV-RESERVE-ORDER", "DEV-RESERVE-GIVEN-UP")
def test___reserve___held_by_others___waits_in_order_and_skips_who_gave_up(
    station: FakeStation, utilities: Utilities
) -> None:
    utilities.reserve("R", "a").result()
    waiting: list[Any] = []
    for number, client in enumerate(("b", "c", "d"), 1):
        waiting.append(utilities.reserve("R", client))
        await_waiters(station, number)

    waiting[0].cancel()
    await_waiters(station, 2)
    assert utilities.unreserve("R", "a")

    assert waiting[1].result(LIMIT).is_reserved
    assert not waiting[2].done()
    assert utilities.unreserve("R", "c")
    assert waiting[2].result(LIMIT).is_reserved
    assert utilities.held("R", "d")


def test___reserve___deadline_passes___next_one_gets_it(utilities: Utilities) -> None:
    utilities.reserve("R", "a").result()

    code, _, _ = refused(lambda: utilities.reserve("R", "b", limit=0.1).result())

    assert code == "DEADLINE_EXCEEDED"
    assert utilities.unreserve("R", "a")
    assert utilities.reserve("R", "c").result().is_reserved


@holds("DEV-RESERVE-RESET")
def test___reserve___server_reset_meanwhile___aborted(
    station: FakeStation, utilities: Utilities
) -> None:
    utilities.reserve("R", "a").result()
    waiting = utilities.reserve("R", "b")
    await_waiters(station, 1)

    utilities.reset()

    text = "The reservation attempt was aborted by another server operation."
    assert refused(lambda: waiting.result(LIMIT)) == ("ABORTED", text, "")
    assert not utilities.held("R", "a")


@holds("DEV-ENUMERATE")
def test___enumerate_devices___not_found_in_ni_s_words(utilities: Utilities) -> None:
    text = "The NI System Configuration API is not installed on the server."

    assert refused(utilities.devices) == ("NOT_FOUND", text, "")


def test___station___stopped_while_somebody_waits___ends_the_wait(
    utilities: Utilities, station: FakeStation
) -> None:
    utilities.reserve("R", "a").result()
    waiting = utilities.reserve("R", "b")
    await_waiters(station, 1)

    station.stop()

    assert refused(lambda: waiting.result(LIMIT))[0] in ("ABORTED", "UNAVAILABLE", "CANCELLED")
