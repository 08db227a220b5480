"""The gRPC service of the pin maps, between NI's messages and the store."""

from __future__ import annotations

from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pb

from session_fakes.pinmaps import ChannelMapping, PinMapStore, query_pins, query_relays, resolve
from session_fakes.serving.dispatch import Caller, Service

_UNKNOWN_SITE = "NOT_FOUND"
"""What this service documents for a site that is not in the map; Session Management differs."""


def pin_map_service(store: PinMapStore) -> Service:
    """The service over a store of pin maps."""
    handlers = _Handlers(store)
    return Service(
        pb.DESCRIPTOR.services_by_name["PinMapService"],
        {
            "CreatePinMapFromXml": handlers.create,
            "UpdatePinMapFromXml": handlers.update,
            "GetPinMap": handlers.get,
            "QueryPins": handlers.query_pins,
            "QueryRelays": handlers.query_relays,
            "QueryResourceAccessInformation": handlers.query_access,
        },
    )


class _Handlers:
    def __init__(self, store: PinMapStore) -> None:
        self._store = store

    def create(self, request: pb.CreatePinMapFromXmlRequest, _: Caller) -> pb.PinMap:
        """Register a pin map under a new id."""
        self._store.create(request.pin_map_id, request.pin_map_xml)
        return pb.PinMap(pin_map_id=request.pin_map_id)

    def update(self, request: pb.UpdatePinMapFromXmlRequest, _: Caller) -> pb.PinMap:
        """Register or replace a pin map."""
        self._store.update(request.pin_map_id, request.pin_map_xml)
        return pb.PinMap(pin_map_id=request.pin_map_id)

    def get(self, request: pb.GetPinMapRequest, _: Caller) -> pb.PinMap:
        """Say whether a pin map is registered."""
        self._store.get(request.pin_map_id)
        return pb.PinMap(pin_map_id=request.pin_map_id)

    def query_pins(self, request: pb.QueryPinsRequest, _: Caller) -> pb.QueryPinsResponse:
        """List pins and pin groups."""
        found = query_pins(self._store.get(request.pin_map_id), request.instrument_type_id)
        return pb.QueryPinsResponse(
            pins=[
                pb.PinDefinition(display_name=pin.name, is_system_pin=pin.is_system)
                for pin in found.terminals
            ],
            pin_groups=[
                pb.PinGroupDefinition(
                    display_name=group.name,
                    pin_or_group_references=group.references,
                    resolved_pins=group.resolved,
                )
                for group in found.groups
            ],
        )

    def query_relays(self, request: pb.QueryRelaysRequest, _: Caller) -> pb.QueryRelaysResponse:
        """List relays and relay groups."""
        found = query_relays(self._store.get(request.pin_map_id))
        return pb.QueryRelaysResponse(
            relays=[
                pb.RelayDefinition(display_name=relay.name, is_system_relay=relay.is_system)
                for relay in found.terminals
            ],
            relay_groups=[
                pb.RelayGroupDefinition(
                    display_name=group.name,
                    relay_or_group_references=group.references,
                    resolved_relays=group.resolved,
                )
                for group in found.groups
            ],
        )

    def query_access(
        self, request: pb.QueryResourceAccessInformationRequest, _: Caller
    ) -> pb.QueryResourceAccessInformationResponse:
        """Say what has to be opened to get at pins and relays."""
        access = resolve(
            self._store.get(request.pin_map_id),
            request.sites,
            request.pin_or_relay_names,
            request.instrument_type_id,
            unknown_site=_UNKNOWN_SITE,
        )
        return pb.QueryResourceAccessInformationResponse(
            resource_access_information=[
                pb.ResourceAccessInformation(
                    resource_name=resource.resource_name,
                    channel_list=resource.channel_list,
                    instrument_type_id=resource.instrument_type_id,
                    channel_mappings=map(_mapping, resource.channel_mappings),
                )
                for resource in access.resources
            ],
            group_mappings={
                name: pb.ResolvedPinsOrRelays(pin_or_relay_names=names)
                for name, names in access.group_mappings.items()
            },
        )


def _mapping(mapping: ChannelMapping) -> pb.ChannelMapping:
    return pb.ChannelMapping(
        pin_or_relay_name=mapping.pin_or_relay_name,
        site=mapping.site,
        channel=mapping.channel,
        multiplexer_resource_name=mapping.multiplexer_resource_name,
        multiplexer_route=mapping.multiplexer_route,
        multiplexer_type_id=mapping.multiplexer_type_id,
    )
