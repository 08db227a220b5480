"""Discovery, call by call: what is refused, and who is sent where."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as pb
from ni.measurementlink.discovery.v1.discovery_service_pb2_grpc import DiscoveryServiceStub

from session_contract.checks.marking import requirement
from session_contract.checks.station.asking import registration
from session_contract.station.station import Answered, Station

_AT_ONCE = 8
_VERSIONS = ("1.0.0", "2.0.0", "1.5.0")


@pytest.fixture(scope="module")
def grpc_stub_cls() -> type[Any]:
    """The service that this module calls."""
    return DiscoveryServiceStub


@pytest.mark.parametrize(
    ("field", "empty"),
    [
        *(("display_name", ""), ("provided_interfaces", [])),
        *(("service_class", ""), ("location", "")),
    ],
    ids=["display_name", "interfaces", "service_class", "location"],
)
@requirement("DISC-REGISTER-EMPTY", 1, kind="input")
def test___a_registration_with_something_empty___made___refused(
    station: Station, grpc_stub: DiscoveryServiceStub, field: str, empty: object
) -> None:
    answer = _ask(station, grpc_stub.RegisterService, registration(station, **{field: empty}))

    rule = f"the {field} is empty"
    station.expect("DISC-REGISTER-EMPTY", answer, "INVALID_ARGUMENT", rule=rule)


@pytest.mark.parametrize(
    ("insecure", "secure"),
    [("", ""), ("-1", ""), ("65536", ""), ("http", ""), ("1.5", ""), ("", "https")],
)
@requirement("DISC-REGISTER-PORT", 1, kind="input")
def test___a_registration_without_a_port_number___made___refused(
    station: Station, grpc_stub: DiscoveryServiceStub, insecure: str, secure: str
) -> None:
    request = registration(station, insecure_port=insecure, ssl_authenticated_port=secure)

    answer = _ask(station, grpc_stub.RegisterService, request)

    rule = f"{insecure or secure!r} is no port number"
    station.expect("DISC-REGISTER-PORT", answer, "INVALID_ARGUMENT", rule=rule)


@requirement("DISC-REGISTRATION-ID", 1, kind="input")
def test___registrations_at_the_same_time___made___have_ids_of_their_own(
    station: Station, grpc_stub: DiscoveryServiceStub
) -> None:
    client = station.client()
    requests = [registration(station) for _ in range(_AT_ONCE)]

    pending = [client.begin(grpc_stub.RegisterService, request, 10.0) for request in requests]
    ids = [station.given(station.told(each)).registration_id for each in pending]

    if "" in ids or len(set(ids)) < len(ids):
        raise station.violated("DISC-REGISTRATION-ID", "two registrations have one id, or no id")
    station.executions = _AT_ONCE


@pytest.mark.parametrize("kind", ["insecure", "secure", "both"])
@requirement("DISC-RESOLVE-FOUND", 1, kind="input")
def test___a_registered_location___resolved___is_answered_as_it_is(
    station: Station, grpc_stub: DiscoveryServiceStub, kind: str
) -> None:
    request = registration(
        station,
        insecure_port="" if kind == "secure" else station.port("insecure"),
        ssl_authenticated_port="" if kind == "insecure" else station.port("secure"),
    )
    said = request.service_description
    station.given(_ask(station, grpc_stub.RegisterService, request))

    answer = _ask(
        station,
        grpc_stub.ResolveService,
        pb.ResolveServiceRequest(
            provided_interface=said.provided_interfaces[0], service_class=said.service_class
        ),
    )

    station.expect("DISC-RESOLVE-FOUND", answer, "OK", rule="the service is registered")
    if answer.message != request.location:
        raise station.violated(
            "DISC-RESOLVE-FOUND",
            f"{_place(answer.message)} is answered, and {_place(request.location)} was registered",
        )


def _place(location: pb.ServiceLocation) -> str:
    ports = f"{location.insecure_port or 'none'}, {location.ssl_authenticated_port or 'none'} (TLS)"
    return f"{location.location} with the ports {ports}"


@pytest.mark.parametrize("order", list(itertools.permutations(_VERSIONS)), ids="-".join)
@requirement("DISC-VERSION-LATEST", 1, kind="input")
def test___versions_registered_in_any_order___resolved___the_latest_is_answered(
    station: Station, grpc_stub: DiscoveryServiceStub, order: tuple[str, ...]
) -> None:
    name = f"contract.{station.fresh()}"
    for version in order:
        request = registration(
            station,
            service_class=name,
            provided_interfaces=[name],
            versions=[version],
            insecure_port=station.port(version),
        )
        station.given(_ask(station, grpc_stub.RegisterService, request))

    found = pb.ResolveServiceRequest(provided_interface=name, service_class=name)
    answer = station.given(_ask(station, grpc_stub.ResolveService, found))

    if answer.insecure_port != station.port(max(_VERSIONS)):
        raise station.violated("DISC-VERSION-LATEST", "the service that is sent is not the latest")


@requirement("DISC-ENUMERATE", 1, kind="input")
def test___a_class_without_the_interface___enumerated___is_not_listed(
    station: Station, grpc_stub: DiscoveryServiceStub
) -> None:
    one, other = registration(station), registration(station)
    for request in (one, other):
        station.given(_ask(station, grpc_stub.RegisterService, request))

    answer = _ask(
        station,
        grpc_stub.EnumerateServices,
        pb.EnumerateServicesRequest(
            provided_interface=one.service_description.provided_interfaces[0],
            service_class=other.service_description.service_class,
        ),
    )

    station.expect("DISC-ENUMERATE", answer, "OK", rule="nothing that matches is no error")
    if answer.message.available_services:
        raise station.violated("DISC-ENUMERATE", "a class is listed that has not the interface")


def _ask(station: Station, rpc: Any, request: Any) -> Answered:  # noqa: ANN401 - of NI's stubs
    return station.client().ask(rpc, request)
