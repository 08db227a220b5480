"""Finding services by interface, class and version, in a few look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from session_fakes.discovery.services import Service
from session_fakes.discovery.versions import version_order

__all__ = ["Shelf", "collapsed", "matches"]

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Items by interface, service class and version; of equal ones the newest comes last."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, dict[str, list[Item]]]] = {}

    def get(self, interface: str) -> dict[str, dict[str, list[Item]]]:
        """The items of an interface, by class and version."""
        return self._items.get(interface) or {}

    def newest(self, interface: str, service_class: str, version: str) -> Item | None:
        """The newest item of a version, or of the latest when that is empty."""
        versions = self.get(interface).get(service_class)
        if not versions:
            return None
        items = versions.get(version or next(reversed(versions)))
        return items[-1] if items else None

    def put(self, service: Service, item: Item) -> None:
        """Add an item for a service."""
        for interface in dict.fromkeys(service.provided_interfaces):
            classes = self._items.setdefault(interface, {})
            versions = classes.setdefault(service.service_class, {})
            if service.version not in versions:
                # The latest comes last, so that finding it takes one step.
                versions[service.version] = []
                order = sorted(versions, key=version_order)
                versions = classes[service.service_class] = {each: versions[each] for each in order}
            versions[service.version].append(item)

    def take(self, service: Service, item: Item) -> None:
        """Take an item of a service away."""
        for interface in dict.fromkeys(service.provided_interfaces):
            classes = self._items[interface]
            versions = classes[service.service_class]
            versions[service.version].remove(item)
            # Empty entries would count as classes and versions that exist.
            if not versions[service.version]:
                del versions[service.version]
            if not versions:
                del classes[service.service_class]
            if not classes:
                del self._items[interface]


def matches(service: Service, interface: str, service_class: str) -> bool:
    """Whether a service passes the filters; an empty one lets all pass."""
    return (not interface or interface in service.provided_interfaces) and (
        not service_class or service.service_class == service_class
    )


def collapsed(services: Sequence[Service]) -> Service:
    """One entry for the versions of a class, described by the latest."""
    latest = max(services, key=lambda service: version_order(service.version))
    versions = sorted({service.version for service in services}, key=version_order)
    return latest._replace(versions=tuple(versions))
