"""The rules of sharing sessions, once, for any kind of resource.

A *resource* is what clients share: a log file, an instrument, a lock. A *session* is the open
resource, and its *id* is what clients hold. Whoever adapts a reference server to a resource of
their own keeps this file unchanged and says only how to open and how to close one.

======================  =====================  ============================
call                    no open session        open session
======================  =====================  ============================
UNSPECIFIED (0)         creates, new is true   its id, new is false
INITIALIZE_NEW (1)      creates, new is true   ALREADY_EXISTS
ATTACH_TO_EXISTING (2)  NOT_FOUND              its id, new is false
close                   NOT_FOUND              the resource is released
use                     NOT_FOUND              goes on
======================  =====================  ============================

Each cell holds however many calls arrive at once, because every resource has a lock of its own:
who opens or closes it holds that lock, so that others who want the *same* resource wait, and
those who want another one do not. Uses of a session run side by side. A close ends the session
first, then lets the uses that are running finish, then releases the resource.
"""

from __future__ import annotations

import enum
import logging
import secrets
import threading
from collections.abc import Callable, Generator, Hashable
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from .refusals import (
    CallerGoneError,
    InvalidRequestError,
    SessionExistsError,
    SessionNotFoundError,
    quoted,
)

_GLANCE = 0.1
"""Seconds between two looks whether the client is still there, while its call waits."""

Resource = TypeVar("Resource")


class Behavior(enum.IntEnum):
    """What Initialize does, depending on whether the resource has an open session."""

    UNSPECIFIED = 0
    INITIALIZE_NEW = 1
    ATTACH_TO_EXISTING = 2

    @classmethod
    def of(cls, number: int) -> Behavior:
        """The behaviour with this number; raise InvalidRequestError when there is none."""
        try:
            return cls(number)
        except ValueError:
            known = ", ".join(f"{member.value} ({member.name})" for member in cls)
            text = f"No behaviour has the number {number}: use {known}."
            raise InvalidRequestError(text) from None


class Opened(NamedTuple):
    """The answer of Initialize."""

    session_id: str
    new: bool


@dataclass(eq=False, slots=True)
class _Session(Generic[Resource]):
    """An open resource, its id, and how many calls use it now."""

    key: Hashable
    resource: Resource
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    users: int = 0


@dataclass(eq=False, slots=True)
class _Slot(Generic[Resource]):
    """The place of one resource; it is there while calls want it or it has a session."""

    lock: threading.Lock = field(default_factory=threading.Lock)  # held to open and to close
    session: _Session[Resource] | None = None
    wanted: int = 0


