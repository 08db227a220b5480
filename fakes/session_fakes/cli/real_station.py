"""What any station tells through the public RPCs of NI's services: also a real one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator
from typing import Any

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_grpc
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as management
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as management_grpc,
)

from session_fakes.control import NoStation
from session_fakes.errors import FakeError, quoted

_TIMEOUT = 10.0
_SESSION_MANAGEMENT = "ni.measurementlink.sessionmanagement.v1.SessionManagementService"
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))


def services(address: str) -> list[dict[str, Any]]:
    """The running services, in the form of the fakes' own state."""
    with _channel(address) as channel:
        stub = discovery_grpc.DiscoveryServiceStub(channel)
        try:
            request = discovery.EnumerateActiveServicesRequest()
            active = stub.EnumerateActiveServices(request, timeout=_TIMEOUT).active_services
        except grpc.RpcError as error:
            if _code(error) is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            raise FakeError(
                "This Discovery is older than EnumerateActiveServices and does not tell where "
                "services run."
            ) from None
        return [_service(service) for service in active]


def sessions(address: str) -> list[dict[str, Any]]:
    """The reserved and registered sessions, in the form of the fakes' own state."""
    with _channel(address) as channel:
        request = discovery.ResolveServiceRequest(
            provided_interface=_SESSION_MANAGEMENT, service_class=_SESSION_MANAGEMENT
        )
        stub = discovery_grpc.DiscoveryServiceStub(channel)
        location = stub.ResolveService(request, timeout=_TIMEOUT)
    with _channel(f"{location.location}:{location.insecure_port}") as channel:
        sessions_stub = management_grpc.SessionManagementServiceStub(channel)
        answer = sessions_stub.GetSessions(management.GetSessionsRequest(), timeout=_TIMEOUT)
        return [_session(session) for session in answer.sessions]


def _service(active: discovery.ActiveServiceInformation) -> dict[str, Any]:
    descriptor, location = active.service_descriptor, active.service_location
    return {
        "display_name": descriptor.display_name,
        "service_class": descriptor.service_class,
        "interfaces": list(descriptor.provided_interfaces),
        "version": ", ".join(descriptor.versions),
        "location": location.location,
        "port": location.insecure_port or location.ssl_authenticated_port,
    }


def _session(session: management.SessionInformation) -> dict[str, Any]:
    notes = session.annotations
    held = "reserved" if session.session_reserved else "registered"
    user, host = notes.get(f"ni/{held}.username", ""), notes.get(f"ni/{held}.hostname", "")
    return {
        "name": session.session.name,
        "resource_name": session.resource_name,
        "instrument_type_id": session.instrument_type_id,
        "reserved": session.session_reserved,
        "registered": session.session_exists,
        "holder": "@".join(part for part in (user, host) if part),
        "since": None,
        "age": None,
    }


@contextlib.contextmanager
def _channel(address: str) -> Generator[grpc.Channel]:
    if not re.fullmatch(r".+:\d{1,5}", address):
        raise FakeError(f"{quoted(address)} is no address: give HOST:PORT of a Discovery.")
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            yield channel
        except grpc.RpcError as error:
            details = error.details() if isinstance(error, grpc.Call) else ""
            raise NoStation(
                f"The station at {quoted(address)} does not tell: {_code(error).name} "
                f"{quoted(details or '')}. Is it running, and is this its insecure port?"
            ) from None


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
