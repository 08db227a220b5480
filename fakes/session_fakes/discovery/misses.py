"""Texts for a service that was not found: what was asked, what there is, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from session_fakes.discovery.services import Service
from session_fakes.discovery.well_known import DEVICE_SERVER_INTERFACES, SIMULATED
from session_fakes.errors import listed, quoted

__all__ = ["why_not_found"]

_MOST_COMPARED = 200
"""Names that are compared with a mistyped one; comparing takes time."""

_LONGEST_COMPARED = 200


def why_not_found(
    known: Sequence[Service], interface: str, service_class: str, version: str
) -> str:
    """Say why no service matches, and name those that come near."""
    for package, name in DEVICE_SERVER_INTERFACES.items():
        if name == interface:
            return f"no service provides {quoted(interface)}: {_no_driver(package)}"
    if not known:
        return f"no service provides {quoted(interface)}: none is registered. {_REMEDY}"
    having = [service for service in known if interface in service.provided_interfaces]
    if not having:
        return _unknown_interface(known, interface)
    of_class = [service for service in having if service.service_class == service_class]
    if service_class and not of_class:
        return _unknown_class(known, having, interface, service_class)
    return _unknown_version(of_class or having, version)


def _no_driver(package: str) -> str:
    why = (
        f"the fake device server has the drivers whose packages are installed beside it, and "
        f"{package} is not (pip install session-contract[drivers])"
        if package in SIMULATED
        else f"{'NI-VISA' if package == 'visa' else package} is not simulated on the fake device "
        "server"
    )
    return f"{why}. {_WITHOUT}"


_WITHOUT = (
    "Or open the session without the fake: with the driver itself (set "
    "MEASUREMENT_PLUGIN_USE_GRPC_DEVICE_SERVER=false), or on a real device server "
    "(MEASUREMENT_PLUGIN_GRPC_DEVICE_SERVER_ADDRESS=http://HOST:PORT)."
)
_REMEDY = "Start the service and look whether it registers, or install its .serviceconfig file."


def _unknown_interface(known: Sequence[Service], interface: str) -> str:
    names = _sorted(name for service in known for name in service.provided_interfaces)
    shown = f"Registered interfaces: {listed(names)}. {_REMEDY}"
    return (
        f"no service provides the interface {quoted(interface)}. {_near(interface, names)}{shown}"
    )


def _unknown_class(
    known: Sequence[Service], having: Sequence[Service], interface: str, service_class: str
) -> str:
    names = _sorted(service.service_class for service in having)
    same = next((service for service in known if service.service_class == service_class), None)
    provides = f", only {listed(same.provided_interfaces)}" if same else ""
    said = f"no service of the class {quoted(service_class)} provides {quoted(interface)}{provides}"
    return f"{said}. {_near(service_class, names)}Classes that do: {listed(names)}. {_REMEDY}"


def _unknown_version(having: Sequence[Service], version: str) -> str:
    names = _sorted(service.version for service in having)
    return (
        f"{quoted(having[0].service_class)} is not registered in version {quoted(version)}. "
        f"Versions: {listed(names)}. Leave the version out to take the latest."
    )


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def _near(name: str, names: Sequence[str]) -> str:
    import difflib  # slow to import, seldom needed

    short = [other for other in names[:_MOST_COMPARED] if len(other) <= _LONGEST_COMPARED]
    near = difflib.get_close_matches(name[:_LONGEST_COMPARED], short, n=1)
    return f"Did you mean {quoted(near[0])}? " if near else ""
