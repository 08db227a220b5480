"""NI's own clients at the station: what they need of it, in the order in which they call it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from ni.measurementlink.discovery.v1.client import ServiceInfo, ServiceLocation
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionInformation

from session_contract.checks.marking import requirement
from session_contract.checks.station.ni_clients import WHO, NiClients
from session_contract.station.station import Station

_Sessions = Sequence[SessionInformation]


@pytest.fixture
def ni(station: Station, contract_folder: Path) -> Iterator[NiClients]:
    """NI's clients of the station."""
    with ExitStack() as stack:
        yield NiClients(station, contract_folder, stack)


@contextmanager
def _reserved(
    ni: NiClients, context: PinMapContext
) -> Generator[Sequence[SessionInformation], None, None]:
    """The session of pin A, reserved as plug-ins do it."""
    reservation = ni.tried(
        "RES-FREE",
        "reserve_sessions('A')",
        lambda: ni.sessions.reserve_sessions(context, "A", ni.names.instrument_type),
    )
    ni.own(reservation.session_info)
    with ExitStack() as stack:
        stack.enter_context(reservation)
        yield reservation.session_info
        ni.tried("RES-UNRESERVE", "leaving the reservation", stack.close)


@contextmanager
def _set_up(ni: NiClients) -> Generator[PinMapContext, None, None]:
    """What a sequence does first: reserve, open, register, unreserve."""
    context = ni.context()
    with _reserved(ni, context) as found:
        ni.tried("REG-ANY", "register_sessions", lambda: ni.sessions.register_sessions(found))
    yield context


@requirement("DISC-RESOLVE-FOUND", 1, kind="input")
def test___a_service_that_ni_s_client_registers___resolved___is_found(ni: NiClients) -> None:
    name = f"contract.{ni.station.fresh()}"
    service = ServiceInfo(name, "", [name], versions=[], display_name=name)
    there = ServiceLocation("localhost", ni.station.port(name), "")

    number = ni.tried(
        "DISC-REGISTRATION-ID",
        "register_service",
        lambda: ni.discovery.register_service(service, there),
    )
    ni.station.belongings.own_registration(number)
    found = ni.tried(
        "DISC-RESOLVE-FOUND",
        "resolve_service",
        lambda: ni.discovery.resolve_service(name, service_class=name),
    )
    ni.tried(
        "DISC-UNREGISTER", "unregister_service", lambda: ni.discovery.unregister_service(number)
    )

    if found != there:
        raise ni.station.violated("DISC-RESOLVE-FOUND", f"{found} is answered instead of {there}")


@requirement("RES-RESOURCE-NAME", 1, kind="input")
def test___a_pin_of_a_custom_instrument___reserved___is_opened_by_the_instrument_s_name(
    ni: NiClients,
) -> None:
    with _reserved(ni, ni.context()) as found:
        resources = [each.resource_name for each in found]

    if resources != [ni.names.instrument]:
        raise ni.station.violated(
            "RES-RESOURCE-NAME", f"{resources} is answered; {ni.names.instrument} is the instrument"
        )


@requirement("RES-EMPTY-CONTEXT", 1, kind="input")
def test___no_pin_map___a_session_reserved___ni_s_client_says_that_there_is_none(
    ni: NiClients,
) -> None:
    try:
        reservation = ni.tried(
            "RES-EMPTY-CONTEXT",
            "reserve_session without a pin map",
            lambda: ni.sessions.reserve_session(PinMapContext("", [0]), "A"),
        )
    except ValueError:
        return  # as the client says it: "No sessions reserved"
    ni.own([reservation.session_info])
    raise ni.station.violated("RES-EMPTY-CONTEXT", "a session is answered")


@requirement("RES-HELD", 1, kind="input")
def test___a_plug_in_that_reserves_twice___the_second_time___is_refused(ni: NiClients) -> None:
    context = ni.context()

    with _reserved(ni, context):
        try:
            second = ni.sessions.reserve_sessions(context, "A")
        except grpc.RpcError as error:
            code = ni.refused("reserve_sessions('A')", error)
        else:
            ni.station.saw(WHO, "reserve_sessions('A') -> OK")
            ni.own(second.session_info)
            code = "OK"

    if code != "UNAVAILABLE":
        raise ni.station.violated("RES-HELD", f"UNAVAILABLE is due, not {code}")


@requirement("REG-EXISTS", 1, kind="input")
def test___a_session_that_the_setup_opened___reserved_by_main___exists(ni: NiClients) -> None:
    with _set_up(ni) as context, _reserved(ni, context) as found:
        flags = [each.session_exists for each in found]

    if flags != [True]:
        raise ni.station.violated("REG-EXISTS", "the setup has registered the session")


@requirement("REG-RESERVE-ALL", 1, kind="input")
def test___a_session_that_the_setup_opened___cleaned_up___is_found_and_gone(ni: NiClients) -> None:
    with _set_up(ni):
        found = _clean_up(ni)

    if found != [ni.names.instrument]:
        raise ni.station.violated("REG-RESERVE-ALL", f"the cleanup finds {found}")
    if again := _clean_up(ni):
        raise ni.station.violated("REG-RESERVE-ALL-EMPTY", f"a second cleanup finds {again}")


@requirement("RES-UNRESERVE-EMPTY", 1, kind="input")
def test___nothing_registered___cleaned_up___is_no_error(ni: NiClients) -> None:
    if found := _clean_up(ni):
        raise ni.station.violated("REG-RESERVE-ALL-EMPTY", f"the cleanup finds {found}")


def _clean_up(ni: NiClients) -> list[str]:
    """What a sequence does last: reserve all, unregister, close, unreserve; what it finds."""
    reservation = ni.tried(
        "REG-RESERVE-ALL-EMPTY",
        "reserve_all_registered_sessions",
        lambda: ni.sessions.reserve_all_registered_sessions(ni.names.instrument_type, 0.0),
    )
    found = list(reservation.session_info)
    ni.own(found)
    with ExitStack() as stack:
        stack.enter_context(reservation)
        if found:
            ni.tried(
                "REG-INDEPENDENT",
                "unregister_sessions",
                lambda: ni.sessions.unregister_sessions(found),
            )
        due = "RES-UNRESERVE" if found else "RES-UNRESERVE-EMPTY"
        ni.tried(due, "leaving the reservation", stack.close)
    return [each.resource_name for each in found]
