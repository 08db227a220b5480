"""The server of the instrument over real sockets, and where that is truthful without them."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import click
import grpc
import pytest
from click.testing import CliRunner

from session_reference import custom_instrument
from session_reference.custom_instrument import server as module
from session_reference.custom_instrument.registers import read_register_map
from session_reference.custom_instrument.server import DeviceCommunicationServicer
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as messages
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as rpcs
from session_reference.hosting import Options, Service
from session_reference.hosting.registration import read_service_config
from session_reference.paths import Root

MAP = str(Path(custom_instrument.__file__).with_name("register_map.csv"))
SERVICES = messages.DESCRIPTOR.services_by_name
UNSPECIFIED, NEW, ATTACH = messages.SessionInitializationBehavior.values()
CROWD = 32
ROUNDS = 20
LIMIT = 60.0
"""Seconds after which a call of these tests is stuck."""
_UNLIMITED = [("grpc.max_receive_message_length", -1)]


class Client:
    """Calls the server; what is left out of a request is right."""

    def __init__(self, address: str, stack: ExitStack) -> None:
        channel = grpc.insecure_channel(address, _UNLIMITED)
        self.stub = rpcs.DeviceCommunicationStub(stack.enter_context(channel))

    def initialize(self, **fields: Any) -> messages.InitializeResponse:  # noqa: ANN401
        """Initialize."""
        return self.stub.Initialize(initialize_request(**fields), timeout=LIMIT)

    def open(self, **fields: Any) -> str:  # noqa: ANN401
        """Create a session."""
        opened = self.initialize(initialization_behavior=NEW, **fields)
        assert opened.new_session_initialized
        return opened.session_id

    def close(self, session_id: str) -> None:
        """Close."""
        self.stub.Close(messages.CloseRequest(session_id=session_id), timeout=LIMIT)

    def read(self, session_id: str, name: str = "USER_DATA_0") -> int:
        """Read a register."""
        request = messages.ReadRegisterRequest(session_id=session_id, register_name=name)
        return self.stub.ReadRegister(request, timeout=LIMIT).value

    def write(self, session_id: str, value: int, name: str = "USER_DATA_0") -> None:
        """Write a register."""
        request = messages.WriteRegisterRequest(
            session_id=session_id, register_name=name, value=value
        )
        self.stub.WriteRegister(request, timeout=LIMIT)

    def read_port(self, session_id: str, port: int = 0, mask: int = 255) -> int:
        """Read a GPIO port."""
        request = messages.ReadGpioPortRequest(session_id=session_id, port=port, mask=mask)
        return self.stub.ReadGpioPort(request, timeout=LIMIT).state


def initialize_request(**fields: Any) -> messages.InitializeRequest:  # noqa: ANN401
    """A request with which a session can be created."""
    usual: dict[str, Any] = {
        "resource_name": "DUT",
        "protocol": messages.SPI,
        "register_map_path": MAP,
    }
    return messages.InitializeRequest(**(usual | fields))


@contextmanager
def serving(add_to: Callable[[grpc.Server], None]) -> Generator[str, None, None]:
    """Serve; give the address."""
    with ThreadPoolExecutor(CROWD * 2) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0), *_UNLIMITED])
        add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait(LIMIT)


@contextmanager
def connected(servicer: DeviceCommunicationServicer) -> Generator[Client, None, None]:
    """Serve, and connect a client."""
    with ExitStack() as stack:
        add = rpcs.add_DeviceCommunicationServicer_to_server
        address = stack.enter_context(serving(lambda server: add(servicer, server)))
        yield Client(address, stack)


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a server with default options."""
    with connected(DeviceCommunicationServicer()) as client:
        yield client


@contextmanager
def refused(code: grpc.StatusCode, words: str = "") -> Generator[None, None, None]:
    """Expect a status, and a text that is short and has the words."""
    with pytest.raises(grpc.RpcError) as refusal:
        yield
    assert isinstance(refusal.value, grpc.Call)
    assert refusal.value.code() is code
    details = refusal.value.details() or ""
    assert words in details
    assert 10 < len(details) < 4000


