"""The client of the custom instrument against our server."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

import session_reference
from session_reference.custom_instrument import (
    DeviceCommunicationClient,
    DeviceCommunicationError,
    DeviceCommunicationSessionConstructor,
    Protocol,
)
from session_reference.custom_instrument.server import DeviceCommunicationServicer
from session_reference.custom_instrument.stubs import (
    device_comm_service_pb2,
    device_comm_service_pb2_grpc,
)

LIMIT = 30.0
NAME = "Dut 1"
MAP = Path(session_reference.__file__).parent / "custom_instrument" / "register_map.csv"
Open = Callable[..., DeviceCommunicationClient]


@pytest.fixture
def channel() -> Iterator[grpc.Channel]:
    """A channel to a server of this process."""
    servicer = DeviceCommunicationServicer()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        device_comm_service_pb2_grpc.add_DeviceCommunicationServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as made:
            yield made
        server.stop(None).wait(LIMIT)


@pytest.fixture
def open_instrument(channel: grpc.Channel) -> Open:
    """Makes clients of an instrument."""

    def make(
        behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        reset: bool = False,
        protocol: Protocol.ValueType = Protocol.SPI,
        register_map: Path = MAP,
    ) -> DeviceCommunicationClient:
        return DeviceCommunicationClient(
            NAME, protocol, register_map, reset, behavior, channel=channel, timeout=LIMIT
        )

    return make


def test___register___written___is_read_back(open_instrument: Open) -> None:
    with open_instrument() as client:
        client.write_register("USER_DATA_1", 0xA5)

        assert client.read_register("USER_DATA_1") == 0xA5
        assert client.read_register("MFR_ID") == 0x5A


def test___gpio_channel___written___is_read_back_of_its_port_only(open_instrument: Open) -> None:
    with open_instrument() as client:
        client.write_gpio_channel(2, 7, True)

        assert client.read_gpio_channel(2, 7) is True
        assert client.read_gpio_channel(2, 6) is False
        assert client.read_gpio_channel(1, 7) is False
        assert client.read_gpio_port(2, 0xFF) == 0x80


def test___gpio_port___written_and_read___honours_the_mask(open_instrument: Open) -> None:
    with open_instrument() as client:
        client.write_gpio_port(3, 0x3C, 0xFF)

        assert client.read_gpio_port(3, 0xFF) == 0x3C
        assert client.read_gpio_port(3, 0x0F) == 0x0C


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("read_register", ("NO_SUCH",)),
        ("write_register", ("CONFIG_0", 256)),
        ("read_gpio_channel", (4, 0)),
        ("write_gpio_channel", (0, 8, True)),
        ("read_gpio_port", (0, 256)),
        ("write_gpio_port", (0, 1, 256)),
    ],
)
def test___argument_out_of_range___sent___is_refused_and_names_the_instrument(
    open_instrument: Open, method: str, arguments: tuple[Any, ...]
) -> None:
    with (
        open_instrument() as client,
        pytest.raises(DeviceCommunicationError, match=f"of {NAME!r}: ") as raised,
    ):
        getattr(client, method)(*arguments)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test___negative_value___written___is_refused_before_it_is_sent(open_instrument: Open) -> None:
    with open_instrument() as client, pytest.raises(ValueError, match="-1"):
        client.write_register("CONFIG_0", -1)


def test___guest___attached___sends_its_setup_and_the_server_ignores_it(
    open_instrument: Open, tmp_path: Path
) -> None:
    with open_instrument() as owner:
        owner.write_register("CONFIG_0", 7)
        with open_instrument(
            SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION,
            True,
            Protocol.UNKNOWN_PROTOCOL,
            tmp_path / "missing.csv",
        ) as guest:
            assert guest.session_id == owner.session_id
            assert guest.read_register("CONFIG_0") == 7


def test___reset___of_a_new_session___loads_the_defaults(open_instrument: Open) -> None:
    with open_instrument() as client:
        client.write_register("CONFIG_1", 99)
        client.write_gpio_channel(0, 0, True)
    with open_instrument() as client:
        assert client.read_register("CONFIG_1") == 99
    with open_instrument(reset=True) as client:
        assert client.read_register("CONFIG_1") == 1
        assert client.read_gpio_port(0, 0xFF) == 0


def test___reset___nothing_said_of_it___registers_are_as_the_last_session_left_them(
    open_instrument: Open, channel: grpc.Channel
) -> None:
    with open_instrument() as client:
        client.write_register("CONFIG_1", 99)

    with DeviceCommunicationClient(NAME, Protocol.SPI, MAP, channel=channel) as client:
        assert client.read_register("CONFIG_1") == 99


def test___constructor___given_a_reset___passes_it_on(
    open_instrument: Open, channel: grpc.Channel
) -> None:
    class Info:
        resource_name = NAME

    with open_instrument() as client:
        client.write_register("CONFIG_1", 99)
    make: Any = DeviceCommunicationSessionConstructor(MAP, Protocol.I2C, True, channel=channel)
    with make(Info()) as client:
        assert client.read_register("CONFIG_1") == 1


def test___unknown_protocol___opened___is_refused(open_instrument: Open) -> None:
    with pytest.raises(DeviceCommunicationError, match="SPI") as raised:
        open_instrument(protocol=Protocol.UNKNOWN_PROTOCOL)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test___sequence___setup_main_cleanup___shares_one_session(open_instrument: Open) -> None:
    with open_instrument(SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH) as setup:
        setup.write_register("CONFIG_0", 3)
    with open_instrument() as main:
        assert (main.session_id, main.new_session) == (setup.session_id, False)
        assert main.read_register("CONFIG_0") == 3
    with pytest.raises(DeviceCommunicationError, match="ATTACH_TO_SESSION_THEN_CLOSE") as raised:
        open_instrument(SessionInitializationBehavior.INITIALIZE_SERVER_SESSION)
    assert raised.value.code() is grpc.StatusCode.ALREADY_EXISTS
    with open_instrument(SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE) as cleanup:
        assert cleanup.session_id == setup.session_id
    with open_instrument() as main:
        assert main.new_session


def test___rpcs_of_the_service___counted___each_has_a_method_with_units_and_ranges() -> None:
    (service,) = device_comm_service_pb2.DESCRIPTOR.services_by_name.values()
    ranges = {"port": "0 to 3", "channel": "0 to 7", "mask": "0 to 255", "value": "0 to 255"}

    for rpc in service.methods:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", rpc.name).lower()
        method = getattr(DeviceCommunicationClient, name.replace("initialize", "__init__"))
        text = inspect.getdoc(method) or ""
        for parameter in inspect.signature(method).parameters:
            if "gpio" in name or "register" in name:
                assert f"{parameter}: {ranges.get(parameter, '')}" in text or parameter == "self"
