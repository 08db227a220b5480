"""Says the calls of the specification's examples in NI's messages, and reads the answers.

What is read is again in the words of the examples, so that the specification's own model of a
station can judge it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.pin_map_context_pb2 import PinMapContext
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as sessions

from session_contract.station.pin_maps import DC_POWER, PinMapNames, pin_map
from session_contract.station.resolving import Stubs
from session_contract.station.station import Answered, Rpc, Station
from session_contract.station.symbols import OTHER, Sessions, Symbols
from session_spec.class_models.station.request import Request

_CONTENTS = {"valid": "ABCD", "without B": "ACD"}
_DIGITS = re.compile(r"[0-9]+")

Words = Iterable[str]


class Speaker:
    """Speaks for the clients of one example."""

    def __init__(self, station: Station) -> None:
        """Begin with names that nobody has used."""
        unique = station.fresh()
        self._station = station
        self._names = PinMapNames.of(unique)
        self._classes = Symbols(lambda symbol: f"contract.{unique}.{symbol}")
        self._interfaces = Symbols(lambda symbol: f"contract.{unique}.interface.{symbol}")
        self._maps = Symbols(lambda symbol: f"contract {unique} {symbol}")
        self._registrations = Symbols(lambda symbol: f"contract {unique} {symbol}")
        self._ports = Symbols(station.port)
        self._sessions = Sessions(self._names, station.fresh)

    def facts(self) -> list[str]:
        """What the symbols that were used stand for."""
        return [
            *self._classes.facts("service class"),
            *self._maps.facts("pin map"),
            *self._sessions.facts(),
        ]

    # ----------------------------------------------------------------------------------------------

    def said(self, request: Request, stubs: Stubs) -> tuple[Rpc, Message]:
        """The RPC of a call, and what to send."""
        service, rpc, message = _RPCS[request.call]
        return getattr(getattr(stubs, service), rpc), message(self, request)

    def read(self, request: Request, answer: Answered) -> tuple[str, ...]:
        """An answer, in the words of an example."""
        if not answer.ok:
            return (answer.code, *self._named_sites(request, answer.details))
        reading = _READINGS.get(request.call)
        return ("OK", *(reading(self, answer.message) if reading else ()))

    def _named_sites(self, request: Request, details: str) -> Words:
        """Which of the sites asked for the text of a refusal names."""
        named = set(_DIGITS.findall(details)) & set(request.named.get("sites", "").split())
        return ("naming", *sorted(named)) if named else ()

    def of_others(self, message: sessions.ReserveAllRegisteredSessionsResponse) -> list[str]:
        """The symbols of those sessions of an answer that are somebody else's."""
        found = map(self._sessions.symbol, message.sessions)
        return [symbol for symbol in found if symbol.startswith(OTHER)]

    # Discovery ------------------------------------------------------------------------------------

    def register(self, request: Request) -> Message:
        """A registration."""
        given = request.named
        return discovery.RegisterServiceRequest(
            service_description=discovery.ServiceDescriptor(
                display_name=given.get("name", "session-contract"),
                service_class=self._classes.meant(given["class"]),
                provided_interfaces=map(self._interfaces.meant, given["interface"].split()),
                versions=[given["version"]] if "version" in given else [],
            ),
            location=discovery.ServiceLocation(
                location=given.get("location", "localhost"),
                insecure_port=self._port(given.get("port", "")),
            ),
        )

    def _port(self, symbol: str) -> str:
        """A port that is one, and that is listened at; what is none stays as it is."""
        is_port = symbol.isdigit() and 0 < int(symbol) < 2**16
        return self._ports.meant(symbol) if is_port else symbol

    def read_registration(self, message: discovery.RegisterServiceResponse) -> Words:
        """The symbol of a registration id."""
        actual = message.registration_id
        known = self._registrations.symbol(actual)
        if known is None:
            numbers = (f"id{n}" for n in range(1, 1000))
            known = next(each for each in numbers if not self._registrations.known(each))
            self._registrations.bind(known, actual)
        return (known,) if known else ()

    def unregister(self, request: Request) -> Message:
        """The end of a registration."""
        (symbol,) = request.arguments
        return discovery.UnregisterServiceRequest(registration_id=self._registrations.meant(symbol))

    def resolve(self, request: Request) -> Message:
        """The question where a service is."""
        return discovery.ResolveServiceRequest(
            provided_interface=self._interfaces.meant(request.arguments[0]),
            service_class=self._classes.meant(request.named.get("class", "")),
            version=request.named.get("version", ""),
        )

    def read_location(self, message: discovery.ServiceLocation) -> Words:
        """The symbol of a port; anything else that is not as it was registered is told."""
        port = self._ports.symbol(message.insecure_port) or message.insecure_port
        if message.location != "localhost" or message.ssl_authenticated_port:
            port = f"{port}@{message.location}/{message.ssl_authenticated_port}"
        return (f"port={port}",)

    def enumerate(self, request: Request) -> Message:
        """The question which services there are."""
        return discovery.EnumerateServicesRequest(
            provided_interface=self._interfaces.meant(request.arguments[0]),
            service_class=self._classes.meant(request.named.get("class", "")),
        )

    def read_services(self, message: discovery.EnumerateServicesResponse) -> Words:
        """The symbols of the classes; those of others are counted."""
        found = [self._classes.symbol(s.service_class) for s in message.available_services]
        ours = [symbol for symbol in found if symbol]
        others = len(found) - len(ours)
        return (*ours, *([f"and-{others}-of-others"] if others else []))

    # Pin maps -------------------------------------------------------------------------------------

    def update(self, request: Request) -> Message:
        """A pin map."""
        identity, content = request.arguments
        right = pin_map(self._names, pins=_CONTENTS.get(content, "ABCD"))
        xml = "<PinMap><Pins></PinMap>" if content == "invalid" else right
        return pin_maps.UpdatePinMapFromXmlRequest(
            pin_map_id=self._maps.meant(identity), pin_map_xml=xml
        )

    def query(self, request: Request) -> Message:
        """The question what has to be opened."""
        context = self._context(request)
        return pin_maps.QueryResourceAccessInformationRequest(
            pin_map_id=context.pin_map_id,
            sites=context.sites,
            pin_or_relay_names=request.names(1),
            instrument_type_id=self._type(request),
        )

    def read_resources(self, message: pin_maps.QueryResourceAccessInformationResponse) -> Words:
        """The symbols of the sessions of the resources, each once."""
        found = (
            self._sessions.instrument(r.instrument_type_id, r.resource_name) or "Other"
            for r in message.resource_access_information
        )
        return dict.fromkeys(found)

    def _context(self, request: Request) -> PinMapContext:
        sites = map(int, request.named.get("sites", "").split())
        identity = next(iter(request.arguments), "")
        return PinMapContext(pin_map_id=self._maps.meant(identity), sites=sites)

    def _type(self, request: Request) -> str:
        types = {"": "", "custom": self._names.instrument_type, "dcpower": DC_POWER}
        return types[request.named.get("type", "")]

    # Sessions -------------------------------------------------------------------------------------

    def reserve(self, request: Request) -> Message:
        """A reservation."""
        return sessions.ReserveSessionsRequest(
            pin_map_context=self._context(request),
            pin_or_relay_names=request.names(1),
            instrument_type_id=self._type(request),
            timeout_in_milliseconds=int(request.named.get("timeout", "0")),
        )

    def read_reserved(self, message: sessions.ReserveSessionsResponse) -> Words:
        """The sessions, each with its flag and, of a custom instrument, its resource."""
        for each in message.sessions:
            symbol = self._sessions.symbol(each)
            yield symbol
            if each.session_exists:
                yield "exists"
            if symbol == "X":
                is_right = each.resource_name == self._names.instrument
                yield f"resource={'instrument1' if is_right else _word(each.resource_name)}"

    def reserve_all(self, request: Request) -> Message:
        """A reservation of what is registered."""
        return sessions.ReserveAllRegisteredSessionsRequest(
            instrument_type_id=self._type(request),
            timeout_in_milliseconds=int(request.named.get("timeout", "0")),
        )

    def read_all(self, message: sessions.ReserveAllRegisteredSessionsResponse) -> Words:
        """The sessions, each with its flag, and whether channels are listed for it."""
        for each in message.sessions:
            yield self._sessions.symbol(each)
            if each.session_exists:
                yield "exists"
            if each.channel_list or each.channel_mappings:
                yield "channels"

    def unreserve(self, request: Request) -> Message:
        """The end of a reservation."""
        return sessions.UnreserveSessionsRequest(sessions=self._messages(request))

    def register_sessions(self, request: Request) -> Message:
        """A registration of sessions that somebody has opened."""
        return sessions.RegisterSessionsRequest(sessions=self._messages(request, reserved=False))

    def unregister_sessions(self, request: Request) -> Message:
        """The end of such a registration."""
        return sessions.UnregisterSessionsRequest(sessions=self._messages(request))

    def _messages(
        self, request: Request, *, reserved: bool = True
    ) -> list[sessions.SessionInformation]:
        found = self._sessions.messages(request.names())
        if not reserved:  # as NI's client does
            for each in found:
                each.session_reserved = False
        return found


