"""What a user says of the client to be judged. Read from TOML or made of flags: see ``loading``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from session_contract.subject.target import Descriptors, Identity, Names


@dataclass(frozen=True)
class Program:
    """A program that makes clients as it is told, line by line: see ``lines``.

    In all texts ``{here}`` is the folder of the target file, ``{tmp}`` a folder of this run,
    ``{discovery}`` the address of a fake Discovery, and ``{python}`` the Python that the kit runs
    in.
    """

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class PythonClient:
    """A Python class or function whose object is entered by ``with``.

    What a call is given are texts with something to fill in, such as ``{resource}``, other values,
    and tables with ``make``, which are further things to make: ``python_driver`` has the list.
    """

    make: str
    """``module:name``."""
    folder: Path
    python: str = sys.executable
    """The Python that has what the client imports."""
    arguments: Sequence[object] | None = None
    """None when they are to be told from the names of its parameters; likewise the keywords."""
    keywords: Mapping[str, object] | None = None
    then: Sequence[object] | None = None
    """With what the thing that was made is called to get the client; None when it is the client."""
    close: str = "close"
    """The method that closes before the block ends; empty when there is none."""
    use: Mapping[str, object] = field(default_factory=dict[str, object])
    """A method that calls the server, ``call``, with its ``arguments`` and ``keywords``."""


@dataclass(frozen=True)
class Registered:
    """As what the witness is registered with Discovery."""

    interface: str
    service_class: str


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    hang: float = 15.0
    """After which a caller that did not come back counts as hanging."""
    start: float = 30.0
    """That the driver has for its first answer."""


@dataclass(frozen=True)
class ClientTarget:
    """A client, and what is claimed of it."""

    identity: Identity
    driver: Program | PythonClient
    here: Path
    """The folder of the target file."""
    descriptors: Descriptors
    names: Names = field(default_factory=Names)
    registered: Registered | None = None
    resource: str = "contract-{unique}"
    """How fresh resources are named."""
    answers: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )
    """What other RPCs of the service answer, by name; by default an empty message."""
    uses: bool = False
    """Whether the driver can make a client call its server inside the block."""
    claims: frozenset[str] = frozenset()
    limits: Limits = Limits()
    known_failures: Path | None = None

    @property
    def conformance_class(self) -> str:
        """The class that it is held against."""
        return "client"

    @property
    def dialect(self) -> str:
        """Whose rules it follows: there is but one way to be a client."""
        return "standard"

    @property
    def where(self) -> str:
        """Its Python name, or the command of the program that makes it."""
        if isinstance(self.driver, PythonClient):
            return self.driver.make
        return " ".join(self.driver.argv)