not_found = grpc.StatusCode.NOT_FOUND
invalid = grpc.StatusCode.INVALID_ARGUMENT
exists = grpc.StatusCode.ALREADY_EXISTS
denied = grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___no_open_session___initialize___creates(client: Client, behavior: int) -> None:
    opened = client.initialize(initialization_behavior=behavior)

    assert opened.session_id
    assert opened.new_session_initialized
    assert client.read(opened.session_id, "MFR_ID") == 0x5A


def test___no_open_session___attach___not_found(client: Client) -> None:
    with refused(not_found):
        client.initialize(initialization_behavior=ATTACH)

    client.open()


@pytest.mark.parametrize("behavior", [UNSPECIFIED, ATTACH])
def test___open_session___initialize___shares_it(client: Client, behavior: int) -> None:
    session_id = client.open()

    opened = client.initialize(initialization_behavior=behavior)

    assert opened == messages.InitializeResponse(session_id=session_id)


def test___open_session___initialize_new___already_exists(client: Client) -> None:
    session_id = client.open()

    with refused(exists):
        client.initialize(initialization_behavior=NEW)

    client.close(session_id)


def test___open_session___close___closed_for_everybody_and_can_be_opened_again(
    client: Client,
) -> None:
    session_id = client.open()
    client.initialize(initialization_behavior=ATTACH)

    client.close(session_id)

    with refused(not_found, session_id):
        client.close(session_id)
    assert client.open() != session_id


@pytest.mark.parametrize("other", ["dut", "DUT ", "DÜT", "DUT\0", "\n", "D" * 5_000_000])
def test___names_that_differ___initialize___are_two_instruments(client: Client, other: str) -> None:
    session_id = client.open()

    other_id = client.open(resource_name=other)
    client.write(other_id, 7)

    assert client.read(session_id) == 0
    client.close(other_id)
    assert client.read(session_id) == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"resource_name": ""}, "resource name is empty"),
        ({"protocol": 0}, "protocol 0 is unknown: use 1 (SPI), 2 (I2C) or 3 (UART)"),
        ({"protocol": 4}, "protocol 4 is unknown"),
        ({"protocol": -1}, "protocol -1 is unknown"),
        ({"register_map_path": ""}, "register map '' is empty"),
        ({"register_map_path": "a\0b"}, "NUL"),
        ({"register_map_path": "/none/map.csv"}, "/none/map.csv"),
        ({"register_map_path": f"{MAP}/map.csv"}, "map.csv"),
        ({"register_map_path": str(Path(MAP).parent)}, "no folder"),
        ({"register_map_path": __file__}, "line 1 "),
        ({"register_map_path": "n" * 300}, "nnn"),
        ({"register_map_path": "n/" * 5_000_000}, "longer than"),
        ({"register_map_path": "\n😀" * 1000}, ""),
    ],
)
@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___request_that_is_wrong___initialize___invalid_and_nothing_created(
    client: Client, behavior: int, fields: dict[str, Any], words: str
) -> None:
    with refused(invalid, words):
        client.initialize(initialization_behavior=behavior, **fields)

    with refused(not_found):
        client.initialize(initialization_behavior=ATTACH)
    client.open()


@pytest.mark.parametrize("number", [3, -1, 2**31 - 1])
def test___number_of_no_behavior___initialize___invalid(client: Client, number: int) -> None:
    client.open()

    with refused(invalid, f"{number}: use 0 (UNSPECIFIED)"):
        client.initialize(initialization_behavior=number)


def test___empty_name___attach___invalid(client: Client) -> None:
    with refused(invalid, "resource name is empty"):
        client.initialize(resource_name="", initialization_behavior=ATTACH)


@pytest.mark.parametrize("behavior", [UNSPECIFIED, ATTACH])
@pytest.mark.parametrize(
    "configuration", [{"protocol": 0}, {"register_map_path": "/none"}, {"reset": True}]
)
def test___open_session___attach___configuration_neither_used_nor_checked(
    client: Client, behavior: int, configuration: dict[str, Any]
) -> None:
    session_id = client.open()
    client.write(session_id, 7)

    opened = client.initialize(initialization_behavior=behavior, **configuration)

    assert opened.session_id == session_id
    assert client.read(session_id) == 7


