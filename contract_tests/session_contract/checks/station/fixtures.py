"""The fixtures of the checks of stations: those of pytest-grpc, with our target as their server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ni.measurementlink.discovery.v1.discovery_service_pb2_grpc import DiscoveryServiceStub
from ni.measurementlink.pinmap.v1.pin_map_service_pb2_grpc import PinMapServiceStub
from ni.measurementlink.sessionmanagement.v1.session_management_service_pb2_grpc import (
    SessionManagementServiceStub,
)

from session_contract.running.checking import checking_of
from session_contract.station.opening import open_station
from session_contract.station.station import Station
from session_contract.station.target import StationTarget


def pytest_configure(config: pytest.Config) -> None:
    """Refuse the fake server of pytest-grpc: it is none that stubs of today can call."""
    if config.getoption("grpc-fake", default=False):
        raise pytest.UsageError("--grpc-fake-server judges no station: leave it out.")


@pytest.fixture(scope="session")
def contract_station(pytestconfig: pytest.Config) -> Iterator[Station]:
    """The station, for all checks of this process."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, StationTarget)
    with checking.opened(partial(open_station, target)) as station:
        yield station


@pytest.fixture
def station(contract_station: Station, request: pytest.FixtureRequest) -> Iterator[Station]:
    """The station; what the check has created is taken back at its end."""
    contract_station.begin_check(f"{request.node.path.name}::{request.node.name}")
    yield contract_station
    contract_station.end_check()


@pytest.fixture(scope="module")
def grpc_stub_cls() -> type[Any]:
    """The stub of NI's that the checks of a module call: most are of Session Management."""
    return SessionManagementServiceStub


@pytest.fixture(scope="module")
def grpc_addr(contract_station: Station, grpc_stub_cls: type[Any]) -> str:
    """Where the service is that this stub calls."""
    found = contract_station.addresses
    return {
        DiscoveryServiceStub: found.discovery,
        PinMapServiceStub: found.pin_map,
        SessionManagementServiceStub: found.session_management,
    }[grpc_stub_cls]


@pytest.fixture(scope="module")
def grpc_server(contract_station: Station) -> Station:
    """The server that the other fixtures of pytest-grpc wait for: the station."""
    return contract_station


@pytest.fixture
def contract_folder() -> Iterator[Path]:
    """A folder of this check."""
    with tempfile.TemporaryDirectory(prefix="contract-") as folder:
        yield Path(folder)
