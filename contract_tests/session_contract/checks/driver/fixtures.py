"""The fixtures of the checks of device servers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from session_contract.driver.opening import open_device_server
from session_contract.driver.server import DeviceServer
from session_contract.driver.target import DriverTarget
from session_contract.running.checking import checking_of


@pytest.fixture(scope="session")
def contract_server(pytestconfig: pytest.Config) -> Iterator[DeviceServer]:
    """The device server, for all checks of this process."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, DriverTarget)
    with checking.opened(partial(open_device_server, target)) as server:
        yield server


@pytest.fixture
def server(contract_server: DeviceServer, request: pytest.FixtureRequest) -> Iterator[DeviceServer]:
    """The device server; sessions that the check has opened are closed at its end."""
    contract_server.begin_check(f"{request.node.path.name}::{request.node.name}")
    yield contract_server
    contract_server.end_check()
