"""What a user says of a server that is to fit a profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from session_contract.profiles.interfaces import PROFILES, Profile
from session_contract.subject.loading import identity, limits, place
from session_contract.subject.target import Identity, Limits, Place, place_in_words
from session_contract.subject.toml_files import Section
from session_spec.requirement import CLAIMS


@dataclass(frozen=True)
class ProfileTarget:
    """A server that was made from one of our examples."""

    identity: Identity
    place: Place
    here: Path
    """The folder of the target file."""
    conformance_class: str
    folder: str = ""
    """Where the checks make logs and register maps; empty for a folder of the run."""
    claims: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    known_failures: Path | None = None
    dialect: str = "standard"

    @property
    def where(self) -> str:
        """Its address, its command, or its function."""
        return place_in_words(self.place)

    @property
    def profile(self) -> Profile:
        """The profile that it is to fit."""
        return PROFILES[self.conformance_class]


def logger_target(top: Section, here: Path) -> ProfileTarget:
    """The file logger that a target file describes."""
    return _target("file-logger", top, here)


def instrument_target(top: Section, here: Path) -> ProfileTarget:
    """The custom instrument that a target file describes."""
    return _target("custom-instrument", top, here)


def _target(name: str, top: Section, here: Path) -> ProfileTarget:
    about, resource = top.section("target"), top.section("resource")
    known_failures = about.text("known_failures")
    target = ProfileTarget(
        identity=identity(about),
        place=place(about, here),
        here=here,
        conformance_class=name,
        folder=resource.text("folder"),
        claims=frozenset(about.words("claims", CLAIMS[name])),
        limits=limits(top.section("limits")),
        known_failures=here / known_failures if known_failures else None,
    )
    about.finish()
    resource.finish()
    return target
