"""The sessions of a device server: one name space, whoever the driver is.

NI's server keeps names in one table and handles in one table for each kind of handle. All of its
drivers but NI-DAQmx use the same kind, and so one of them can attach to the session of another;
the driver itself then refuses the handle.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from session_fakes.device.drivers import TASK, Driver
from session_fakes.device.faults import INVALID_HANDLE, INVALID_TASK, DriverError
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity
from session_fakes.sessions import NOBODY, Holder

__all__ = ["ATTACH", "INITIALIZE_NEW", "Instrument", "OpenSession", "SessionRepository"]

INITIALIZE_NEW = 1
ATTACH = 2
"""On the wire; every other value, known or not, acts as UNSPECIFIED."""

_LONGEST = 500
"""Characters of a name in a text: texts travel in a header."""


class Instrument(Protocol):
    """What a driver made for a session."""

    def close(self) -> None:
        """The session has ended."""


@dataclass(frozen=True)
class OpenSession:
    """A session under its name."""

    name: str
    driver: Driver
    instrument: Instrument
    holder: Holder
    """Who opened it."""


class SessionRepository:
    """The open sessions by name; safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._sessions: dict[str, OpenSession] = {}
        self._orphans: list[OpenSession] = []
        self._numbers = itertools.count(1)

    @fidelity(
        "DEV-AUTO",
        evidence="tested by NI",
        rule="UNSPECIFIED creates a session, or attaches and leaves all arguments unused",
    )
    @fidelity(
        "DEV-OTHER-BEHAVIOR",
        evidence="seen in NI's code",
        rule="A value of the behaviour that is not known acts as UNSPECIFIED",
    )
    @fidelity(
        "DEV-ONE-LOCK",
        evidence="seen in NI's code",
        rule="One lock is held while a driver initializes: of racing calls one creates",
    )
    def open(
        self,
        driver: Driver,
        name: str,
        behavior: int,
        create: Callable[[str], Instrument],
        holder: Holder = NOBODY,
    ) -> tuple[OpenSession, bool]:
        """The session with a name, and whether it was made now.

        Args:
            driver: Whose initialize RPC was called.
            name: Chosen by the client; empty for a session of its own.
            behavior: As on the wire.
            create: Makes the instrument of a new session; what it raises is the answer, and
                nothing is kept.
            holder: Who calls.

        Raises:
            Refusal: The behaviour does not allow it, or the session is of another kind.
        """
        with self._lock:
            found = self._sessions.get(name) if name else None
            self._check(name, behavior, found)
            if found is not None:
                return self._attached(found, driver), False
            return self._created(driver, name, create, holder), True

    @fidelity(
        "DEV-INITIALIZE-TAKEN",
        evidence="tested by NI",
        rule="INITIALIZE_NEW on a name that is taken is ALREADY_EXISTS, in NI's words",
    )
    @fidelity(
        "DEV-ATTACH-MISSING",
        evidence="tested by NI",
        rule="ATTACH_TO_EXISTING without a session, also with an empty name, is "
        "FAILED_PRECONDITION, in NI's words",
    )
    def _check(self, name: str, behavior: int, found: OpenSession | None) -> None:
        if behavior == INITIALIZE_NEW and found:
            raise Refusal(
                "ALREADY_EXISTS",
                f"Cannot initialize '{_short(name)}' when a session already exists.",
            )
        if behavior == ATTACH and not found:
            raise Refusal(
                "FAILED_PRECONDITION",
                f"Cannot attach to '{_short(name)}' because a session has not been initialized.",
            )

    @fidelity(
        "DEV-FOREIGN-KIND",
        evidence="tested by NI",
        rule="NI-DAQmx and the other drivers cannot attach to each other's sessions: "
        "INVALID_ARGUMENT, in NI's words",
    )
    @fidelity(
        "DEV-FOREIGN-DRIVER",
        evidence="seen in NI's code",
        rule="Drivers but for NI-DAQmx can attach to each other's sessions; the handle is refused "
        "when it is used",
    )
    def _attached(self, found: OpenSession, driver: Driver) -> OpenSession:
        if found.driver.handle != driver.handle:
            raise Refusal(
                "INVALID_ARGUMENT",
                f'The session name "{_short(found.name)}" is being used by a different driver.',
            )
        return found

    @fidelity(
        "DEV-EMPTY-NAME",
        evidence="tested by NI",
        rule="An empty name always makes a new session, named ni:generated:<n>",
    )
    @fidelity(
        "DEV-INIT-ERROR",
        evidence="tested by NI",
        rule="When the driver cannot initialize nothing is kept",
    )
    def _created(
        self, driver: Driver, name: str, create: Callable[[str], Instrument], holder: Holder
    ) -> OpenSession:
        instrument = create(name)
        name = name or f"ni:generated:{next(self._numbers)}"
        self._sessions[name] = session = OpenSession(name, driver, instrument, holder)
        return session

    @fidelity(
        "DEV-NO-SESSION",
        evidence="tested by NI",
        rule="A session that is not open is the driver's error -1074130544, in NI's words",
    )
    @fidelity(
        "DEV-NO-TASK",
        evidence="our choice",
        rule="A task that is not open is the driver's error -200088",
    )
    def get(self, driver: Driver, name: str) -> Instrument:
        """The instrument of an open session; raise DriverError when there is none."""
        found = self._sessions.get(name)
        if found is None or found.driver != driver:
            raise DriverError(INVALID_TASK if driver.handle == TASK else INVALID_HANDLE)
        return found.instrument

    @fidelity(
        "DEV-CLOSE",
        evidence="tested by NI",
        rule="Close closes for everybody; what is not open is the driver's error",
    )
    @fidelity(
        "DEV-CLOSE-FOREIGN",
        evidence="seen in NI's code",
        rule="A driver that closes the session of another takes its name away, and then fails",
    )
    def close(self, driver: Driver, name: str) -> None:
        """End a session; raise DriverError when it is not open, or not one of this driver."""
        with self._lock:
            found = self._sessions.get(name)
            if found and found.driver != driver and found.driver.handle == driver.handle:
                self._orphans.append(self._sessions.pop(name))
            instrument = self.get(driver, name)
            del self._sessions[name]
            instrument.close()

    @fidelity(
        "DEV-RESET-SERVER",
        evidence="tested by NI",
        rule="ResetServer closes all sessions and drops all reservations; the numbers of generated "
        "names go on",
    )
    def reset(self) -> None:
        """Close all sessions."""
        with self._lock:
            sessions = [*self._sessions.values(), *self._orphans]
            self._sessions.clear()
            self._orphans.clear()
            for session in sessions:
                session.instrument.close()

    def all(self) -> list[OpenSession]:
        """The open sessions, the oldest first."""
        with self._lock:
            return list(self._sessions.values())


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
