"""What is said of sessions: records, requests, places in the queue, views.

Tuples where it can be: every call makes some, and dataclasses are slow to define and to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from session_fakes.errors import quoted

NO_ANNOTATIONS: Mapping[str, str] = {}


class Holder(NamedTuple):
    """Who made a call, as far as is known. Nothing is decided by it: NI knows no owners."""

    program: str = ""
    pid: int | None = None
    peer: str = ""
    place: str = ""
    """File and line of the caller, for clients of this process."""

    def __str__(self) -> str:
        """One phrase for a text: ``program 'dmm/measurement.py', process 4711``."""
        parts = [
            f"program {quoted(self.program)}" if self.program else "",
            f"process {self.pid}" if self.pid is not None else "",
            f"at {quoted(self.place)}" if self.place else "",
            f"peer {quoted(self.peer)}" if self.peer else "",
        ]
        return ", ".join(filter(None, parts)) or "an unknown client"


NOBODY = Holder()


class SessionRecord(NamedTuple):
    """A session as a client knows it; the name alone identifies it."""

    name: str
    resource_name: str = ""
    instrument_type_id: str = ""
    channel_list: str = ""
    channel_mappings: tuple[object, ...] = ()
    """Kept and handed out as they came."""
    annotations: Mapping[str, str] = NO_ANNOTATIONS

    @property
    def type_id(self) -> str:
        """What a type filter compares with."""
        return self.instrument_type_id


class MultiplexerRecord(NamedTuple):
    """A session of a multiplexer: it can be registered, never reserved."""

    name: str
    resource_name: str = ""
    multiplexer_type_id: str = ""
    annotations: Mapping[str, str] = NO_ANNOTATIONS

    @property
    def type_id(self) -> str:
        """What a type filter compares with."""
        return self.multiplexer_type_id


class Named(Protocol):
    """What can be registered."""

    @property
    def name(self) -> str:
        """The name, unique among what is registered."""
        ...

    @property
    def type_id(self) -> str:
        """The type to filter by."""
        ...


Record = TypeVar("Record", bound=Named)


@dataclass(frozen=True)
class Registered(Generic[Record]):
    """A record, who registered it, and when on the fakes' clock."""

    record: Record
    holder: Holder
    since: float


class Request(NamedTuple):
    """What a call wants to reserve: the sessions given, or all registered ones of a type."""

    holder: Holder
    sessions: Sequence[SessionRecord] = ()
    registered_of_type: str | None = None
    """None for the sessions given; ``""`` for every type."""
    annotations: Mapping[str, str] = NO_ANNOTATIONS


class Reservation(NamedTuple):
    """One session that is reserved: by which call, and since when."""

    record: SessionRecord
    holder: Holder
    since: float
    number: int
    """Of the call: the later it arrived the higher."""
    annotations: Mapping[str, str] = NO_ANNOTATIONS
    """Those of the reservation alone."""


class SessionView(NamedTuple):
    """One session at one moment: what is known of it, and who has reserved or registered it."""

    record: SessionRecord
    reservation: Reservation | None
    registration: Registered[SessionRecord] | None
    annotations: Mapping[str, str]
    """Those of the registration, then those of the reservation over them."""

    @property
    def exists(self) -> bool:
        """Whether the session is registered: what NI calls ``session_exists``."""
        return self.registration is not None

    @property
    def reserved(self) -> bool:
        """Whether the session is reserved."""
        return self.reservation is not None


@dataclass(eq=False)
class Ticket:
    """The place of a call in the queue."""

    number: int
    request: Request
    since: float
    wanted: dict[str, SessionRecord]
    passed: int = 0
    """How often only later calls kept this one waiting, and another one passed by."""
    due: bool = False
    """Whether what it wants is set aside for it."""
    granted: tuple[SessionView, ...] | None = None
    """The answer, once it is there."""


class Granted(NamedTuple):
    """Everything that a call wanted is reserved for it."""

    sessions: tuple[SessionView, ...]


class Waiting(NamedTuple):
    """Something that a call wants is not free."""

    ticket: Ticket


class Blocker(NamedTuple):
    """Why one session cannot be had: it is reserved, or set aside for a call from before."""

    name: str
    reserved: Reservation | None
    set_aside_for: Ticket | None
