"""The gRPC service of Discovery, between NI's messages and the registry."""

from __future__ import annotations

import threading

from ni.measurementlink.discovery.v1 import discovery_service_pb2 as pb

from session_fakes.discovery import Activator, Location, Registration, Registry
from session_fakes.discovery import Service as ServiceFacts
from session_fakes.services.callers import holder_of
from session_fakes.serving.dispatch import Caller, Service


def discovery_service(registry: Registry, activator: Activator) -> Service:
    """The service over a registry; what is installed and does not run is started."""
    handlers = _Handlers(registry, activator)
    return Service(
        pb.DESCRIPTOR.services_by_name["DiscoveryService"],
        {
            "RegisterService": handlers.register,
            "UnregisterService": handlers.unregister,
            "EnumerateServices": handlers.enumerate,
            "EnumerateActiveServices": handlers.enumerate_active,
            "EnumerateComputeNodes": handlers.enumerate_nodes,
            "ResolveService": handlers.resolve,
            "ResolveServiceWithInformation": handlers.resolve_with_information,
        },
    )


class _Handlers:
    def __init__(self, registry: Registry, activator: Activator) -> None:
        self._registry = registry
        self._activator = activator

    def register(
        self, request: pb.RegisterServiceRequest, caller: Caller
    ) -> pb.RegisterServiceResponse:
        """Add a running service."""
        said, place = request.service_description, request.location
        facts = ServiceFacts(
            said.display_name,
            said.service_class,
            tuple(said.provided_interfaces),
            tuple(said.versions),
            said.description_url,
            dict(said.annotations),
        )
        location = Location(place.location, place.insecure_port, place.ssl_authenticated_port)
        number = self._registry.register(Registration(facts, location, holder_of(caller)))
        return pb.RegisterServiceResponse(registration_id=number)

    def unregister(
        self, request: pb.UnregisterServiceRequest, _: Caller
    ) -> pb.UnregisterServiceResponse:
        """Remove a running service."""
        self._registry.unregister(request.registration_id)
        return pb.UnregisterServiceResponse()

    def enumerate(
        self, request: pb.EnumerateServicesRequest, _: Caller
    ) -> pb.EnumerateServicesResponse:
        """List services, running or installed."""
        found = self._registry.enumerate(request.provided_interface, request.service_class)
        return pb.EnumerateServicesResponse(available_services=map(_descriptor, found))

    def enumerate_active(
        self, request: pb.EnumerateActiveServicesRequest, _: Caller
    ) -> pb.EnumerateActiveServicesResponse:
        """List running services, each with its location."""
        found = self._registry.active(request.provided_interface, request.service_class)
        return pb.EnumerateActiveServicesResponse(
            active_services=[
                pb.ActiveServiceInformation(
                    service_descriptor=_descriptor(entry.service),
                    service_location=_location(entry.location),
                )
                for entry in found
            ]
        )

    def enumerate_nodes(
        self, _: pb.EnumerateComputeNodesRequest, __: Caller
    ) -> pb.EnumerateComputeNodesResponse:
        """List the machines of the station."""
        nodes = [
            pb.ComputeNodeDescriptor(url=node.url, is_local=node.is_local)
            for node in self._registry.compute_nodes()
        ]
        return pb.EnumerateComputeNodesResponse(compute_nodes=nodes)

    def resolve(self, request: pb.ResolveServiceRequest, caller: Caller) -> pb.ServiceLocation:
        """Say where a service runs."""
        return _location(self._resolved(request, caller).location)

    def resolve_with_information(
        self, request: pb.ResolveServiceWithInformationRequest, caller: Caller
    ) -> pb.ResolveServiceWithInformationResponse:
        """Say where a service runs, and which version of it."""
        found = self._resolved(request, caller)
        return pb.ResolveServiceWithInformationResponse(
            service_location=_location(found.location),
            service_descriptor=_descriptor(found.service),
        )

    def _resolved(
        self,
        request: pb.ResolveServiceRequest | pb.ResolveServiceWithInformationRequest,
        caller: Caller,
    ) -> Registration:
        wanted = (
            request.provided_interface,
            request.service_class,
            request.version,
            request.deployment_target,
        )
        found = self._registry.lookup(*wanted)
        if isinstance(found, Registration):
            return found
        gone = threading.Event()
        caller.context.add_callback(gone.set)
        return self._activator.resolve(*wanted, woken=gone)


def _descriptor(service: ServiceFacts) -> pb.ServiceDescriptor:
    return pb.ServiceDescriptor(
        display_name=service.display_name,
        description_url=service.description_url,
        provided_interfaces=service.provided_interfaces,
        service_class=service.service_class,
        annotations=service.annotations,
        versions=service.versions,
    )


def _location(location: Location) -> pb.ServiceLocation:
    return pb.ServiceLocation(
        location=location.location,
        insecure_port=location.insecure_port,
        ssl_authenticated_port=location.ssl_authenticated_port,
    )
