"""Stations that are wrong in one thing: too kind, or too strict.

Each is the fakes' station with other handlers for some of its RPCs. A handler sees NI's messages
and may ask the right one: so these are other implementations, not faults inside of ours.

``python wrong_stations.py NAME`` starts one, and prints where its Discovery listens.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1.discovery_service_pb2_grpc import DiscoveryServiceStub
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as sessions
from ni.measurementlink.sessionmanagement.v1.session_management_service_pb2_grpc import (
    SessionManagementServiceStub,
)

from session_fakes.errors import Refusal
from session_fakes.serving.dispatch import Caller, Handler, Service
from session_fakes.station import FakeStation

Reply = Any
"""A message of NI's protos."""


@dataclass
class Call:
    """A call to a wrong station, and the right answer for the asking."""

    request: Any
    right: Handler
    caller: Caller
    station: WrongStation

    def answer(self) -> Reply:
        """The right answer."""
        return self.right(self.request, self.caller)

    def code(self) -> str:
        """The code of the right answer."""
        try:
            self.answer()
        except Refusal as refusal:
            return refusal.code
        return "OK"

    def other_code(self, right: str, wrong: str) -> Reply:
        """The right answer, but for one code."""
        try:
            return self.answer()
        except Refusal as refusal:
            raise Refusal(wrong if refusal.code == right else refusal.code, "wrong") from None

    def kind(self, code: str, kindly: Reply) -> Reply:
        """The right answer, but this one in place of a refusal with the code."""
        try:
            return self.answer()
        except Refusal as refusal:
            if refusal.code != code:
                raise
            return kindly


Wrong = Callable[[Call], Reply]


class WrongStation(FakeStation):
    """A station some of whose RPCs answer as a catalogue says."""

    def __init__(self, wrong: Mapping[str, Wrong]) -> None:
        """Answer these RPCs, by name, in this way."""
        self.wrong = wrong
        self.notes: dict[Any, Any] = {}
        """What a wrong handler remembers."""
        super().__init__()

    def _make_services(self, prefixed_names: bool) -> list[Service]:
        services = super()._make_services(prefixed_names)
        return [
            service._replace(
                handlers={n: self._wrapped(n, right) for n, right in service.handlers.items()}
            )
            for service in services
        ]

    def _wrapped(self, name: str, right: Handler) -> Handler:
        wrong = self.wrong.get(name)
        if wrong is None:
            return right

        def handle(request: Reply, caller: Caller) -> Reply:
            return wrong(Call(request, right, caller, self))

        return handle


@dataclass(frozen=True)
class Case:
    """A wrong station, whose check finds it, and what the check has to say."""

    requirement: str
    words: str
    wrong: Mapping[str, Wrong]
    checks: str = "test_examples.py"
    """The module of the check that has to find it."""


# Discovery ----------------------------------------------------------------------------------------


def _fills_in(call: Call) -> Reply:
    said = call.request.service_description
    said.display_name, said.service_class = said.display_name or "x", said.service_class or "x"
    said.provided_interfaces[:] = list(said.provided_interfaces) or ["x"]
    call.request.location.location = call.request.location.location or "localhost"
    return call.answer()


def _takes_any_port(call: Call) -> Reply:
    place = call.request.location
    if call.code() == "INVALID_ARGUMENT":
        place.insecure_port, place.ssl_authenticated_port = "1", ""
    return call.answer()


def _two_parts_too_many(call: Call) -> Reply:
    if any(version.count(".") > 2 for version in call.request.service_description.versions):
        raise Refusal("INVALID_ARGUMENT", "a version is major.minor.patch")
    return call.answer()


def _remembers(call: Call) -> Reply:
    said = call.request.service_description
    version = next(iter(said.versions), "") or "0.0.1"
    for interface in said.provided_interfaces:
        known = call.station.notes.setdefault(interface, [])
        known.append((version, said.service_class, call.request.location))
    return call.answer()


def _sends_to_first(call: Call) -> Reply:
    return _chosen(call, lambda known: known[0])


def _compares_as_text(call: Call) -> Reply:
    return _chosen(call, lambda known: max(known, key=lambda each: each[0]))


