"""What a user says of the server to be judged. Read from TOML or made of flags: see ``loading``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from session_spec.matrix import Behavior
from session_spec.model import Rules

DEFAULT_STOPS = {True: ("CTRL_BREAK",), False: ("SIGTERM",)}
"""How a server is asked to stop, on Windows (unverified) and elsewhere."""


class TargetError(Exception):
    """The description of a target cannot be used; the text says where and what to change."""


class Unreachable(Exception):  # noqa: N818 - not a fault in the description
    """The target does not start, or nobody answers at its address; the text says what it said."""


@dataclass(frozen=True)
class Identity:
    """What the report calls the target."""

    name: str
    version: str = ""
    contact: str = ""


class AnyTarget(Protocol):
    """What a run knows of whatever it judges: a server, a client, a sequence, a station."""

    @property
    def identity(self) -> Identity:
        """What the report calls it."""
        ...

    @property
    def conformance_class(self) -> str:
        """The class that it is held against."""
        ...

    @property
    def claims(self) -> frozenset[str]:
        """What it claims beyond the core."""
        ...

    @property
    def dialect(self) -> str:
        """Whose rules it follows where sources differ."""
        ...

    @property
    def known_failures(self) -> Path | None:
        """The list of what it is known to violate."""
        ...

    @property
    def where(self) -> str:
        """Where it is, in words for the head of the report."""
        ...


@dataclass(frozen=True)
class Address:
    """A server that runs already: whoever started it looks after it."""

    address: str


@dataclass(frozen=True)
class Command:
    """A server that the kit starts, stops, kills and starts again.

    In all texts ``{port}`` is a free port, ``{tmp}`` a folder of this run, ``{ready_file}`` a path
    for the server to write its address to, ``{discovery}`` the address of a fake Discovery,
    ``{here}`` the folder of the target file, and ``{python}`` the Python that the kit runs in.
    """

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ready_output: str = ""
    """A regular expression for a line of its output; a group ``port`` or ``address`` is used."""
    ready_file: bool = False
    """Whether it writes its address to ``{ready_file}``."""
    within: float = 10.0
    """Seconds until it has to be ready."""
    stops: Sequence[str] = DEFAULT_STOPS[os.name == "nt"]
    """The ways to stop that the claim ``hosting`` is checked for."""
    grace: float = 5.0
    """Seconds that it takes at most to stop."""


@dataclass(frozen=True)
class Servicer:
    """A Python function ``module:name`` that adds a servicer to the ``grpc.Server`` it is given."""

    function: str
    folder: Path


Place = Address | Command | Servicer


def place_in_words(place: Place) -> str:
    """The address, the command, or the function that adds a servicer to a server."""
    if isinstance(place, Address):
        return place.address
    return " ".join(place.argv) if isinstance(place, Command) else place.function


@dataclass(frozen=True)
class Descriptors:
    """Where the shapes of messages are known from."""

    source: str = "reflection"
    """``reflection``, or the path of a .proto file or of a descriptor set."""
    include: Sequence[Path] = ()
    """Folders in which a .proto finds what it imports."""


@dataclass(frozen=True)
class Names:
    """What the target calls things; what is empty is inferred from the descriptors."""

    service: str = ""
    initialize: str = ""
    close: str = ""
    resource: str = ""
    behavior: str = ""
    session: str = ""
    new: str = ""
    close_session: str = ""
    behaviors: Mapping[Behavior, str | int] = field(default_factory=dict[Behavior, str | int])


@dataclass(frozen=True)
class UseCall:
    """An RPC that uses a session."""

    rpc: str
    session: str = ""
    """The field with the id; inferred when empty."""
    request: Mapping[str, object] = field(default_factory=dict[str, object])
    """Other fields; the text ``{value}`` stands for the value that is written."""
    answer: str = ""
    """The field of the answer that says what was written last."""
    writes: bool = False
    """Whether it writes ``{value}``, for others to read."""


@dataclass(frozen=True)
class Resources:
    """How fresh resources come to be.

    ``{unique}`` is a text that no other resource has, ``{tmp}`` a folder of this run.
    """

    name: str = "contract-{unique}"
    setup: Sequence[str] = ()
    """A command that makes the resource, before it is first named."""
    cleanup: Sequence[str] = ()
    slow: str = ""
    """The name of a resource that takes long to open, for the claim ``independent``."""
    slow_setup: Sequence[str] = ()
    gone: Sequence[str] = ()
    """A command that makes an open resource disappear."""


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    call: float = 5.0
    """After which a call counts as lost."""


@dataclass(frozen=True)
class Target:
    """A server, and what is claimed of it."""

    identity: Identity
    place: Place
    here: Path
    """The folder of the target file."""
    descriptors: Descriptors = Descriptors()
    names: Names = Names()
    resources: Resources = Resources()
    configuration: Mapping[str, object] = field(default_factory=dict[str, object])
    """Further fields of Initialize."""
    bad_configuration: Mapping[str, object] = field(default_factory=dict[str, object])
    """Values of such fields that a create has to refuse, and an attach may not look at."""
    slow_configuration: Mapping[str, object] = field(default_factory=dict[str, object])
    """Values of such fields with which the slow resource is opened."""
    uses: Sequence[UseCall] = ()
    claims: frozenset[str] = frozenset()
    dialect: str = "standard"
    limits: Limits = Limits()
    known_failures: Path | None = None

    @property
    def conformance_class(self) -> str:
        """The class that it is held against."""
        return "driver" if self.dialect == "grpc-device" else "server"

    @property
    def where(self) -> str:
        """Its address, its command, or the function that adds it to a server."""
        return place_in_words(self.place)

    @property
    def rules(self) -> Rules:
        """The rules that its answers are held against."""
        return Rules(claims=self.claims, grpc_device=self.dialect == "grpc-device")
