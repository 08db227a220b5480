"""What a check has created in a station, so that it can be taken back, and nothing else.

The names are this run's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as sessions

if TYPE_CHECKING:
    from session_contract.station.resolving import Stubs
    from session_contract.station.station import Pending

_TO_END = 2.0
"""Seconds that calls which still wait have, once all that they wait for is free."""


class Belongings:
    """Registrations, session registrations and reservations of one check."""

    def __init__(self) -> None:
        self._names: dict[str, sessions.SessionInformation] = {}
        self._registrations: dict[str, None] = {}
        self._waiting: dict[Pending, None] = {}
        self._lock = threading.Lock()
        self._notes: Mapping[type, Callable[[Any, Any], None]] = {
            discovery.RegisterServiceRequest: self._registered_service,
            sessions.ReserveSessionsRequest: self._reserved,
            sessions.RegisterSessionsRequest: self._registered,
        }

    def begun(self, pending: Pending) -> None:
        """A call may wait."""
        with self._lock:
            self._waiting[pending] = None

    def note(self, pending: Pending) -> None:
        """A call was answered."""
        answer = pending.answer()
        note = self._notes.get(type(pending.request))
        with self._lock:
            self._waiting.pop(pending, None)
            if note:
                note(pending.request, answer.message)

    def own(self, found: Iterable[sessions.SessionInformation]) -> None:
        """These sessions are ours."""
        for each in found:
            self._names[each.session.name] = each

    def own_registration(self, number: str) -> None:
        """So is the registration of a service."""
        if number:
            self._registrations[number] = None

    def _registered_service(self, _: Any, response: Any) -> None:  # noqa: ANN401 - of NI's protos
        self.own_registration(response.registration_id if response is not None else "")

    def _reserved(self, _: Any, response: Any) -> None:  # noqa: ANN401
        self.own(response.sessions if response is not None else ())

    def _registered(self, request: Any, _: Any) -> None:  # noqa: ANN401
        # Also when it was refused: whether some of them are registered then is not said.
        self.own(request.sessions)

    # ----------------------------------------------------------------------------------------------

    def find(self, stubs: Stubs, unique: str, deadline: float) -> None:
        """Own what has this text in a name: a call that was refused may have reserved it."""
        with suppress(grpc.RpcError):
            answer = stubs.sessions.GetSessions(sessions.GetSessionsRequest(), timeout=deadline)
            self.own(each for each in answer.sessions if unique in each.resource_name)

    def take_back(self, stubs: Stubs, deadline: float) -> None:
        """Unregister and unreserve all of it; calls that still wait are to have nothing, either."""
        waiting = list(self._waiting)
        for number in self._registrations:
            _tried(
                stubs.discovery.UnregisterService,
                discovery.UnregisterServiceRequest(registration_id=number),
                deadline,
            )
        for each in list(self._names.values()):
            _tried(
                stubs.sessions.UnregisterSessions,
                sessions.UnregisterSessionsRequest(sessions=[each]),
                deadline,
            )
        self._unreserve(stubs, deadline)
        self._end(waiting, stubs, deadline)

    def _unreserve(self, stubs: Stubs, deadline: float) -> None:
        for each in list(self._names.values()):
            request = sessions.UnreserveSessionsRequest(sessions=[each])
            _tried(stubs.sessions.UnreserveSessions, request, deadline)

    def _end(self, waiting: Sequence[Pending], stubs: Stubs, deadline: float) -> None:
        """Let calls that wait have their answer: one that is cancelled may get its sessions yet."""
        until = time.monotonic() + _TO_END
        for pending in waiting:
            pending.wait(max(until - time.monotonic(), 0))
            pending.give_up()
            self._unreserve(stubs, deadline)


def _tried(rpc: Any, request: Any, deadline: float) -> None:  # noqa: ANN401 - of NI's stubs
    with suppress(grpc.RpcError):
        rpc(request, timeout=deadline)
