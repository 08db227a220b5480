"""The gRPC service of Session Management, between NI's messages and the cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ni.measurementlink.pin_map_context_pb2 import PinMapContext
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb

from session_fakes.errors import Refusal, listed
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps import (
    Access,
    ChannelMapping,
    Multiplexer,
    PinMap,
    PinMapStore,
    Resource,
    connected_multiplexers,
    resolve,
    session_name,
)
from session_fakes.services.callers import holder_of
from session_fakes.serving.dispatch import Caller, Service
from session_fakes.sessions import MultiplexerRecord, Reservations, SessionRecord, SessionView

_UNKNOWN_SITE = "INVALID_ARGUMENT"
"""What this service documents for a site that is not in the map; Pin Map differs."""
_OF_A_RESERVATION = "ni/reserved."
"""Begins the keys of annotations that belong to a reservation, not to a registration."""
_MOST_REMEMBERED = 64
"""Answers: a station sees few different ones, and each may be as large as its pin map."""

_Wanted = tuple[tuple[int, ...], tuple[str, ...], str]
"""Sites, names, and the type of instruments."""


class _Found(NamedTuple):
    """What is behind pins and relays, and the records of its sessions."""

    records: tuple[SessionRecord, ...]
    multiplexers: tuple[Multiplexer, ...]
    answer: pb.ReserveSessionsResponse
    """The answer as far as the pin map gives it; one is copied much faster than made."""


_NOTHING = _Found((), (), pb.ReserveSessionsResponse())


def session_management_service(
    store: PinMapStore, reservations: Reservations, *, prefixed_names: bool
) -> Service:
    """The service over pin maps and reservations."""
    handlers = _Handlers(store, reservations, prefixed_names)
    return Service(
        pb.DESCRIPTOR.services_by_name["SessionManagementService"],
        {
            "ReserveSessions": handlers.reserve,
            "UnreserveSessions": handlers.unreserve,
            "RegisterSessions": handlers.register,
            "UnregisterSessions": handlers.unregister,
            "ReserveAllRegisteredSessions": handlers.reserve_all,
            "RegisterMultiplexerSessions": handlers.register_multiplexers,
            "UnregisterMultiplexerSessions": handlers.unregister_multiplexers,
            "GetMultiplexerSessions": handlers.multiplexers_of_context,
            "GetAllRegisteredMultiplexerSessions": handlers.registered_multiplexers,
            "GetSessions": handlers.sessions,
        },
    )


class _Handlers:
    def __init__(
        self, store: PinMapStore, reservations: Reservations, prefixed_names: bool
    ) -> None:
        self._store = store
        self._reservations = reservations
        self._prefixed_names = prefixed_names
        self._remembered: dict[tuple[str, _Wanted], tuple[PinMap, _Found]] = {}

    # Reservations ---------------------------------------------------------------------------------

    def reserve(
        self, request: pb.ReserveSessionsRequest, caller: Caller
    ) -> pb.ReserveSessionsResponse:
        """Reserve the sessions behind pins and relays."""
        found = self._wanted(request)
        views = self._reservations.reserve(
            found.records,
            request.timeout_in_milliseconds,
            holder_of(caller),
            annotations=dict(request.annotations),
            caller=caller.context,
        )
        response = pb.ReserveSessionsResponse()
        response.CopyFrom(found.answer)
        for session, view in zip(response.sessions, views, strict=True):
            _add_state(session, view)
        for multiplexer in found.multiplexers:
            response.multiplexer_sessions.append(self._multiplexer(multiplexer))
        return response

    @fidelity(
        "RES-EMPTY-CONTEXT",
        evidence="tested by NI",
        rule="With an empty pin map id a reservation is OK and has no sessions",
    )
    @fidelity(
        "RES-NO-CONTEXT",
        evidence="our choice",
        rule="Names without a pin map context, resources that are no pins, are UNIMPLEMENTED",
    )
    def _wanted(self, request: pb.ReserveSessionsRequest) -> _Found:
        if not request.HasField("pin_map_context"):
            names = list(request.pin_or_relay_names)
            raise Refusal(
                "UNIMPLEMENTED",
                f"The request has no pin map context, so {listed(names)} would be resources that "
                "are no pins; these are not simulated. Send a context with a pin map id.",
            )
        context = request.pin_map_context
        if not context.pin_map_id:
            return _NOTHING
        wanted = (
            tuple(context.sites),
            tuple(request.pin_or_relay_names),
            request.instrument_type_id,
        )
        return self._found(context.pin_map_id, wanted)

    def _found(self, pin_map_id: str, wanted: _Wanted) -> _Found:
        """What is wanted of a pin map: remembered, for plug-ins ask the same again and again."""
        pin_map = self._store.get(pin_map_id)
        known = self._remembered.get((pin_map_id, wanted))
        if known is not None and known[0] is pin_map:
            return known[1]
        found = self._prepared(resolve(pin_map, *wanted, unknown_site=_UNKNOWN_SITE))
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[pin_map_id, wanted] = (pin_map, found)
        return found

    def _prepared(self, access: Access) -> _Found:
        records = tuple(map(self._record, access.resources))
        answer = pb.ReserveSessionsResponse(
            sessions=map(_information, records),
            group_mappings={
                name: pb.ResolvedPinsOrRelays(pin_or_relay_names=names)
                for name, names in access.group_mappings.items()
            },
        )
        return _Found(records, access.multiplexers, answer)

    def unreserve(
        self, request: pb.UnreserveSessionsRequest, _: Caller
    ) -> pb.UnreserveSessionsResponse:
        """Give sessions back."""
        self._reservations.unreserve(_names(request.sessions))
        return pb.UnreserveSessionsResponse()

    def reserve_all(
        self, request: pb.ReserveAllRegisteredSessionsRequest, caller: Caller
    ) -> pb.ReserveAllRegisteredSessionsResponse:
        """Reserve what is registered."""
        views = self._reservations.reserve_all(
            request.instrument_type_id,
            request.timeout_in_milliseconds,
            holder_of(caller),
            annotations=dict(request.annotations),
            caller=caller.context,
        )
        return pb.ReserveAllRegisteredSessionsResponse(
            sessions=[_described(view, with_channels=False) for view in views]
        )

    # Registrations --------------------------------------------------------------------------------

    def register(
        self, request: pb.RegisterSessionsRequest, caller: Caller
    ) -> pb.RegisterSessionsResponse:
        """Remember sessions that somebody has opened."""
        records = [_as_record(session) for session in request.sessions]
        self._reservations.register(records, holder_of(caller))
        return pb.RegisterSessionsResponse()

    def unregister(
        self, request: pb.UnregisterSessionsRequest, _: Caller
    ) -> pb.UnregisterSessionsResponse:
        """Forget sessions that somebody is about to close."""
        self._reservations.unregister(_names(request.sessions))
        return pb.UnregisterSessionsResponse()

    def register_multiplexers(
        self, request: pb.RegisterMultiplexerSessionsRequest, caller: Caller
    ) -> pb.RegisterMultiplexerSessionsResponse:
        """Remember multiplexer sessions that somebody has opened."""
        records = [
            MultiplexerRecord(
                session.session.name,
                session.resource_name,
                session.multiplexer_type_id,
                dict(session.annotations),
            )
            for session in request.multiplexer_sessions
        ]
        self._reservations.register_multiplexers(records, holder_of(caller))
        return pb.RegisterMultiplexerSessionsResponse()

    def unregister_multiplexers(
        self, request: pb.UnregisterMultiplexerSessionsRequest, _: Caller
    ) -> pb.UnregisterMultiplexerSessionsResponse:
        """Forget multiplexer sessions."""
        self._reservations.unregister_multiplexers(_names(request.multiplexer_sessions))
        return pb.UnregisterMultiplexerSessionsResponse()

    # Views ----------------------------------------------------------------------------------------

    def multiplexers_of_context(
        self, request: pb.GetMultiplexerSessionsRequest, _: Caller
    ) -> pb.GetMultiplexerSessionsResponse:
        """List the multiplexers that are connected in a context."""
        found = self._connected(request.pin_map_context, request.multiplexer_type_id)
        return pb.GetMultiplexerSessionsResponse(multiplexer_sessions=map(self._multiplexer, found))

    @fidelity(
        "MUX-NO-PIN-MAP",
        evidence="our choice",
        rule="GetMultiplexerSessions with an empty pin map id is NOT_FOUND, as with an unknown one",
    )
    def _connected(self, context: PinMapContext, type_id: str) -> Sequence[Multiplexer]:
        pin_map = self._store.get(context.pin_map_id)
        return connected_multiplexers(pin_map, context.sites, type_id, unknown_site=_UNKNOWN_SITE)

    def registered_multiplexers(
        self, request: pb.GetAllRegisteredMultiplexerSessionsRequest, _: Caller
    ) -> pb.GetAllRegisteredMultiplexerSessionsResponse:
        """List the multiplexer sessions that are registered."""
        return pb.GetAllRegisteredMultiplexerSessionsResponse(
            multiplexer_sessions=self._registered_multiplexers(request.multiplexer_type_id)
        )

    @fidelity(
        "GET-SESSIONS",
        evidence="documented",
        rule="GetSessions lists what is reserved or registered, each session once, and registered "
        "multiplexers",
    )
    @fidelity(
        "GET-SESSIONS-CHANNELS",
        evidence="our choice",
        rule="GetSessions answers channel list and mappings as they were reserved or registered",
    )
    def sessions(self, request: pb.GetSessionsRequest, _: Caller) -> pb.GetSessionsResponse:
        """List what is reserved or registered."""
        return pb.GetSessionsResponse(
            sessions=map(_described, self._reservations.sessions(request.instrument_type_id)),
            multiplexer_sessions=self._registered_multiplexers(request.multiplexer_type_id),
        )

    def _registered_multiplexers(self, type_id: str) -> Iterable[pb.MultiplexerSessionInformation]:
        for entry in self._reservations.multiplexers(type_id):
            record = entry.record
            yield _multiplexer_information(
                record.name,
                record.resource_name,
                record.multiplexer_type_id,
                record.annotations,
                exists=True,
            )

    # Between messages and records -----------------------------------------------------------------

    def _record(self, resource: Resource) -> SessionRecord:
        return SessionRecord(
            session_name(resource, prefixed=self._prefixed_names),
            resource.resource_name,
            resource.instrument_type_id,
            resource.channel_list,
            tuple(map(_mapping, resource.channel_mappings)),
        )

    @fidelity(
        "MUX-EXISTS",
        evidence="our choice",
        rule="session_exists of a multiplexer says whether its session is registered",
    )
    def _multiplexer(self, multiplexer: Multiplexer) -> pb.MultiplexerSessionInformation:
        name = session_name(multiplexer, prefixed=self._prefixed_names)
        registered = self._reservations.multiplexer(name)
        return _multiplexer_information(
            name,
            multiplexer.name,
            multiplexer.type_id,
            registered.record.annotations if registered else {},
            exists=registered is not None,
        )


def _names(
    sessions: Iterable[pb.SessionInformation] | Iterable[pb.MultiplexerSessionInformation],
) -> list[str]:
    return [session.session.name for session in sessions]


@fidelity(
    "REG-ANNOTATIONS",
    evidence="seen in NI's code",
    rule="What a registration says of the reservation (ni/reserved.…) is not kept with it",
)
def _as_record(session: pb.SessionInformation) -> SessionRecord:
    return SessionRecord(
        session.session.name,
        session.resource_name,
        session.instrument_type_id,
        session.channel_list,
        tuple(session.channel_mappings),
        {k: v for k, v in session.annotations.items() if not k.startswith(_OF_A_RESERVATION)},
    )


def _described(view: SessionView, *, with_channels: bool = True) -> pb.SessionInformation:
    information = _information(view.record, with_channels=with_channels)
    _add_state(information, view)
    return information


def _add_state(information: pb.SessionInformation, view: SessionView) -> None:
    information.session_exists = view.exists
    information.session_reserved = view.reserved
    for key, text in view.annotations.items():
        information.annotations[key] = text


def _information(record: SessionRecord, *, with_channels: bool = True) -> pb.SessionInformation:
    information = pb.SessionInformation(
        resource_name=record.resource_name,
        instrument_type_id=record.instrument_type_id,
    )
    information.session.name = record.name
    if with_channels:
        information.channel_list = record.channel_list
        information.channel_mappings.extend(record.channel_mappings)  # type: ignore[arg-type]
    return information


def _mapping(mapping: ChannelMapping) -> pb.ChannelMapping:
    return pb.ChannelMapping(
        pin_or_relay_name=mapping.pin_or_relay_name,
        site=mapping.site,
        channel=mapping.channel,
        multiplexer_resource_name=mapping.multiplexer_resource_name,
        multiplexer_route=mapping.multiplexer_route,
    )


def _multiplexer_information(
    name: str, resource_name: str, type_id: str, annotations: Mapping[str, str], *, exists: bool
) -> pb.MultiplexerSessionInformation:
    information = pb.MultiplexerSessionInformation(
        resource_name=resource_name,
        multiplexer_type_id=type_id,
        session_exists=exists,
        annotations=annotations,
    )
    information.session.name = name
    return information
