"""Session Management, call by call: reservations and registrations."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1.session_management_service_pb2_grpc import (
    SessionManagementServiceStub,
)

from session_contract.checks.marking import requirement
from session_contract.checks.station.asking import LoadedMap, a_session, unreserve
from session_contract.station.pin_maps import GROUP
from session_contract.station.station import Answered, Station

_SMALLEST = -(2**31)
_TIMEOUT_MS = 300
_CLOCKS = 0.05
"""Seconds by which the clock of the other machine, and Windows' timers, may differ."""


@pytest.mark.parametrize("timeout", [-2, -1000, _SMALLEST])
@requirement("RES-TIMEOUT-INVALID", 1, kind="input")
def test___a_timeout_below_minus_1___reserved_with___refused(
    station: Station, grpc_stub: SessionManagementServiceStub, timeout: int
) -> None:
    loaded = LoadedMap(station)
    everything = pb.ReserveAllRegisteredSessionsRequest(
        instrument_type_id=loaded.names.instrument_type, timeout_in_milliseconds=timeout
    )

    answers = [
        _ask(station, grpc_stub.ReserveSessions, loaded.reserve("A", timeout=timeout)),
        _ask(station, grpc_stub.ReserveAllRegisteredSessions, everything),
    ]

    for answer in answers:
        rule = f"the timeout {timeout} is below -1"
        station.expect("RES-TIMEOUT-INVALID", answer, "INVALID_ARGUMENT", rule=rule)


@requirement("RES-SITE-UNKNOWN", 1, kind="input")
def test___one_site_that_is_there_and_one_that_is_not___reserved___refused_by_name(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    loaded = LoadedMap(station)

    answer = _ask(station, grpc_stub.ReserveSessions, loaded.reserve("A", sites=[0, 77]))

    rule = "the pin map has no site 77"
    station.expect("RES-SITE-UNKNOWN", answer, "INVALID_ARGUMENT", rule=rule)
    if "77" not in answer.details:
        raise station.violated("RES-SITE-UNKNOWN", "the text does not name site 77")


@requirement("RES-HELD", 1, kind="input")
def test___a_session_that_stays_reserved___reserved_with_a_timeout___unavailable(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    answer = _held(station, grpc_stub, "another client")

    station.expect("RES-HELD", answer, "UNAVAILABLE", rule="the session stays reserved")


@requirement("RES-WAITS", 1, kind="input")
def test___a_session_that_stays_reserved___reserved_with_a_timeout___not_refused_before_it(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    answer = _held(station, grpc_stub, "client")

    if answer.code == "UNAVAILABLE" and answer.seconds < _TIMEOUT_MS / 1000 - _CLOCKS:
        raise station.violated(
            "RES-WAITS",
            f"the call may wait {_TIMEOUT_MS} ms, and is refused after {answer.seconds * 1000:.0f}",
        )


def _held(station: Station, grpc_stub: SessionManagementServiceStub, who: str) -> Answered:
    """The answer to a reservation of what is reserved already, and stays so."""
    loaded = LoadedMap(station)
    station.given(_ask(station, grpc_stub.ReserveSessions, loaded.reserve("A")))
    client = station.client(who)
    return client.ask(
        client.stubs.sessions.ReserveSessions, loaded.reserve("A", timeout=_TIMEOUT_MS)
    )


@pytest.mark.parametrize("names", [(GROUP,), ("A", GROUP), ()], ids=["group", "both", "all"])
@requirement("RES-FREE", 1, kind="input")
def test___a_group_or_all_pins___reserved___every_session_is_answered(
    station: Station, grpc_stub: SessionManagementServiceStub, names: tuple[str, ...]
) -> None:
    loaded = LoadedMap(station)

    answer = _ask(station, grpc_stub.ReserveSessions, loaded.reserve(*names))

    station.expect("RES-FREE", answer, "OK", rule="all its sessions are free")
    types = {each.instrument_type_id for each in answer.message.sessions}
    if types != {loaded.names.instrument_type, "niDCPower"}:
        raise station.violated("RES-FREE", "the sessions of two instruments are due")


@requirement("RES-NAME-STABLE", 1, kind="input")
def test___a_channel_group_by_any_pins_and_sites___reserved___has_one_name(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    loaded = LoadedMap(station)
    names: set[str] = set()

    ways = list(itertools.product([["C"], ["D"], ["C", "D"]], [[], [0], [1], [0, 1]]))
    for pins, sites in ways:
        answer = _ask(station, grpc_stub.ReserveSessions, loaded.reserve(*pins, sites=sites))
        found = station.given(answer).sessions
        names |= {each.session.name for each in found}
        station.given(_ask(station, grpc_stub.UnreserveSessions, unreserve(found)))

    station.executions = len(ways)
    if len(names) > 1:
        raise station.violated("RES-NAME-STABLE", f"one session has the names {sorted(names)}")


@requirement("REG-DUPLICATE", 1, kind="race")
def test___one_session___registered_by_many_at_once___registered_once(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    del grpc_stub
    session = a_session(station)
    clients = [station.client(f"client {n}") for n in range(1, 6)]

    pending = [
        client.begin(
            client.stubs.sessions.RegisterSessions,
            pb.RegisterSessionsRequest(sessions=[session]),
            station.target.limits.call,
        )
        for client in clients
    ]
    codes = sorted(station.told(each).code for each in pending)

    if codes != ["ALREADY_EXISTS"] * (len(clients) - 1) + ["OK"]:
        raise station.violated(
            "REG-DUPLICATE", f"one OK and otherwise ALREADY_EXISTS is due, not {', '.join(codes)}"
        )


@requirement("REG-NAME-EMPTY", 1, kind="input")
def test___an_empty_name_among_others___registered___refused(
    station: Station, grpc_stub: SessionManagementServiceStub
) -> None:
    given = [a_session(station), a_session(station, name="")]

    answer = _ask(station, grpc_stub.RegisterSessions, pb.RegisterSessionsRequest(sessions=given))

    rule = "a session has no name"
    station.expect("REG-NAME-EMPTY", answer, "INVALID_ARGUMENT", rule=rule)


def _ask(station: Station, rpc: Any, request: Any) -> Answered:  # noqa: ANN401 - of NI's stubs
    return station.client().ask(rpc, request)