def test___failed_initialize_with_reset___initialize___state_is_still_there(
    client: Client,
) -> None:
    session_id = client.open()
    client.write(session_id, 7)
    client.close(session_id)

    with refused(invalid):
        client.open(reset=True, register_map_path="/none")

    assert client.read(client.open()) == 7


def test___session_closed___opened_again_with_reset___defaults_and_all_low(
    client: Client,
) -> None:
    session_id = client.open()
    client.write(session_id, 7)
    client.stub.WriteGpioPort(
        messages.WriteGpioPortRequest(session_id=session_id, port=3, mask=255, state=5)
    )
    client.close(session_id)

    kept = client.open()
    assert (client.read(kept), client.read_port(kept, 3)) == (7, 5)
    client.close(kept)

    reset = client.open(reset=True)
    assert (client.read(reset), client.read_port(reset, 3)) == (0, 0)


def test___gpio___written_by_port_and_by_channel___read_back_with_masks(client: Client) -> None:
    session_id = client.open()
    client.stub.WriteGpioPort(
        messages.WriteGpioPortRequest(session_id=session_id, port=1, mask=0b1110, state=0b0111)
    )
    client.stub.WriteGpioChannel(
        messages.WriteGpioChannelRequest(session_id=session_id, port=1, channel=7, state=True)
    )

    states = [
        client.stub.ReadGpioChannel(
            messages.ReadGpioChannelRequest(session_id=session_id, port=1, channel=channel)
        ).state
        for channel in range(8)
    ]
    assert states == [False, True, True, False, False, False, False, True]
    assert client.read_port(session_id, 1) == 0b10000110
    assert client.read_port(session_id, 1, mask=0b10000010) == 0b10000010
    assert [client.read_port(session_id, port) for port in (0, 2, 3)] == [0, 0, 0]


USES: dict[str, Any] = {
    "ReadRegister": messages.ReadRegisterRequest(register_name="none"),
    "WriteRegister": messages.WriteRegisterRequest(register_name="CONFIG_0", value=256),
    "ReadGpioChannel": messages.ReadGpioChannelRequest(port=0, channel=8),
    "WriteGpioChannel": messages.WriteGpioChannelRequest(port=4, channel=0),
    "ReadGpioPort": messages.ReadGpioPortRequest(port=0, mask=256),
    "WriteGpioPort": messages.WriteGpioPortRequest(port=0, mask=0, state=256),
}
"""A wrong request for each call that uses a session."""


def call_wrongly(client: Client, name: str, session_id: str) -> None:
    """Send the wrong request of that name for a session."""
    request = type(USES[name])(session_id=session_id)
    request.MergeFrom(USES[name])
    getattr(client.stub, name)(request, timeout=LIMIT)


@pytest.mark.parametrize("name", USES)
def test___open_session___wrong_request___invalid(client: Client, name: str) -> None:
    session_id = client.open()

    with refused(invalid):
        call_wrongly(client, name, session_id)

    client.close(session_id)


@pytest.mark.parametrize("session_id", ["", "never", "n" * 5_000_000, "closed"])
def test___no_such_session___any_call___not_found_whatever_else_is_wrong(
    client: Client, session_id: str
) -> None:
    if session_id == "closed":
        session_id = client.open()
        client.close(session_id)

    with refused(not_found, "No open session has the id"):
        client.close(session_id)
    for name in USES:
        with refused(not_found, "No open session has the id"):
            call_wrongly(client, name, session_id)


def test___huge_register_name___read___invalid_with_a_short_text(client: Client) -> None:
    session_id = client.open()

    with refused(invalid, "it has 'CONFIG_0', "):
        client.read(session_id, "😀" * 1_000_000)


