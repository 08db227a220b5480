"""Discovery without gRPC: who is registered, what is installed, and how it is started."""

from __future__ import annotations

from session_fakes.discovery.activation import Activator, StartedService
from session_fakes.discovery.probing import why_dead
from session_fakes.discovery.registry import ComputeNode, Registry, Stale
from session_fakes.discovery.serviceconfig import ServiceConfig, read_serviceconfig
from session_fakes.discovery.services import Holder, Location, Registration, Service
from session_fakes.discovery.versions import UNVERSIONED

__all__ = [
    "UNVERSIONED",
    "Activator",
    "ComputeNode",
    "Holder",
    "Location",
    "Registration",
    "Registry",
    "Service",
    "ServiceConfig",
    "Stale",
    "StartedService",
    "read_serviceconfig",
    "why_dead",
]
