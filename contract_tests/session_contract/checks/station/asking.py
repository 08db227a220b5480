"""Calls that several modules of checks make, in NI's messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.pin_map_context_pb2 import PinMapContext
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as sessions

from session_contract.station.pin_maps import PinMapNames, pin_map
from session_contract.station.station import Station

LONG = 60_000
"""Milliseconds that do not pass while a check lasts."""


def registration(station: Station, **given: Any) -> discovery.RegisterServiceRequest:  # noqa: ANN401 - fields of a message
    """A registration with which nothing is wrong but what is given."""
    name = f"contract.{station.fresh()}"
    service: dict[str, Any] = {
        "display_name": name,
        "service_class": name,
        "provided_interfaces": [f"{name}.I"],
    }
    place: dict[str, Any] = {"location": "localhost", "insecure_port": station.port(name)}
    for field, value in given.items():
        (place if field in ("location", "insecure_port", "ssl_authenticated_port") else service)[
            field
        ] = value
    return discovery.RegisterServiceRequest(
        service_description=discovery.ServiceDescriptor(**service),
        location=discovery.ServiceLocation(**place),
    )


class LoadedMap:
    """A pin map of this check's own, registered at the station."""

    def __init__(self, station: Station) -> None:
        unique = station.fresh()
        self.names = PinMapNames.of(unique)
        self.id = f"contract {unique}.pinmap"
        client = station.client()
        request = pin_maps.UpdatePinMapFromXmlRequest(
            pin_map_id=self.id, pin_map_xml=pin_map(self.names)
        )
        station.given(client.ask(client.stubs.pin_map.UpdatePinMapFromXml, request))

    def context(self, sites: Sequence[int] = ()) -> PinMapContext:
        """The pin map for measurements at these sites; for none, at all of them."""
        return PinMapContext(pin_map_id=self.id, sites=sites)

    def reserve(
        self, *names: str, sites: Sequence[int] = (), timeout: int = 0
    ) -> sessions.ReserveSessionsRequest:
        """A reservation of pins."""
        return sessions.ReserveSessionsRequest(
            pin_map_context=self.context(sites),
            pin_or_relay_names=names,
            timeout_in_milliseconds=timeout,
        )


def unreserve(
    found: Iterable[sessions.SessionInformation],
) -> sessions.UnreserveSessionsRequest:
    """The end of a reservation."""
    return sessions.UnreserveSessionsRequest(sessions=found)


def a_session(station: Station, name: str | None = None) -> sessions.SessionInformation:
    """A session that somebody has opened, in no pin map; with a name that nobody has used."""
    unique = station.fresh()
    information = sessions.SessionInformation(
        resource_name=f"contract {unique}", instrument_type_id=f"contract{unique}"
    )
    information.session.name = f"contract session {unique}" if name is None else name
    return information