def test___root___relative_path_inside_and_outside___taken_from_root_or_denied(
    tmp_path: Path,
) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "map.csv").write_bytes(Path(MAP).read_bytes())

    with connected(DeviceCommunicationServicer(Root(tmp_path / "maps"))) as client:
        for path in (MAP, "../maps.csv", "/dev/zero"):
            with refused(denied, "--root"):
                client.open(register_map_path=path)
        client.close(client.open(register_map_path="map.csv"))
        client.close(client.open(register_map_path=str(tmp_path / "maps" / "map.csv")))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test___loop_of_links___initialize___invalid(client: Client, tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")

    with refused(invalid, "loop.csv"):
        client.open(register_map_path=str(tmp_path / "loop.csv"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError(13, "Permission denied", MAP), denied),
        (OSError(24, "Too many open files", MAP), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (RuntimeError("unforeseen"), grpc.StatusCode.INTERNAL),
    ],
)
def test___trouble_with_the_map___initialize___answers_its_kind_and_recovers(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, code: grpc.StatusCode
) -> None:
    def fail(_: str) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_register_map", fail)
        with refused(code):
            client.open()

    client.open()


class SlowMaps:
    """Reading a register map of this name takes until it is allowed to end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = Event()
        self.may_end = Event()
        self._read = read_register_map
        monkeypatch.setattr(module, "read_register_map", self)

    def __call__(self, path: str) -> object:
        """Read a map."""
        if Path(path).name == "slow.csv":
            self.begun.set()
            assert self.may_end.wait(LIMIT)
        return self._read(str(MAP))


@pytest.fixture
def slow_maps(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowMaps]:  # noqa: ARG001
    """A slow register map; the server ends after the map was read."""
    slow_maps = SlowMaps(monkeypatch)
    yield slow_maps
    slow_maps.may_end.set()


def test___slow_open___other_instruments___are_not_held_up(
    client: Client, slow_maps: SlowMaps
) -> None:
    request = initialize_request(register_map_path="slow.csv", initialization_behavior=NEW)
    slow = client.stub.Initialize.future(request, timeout=LIMIT)
    assert slow_maps.begun.wait(LIMIT)

    client.close(client.open(resource_name="other"))

    assert not slow.done()
    slow_maps.may_end.set()
    client.close(slow.result().session_id)


class WatchedServicer(DeviceCommunicationServicer):
    """Tells when the first Initialize was given up."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up = Event()

    def Initialize(  # noqa: N802
        self, request: messages.InitializeRequest, context: grpc.ServicerContext
    ) -> messages.InitializeResponse:
        """Initialize, and watch the call."""
        context.add_callback(self.given_up.set)
        return super().Initialize(request, context)


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW])
def test___slow_open___client_gives_up___no_session_is_left(
    monkeypatch: pytest.MonkeyPatch, behavior: int
) -> None:
    slow_maps, servicer = SlowMaps(monkeypatch), WatchedServicer()
    with connected(servicer) as client:
        request = initialize_request(register_map_path="slow.csv", initialization_behavior=behavior)
        lost = client.stub.Initialize.future(request, timeout=LIMIT)
        assert slow_maps.begun.wait(LIMIT)
        lost.cancel()
        assert servicer.given_up.wait(LIMIT)
        slow_maps.may_end.set()

        client.close(client.open())


@pytest.mark.parametrize("behavior", [UNSPECIFIED, NEW, ATTACH])
def test___slow_open___client_that_waits_for_it_gives_up___it_alone_has_gone(
    client: Client, slow_maps: SlowMaps, behavior: int
) -> None:
    request = initialize_request(register_map_path="slow.csv", initialization_behavior=NEW)
    slow = client.stub.Initialize.future(request, timeout=LIMIT)
    assert slow_maps.begun.wait(LIMIT)

    waiting = initialize_request(initialization_behavior=behavior)
    with pytest.raises(grpc.RpcError, match="DEADLINE_EXCEEDED"):
        client.stub.Initialize(waiting, timeout=0.2)

    slow_maps.may_end.set()
    client.close(slow.result().session_id)
    client.close(client.open())


