"""Reserved and registered sessions, as NI's Session Management Service keeps them."""

from __future__ import annotations

from session_fakes.sessions.records import (
    NOBODY,
    Blocker,
    Granted,
    Holder,
    MultiplexerRecord,
    Registered,
    Request,
    Reservation,
    SessionRecord,
    SessionView,
    Ticket,
    Waiting,
)
from session_fakes.sessions.refusals import FOREVER
from session_fakes.sessions.registrations import Registrations
from session_fakes.sessions.reservations import Caller, Reservations
from session_fakes.sessions.session_book import PATIENCE, SessionBook

__all__ = [
    "FOREVER",
    "NOBODY",
    "PATIENCE",
    "Blocker",
    "Caller",
    "Granted",
    "Holder",
    "MultiplexerRecord",
    "Registered",
    "Registrations",
    "Request",
    "Reservation",
    "Reservations",
    "SessionBook",
    "SessionRecord",
    "SessionView",
    "Ticket",
    "Waiting",
]