def _chosen(call: Call, choose: Callable[[Any], Any]) -> Reply:
    asked = call.request
    known = [
        each
        for each in call.station.notes.get(asked.provided_interface, ())
        if asked.service_class in ("", each[1]) and not asked.version
    ]
    return choose(known)[2] if known else call.answer()


def _guesses(call: Call) -> Reply:
    if call.code() == "FAILED_PRECONDITION":
        return call.station.notes[call.request.provided_interface][0][2]
    return call.answer()


def _moves(call: Call) -> Reply:
    location = call.answer()
    if "contract" in call.request.provided_interface:
        location.location = "elsewhere"
    return location


def _once_only(call: Call) -> Reply:
    said = call.request.service_description
    key = said.service_class, tuple(said.versions)
    if key in call.station.notes:
        raise Refusal("ALREADY_EXISTS", "registered")
    call.station.notes[key] = True
    return call.answer()


def _one_id(call: Call) -> Reply:
    call.answer()
    return discovery.RegisterServiceResponse(registration_id="7")


def _lists_twice(call: Call) -> Reply:
    found = call.answer()
    found.available_services.extend(list(found.available_services))
    return found


# Pin maps -----------------------------------------------------------------------------------------


def _no_spaces(call: Call) -> Reply:
    if " " in call.request.pin_map_id:
        raise Refusal("INVALID_ARGUMENT", "white space")
    return call.answer()


def _keeps_the_first(call: Call) -> Reply:
    name = call.request.pin_map_id
    if name in call.station.notes:
        return pin_maps.PinMap(pin_map_id=name)
    answer = call.answer()
    call.station.notes[name] = True
    return answer


def _reads_only_xml(call: Call) -> Reply:
    """Looks whether it is XML, and not whether its references lead anywhere."""
    if call.request.pin_map_xml.count("<Connection ") > 8:
        return pin_maps.PinMap(pin_map_id=call.request.pin_map_id)
    return call.answer()


# Reservations -------------------------------------------------------------------------------------


def _leaves_out_sites(call: Call) -> Reply:
    context = call.request.pin_map_context
    context.sites[:] = [site for site in context.sites if site < 2] or [0]
    return call.answer()


def _leaves_out_names(call: Call) -> Reply:
    names = call.request.pin_or_relay_names
    names[:] = [name for name in names if name in "ABCD"] or ["A"]
    return call.answer()


def _waits_without_limit(call: Call) -> Reply:
    call.request.timeout_in_milliseconds = max(call.request.timeout_in_milliseconds, -1)
    return call.answer()


def _does_not_wait(call: Call) -> Reply:
    call.request.timeout_in_milliseconds = -2 if call.request.timeout_in_milliseconds < -1 else 0
    return call.answer()


def _needs_an_id(call: Call) -> Reply:
    if not call.request.pin_map_context.pin_map_id:
        raise Refusal("NOT_FOUND", "no pin map")
    return call.answer()


def _waits_too_short(call: Call) -> Reply:
    if call.request.timeout_in_milliseconds > 0:
        call.request.timeout_in_milliseconds //= 8
    return call.answer()


def _lends_twice(call: Call) -> Reply:
    if call.request.timeout_in_milliseconds >= -1:
        for session in call.station.sessions():
            call.station.release(session.name)
    return call.answer()


def _one_session_only(call: Call) -> Reply:
    found = call.answer()
    del found.sessions[1:]
    return found


def _session_per_pin(call: Call) -> Reply:
    found = call.answer()
    for session in list(found.sessions):
        pins = {mapping.pin_or_relay_name for mapping in session.channel_mappings}
        if session.instrument_type_id == "niDCPower" and len(pins) > 1:
            found.sessions.add().CopyFrom(session)
            found.sessions[-1].session.name += "'"
    return found


def _session_per_pin_of_instrument(call: Call) -> Reply:
    names = list(call.request.pin_or_relay_names)
    if names == ["B"]:
        call.request.pin_or_relay_names[:] = ["A"]
        call.station.release(call.station.notes["A"].sessions[0].session.name)
    call.station.notes["A"] = found = call.answer()
    if names == ["B"]:
        found.sessions[0].session.name += " B"
        for mapping in found.sessions[0].channel_mappings:
            mapping.pin_or_relay_name = "B"
    return found