def race(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Make these calls at once; return their answers, a status where there was one."""
    barrier = Barrier(len(calls))

    def one(call: Callable[[], object]) -> object:
        barrier.wait(LIMIT)
        try:
            return call()
        except grpc.RpcError as error:
            return error.code() if isinstance(error, grpc.Call) else error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls, timeout=LIMIT))


def test___32_clients___initialize_new_at_once___one_creates(client: Client) -> None:
    for number in range(ROUNDS):
        answers = race([partial(client.open, resource_name=f"{number}")] * CROWD)

        assert answers.count(exists) == CROWD - 1
        winner = next(answer for answer in answers if answer is not exists)
        assert client.read(str(winner)) == 0


def test___32_clients___unspecified_at_once___one_creates_and_all_share(client: Client) -> None:
    for number in range(ROUNDS):
        answers = race([partial(client.initialize, resource_name=f"{number}")] * CROWD)

        opened = [each for each in answers if isinstance(each, messages.InitializeResponse)]
        assert len(opened) == CROWD
        assert len({each.session_id for each in opened}) == 1
        assert sum(each.new_session_initialized for each in opened) == 1


def test___32_clients___close_at_once___one_closes(client: Client) -> None:
    for _ in range(ROUNDS):
        session_id = client.open()

        answers = race([partial(client.close, session_id)] * CROWD)

        assert answers.count(None) == 1
        assert answers.count(not_found) == CROWD - 1


def test___clients_that_read_and_write___while_another_closes___ok_or_not_found(
    client: Client,
) -> None:
    for _ in range(ROUNDS):
        session_id = client.open()
        calls: list[Callable[[], object]] = [
            partial(client.read, session_id),
            partial(client.write, session_id, 7),
            partial(client.read_port, session_id),
        ]

        *answers, closed = race([*calls * (CROWD // 3), partial(client.close, session_id)])

        assert closed is None
        assert set(answers) <= {None, 0, 7, not_found}
        with refused(not_found):
            client.read(session_id)


def test___servicer_without_sockets___whole_life_of_a_session___as_over_the_wire() -> None:
    (description,) = SERVICES.values()
    reason = "grpcio-testing is not installed"
    testing: Any = pytest.importorskip("grpc_testing", reason=reason)
    server = testing.server_from_dictionary(
        {description: DeviceCommunicationServicer()}, testing.strict_real_time()
    )

    def call(name: str, request: object) -> tuple[Any, grpc.StatusCode, str]:
        rpc = server.invoke_unary_unary(description.methods_by_name[name], (), request, None)
        answer, _, code, details = rpc.termination()
        return answer, code, details

    opened, code, _ = call("Initialize", initialize_request())
    assert code is grpc.StatusCode.OK
    write = messages.WriteRegisterRequest(
        session_id=opened.session_id, register_name="CONFIG_0", value=9
    )
    assert call("WriteRegister", write)[1] is grpc.StatusCode.OK
    read = messages.ReadRegisterRequest(session_id=opened.session_id, register_name="CONFIG_0")
    assert call("ReadRegister", read)[0].value == 9
    close = messages.CloseRequest(session_id=opened.session_id)
    assert call("Close", close)[1] is grpc.StatusCode.OK
    _, code, details = call("Close", close)
    assert code is not_found
    assert opened.session_id in details


def test___main___with_flags___hosts_the_servicer_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted: list[Options] = []

    def host(service: Service, chosen: Options) -> None:
        hosted.append(chosen)
        info = read_service_config(service.service_config)
        assert info.service_class == "ni.DeviceControl.CommService"
        assert info.provided_interfaces == ["ni.device_control.v1.service"]
        assert (info.display_name, info.versions) == ("Device communication Service", ["1.0.0"])
        assert (
            service.full_name
            == messages.DESCRIPTOR.services_by_name["DeviceCommunication"].full_name
        )
        with ExitStack() as stack:
            client = Client(stack.enter_context(serving(service.add_to)), stack)
            with refused(denied):
                client.open()
            session_id = client.open(register_map_path="map.csv")
            service.release()
            with refused(not_found):
                client.read(session_id)

    (tmp_path / "map.csv").write_bytes(Path(MAP).read_bytes())
    monkeypatch.setattr(module, "host", host)
    arguments = ["--root", str(tmp_path), "--discovery", "off", "--port", "1234", "-v"]

    result = CliRunner().invoke(module.main, arguments, catch_exceptions=False)

    assert result.exit_code == 0
    assert hosted == [Options(discovery="off", port=1234, verbose=1)]


@pytest.mark.parametrize("root", ["none", "file"])
def test___main___root_that_is_no_folder___says_so(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").touch()

    result = CliRunner().invoke(module.main, ["--root", str(tmp_path / root)])

    assert result.exit_code == click.UsageError.exit_code
    assert "--root" in result.output
