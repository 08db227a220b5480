"""The fixtures of the checks of profiles: those of pytest-grpc, with our target as their server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from session_contract.profiles.interfaces import Stub, stub_class
from session_contract.profiles.opening import open_profile
from session_contract.profiles.served import Client, Served
from session_contract.profiles.target import ProfileTarget
from session_contract.running.checking import checking_of


def pytest_configure(config: pytest.Config) -> None:
    """Refuse the fake server of pytest-grpc: no call of it leaves this process."""
    if config.getoption("grpc-fake", default=False):
        raise pytest.UsageError("--grpc-fake-server judges no server: leave it out.")


@pytest.fixture(scope="session")
def contract_served(pytestconfig: pytest.Config) -> Iterator[Served]:
    """The server, for all checks of this process."""
    checking = checking_of(pytestconfig)
    target = checking.target
    assert isinstance(target, ProfileTarget)
    with checking.opened(partial(open_profile, target)) as served:
        yield served


@pytest.fixture
def served(contract_served: Served, request: pytest.FixtureRequest) -> Iterator[Served]:
    """The server; sessions that the check has opened are closed at its end."""
    contract_served.begin_check(f"{request.node.path.name}::{request.node.name}")
    yield contract_served
    contract_served.end_check()


@pytest.fixture(scope="module")
def grpc_stub_cls(contract_served: Served) -> type[Stub]:
    """The stubs of the profile."""
    return stub_class(contract_served.target.profile)


@pytest.fixture(scope="module")
def grpc_server(contract_served: Served) -> Served:
    """The server that the other fixtures of pytest-grpc wait for: the target."""
    return contract_served


@pytest.fixture(scope="module")
def grpc_addr(contract_served: Served) -> str:
    """Where it is."""
    return contract_served.host.address


@pytest.fixture
def client(served: Served, grpc_stub: Stub) -> Client:
    """A client of the server."""
    return served.client("client", grpc_stub)
