"""NI's wire shape: stubs made by hand against our servers, and our clients against theirs."""

# ruff: noqa: ANN401 - the fixture of conftest.py has no type to import

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

import session_reference
from session_reference.custom_instrument import DeviceCommunicationClient, Protocol
from session_reference.file_logger import JsonLoggerClient

PEER = Path(__file__).with_name("hand_made_peer.py")
FOLDERS = {"logger": "file_logger", "instrument": "custom_instrument"}
PACKAGE = Path(session_reference.__file__).parent
LIMIT = 60.0


@pytest.fixture
def our_server(request: pytest.FixtureRequest, servers: Any) -> str:
    """The address of one of our servers, a process with default options."""
    folder = PACKAGE / FOLDERS[request.param]
    server = servers.run(sys.executable, folder, "--discovery", "off")
    address: str = server.wait_address()
    return address


@contextmanager
def served_by_hand(service: str) -> Generator[tuple[str, list[Any]], None, None]:
    """The address of a server made by hand, and the calls that it saw, once it has stopped."""
    calls: list[Any] = []
    with subprocess.Popen(
        [sys.executable, PEER, "serve", service],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), calls
        finally:
            process.stdin.close()
            calls += [json.loads(line) for line in process.stdout]
            assert process.wait(LIMIT) == 0


def drive(service: str, address: str, path: Path) -> list[Any]:
    """What a client made by hand got, its session ids replaced by their order."""
    command = [sys.executable, str(PEER), "drive", service, address, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    for number, name in enumerate(
        dict.fromkeys(re.findall(r'"session_name": "([^"]+)"', told)), start=1
    ):
        told = told.replace(name, f"s{number}")
    return [json.loads(line) for line in told.splitlines()]


def sharing(initialize: str, close: str) -> list[Any]:
    """What all behaviours answer, without and with an open session, then after a close."""
    first, second = {"session_name": "s1"}, {"session_name": "s2"}
    return [
        [initialize, "NOT_FOUND"],
        [initialize, {**first, "new_session": True}],
        [initialize, "ALREADY_EXISTS"],
        [initialize, {**first, "new_session": False}],
        [initialize, {**first, "new_session": False}],
        [close, {}],
        [close, "NOT_FOUND"],
        [initialize, {**second, "new_session": True}],
    ]


@pytest.mark.parametrize("our_server", ["logger"], indirect=True)
def test___client_made_by_hand___drives_our_logger___every_rpc_and_behavior_works(
    our_server: str, tmp_path: Path
) -> None:
    log = tmp_path / "run.ndjson"

    came = drive("logger", our_server, log)

    assert came == [
        *sharing("InitializeFile", "CloseFile"),
        ["LogMeasurementData", {}],
        ["CloseFile", {}],
        ["LogMeasurementData", "NOT_FOUND"],
    ]
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "timestamp": "2023-11-14T22:13:20.123456Z",
        "measurement_name": "Größe",
        "measurement_configurations": {"range": "10 V"},
        "measurement_outputs": {"value": "3.3", "unit": "V"},
    }


@pytest.mark.parametrize("our_server", ["instrument"], indirect=True)
def test___client_made_by_hand___drives_our_instrument___every_rpc_and_behavior_works(
    our_server: str,
) -> None:
    came = drive("instrument", our_server, PACKAGE / "custom_instrument" / "register_map.csv")

    assert came == [
        *sharing("Initialize", "Close"),
        ["WriteRegister", {}],
        ["ReadRegister", {"value": 0xA5}],
        ["WriteGpioChannel", {}],
        ["ReadGpioChannel", {"state": True}],
        ["WriteGpioPort", {}],
        ["ReadGpioPort", {"state": 0x8C}],
        ["Close", {}],
        ["ReadRegister", "NOT_FOUND"],
    ]


BEHAVIORS = [
    (SessionInitializationBehavior.AUTO, 0, True, True),
    (SessionInitializationBehavior.INITIALIZE_SERVER_SESSION, 1, True, True),
    (SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH, 1, True, False),
    (SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION, 2, False, False),
    (SessionInitializationBehavior.AUTO, 0, False, False),
    (SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE, 2, False, True),
]
"""In an order in which all can be: what is sent, whether the session is new, and closed."""


def test___our_logger_client___drives_one_made_by_hand___every_behavior_works() -> None:
    session = {"session_name": "session of /d/a.log"}
    when = datetime(2023, 11, 14, 22, 13, 20, 123456, timezone.utc)
    expected: list[Any] = []

    with served_by_hand("logger") as (address, calls):
        for behavior, sent, new, closes in BEHAVIORS:
            with JsonLoggerClient("/d/a.log", behavior, address=address) as client:
                client.log_data("name", {"range": 10}, {"value": 3.3}, when)
                assert client.new_session == new
            request = {"file_path": "/d/a.log", "initialization_behavior": sent}
            record = {
                **session,
                "measurement_name": "name",
                "timestamp": [1_700_000_000, 123_456_000],
                "measurement_configurations": {"range": "10"},
                "measurement_outputs": {"value": "3.3"},
            }
            expected += [["InitializeFile", request], ["LogMeasurementData", record]]
            expected += [["CloseFile", session]] * closes

    assert calls == expected


def test___our_instrument_client___drives_one_made_by_hand___every_behavior_works() -> None:
    session = {"session_name": "session of Dut"}
    expected: list[Any] = []

    with served_by_hand("instrument") as (address, calls):
        for behavior, sent, new, closes in BEHAVIORS:
            with DeviceCommunicationClient(
                "Dut", Protocol.I2C, "/m/map.csv", True, behavior, address=address
            ) as client:
                client.write_register("CONFIG_0", 7)
                assert client.read_register("CONFIG_0") == 7
                assert client.new_session == new
            request = {
                "resource_name": "Dut",
                "protocol": 2,
                "reset": True,
                "register_map_path": "/m/map.csv",
                "initialization_behavior": sent,
            }
            register = {**session, "register_name": "CONFIG_0"}
            expected += [
                ["Initialize", request],
                ["WriteRegister", {**register, "value": 7}],
                ["ReadRegister", register],
            ]
            expected += [["Close", session]] * closes

    assert calls == expected


def test___our_instrument_client___uses_gpio_of_one_made_by_hand___fields_arrive() -> None:
    session = {"session_name": "session of Dut"}

    with (
        served_by_hand("instrument") as (address, calls),
        DeviceCommunicationClient("Dut", Protocol.UART, "m.csv", address=address) as client,
    ):
        client.write_gpio_channel(3, 7, True)
        assert client.read_gpio_channel(3, 7) is True
        client.write_gpio_port(2, 0xF0, 0x50)
        assert client.read_gpio_port(2, 0xF0) == 0x50

    channel = {**session, "port": 3, "channel": 7}
    port = {**session, "port": 2, "mask": 0xF0}
    assert calls[1:-1] == [
        ["WriteGpioChannel", {**channel, "state": True}],
        ["ReadGpioChannel", channel],
        ["WriteGpioPort", {**port, "state": 0x50}],
        ["ReadGpioPort", port],
    ]
