"""What a user says of a device server: where it is, and the interface of which driver is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from session_contract.driver.interfaces import INTERFACES, DriverInterface
from session_contract.subject.loading import identity, limits, place
from session_contract.subject.target import Address, Command, Identity, Limits, Servicer
from session_contract.subject.toml_files import Section, nearest


@dataclass(frozen=True)
class DriverTarget:
    """A device server, and one of its interfaces."""

    identity: Identity
    place: Address | Command
    here: Path
    """The folder of the target file."""
    interface: DriverInterface
    by_discovery: bool = False
    """Whether the place is that of a Discovery, to be asked for the device server."""
    configuration: Mapping[str, object] = field(default_factory=dict[str, object])
    """Fields of the initialization."""
    limits: Limits = field(default_factory=Limits)
    known_failures: Path | None = None
    claims: frozenset[str] = frozenset()
    conformance_class: str = "driver"
    dialect: str = "grpc-device"

    @property
    def where(self) -> str:
        """Its address or its command, and the interface."""
        place = self.place
        found = place.address if isinstance(place, Address) else " ".join(place.argv)
        return f"{self.interface.service} at {found}"


def driver_target(top: Section, here: Path) -> DriverTarget:
    """The device server that a target file describes."""
    about = top.section("target")
    known_failures = about.text("known_failures")
    interface = _interface(about)
    target = DriverTarget(
        identity=identity(about),
        place=_place(about, here),
        here=here,
        interface=interface,
        by_discovery=about.flag("discovery"),
        configuration=top.table("initialize") or interface.simulated,
        limits=limits(top.section("limits")),
        known_failures=here / known_failures if known_failures else None,
    )
    about.finish()
    return target


def _place(about: Section, here: Path) -> Address | Command:
    found = place(about, here)
    if isinstance(found, Servicer):
        raise about.error("servicer", "is for a server: give the address of the device server")
    return found


def _interface(about: Section) -> DriverInterface:
    name = about.text("interface")
    if name not in INTERFACES:
        raise about.error("interface", f"is {name!r}; {nearest(name, INTERFACES)}", end="")
    return INTERFACES[name]
