"""The registry of services: who is registered, and which registration answers a resolve.

Installed services (those of .serviceconfig files) are known beside the running ones. A running
service always comes before an installed one of its class; when it unregisters, the installed one
is found again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from session_fakes.discovery.misses import why_not_found
from session_fakes.discovery.probing import why_dead
from session_fakes.discovery.services import Registration, Service, faults_of
from session_fakes.discovery.shelf import Shelf, collapsed, matches
from session_fakes.errors import FakeError, Refusal, listed, quoted
from session_fakes.fidelity import fidelity

__all__ = ["ComputeNode", "Registry", "Stale"]

_LONGEST_TEXT = 3000
"""Status texts travel in a header, and names in them are the callers'."""


class ComputeNode(NamedTuple):
    """A machine of the station."""

    url: str
    is_local: bool = True


class Stale(NamedTuple):
    """A registration whose service is known to be dead."""

    registration: Registration
    why: str


class Registry:
    """The services of a station; safe to use from many threads."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        why_dead: Callable[[Registration], str] = why_dead,
        evict_stale: bool = False,
        local_node: str = "localhost",
    ) -> None:
        """Make a registry with nobody in it.

        Args:
            now: The clock that stamps registrations.
            why_dead: Says why a service is known to be dead; empty when it is not.
            evict_stale: Ask ``why_dead`` before a service is answered, and forget the dead.
            local_node: The name of this machine as a deployment target.
        """
        self._now = now
        self._why_dead = why_dead
        self._evict_stale = evict_stale
        self._local_node = local_node
        self._lock = threading.Lock()
        self._by_id: dict[str, Registration] = {}
        self._running = Shelf[Registration]()
        self._installed: dict[tuple[str, str], Service] = {}
        self._installed_shelf = Shelf[Service]()
        self._evicted: set[str] = set()
        self._listeners: list[Callable[[Registration], None]] = []

    @fidelity(
        "DISC-REGISTRATION-ID",
        evidence="documented",
        rule="A registration answers an id that is not empty and that no other has",
    )
    @fidelity(
        "DISC-NEWEST",
        evidence="our choice",
        rule="A class and version may register again; the newest registration is resolved",
    )
    def register(self, registration: Registration) -> str:
        """Add a running service and answer the id by which it unregisters."""
        faults = faults_of(registration)
        if faults:
            text = f"the service cannot be registered: {'; '.join(faults)}"
            raise Refusal("INVALID_ARGUMENT", text)
        service = registration.service._replace(versions=(registration.service.version,))
        with self._lock:
            entry = registration._replace(
                service=service, id=os.urandom(16).hex(), since=self._now()
            )
            self._by_id[entry.id] = entry
            self._running.put(service, entry)
        for listener in tuple(self._listeners):
            listener(entry)
        return entry.id

    @fidelity(
        "DISC-UNREGISTER",
        evidence="documented",
        rule="An unregistered service is not resolved any more; one it displaced is again",
    )
    @fidelity(
        "DISC-UNREGISTER-UNKNOWN",
        evidence="our choice",
        rule="An id that is not registered is NOT_FOUND, but for one that was evicted, or that a "
        "reset of the station has forgotten",
    )
    def unregister(self, registration_id: str) -> None:
        """Remove a running service."""
        with self._lock:
            entry = self._by_id.get(registration_id)
            if entry is not None:
                self._remove(entry)
            elif registration_id not in self._evicted:
                raise Refusal("NOT_FOUND", self._unknown_id(registration_id))

    def _unknown_id(self, registration_id: str) -> str:
        classes = sorted({entry.service.service_class for entry in self._by_id.values()})
        return (
            f"no service is registered with the id {quoted(registration_id)}; it may have been "
            "unregistered already. Unregister once, with the id that the registration answered. "
            f"Registered classes: {listed(classes)}."
        )[:_LONGEST_TEXT]

    def install(self, service: Service) -> None:
        """Make known a service that does not run, but could be started."""
        key = service.service_class, service.version
        with self._lock:
            if key in self._installed:
                raise FakeError(
                    f"{quoted(key[0])} is installed in version {key[1]} already. "
                    "Give one of the two .serviceconfig files another version or class."
                )
            entry = service._replace(versions=(service.version,))
            self._installed[key] = entry
            self._installed_shelf.put(entry, entry)

    def resolve(
        self,
        interface: str,
        service_class: str = "",
        version: str = "",
        deployment_target: str = "",
    ) -> Registration:
        """The running service that a client is sent to."""
        found = self.lookup(interface, service_class, version, deployment_target)
        if isinstance(found, Registration):
            return found
        raise Refusal(
            "NOT_FOUND",
            f"{quoted(found.service_class)} provides {quoted(interface)} and is installed, but "
            "does not run, and nothing starts it. Start it by hand.",
        )

    @fidelity(
        "DISC-RESOLVE-FOUND",
        evidence="documented",
        rule="A resolve answers where a matching service registered",
    )
    @fidelity(
        "DISC-RESOLVE-UNKNOWN", evidence="documented", rule="A resolve without a match is NOT_FOUND"
    )
    @fidelity(
        "DISC-DISPLACE",
        evidence="our choice",
        rule="A running service comes before an installed one, which returns when it unregisters",
    )
    def lookup(
        self,
        interface: str,
        service_class: str = "",
        version: str = "",
        deployment_target: str = "",
    ) -> Registration | Service:
        """The running service that matches, else the installed one that could be started."""
        self._check_request(interface, deployment_target)
        while True:
            with self._lock:
                found = self._find(interface, service_class, version)
            if found is None:
                text = why_not_found(self._known(), interface, service_class, version)
                raise Refusal("NOT_FOUND", text[:_LONGEST_TEXT])
            if not (self._evict_stale and isinstance(found, Registration) and self._evict(found)):
                return found

    @fidelity(
        "DISC-RESOLVE-EMPTY", evidence="documented", rule="An empty interface is INVALID_ARGUMENT"
    )
    @fidelity(
        "DISC-TARGET",
        evidence="our choice",
        rule="A deployment target other than none or the local node is NOT_FOUND",
    )
    def _check_request(self, interface: str, deployment_target: str) -> None:
        if not interface:
            raise Refusal(
                "INVALID_ARGUMENT",
                "provided_interface is empty: name the interface that is going to be called",
            )
        if deployment_target not in ("", self._local_node):
            raise Refusal(
                "NOT_FOUND",
                f"the station has no compute node {quoted(deployment_target)}; it has "
                f"{quoted(self._local_node)}. Leave the deployment target out.",
            )

    @fidelity(
        "DISC-VERSION-LATEST",
        evidence="documented",
        rule="A resolve without a version answers the latest that runs",
    )
    def _find(
        self, interface: str, service_class: str, version: str
    ) -> Registration | Service | None:
        wanted = service_class or self._only_class(interface)
        running = self._running.newest(interface, wanted, version)
        return running or self._installed_shelf.newest(interface, wanted, version)

    @fidelity(
        "DISC-RESOLVE-AMBIGUOUS",
        evidence="documented",
        rule="Several classes with the interface, and none named, are FAILED_PRECONDITION",
    )
    @fidelity(
        "DISC-AMBIGUOUS-CLASSES",
        evidence="our choice",
        rule="Classes are counted, running or installed, and never versions or instances",
    )
    def _only_class(self, interface: str) -> str:
        running, installed = self._running.get(interface), self._installed_shelf.get(interface)
        classes = running.keys() | installed.keys() if installed else running
        if len(classes) > 1:
            text = (
                f"{quoted(interface)} is provided by {len(classes)} service classes: "
                f"{listed(sorted(classes))}. Name one of them as the service_class."
            )
            raise Refusal("FAILED_PRECONDITION", text[:_LONGEST_TEXT])
        return next(iter(classes), "")

    @fidelity(
        "DISC-ENUMERATE",
        evidence="documented",
        rule="Each matching class is listed once, with all its versions; empty filters match all",
    )
    def enumerate(self, interface: str = "", service_class: str = "") -> list[Service]:
        """The matching services, running or installed; the versions of a class are one entry."""
        self._sweep_if_asked()
        by_class: dict[str, list[Service]] = {}
        for service in self._known():
            if matches(service, interface, service_class):
                by_class.setdefault(service.service_class, []).append(service)
        return [collapsed(by_class[name]) for name in sorted(by_class)]

    @fidelity(
        "DISC-ACTIVE",
        evidence="documented",
        rule="Each running instance is an entry of its own, with its location",
    )
    def active(self, interface: str = "", service_class: str = "") -> list[Registration]:
        """The matching services that run, in the order in which they registered."""
        self._sweep_if_asked()
        with self._lock:
            entries = list(self._by_id.values())
        return [entry for entry in entries if matches(entry.service, interface, service_class)]

    def get(self, registration_id: str) -> Registration | None:
        """The running service with an id, if it still runs."""
        with self._lock:
            return self._by_id.get(registration_id)

    @fidelity("DISC-NODES", evidence="our choice", rule="A station has one compute node, the local")
    def compute_nodes(self) -> list[ComputeNode]:
        """The machines of the station."""
        return [ComputeNode(self._local_node)]

    def on_registered(self, listener: Callable[[Registration], None]) -> None:
        """Call back after each registration, in the thread that registers."""
        self._listeners.append(listener)

    @fidelity(
        "DISC-STALE",
        evidence="our choice",
        rule="A dead service stays registered and resolved, and is shown as stale",
    )
    def stale(self) -> list[Stale]:
        """The registrations whose services are known to be dead."""
        with self._lock:
            entries = list(self._by_id.values())
        return [Stale(entry, why) for entry in entries if (why := self._why_dead(entry))]

    @fidelity(
        "DISC-EVICT",
        evidence="our choice",
        rule="With the switch evict_stale a dead service is forgotten instead of being answered",
    )
    def sweep(self) -> list[Stale]:
        """Forget the services that are known to be dead, and answer which those were."""
        dead = self.stale()
        with self._lock:
            for each in dead:
                self._forget(each.registration)
        return dead

    def evict_all(self) -> None:
        """Forget all running services, but let them unregister when they end."""
        with self._lock:
            for entry in list(self._by_id.values()):
                self._forget(entry)

    def clear(self) -> None:
        """Forget all running services; installed ones stay."""
        with self._lock:
            for entry in list(self._by_id.values()):
                self._remove(entry)

    def _evict(self, entry: Registration) -> bool:
        # Asking may take a while: never under the lock.
        if not self._why_dead(entry):
            return False
        with self._lock:
            self._forget(entry)
        return True

    def _sweep_if_asked(self) -> None:
        if self._evict_stale:
            self.sweep()

    def _forget(self, entry: Registration) -> None:
        if entry.id in self._by_id:
            self._remove(entry)
            self._evicted.add(entry.id)

    def _remove(self, entry: Registration) -> None:
        del self._by_id[entry.id]
        self._running.take(entry.service, entry)

    def _known(self) -> list[Service]:
        """Running services, the newest first, then the installed ones."""
        with self._lock:
            running = [entry.service for entry in reversed(self._by_id.values())]
            return [*running, *self._installed.values()]