def _resource_is_pin(call: Call) -> Reply:
    found = call.answer()
    for session in found.sessions:
        session.resource_name = "A"
    return found


def _names_by_pins(call: Call) -> Reply:
    found = call.answer()
    for session in found.sessions:
        session.session.name += f"|{session.channel_list}"
    return found


def _without_pins(call: Call) -> Reply:
    for session in call.request.sessions:
        session.session.name = session.session.name.partition("|")[0]
    return call.answer()


def _takes_what_it_can(call: Call) -> Reply:
    try:
        return call.answer()
    except Refusal:
        names = list(call.request.pin_or_relay_names)
        for name in names if len(names) > 1 else ():
            call.request.pin_or_relay_names[:] = [name]
            call.code()
        raise


def _last_come_first_served(call: Call) -> Reply:
    timeout = call.request.timeout_in_milliseconds
    if timeout < -1:
        return call.answer()
    call.request.timeout_in_milliseconds = 0
    until = time.monotonic() + (timeout / 1000 if timeout >= 0 else 60)
    line, me = call.station.notes.setdefault("line", []), object()
    line.append(me)
    try:
        while time.monotonic() < until and call.caller.context.is_active():
            if line[-1] is me and _is_free(call):
                return call.station.notes["answer"]
            threading.Event().wait(0.005)
        return call.answer()
    finally:
        line.remove(me)


def _is_free(call: Call) -> bool:
    """Whether the call gets its sessions now; the answer is noted."""
    try:
        call.station.notes["answer"] = call.answer()
    except Refusal:
        return False
    return True