class SessionTable(Generic[Resource]):
    """All open sessions of a server; every method may be called from any thread."""

    def __init__(
        self,
        release: Callable[[Resource], None],
        is_gone: Callable[[Resource], bool] = lambda _: False,
    ) -> None:
        """Make an empty table.

        Args:
            release: Closes a resource. Its session has ended even when it raises.
            is_gone: Whether a resource has disappeared under its session, which then counts as
                closed. By default resources stay.
        """
        self._release = release
        self._is_gone = is_gone
        self._mutex = threading.Lock()  # held for a few lookups, never while a resource is busy
        self._unused = threading.Condition(self._mutex)
        self._slots: dict[Hashable, _Slot[Resource]] = {}
        self._sessions: dict[str, _Session[Resource]] = {}

    def initialize(
        self,
        key: Hashable,
        behavior: Behavior,
        create: Callable[[], Resource],
        waited_for: Callable[[], bool] = lambda: True,
    ) -> Opened:
        """Attach to the session of a resource or create one: the upper rows of the matrix.

        Args:
            key: What makes two resources the same one.
            behavior: What the client asks for.
            create: Opens the resource; it may be slow, and what it raises is the answer.
            waited_for: Whether the client still waits (``context.is_active``); when it has given
                up, nothing of its call is left behind.
        """
        with self._held(key, waited_for) as slot:
            if slot.session and self._is_gone(slot.session.resource):
                self._end(slot, slot.session)
            if slot.session is None:
                if behavior is Behavior.ATTACH_TO_EXISTING:
                    raise SessionNotFoundError("No session is open to attach to: initialize one.")
                session = _Session(key, self._create(create, waited_for))
                with self._mutex:
                    slot.session = self._sessions[session.id] = session
                return Opened(session.id, new=True)
            if behavior is Behavior.INITIALIZE_NEW:
                raise SessionExistsError("A session is open already: close it, or attach to it.")
            return Opened(slot.session.id, new=False)

    def use(self, session_id: str) -> AbstractContextManager[Resource]:
        """Give the resource of an open session, and keep it open until the block ends."""
        return _Use(self._take, session_id, self._put_back)

    def close(self, session_id: str, waited_for: Callable[[], bool] = lambda: True) -> None:
        """End a session for everybody, wait for the calls that use it, release the resource."""
        with self._mutex:
            session = self._find(session_id)
        with self._held(session.key, waited_for) as slot:
            if slot.session is not session:  # another call closed it first
                raise _not_found(session_id)
            gone = self._is_gone(session.resource)
            self._end(slot, session)
        if gone:
            raise _not_found(session_id)

    def close_all(self) -> None:
        """End every session, for a server that stops; a resource that resists is only logged."""
        with self._mutex:
            session_ids = list(self._sessions)
        for session_id in session_ids:
            try:
                with suppress(SessionNotFoundError):
                    self.close(session_id)
            except Exception:  # the others have to be released, too
                logging.getLogger(__name__).exception("Session %s resists.", session_id)

    def _take(self, session_id: str) -> _Session[Resource]:
        """Note that a call uses a session."""
        with self._mutex:
            session = self._find(session_id)
            session.users += 1
        unusable = True  # also if looking fails
        try:
            unusable = self._is_gone(session.resource)
        finally:
            if unusable:
                self._put_back(session)
        if not unusable:
            return session
        with suppress(SessionNotFoundError):
            self.close(session_id)
        raise _not_found(session_id)

    def _put_back(self, session: _Session[Resource]) -> None:
        """Note that the call is done with it, for a close that waits for that."""
        with self._mutex:
            session.users -= 1
            if not session.users and session.id not in self._sessions:
                self._unused.notify_all()

    def _find(self, session_id: str) -> _Session[Resource]:
        session = self._sessions.get(session_id)
        if session is None:
            raise _not_found(session_id)
        return session

    @contextmanager
    def _held(
        self, key: Hashable, waited_for: Callable[[], bool]
    ) -> Generator[_Slot[Resource], None, None]:
        """Hold the lock of a resource."""
        with self._mutex:
            slot = self._slots.get(key) or self._slots.setdefault(key, _Slot())
            slot.wanted += 1
        try:
            while not slot.lock.acquire(timeout=_GLANCE):
                if not waited_for():
                    raise CallerGoneError("The client gave up while the resource was busy.")
            try:
                yield slot
            finally:
                slot.lock.release()
        finally:
            with self._mutex:
                slot.wanted -= 1
                if not slot.wanted and slot.session is None:
                    del self._slots[key]

    def _create(self, create: Callable[[], Resource], waited_for: Callable[[], bool]) -> Resource:
        """Open a resource, and release it again when nobody is left to take it."""
        resource = create()
        if not waited_for():
            self._release(resource)
            raise CallerGoneError("The client gave up while the resource was opened.")
        return resource

    def _end(self, slot: _Slot[Resource], session: _Session[Resource]) -> None:
        """End the session of a slot that is held, then release its resource."""
        with self._mutex:
            slot.session = None
            del self._sessions[session.id]
            self._unused.wait_for(lambda: not session.users)
        self._release(session.resource)


@dataclass(eq=False, slots=True)
class _Use(Generic[Resource]):
    """A block that uses a session; a class, since a generator costs a small call too much."""

    take: Callable[[str], _Session[Resource]]
    id: str
    put_back: Callable[[_Session[Resource]], None]
    session: _Session[Resource] = field(init=False)

    def __enter__(self) -> Resource:
        self.session = self.take(self.id)
        return self.session.resource

    def __exit__(self, *error: object) -> None:
        self.put_back(self.session)


def _not_found(session_id: str) -> SessionNotFoundError:
    return SessionNotFoundError(
        f"No open session has the id {quoted(session_id)}: it was closed, or never existed."
    )