def _word(text: str) -> str:
    return re.sub(r"\s", "_", text) or '""'


_RPCS: Mapping[str, tuple[str, str, Callable[[Speaker, Request], Message]]] = {
    "RegisterService": ("discovery", "RegisterService", Speaker.register),
    "UnregisterService": ("discovery", "UnregisterService", Speaker.unregister),
    "ResolveService": ("discovery", "ResolveService", Speaker.resolve),
    "EnumerateServices": ("discovery", "EnumerateServices", Speaker.enumerate),
    "UpdatePinMap": ("pin_map", "UpdatePinMapFromXml", Speaker.update),
    "QueryResources": ("pin_map", "QueryResourceAccessInformation", Speaker.query),
    "ReserveSessions": ("sessions", "ReserveSessions", Speaker.reserve),
    "UnreserveSessions": ("sessions", "UnreserveSessions", Speaker.unreserve),
    "RegisterSessions": ("sessions", "RegisterSessions", Speaker.register_sessions),
    "UnregisterSessions": ("sessions", "UnregisterSessions", Speaker.unregister_sessions),
    "ReserveAllRegisteredSessions": (
        "sessions",
        "ReserveAllRegisteredSessions",
        Speaker.reserve_all,
    ),
}
_READINGS: Mapping[str, Callable[[Speaker, Any], Words]] = {
    "RegisterService": Speaker.read_registration,
    "ResolveService": Speaker.read_location,
    "EnumerateServices": Speaker.read_services,
    "QueryResources": Speaker.read_resources,
    "ReserveSessions": Speaker.read_reserved,
    "ReserveAllRegisteredSessions": Speaker.read_all,
}
