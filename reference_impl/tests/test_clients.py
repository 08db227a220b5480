"""What both clients do with a session, whatever the resource: the rules of the client class."""

# ruff: noqa: ANN401 - the two clients are alike and have no common base

from __future__ import annotations

import inspect
import logging
import pickle
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from ni.measurementlink.discovery.v1.client import ServiceInfo
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient, ServiceLocation
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

from session_fakes.station import FakeStation
from session_reference import custom_instrument, file_logger
from session_reference.custom_instrument import connection as instrument_connection
from session_reference.custom_instrument.stubs import device_comm_service_pb2
from session_reference.file_logger import connection as logger_connection
from session_reference.file_logger.stubs import json_logger_pb2

AUTO = SessionInitializationBehavior.AUTO
INITIALIZE = SessionInitializationBehavior.INITIALIZE_SERVER_SESSION
ATTACH = SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION
THEN_DETACH = SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
THEN_CLOSE = SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE

RESOURCE = "/data/run 1.ndjson"
DETAILS = "as the script of"
SOON = 0.2
"""A time limit for what never answers."""
LATE = 60.0
"""Seconds after which a call counts as hanging."""


class ScriptedServer(grpc.GenericRpcHandler):
    """Answers each RPC as ``answers`` says, else with an empty message.

    An answer is a message; a status, with which the call is refused; or an event, for which the
    call waits until the client has gone.
    """

    def __init__(self, messages: ModuleType) -> None:
        """Speak the service of these generated messages."""
        (service,) = messages.DESCRIPTOR.services_by_name.values()
        self.answers: dict[str, Message | grpc.StatusCode | threading.Event] = {}
        self.calls: list[tuple[str, Any]] = []
        self._messages = messages
        self.methods = {method.name: method for method in service.methods}
        self.full_name: str = service.full_name
        self.address = ""

    def sent(self, name: str) -> list[Any]:
        """The requests that an RPC was called with."""
        return [request for called, request in self.calls if called == name]

    def service(  # noqa: D102 - gRPC's
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        service, _, name = handler_call_details.method.strip("/").partition("/")
        if service != self.full_name:
            return None
        method = self.methods[name]
        made = getattr(self._messages, method.output_type.name)

        def call(request: object, context: grpc.ServicerContext) -> object:
            self.calls.append((name, request))
            answer = self.answers.get(name, made())
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, f"as the script of {name} says")
            if isinstance(answer, threading.Event):
                context.add_callback(answer.set)
                answer.wait(LATE)
                return made()
            return answer

        return grpc.unary_unary_rpc_method_handler(
            call, getattr(self._messages, method.input_type.name).FromString, made.SerializeToString
        )


@contextmanager
def scripted_server(messages: ModuleType) -> Generator[ScriptedServer, None, None]:
    """Serve on loopback."""
    script = ScriptedServer(messages)
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, handlers=[script], options=[("grpc.so_reuseport", 0)])
        script.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield script
        finally:
            server.stop(None).wait(LATE)


Client = Any
"""Either client: they have the same lifecycle, and no common base."""


class Kind(NamedTuple):
    """What tells one client from the other."""

    name: str
    package: Any
    connection: Any
    messages: Any
    make: Callable[..., Client]
    constructor: Callable[..., Callable[..., Client]]
    instrument_type: str
    error: type[grpc.RpcError]
    initialize: str
    close: str
    use: Callable[[Client], object]
    interface: str
    service_class: str

    def opened(self, *, new: bool) -> Message:
        """The answer of Initialize."""
        kind = getattr(self.messages, f"{self.initialize}Response")
        message: Message = kind(session_id="s1", new_session_initialized=new)
        return message


def log(client: Client) -> None:
    client.log_data("name", {}, {})


def read(client: Client) -> None:
    client.read_register("MFR_ID")


def instrument(resource: str, behavior: SessionInitializationBehavior = AUTO, **how: Any) -> Client:
    protocol = custom_instrument.Protocol.SPI
    return custom_instrument.DeviceCommunicationClient(
        resource, protocol, "/maps/map.csv", False, behavior, **how
    )


def instrument_constructor(behavior: SessionInitializationBehavior = AUTO, **how: Any) -> Any:
    return custom_instrument.DeviceCommunicationSessionConstructor(
        "/maps/map.csv", custom_instrument.Protocol.SPI, False, behavior, **how
    )


