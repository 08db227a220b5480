"""What a station shows of itself: services, sessions, who waits, what was left behind."""

from __future__ import annotations

from typing import NamedTuple


class ServiceView(NamedTuple):
    """One registered service."""

    display_name: str
    service_class: str
    interfaces: tuple[str, ...]
    version: str
    location: str
    port: str
    process: str
    """Who registered it, as far as is known: ``process 4711``, or a peer."""
    since: float
    """Seconds of the fakes' clock."""
    static: bool
    """Whether it belongs to the station itself."""
    stale: bool
    """Whether it is known to be dead."""


class SessionFacts(NamedTuple):
    """One session that is reserved or registered."""

    name: str
    resource_name: str
    instrument_type_id: str
    reserved: bool
    registered: bool
    holder: str
    """Who reserved it; of one that is only registered, who registered it."""
    since: float | None
    """Seconds of the fakes' clock."""
    holder_ended: bool = False
    """Whether the process of the holder is known to have ended."""
    registrar: str = ""
    """Who registered it, also while somebody else has reserved it."""
    registrar_ended: bool = False


class WaitingView(NamedTuple):
    """One call that waits for sessions."""

    holder: str
    wanted: tuple[str, ...]
    since: float


class Leak(NamedTuple):
    """Something that was left behind, and by whom."""

    kind: str
    """``reservation``, ``session registration``, ``multiplexer registration``, ``waiting call``,
    ``service`` or ``channel``."""
    what: str
    who: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}, by {self.who}"