class _Deaf:
    """A context that does not tell when its client has gone."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401
        self._context = context

    def is_active(self) -> bool:
        return True

    def add_callback(self, _: object) -> bool:
        return True

    def __getattr__(self, name: str) -> Reply:
        return getattr(self._context, name)


def _does_not_hear(call: Call) -> Reply:
    deaf: Any = _Deaf(call.caller.context)
    return call.right(call.request, call.caller._replace(context=deaf))


# Registrations ------------------------------------------------------------------------------------


def _reserved_only(call: Call) -> Reply:
    held = {session.name for session in call.station.sessions() if session.reserved}
    if any(session.session.name not in held for session in call.request.sessions):
        raise Refusal("FAILED_PRECONDITION", "not reserved")
    return call.answer()


def _without_nameless(call: Call) -> Reply:
    named = [session for session in call.request.sessions if session.session.name]
    del call.request.sessions[:]
    call.request.sessions.extend(named)
    return call.answer()


def _never_exists(call: Call) -> Reply:
    found = call.answer()
    for session in found.sessions:
        session.session_exists = False
    return found


def _unreserves_too(call: Call) -> Reply:
    for session in call.request.sessions:
        call.station.release(session.session.name)
    return call.answer()


def _first_registered_only(call: Call) -> Reply:
    found = call.answer()
    del found.sessions[1:]
    return found


def _refuses_nothing(call: Call) -> Reply:
    found = call.answer()
    if not found.sessions:
        raise Refusal("NOT_FOUND", "nothing is registered")
    return found


def _with_channels(call: Call) -> Reply:
    found = call.answer()
    for session in found.sessions:
        session.channel_list = "0"
    return found


def _not_empty(call: Call) -> Reply:
    if not call.request.sessions:
        raise Refusal("RESOURCE_EXHAUSTED", "nothing to unreserve")
    return call.answer()


RESERVED, REGISTERED = sessions.ReserveSessionsResponse(), sessions.RegisterSessionsResponse()
ACCESS = pin_maps.QueryResourceAccessInformationResponse()
_RESOLVE, _QUERY = "ResolveService", "QueryResourceAccessInformation"
_RESERVE, _REGISTER, _ALL = "ReserveSessions", "RegisterSessions", "ReserveAllRegisteredSessions"
_UPDATE, _LIST = "UpdatePinMapFromXml", "test_registering.py"

WRONG: dict[str, Case] = {
    "fills in what is empty": Case(
        "DISC-REGISTER-EMPTY",
        "the interface is empty: INVALID_ARGUMENT is due, not OK",
        {"RegisterService": _fills_in},
    ),
    "takes any port": Case(
        "DISC-REGISTER-PORT",
        "nothing is no port: INVALID_ARGUMENT is due, not OK",
        {"RegisterService": _takes_any_port},
    ),
    "one id for all": Case(
        "DISC-REGISTRATION-ID",
        "an id that is not empty and not taken is due",
        {"RegisterService": _one_id},
    ),
    "one id for all, at once": Case(
        "DISC-REGISTRATION-ID",
        "two registrations have one id, or no id",
        {"RegisterService": _one_id},
        _LIST,
    ),
    "sends elsewhere": Case(
        "DISC-RESOLVE-FOUND", "nothing that matches is registered", {_RESOLVE: _moves}
    ),
    "no interface is not found": Case(
        "DISC-RESOLVE-EMPTY",
        "the interface is empty: INVALID_ARGUMENT is due, not NOT_FOUND",
        {_RESOLVE: lambda call: call.other_code("INVALID_ARGUMENT", "NOT_FOUND")},
    ),
    "not found is unavailable": Case(
        "DISC-RESOLVE-UNKNOWN",
        "no registration matches: NOT_FOUND is due, not UNAVAILABLE",
        {_RESOLVE: lambda call: call.other_code("NOT_FOUND", "UNAVAILABLE")},
    ),
    "guesses the class": Case(
        "DISC-RESOLVE-AMBIGUOUS",
        "2 service classes match: FAILED_PRECONDITION is due, not OK",
        {"RegisterService": _remembers, _RESOLVE: _guesses},
    ),
    "takes the first version": Case(
        "DISC-VERSION-LATEST",
        "the service that is sent is not the latest",
        {"RegisterService": _remembers, _RESOLVE: _sends_to_first},
        _LIST,
    ),
    "three parts only": Case(
        "DISC-VERSION-PARTS",
        "nothing is wrong with the registration: OK is due, not INVALID_ARGUMENT",
        {"RegisterService": _two_parts_too_many},
    ),
    "unregisters nothing": Case(
        "DISC-UNREGISTER",
        "no registration matches: NOT_FOUND is due, not OK",
        {"UnregisterService": lambda _: discovery.UnregisterServiceResponse()},
    ),
    "lists versions": Case(
        "DISC-ENUMERATE",
        "OK with C is due, each service class once",
        {"EnumerateServices": _lists_twice},
    ),
    "compares versions as texts": Case(
        "DISC-VERSION-ORDER",
        "is latest by letters, not by numbers",
        {"RegisterService": _remembers, _RESOLVE: _compares_as_text},
    ),
    "registers a version once": Case(
        "DISC-NEWEST",
        "nothing is wrong with the registration: OK is due, not ALREADY_EXISTS",
        {"RegisterService": _once_only},
    ),
    "takes any text for a pin map": Case(
        "PIN-XML-INVALID",
        "the text is no pin map: INVALID_ARGUMENT is due, not OK",
        {_UPDATE: lambda call: call.kind("INVALID_ARGUMENT", pin_maps.PinMap())},
    ),
    "follows no reference": Case(
        "PIN-XML-INVALID",
        "unknown site: INVALID_ARGUMENT is due, not OK",
        {_UPDATE: _reads_only_xml},
        "test_pin_maps.py",
    ),
    "no spaces in ids": Case(
        "PIN-UPDATE-ANY-ID",
        "is valid: OK is due, not INVALID_ARGUMENT",
        {_UPDATE: _no_spaces},
    ),
    "keeps the first pin map": Case(
        "PIN-UPDATE-REPLACES",
        "M has no pin B: INVALID_ARGUMENT is due, not OK",
        {_UPDATE: _keeps_the_first},
    ),
    "an unknown pin map has nothing": Case(
        "PIN-UNKNOWN-ID",
        "there is no pin map M: NOT_FOUND is due, not OK",
        {_QUERY: lambda call: call.kind("NOT_FOUND", ACCESS)},
    ),
    "one code for sites": Case(
        "PIN-SITE-UNKNOWN",
        "M has no site 7: NOT_FOUND is due, not INVALID_ARGUMENT",
        {_QUERY: lambda call: call.other_code("NOT_FOUND", "INVALID_ARGUMENT")},
    ),
    "an unknown pin has nothing": Case(
        "PIN-NAME-UNKNOWN",
        "M has no pin Z: INVALID_ARGUMENT is due, not OK",
        {_QUERY: lambda call: call.kind("INVALID_ARGUMENT", ACCESS)},
    ),
    "without a pin map, nothing is reserved": Case(
        "RES-PIN-MAP-UNKNOWN",
        "there is no pin map M: NOT_FOUND is due, not OK",
        {_RESERVE: lambda call: call.kind("NOT_FOUND", RESERVED)},
    ),
    "leaves out unknown pins": Case(
        "RES-NAME-UNKNOWN",
        "M has no pin Z: INVALID_ARGUMENT is due, not OK",
        {_RESERVE: _leaves_out_names},
    ),
    "leaves out unknown sites": Case(
        "RES-SITE-UNKNOWN",
        "M has no site 7: INVALID_ARGUMENT is due, not OK",
        {_RESERVE: _leaves_out_sites},
    ),
    "does not name the site": Case(
        "RES-SITE-UNKNOWN",
        "the text has to name 7",
        {_RESERVE: lambda call: call.other_code("INVALID_ARGUMENT", "INVALID_ARGUMENT")},
    ),
    "no pin map id is not found": Case(
        "RES-EMPTY-CONTEXT",
        "OK without sessions is due",
        {_RESERVE: _needs_an_id},
    ),
    "waits without limit": Case(
        "RES-TIMEOUT-INVALID",
        "the timeout is below -1: INVALID_ARGUMENT is due, not OK",
        {_RESERVE: _waits_without_limit},
    ),
    "answers one session": Case(
        "RES-FREE", "2 sessions are due, not 1", {_RESERVE: _one_session_only}
    ),
    "lends twice": Case(
        "RES-HELD", "P is reserved, so UNAVAILABLE is due", {_RESERVE: _lends_twice}
    ),
    "does not wait": Case(
        "RES-WAITS", "is reserved, but the call may wait for longer", {_RESERVE: _does_not_wait}
    ),
    "waits too short": Case(
        "RES-WAITS",
        "the call may wait 300 ms, and is refused after",
        {_RESERVE: _waits_too_short},
        "test_reserving.py",
    ),
    "unreserves nothing": Case(
        "RES-UNRESERVE",
        "all its sessions are free: OK is due, not UNAVAILABLE",
        {"UnreserveSessions": lambda _: sessions.UnreserveSessionsResponse()},
    ),
    "has to have something to unreserve": Case(
        "RES-UNRESERVE-EMPTY",
        "there is nothing to unreserve: OK is due, not RESOURCE_EXHAUSTED",
        {"UnreserveSessions": _not_empty},
    ),
    "a session for each pin of a group": Case(
        "RES-CHANNEL-GROUP", "1 sessions are due, not 2", {_RESERVE: _session_per_pin}
    ),
    "opens by the pin": Case(
        "RES-RESOURCE-NAME", "X is instrument instrument1, not A", {_RESERVE: _resource_is_pin}
    ),
    "names by pins": Case(
        "RES-NAME-STABLE",
        "the name is always P",
        {_RESERVE: _names_by_pins, "UnreserveSessions": _without_pins},
    ),
    "takes what it can get": Case(
        "RES-ALL-OR-NOTHING",
        "all its sessions are free: OK is due, not UNAVAILABLE",
        {_RESERVE: _takes_what_it_can},
    ),
    "a session for each pin of an instrument": Case(
        "RES-INSTRUMENT", "X is reserved", {_RESERVE: _session_per_pin_of_instrument}
    ),
    "last come, first served": Case(
        "RES-FIFO", "client a has waited for longer", {_RESERVE: _last_come_first_served}
    ),
    "does not hear who gives up": Case(
        "RES-DROPPED",
        "all its sessions are free: OK is due, not UNAVAILABLE",
        {_RESERVE: _does_not_hear},
    ),
    "registers what is reserved": Case(
        "REG-ANY",
        "Z is not registered: OK is due, not FAILED_PRECONDITION",
        {_REGISTER: _reserved_only},
    ),
    "registers twice": Case(
        "REG-DUPLICATE",
        "X is registered: ALREADY_EXISTS is due, not OK",
        {_REGISTER: lambda call: call.kind("ALREADY_EXISTS", REGISTERED)},
    ),
    "leaves out nameless sessions": Case(
        "REG-NAME-EMPTY",
        "a session has no name: INVALID_ARGUMENT is due, not OK",
        {_REGISTER: _without_nameless},
    ),
    "nothing ever exists": Case("REG-EXISTS", "X is registered", {_RESERVE: _never_exists}),
    "unregistering unreserves": Case(
        "REG-INDEPENDENT",
        "X is reserved, so UNAVAILABLE is due",
        {"UnregisterSessions": _unreserves_too},
    ),
    "cleans up the first": Case(
        "REG-RESERVE-ALL", "is registered; it answered", {_ALL: _first_registered_only}
    ),
    "nothing to clean up is an error": Case(
        "REG-RESERVE-ALL-EMPTY", "OK is due, not NOT_FOUND", {_ALL: _refuses_nothing}
    ),
    "cleans up with channels": Case(
        "REG-RESERVE-ALL-CHANNELS", "the answer lists channels", {_ALL: _with_channels}
    ),
}
"""By what is wrong with it."""


def furnish(station: FakeStation) -> set[str]:
    """Let somebody be at work at a station; the names of the sessions that are theirs."""
    information = sessions.SessionInformation(
        resource_name="theirs", instrument_type_id="their type", channel_list="0"
    )
    information.session.name = "their session"
    with grpc.insecure_channel(station.session_management.address) as channel:
        stub = SessionManagementServiceStub(channel)
        stub.RegisterSessions(sessions.RegisterSessionsRequest(sessions=[information]))
    with grpc.insecure_channel(station.discovery_address) as channel:
        service = discovery.ServiceDescriptor(
            display_name="theirs", service_class="theirs", provided_interfaces=["I", "J"]
        )
        place = discovery.ServiceLocation(location="localhost", insecure_port="1")
        DiscoveryServiceStub(channel).RegisterService(
            discovery.RegisterServiceRequest(service_description=service, location=place)
        )
    return {"their session"}


# Stations that are right otherwise than the fakes -------------------------------------------------


def _registers_once_at_a_time(call: Call) -> Reply:
    said = call.request.service_description
    running = {(view.service_class, view.version) for view in call.station.services()}
    version = next(iter(said.versions), "") or "0.0.1"
    if (said.service_class, version) in running:
        raise Refusal("ALREADY_EXISTS", "registered already")
    return call.answer()


def _knows_its_own(call: Call) -> Reply:
    known = {session.name for session in call.station.sessions()}
    if any(session.session.name not in known for session in call.request.sessions):
        raise Refusal("RESOURCE_EXHAUSTED", "not one of these")
    return call.answer()


OTHERWISE: dict[str, Wrong] = {
    "RegisterService": _registers_once_at_a_time,
    _RESERVE: _takes_what_it_can,
    "UnreserveSessions": _knows_its_own,
    "UnregisterSessions": _knows_its_own,
}
"""What NI does not say: registering twice, half of a reservation, sessions that are not there."""
PER_PIN: dict[str, Wrong] = {_RESERVE: _session_per_pin_of_instrument}
LAST_FIRST: dict[str, Wrong] = {_RESERVE: _last_come_first_served}


def main() -> None:
    """Start the one that is named, until somebody ends the process."""
    with WrongStation(WRONG[sys.argv[1]].wrong) as station:
        print(f"Discovery on {station.discovery_address}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
