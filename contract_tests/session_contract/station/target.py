"""What a user says of a station: where its Discovery is, or the command that starts one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from session_contract.subject.loading import identity, limits, place
from session_contract.subject.target import (
    Address,
    Command,
    Identity,
    Limits,
    Servicer,
    TargetError,
)
from session_contract.subject.toml_files import Section
from session_spec.requirement import Origin

OUR_CHOICE = Origin.REFERENCE.value
"""Claims the rules that are this kit's own choice; a station of NI's has no reason to."""
_LOOK_UP = "_get_discovery_service_address"
BY_NI = "ni"
"""In place of an address: the one that NI's clients look up by themselves."""


@dataclass(frozen=True)
class StationTarget:
    """A station, and what is claimed of it."""

    identity: Identity
    place: Address | Command
    here: Path
    """The folder of the target file."""
    claims: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    known_failures: Path | None = None
    conformance_class: str = "station"
    dialect: str = "standard"

    @property
    def where(self) -> str:
        """The address of its Discovery, or its command."""
        place = self.place
        return place.address if isinstance(place, Address) else " ".join(place.argv)

    @property
    def is_ours(self) -> bool:
        """Whether the rules that are our own choice bind it."""
        return OUR_CHOICE in self.claims


def station_target(top: Section, here: Path) -> StationTarget:
    """The station that a target file describes, or flags do."""
    about = top.section("target")
    known_failures = about.text("known_failures")
    target = StationTarget(
        identity=identity(about),
        place=_place(about, here),
        here=here,
        claims=frozenset(about.words("claims", (OUR_CHOICE,))),
        limits=limits(top.section("limits")),
        known_failures=here / known_failures if known_failures else None,
    )
    about.finish()
    return target


def _place(about: Section, here: Path) -> Address | Command:
    if about.text("address") == BY_NI:
        return Address(_found_by_ni())
    found = place(about, here)
    if isinstance(found, Servicer):
        raise about.error("servicer", "is for a server: a station has an address, or a command")
    return found


def _found_by_ni() -> str:
    """The address at which NI's clients find Discovery. Unverified: NI's look-up needs Windows."""
    from ni.measurementlink.discovery.v1.client import _support

    try:
        # NI tells it nowhere else.
        return str(getattr(_support, _LOOK_UP)())
    except Exception as error:
        raise TargetError(
            f"NI's own look-up finds no Discovery: {error} Give the address of the station as "
            "HOST:PORT."
        ) from error


def station_from_flags(address: str, details: Mapping[str, Any]) -> StationTarget:
    """The station whose Discovery is at this address."""
    if foreign := sorted(details.keys() - {"name", "claim"}):
        raise TargetError(f"--{foreign[0]} is for a server: leave it out with --station.")
    about = {
        "address": address,
        "name": details.get("name") or f"the station at {address}",
        "claims": list(details.get("claim", ())),
    }
    return station_target(Section("flags", "", {"target": about}), Path.cwd())