KINDS = [
    Kind(
        "JsonLogger",
        file_logger,
        logger_connection,
        json_logger_pb2,
        file_logger.JsonLoggerClient,
        file_logger.JsonLoggerSessionConstructor,
        "JsonLoggerService",
        file_logger.JsonLoggerError,
        "InitializeFile",
        "CloseFile",
        log,
        "ni.logger.v1.json",
        "ni.logger.JSONLogService",
    ),
    Kind(
        "DeviceCommunication",
        custom_instrument,
        instrument_connection,
        device_comm_service_pb2,
        instrument,
        instrument_constructor,
        "DeviceCommunicationService",
        custom_instrument.DeviceCommunicationError,
        "Initialize",
        "Close",
        read,
        "ni.device_control.v1.service",
        "ni.DeviceControl.CommService",
    ),
]


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    """One client, then the other."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def server(kind: Kind) -> Iterator[ScriptedServer]:
    """A server for the client; by default its sessions are new."""
    with scripted_server(kind.messages) as script:
        script.answers[kind.initialize] = kind.opened(new=True)
        yield script


@pytest.fixture
def client(kind: Kind, server: ScriptedServer) -> Callable[..., Client]:
    """Makes a client of the server."""

    def make(behavior: SessionInitializationBehavior = AUTO, **how: Any) -> Client:
        return kind.make(RESOURCE, behavior, **({"address": server.address} | how))

    return make


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> list[grpc.Channel]:
    """All channels that are made from now on."""
    made: list[grpc.Channel] = []
    insecure = grpc.insecure_channel

    def record(*how: Any, **more: Any) -> grpc.Channel:
        made.append(insecure(*how, **more))
        return made[-1]

    monkeypatch.setattr(grpc, "insecure_channel", record)
    return made


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def is_closed(channel: grpc.Channel) -> bool:
    """Whether a channel refuses to make calls."""
    try:
        channel.unary_unary("/nothing.Nothing/Nothing", bytes, bytes)(b"", timeout=SOON)
    except grpc.RpcError:
        return False
    except ValueError:
        return True
    return False


def timers() -> set[threading.Thread]:
    """The alarms that run, of the tests' own time limit for example."""
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


class BodyError(Exception):
    """What goes wrong in a block."""


# The matrix ---------------------------------------------------------------------------------------

SENT = {AUTO: 0, INITIALIZE: 1, ATTACH: 2, THEN_DETACH: 1, THEN_CLOSE: 2}
CASES = [
    (AUTO, True, True),
    (AUTO, False, False),
    (INITIALIZE, True, True),
    (ATTACH, False, False),
    (THEN_DETACH, True, False),
    (THEN_CLOSE, False, True),
]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("behavior", "new", "closes"), CASES)
def test___behavior___block_left___sends_what_the_matrix_says(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    behavior: SessionInitializationBehavior,
    new: bool,
    closes: bool,
    fails: bool,
) -> None:
    server.answers[kind.initialize] = kind.opened(new=new)
    failure = BodyError()

    with suppress(BodyError), client(behavior) as session:
        assert (session.session_id, session.new_session) == ("s1", new)
        assert server.sent(kind.close) == []
        if fails:
            raise failure

    (initialize,) = server.sent(kind.initialize)
    assert initialize.initialization_behavior == SENT[behavior]
    assert initialize.resource_name == RESOURCE
    assert [request.session_id for request in server.sent(kind.close)] == ["s1"] * closes


def test___number_of_a_behavior___given___is_taken_for_it(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    with client(3):
        pass

    assert server.sent(kind.initialize)[0].initialization_behavior == 1
    assert server.sent(kind.close) == []


def test___no_such_behavior___given___says_so(client: Callable[..., Client]) -> None:
    with pytest.raises(ValueError, match="5 is not a valid SessionInitializationBehavior"):
        client(5)


def test___block___raises___that_very_exception_comes_out(client: Callable[..., Client]) -> None:
    failure = BodyError()

    with pytest.raises(BodyError) as raised, client():
        raise failure

    assert raised.value is failure


# A failing Initialize -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT])
def test___refused_initialize___is_raised___and_sends_no_close(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client], code: grpc.StatusCode
) -> None:
    server.answers[kind.initialize] = code

    with pytest.raises(kind.error) as raised:
        client(THEN_CLOSE)

    assert raised.value.code() is code
    assert server.sent(kind.close) == []


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (grpc.StatusCode.NOT_FOUND, "in the setup of the sequence"),
        (grpc.StatusCode.ALREADY_EXISTS, "ATTACH_TO_SESSION_THEN_CLOSE"),
        (grpc.StatusCode.UNIMPLEMENTED, "some other server"),
    ],
)
def test___error_of_initialize___read___names_call_resource_reason_and_remedy(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    code: grpc.StatusCode,
    remedy: str,
) -> None:
    server.answers[kind.initialize] = code

    with pytest.raises(kind.error) as raised:
        client()

    text = str(raised.value)
    assert text.startswith(f"{kind.initialize} of {RESOURCE!r}: {code.name}: {DETAILS}")
    assert remedy in text


