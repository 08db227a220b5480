"""What a service says of itself when it registers, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from session_fakes.discovery.versions import effective_version, version_fault
from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity
from session_fakes.sessions import NOBODY, Holder

__all__ = ["Holder", "Location", "Registration", "Service", "faults_of"]

_PORT = re.compile(r"[1-9][0-9]{0,4}")
_HIGHEST_PORT = 65535
_NO_ANNOTATIONS: Mapping[str, str] = {}


class Service(NamedTuple):
    """A service as it describes itself, in a registration or in a .serviceconfig file."""

    display_name: str
    service_class: str
    provided_interfaces: tuple[str, ...]
    versions: tuple[str, ...] = ()
    """As it registers: none or one. As Discovery answers: at least one, the oldest first."""
    description_url: str = ""
    annotations: Mapping[str, str] = _NO_ANNOTATIONS

    @property
    def version(self) -> str:
        """The version that the service counts as."""
        return effective_version(self.versions)


class Location(NamedTuple):
    """Where a service can be called: a host, and the port of one or of both kinds of channel."""

    location: str
    insecure_port: str = ""
    ssl_authenticated_port: str = ""

    def __str__(self) -> str:
        return f"{self.location}:{self.insecure_port or self.ssl_authenticated_port}"


class Registration(NamedTuple):
    """A running service: what it is, where it is, who registered it and when."""

    service: Service
    location: Location
    holder: Holder = NOBODY
    id: str = ""
    """Given by the registry."""
    since: float = 0.0
    """Given by the registry, from its clock."""


@fidelity(
    "DISC-REGISTER-EMPTY",
    evidence="documented",
    rule="An empty name, class, location or list of interfaces is INVALID_ARGUMENT",
)
@fidelity(
    "DISC-REGISTER-BLANK",
    evidence="our choice",
    rule="An interface that is empty, and a text of nothing but spaces, count as empty",
)
@fidelity(
    "DISC-VERSION-ONE",
    evidence="documented",
    rule="A registration has one version at most; the code INVALID_ARGUMENT is our choice",
)
def faults_of(registration: Registration) -> list[str]:
    """Everything that is wrong with a registration, in words; empty when nothing is."""
    service, location = registration.service, registration.location
    faults = [f"{name} is empty" for name in _empty_texts(service, location)]
    if len(service.versions) > 1:
        faults.append(f"{len(service.versions)} versions are given where one is allowed")
    faults += filter(None, map(version_fault, service.versions[:1]))
    return [*faults, *_port_faults(location)]


def _empty_texts(service: Service, location: Location) -> Iterator[str]:
    texts = {
        "display_name": service.display_name,
        "service_class": service.service_class,
        "location": location.location,
    }
    yield from (name for name, text in texts.items() if not text.strip())
    if not service.provided_interfaces:
        yield "provided_interfaces"
    elif not all(interface.strip() for interface in service.provided_interfaces):
        yield "one of the provided_interfaces"


@fidelity(
    "DISC-REGISTER-PORT",
    evidence="documented",
    rule="No port at all, and one that is no number from 1 to 65535, are INVALID_ARGUMENT",
)
def _port_faults(location: Location) -> Iterator[str]:
    ports = {
        "insecure_port": location.insecure_port,
        "ssl_authenticated_port": location.ssl_authenticated_port,
    }
    if not any(ports.values()):
        yield f"{' and '.join(ports)} are empty: at least one is needed"
    for name, port in ports.items():
        if port and not (_PORT.fullmatch(port) and int(port) <= _HIGHEST_PORT):
            yield f"{name} {quoted(port)} is not a port number from 1 to {_HIGHEST_PORT}"
