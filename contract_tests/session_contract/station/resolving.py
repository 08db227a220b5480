"""Where the services of a station are: Discovery is told, and tells the others."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_grpc
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2_grpc as pin_map_grpc
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as sessions_grpc,
)

from session_contract.subject.target import Unreachable

PIN_MAP = "ni.measurementlink.pinmap.v1.PinMapService"
SESSION_MANAGEMENT = "ni.measurementlink.sessionmanagement.v1.SessionManagementService"
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # Clients of their own may not share one connection.
    ("grpc.use_local_subchannel_pool", 1),
]
_LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1", ""}


@dataclass(frozen=True)
class Addresses:
    """Where the three services are."""

    discovery: str
    pin_map: str
    session_management: str


@dataclass(frozen=True)
class Stubs:
    """NI's stubs of the three services."""

    discovery: Any
    pin_map: Any
    sessions: Any

    @staticmethod
    def at(addresses: Addresses, channels: ExitStack) -> Stubs:
        """Stubs with channels of their own, which the stack closes."""

        def channel(address: str) -> grpc.Channel:
            return channels.enter_context(grpc.insecure_channel(address, OPTIONS))

        return Stubs(
            discovery_grpc.DiscoveryServiceStub(channel(addresses.discovery)),
            pin_map_grpc.PinMapServiceStub(channel(addresses.pin_map)),
            sessions_grpc.SessionManagementServiceStub(channel(addresses.session_management)),
        )


def find(address: str, seconds: float) -> Addresses:
    """Ask the Discovery at this address for the others.

    Raises:
        Unreachable: It does not tell; the text says what it answered.
    """
    places = [find_service(address, name, name, seconds) for name in (PIN_MAP, SESSION_MANAGEMENT)]
    return Addresses(address, *places)


def find_service(address: str, interface: str, service_class: str, seconds: float) -> str:
    """Ask the Discovery at this address where a service is; Unreachable when it does not tell."""
    with grpc.insecure_channel(address, OPTIONS) as channel:
        stub = discovery_grpc.DiscoveryServiceStub(channel)
        request = discovery.ResolveServiceRequest(
            provided_interface=interface, service_class=service_class
        )
        return _resolved(stub, address, request, seconds)


def _resolved(
    stub: Any,  # noqa: ANN401 - of NI's
    address: str,
    request: discovery.ResolveServiceRequest,
    seconds: float,
) -> str:
    name = request.provided_interface
    try:
        found = stub.ResolveService(request, timeout=seconds)
    except grpc.RpcError as error:
        said = f"{error.code().name} {error.details()}" if isinstance(error, grpc.Call) else error
        raise Unreachable(
            f"What is at {address} does not say where {name} is: {said}. Is this the address of "
            "a Discovery, and is the service installed?"
        ) from None
    if not found.insecure_port:
        raise Unreachable(f"{name} has no port without TLS; the suite needs one.")
    return f"{_host(found.location, address)}:{found.insecure_port}"


def _host(location: str, discovery_address: str) -> str:
    """What a service says of itself is meant for its own machine."""
    return discovery_address.rpartition(":")[0] if location in _LOCAL else location