def test___error_of_a_call_that_has_no_remedy___read___ends_with_the_reason(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    server.answers[kind.initialize] = grpc.StatusCode.INTERNAL

    with pytest.raises(kind.error) as raised:
        client()

    assert str(raised.value).endswith(f": INTERNAL: {DETAILS} {kind.initialize} says")


class Silent(grpc.RpcError):
    """A failure of a call about which gRPC has nothing to say."""

    def code(self) -> grpc.StatusCode:
        """The status of the call."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> None:
        """What it has to say."""


def test___error_without_a_text___read___has_none(kind: Kind) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Silent

    with grpc.insecure_channel("localhost:1") as channel:
        connection = kind.connection.Connection(RESOURCE, channel, None, None, None, SOON)
        with pytest.raises(kind.error) as raised:
            connection.call(fail, kind.package)

    assert raised.value.details() == ""
    assert str(raised.value).endswith(": UNKNOWN:")


def test___error___caught_as_that_of_grpc___is_like_one(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    server.answers[kind.initialize] = grpc.StatusCode.ALREADY_EXISTS

    with pytest.raises(grpc.RpcError) as raised:
        client()

    assert raised.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert raised.value.details() == f"as the script of {kind.initialize} says"
    assert isinstance(raised.value.__cause__, grpc.Call)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (str(copy), copy.code()) == (str(raised.value), raised.value.code())


# A failing Close ----------------------------------------------------------------------------------


def test___failing_close___after_failing_block___is_only_logged(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.answers[kind.close] = grpc.StatusCode.NOT_FOUND

    with pytest.raises(BodyError), client():
        raise BodyError

    assert f"{kind.close} of {RESOURCE!r}: NOT_FOUND" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test___failing_close___after_clean_block___is_raised(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    server.answers[kind.close] = grpc.StatusCode.NOT_FOUND

    with pytest.raises(kind.error, match="Make a new client") as raised, client():
        pass

    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test___given_channel___closed_too_early___keeps_the_error_of_the_block(
    server: ScriptedServer, client: Callable[..., Client]
) -> None:
    channel = grpc.insecure_channel(server.address)

    def close_and_fail() -> None:
        with client(channel=channel):
            channel.close()
            raise BodyError

    with pytest.raises(BodyError):
        close_and_fail()


# Closing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL])
def test___close___called_in_the_block___is_the_only_one(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    code: grpc.StatusCode | None,
) -> None:
    if code:
        server.answers[kind.close] = code

    with client() as session:
        with suppress(kind.error):
            session.close()
        session.close()
    session.close()

    assert len(server.sent(kind.close)) == 1


def test___close___of_a_guest___closes_all_the_same(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    server.answers[kind.initialize] = kind.opened(new=False)

    with client(ATTACH) as session:
        session.close()

    assert [request.session_id for request in server.sent(kind.close)] == ["s1"]


@pytest.mark.parametrize("behavior", [AUTO, THEN_DETACH])
def test___block___left_twice___sends_at_most_one_close(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    behavior: SessionInitializationBehavior,
) -> None:
    session = client(behavior)

    with session, session:
        pass
    session.close()

    assert len(server.sent(kind.close)) == (behavior is AUTO)


def test___close___by_many_threads_at_once___is_sent_once(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    barrier = threading.Barrier(8)
    session = client()

    def close() -> None:
        barrier.wait(LATE)
        session.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(close) for _ in range(8)]:
            done.result(LATE)

    assert len(server.sent(kind.close)) == 1


@pytest.mark.parametrize("behavior", [AUTO, THEN_DETACH])
def test___ended_client___used___says_so_without_a_call(
    kind: Kind,
    server: ScriptedServer,
    client: Callable[..., Client],
    behavior: SessionInitializationBehavior,
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        with client(behavior, channel=channel) as session:
            kind.use(session)
        calls = len(server.calls)

        with pytest.raises(kind.error, match=r"this client has ended: make a new one\.$") as raised:
            kind.use(session)

    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert len(server.calls) == calls


# Channels and threads -----------------------------------------------------------------------------


def test___client___left_or_closed___closes_its_own_channel(
    client: Callable[..., Client], channels: list[grpc.Channel]
) -> None:
    with client(THEN_DETACH):
        pass
    client().close()

    assert [is_closed(channel) for channel in channels] == [True, True]


def test___refused_initialize___raised___leaves_no_channel(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client], channels: list[grpc.Channel]
) -> None:
    server.answers[kind.initialize] = grpc.StatusCode.NOT_FOUND

    with pytest.raises(kind.error):
        client()

    assert [is_closed(channel) for channel in channels] == [True]


def test___failing_close___raised___leaves_no_channel(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client], channels: list[grpc.Channel]
) -> None:
    server.answers[kind.close] = grpc.StatusCode.INTERNAL

    with pytest.raises(kind.error), client():
        pass

    assert [is_closed(channel) for channel in channels] == [True]


def test___given_channel___client_ended___stays_open(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client], channels: list[grpc.Channel]
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        with client(channel=channel, address="nowhere:1"):
            pass
        server.answers[kind.initialize] = grpc.StatusCode.NOT_FOUND
        with pytest.raises(kind.error):
            client(channel=channel)

        assert channels == [channel]
        assert not is_closed(channel)


def test___given_pool___client_ended___stays_open_and_gave_the_channel(
    server: ScriptedServer, client: Callable[..., Client], channels: list[grpc.Channel]
) -> None:
    with GrpcChannelPool() as pool:
        for _ in range(2):
            with client(grpc_channel_pool=pool):
                pass

        assert channels == [pool.get_channel(server.address)]
        assert not is_closed(channels[0])


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test___many_clients___come_and_gone___leave_no_threads_and_no_descriptors(
    client: Callable[..., Client],
) -> None:
    def count() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    def come_and_go() -> None:
        with client() as session:
            session.close()

    for _ in range(20):
        come_and_go()
    threads, descriptors = count()
    for _ in range(100):
        come_and_go()

    threads_after, descriptors_after = count()
    assert threads_after <= threads + 8  # the workers of the server in this process
    assert descriptors_after <= descriptors + 10  # sockets that are still being closed


# Dead servers -------------------------------------------------------------------------------------


def hurry(session: Client) -> None:
    """Have it wait for little from now on; it had time to get there."""
    session._connection._timeout = SOON  # noqa: SLF001


def test___nothing_listens___client_made___is_unavailable_with_a_remedy(
    kind: Kind, client: Callable[..., Client], nobody: str, channels: list[grpc.Channel]
) -> None:
    with pytest.raises(kind.error, match="Does the server run") as raised:
        client(address=nobody)

    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert is_closed(channels[0])


def test___server___never_answers_initialize___fails_within_the_time_limit(
    kind: Kind, client: Callable[..., Client], silence: str, channels: list[grpc.Channel]
) -> None:
    begin = time.monotonic()

    with pytest.raises(kind.error) as raised:
        client(address=silence, timeout=SOON)

    assert time.monotonic() - begin < LATE
    assert raised.value.code() in (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
    )
    assert is_closed(channels[0])


def test___server___never_answers_a_call___fails_within_the_time_limit(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client]
) -> None:
    begin = time.monotonic()

    with client() as session:
        hurry(session)
        for name in server.methods:
            if name not in (kind.initialize, kind.close):
                server.answers[name] = threading.Event()
        with pytest.raises(kind.error, match="raise timeout=") as raised:
            kind.use(session)

    assert time.monotonic() - begin < LATE
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("fails", [False, True])
def test___server___never_answers_close___is_left_within_the_time_limit(
    kind: Kind, server: ScriptedServer, client: Callable[..., Client], fails: bool
) -> None:
    server.answers[kind.close] = threading.Event()
    begin = time.monotonic()

    def enter_and_leave() -> None:
        with client() as session:
            hurry(session)
            if fails:
                raise BodyError

    with pytest.raises(BodyError if fails else kind.error):
        enter_and_leave()

    assert time.monotonic() - begin < LATE


# Discovery ----------------------------------------------------------------------------------------


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """A station that NI's clients of this process find."""
    with FakeStation() as made, made.installed():
        yield made


def register(kind: Kind, location: ServiceLocation) -> None:
    """Make a server known to Discovery."""
    with GrpcChannelPool() as pool:
        info = ServiceInfo(kind.service_class, "", [kind.interface], display_name=kind.name)
        DiscoveryClient(grpc_channel_pool=pool).register_service(info, location)


def place(server: ScriptedServer) -> ServiceLocation:
    return ServiceLocation("127.0.0.1", server.address.rpartition(":")[2], "")


def test___registered_server___client_without_address___finds_it(
    kind: Kind, server: ScriptedServer, station: FakeStation, channels: list[grpc.Channel]
) -> None:
    register(kind, place(server))
    before = timers()

    with kind.make(RESOURCE) as session:
        assert session.session_id == "s1"

    (call,) = station.calls.of("ResolveService")
    assert kind.service_class in str(call.request)
    assert all(is_closed(channel) for channel in channels)
    assert timers() == before


def test___given_discovery_client___client_made___is_the_one_that_is_asked(
    kind: Kind, server: ScriptedServer
) -> None:
    asked: list[tuple[str, ...]] = []

    class Known:
        def resolve_service(self, *what: str) -> ServiceLocation:
            asked.append(what)
            return place(server)

    with kind.make(RESOURCE, discovery_client=Known()):
        pass

    assert asked == [(kind.interface, kind.service_class)]


def test___signatures___read___make_no_discovery_client(kind: Kind) -> None:
    for name in kind.package.__all__:
        if name.endswith("Client"):
            default = inspect.signature(getattr(kind.package, name)).parameters["discovery_client"]
            assert default.default is None


@pytest.mark.usefixtures("station")
def test___server_with_tls_only___found___asks_for_a_channel(kind: Kind) -> None:
    register(kind, ServiceLocation("bench7", "", "5001"))

    with pytest.raises(kind.error, match=r"bench7:5001.*with TLS.*channel=") as raised:
        kind.make(RESOURCE)

    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.usefixtures("station")
def test___no_server___looked_for___is_not_taken_for_a_missing_session(kind: Kind) -> None:
    with pytest.raises(kind.error, match="Start the server, or give address=") as raised:
        kind.make(RESOURCE, THEN_CLOSE)

    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert kind.service_class in str(raised.value)
    assert "RpcError" not in str(raised.value)


def test___no_discovery___looked_for___says_so(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise FileNotFoundError("no key file")

    monkeypatch.setattr(DiscoveryClient, "_get_stub", missing)

    with pytest.raises(kind.error, match=r"no key file.*Start the server, or give address="):
        kind.make(RESOURCE)


def test___discovery___never_answers___fails_within_its_time_limit(
    kind: Kind, station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind.connection, "_DISCOVERY_LIMIT", SOON)
    station.faults.on("ResolveService").hang()
    before = timers()
    begin = time.monotonic()

    with pytest.raises(kind.error, match=r"within 0\.2 s") as raised:
        kind.make(RESOURCE)

    assert time.monotonic() - begin < LATE
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert timers() == before


# NI's flow ----------------------------------------------------------------------------------------

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="{resource}" instrumentTypeId="{type}"><Channel id="0" /></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin" /></Pins>
  <Sites><Site siteNumber="0" /></Sites>
  <Connections>
    <Connection pin="Pin" siteNumber="0" instrument="{resource}" channel="0" />
  </Connections>
</PinMap>
"""


@pytest.mark.parametrize("behavior", list(SENT))
def test___reserved_session___initialized_with_the_constructor___is_a_client_of_the_resource(
    kind: Kind,
    server: ScriptedServer,
    station: FakeStation,
    tmp_path: Path,
    behavior: SessionInitializationBehavior,
) -> None:
    file = tmp_path / "station.pinmap"
    file.write_text(PIN_MAP.format(resource=RESOURCE, type=kind.instrument_type), encoding="utf-8")
    context = PinMapContext(station.load_pin_map(file), None)
    register(kind, place(server))
    constructor = kind.constructor(behavior)

    with (
        GrpcChannelPool() as pool,
        SessionManagementClient(grpc_channel_pool=pool) as manager,
        manager.reserve_session(context, "Pin") as reservation,
        reservation.initialize_session(constructor, kind.instrument_type) as info,
    ):
        kind.use(info.session)
        assert info.session.session_id == "s1"

    (initialize,) = server.sent(kind.initialize)
    assert initialize.resource_name == RESOURCE
    assert initialize.initialization_behavior == SENT[behavior]
    assert len(server.sent(kind.close)) == (behavior in (AUTO, INITIALIZE, THEN_CLOSE))


def test___constructor___given_options___passes_them_on(
    kind: Kind, server: ScriptedServer, silence: str
) -> None:
    class Info:
        resource_name = RESOURCE

    with kind.constructor(address=server.address)(Info()) as session:
        assert session.session_id == "s1"
    with pytest.raises(kind.error):
        kind.constructor(address=silence, timeout=SOON)(Info())
