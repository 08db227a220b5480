"""Reservations of the device server: names that a client holds, tied to nothing else."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from session_fakes.clock import Signal
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["DeviceReservations", "Waiter"]


class Waiter:
    """A call that may have to wait for a name."""

    def __init__(self, client: str, is_gone: Callable[[], bool], since: float = 0.0) -> None:
        """Make one for a client; ``woken`` has to be set when its caller gives up."""
        self.client = client
        self.since = since
        self.is_gone = is_gone
        self.woken = Signal()
        self.outcome = ""
        """Empty while it waits, then a status code by name."""

    def wake(self, outcome: str) -> None:
        """End the wait."""
        self.outcome = outcome
        self.woken.set()


class DeviceReservations:
    """Who holds which name, and who waits for it; safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}
        self._queues: dict[str, deque[Waiter]] = {}

    @fidelity(
        "DEV-RESERVE",
        evidence="tested by NI",
        rule="Reserving what another client holds waits until it is free; what the client itself "
        "holds is FAILED_PRECONDITION, an empty name INVALID_ARGUMENT, in NI's words",
    )
    @fidelity(
        "DEV-RESERVE-ORDER",
        evidence="our choice",
        rule="Of several clients that wait the first goes on; NI's server promises no order",
    )
    def reserve(self, name: str, waiter: Waiter) -> None:
        """Hold a name; wait while another client does.

        Raises:
            Refusal: The client holds it already, gave up, or the server was reset meanwhile.
        """
        if not (name and waiter.client):
            raise Refusal(
                "INVALID_ARGUMENT", "You must specify a non-empty reservation_id and client_id."
            )
        with self._lock:
            if name not in self._holders:
                self._holders[name] = waiter.client
                return
            if self._holders[name] == waiter.client:
                raise Refusal(
                    "FAILED_PRECONDITION",
                    "The provided reservation_id is already reserved by the provided client_id.",
                )
            self._queues.setdefault(name, deque()).append(waiter)
        waiter.woken.wait_until(lambda: threading.TIMEOUT_MAX)
        self._settle(name, waiter)

    @fidelity(
        "DEV-RESERVE-GIVEN-UP",
        evidence="tested by NI",
        rule="A client that gave up waiting never gets the name; the next one does",
    )
    def _settle(self, name: str, waiter: Waiter) -> None:
        with self._lock:
            if waiter.outcome == "ABORTED":
                raise Refusal(
                    "ABORTED",
                    "The reservation attempt was aborted by another server operation.",
                )
            if not waiter.is_gone() and waiter.outcome:
                return
            if not waiter.outcome:
                self._queues[name].remove(waiter)
            elif self._holders.get(name) == waiter.client:
                self._pass_on(name)
        raise Refusal("CANCELLED", "The caller gave up.")

    def is_reserved_by(self, name: str, client: str) -> bool:
        """Whether a client holds a name."""
        with self._lock:
            return bool(client) and self._holders.get(name) == client

    def unreserve(self, name: str, client: str) -> bool:
        """Give a name back; False, and nothing changes, when the client does not hold it."""
        with self._lock:
            if not client or self._holders.get(name) != client:
                return False
            self._pass_on(name)
            return True

    def held(self) -> dict[str, str]:
        """The clients that hold something, by what they hold."""
        with self._lock:
            return dict(self._holders)

    def waiting(self) -> list[tuple[str, Waiter]]:
        """Who waits, and for what."""
        with self._lock:
            return [(name, waiter) for name, queue in self._queues.items() for waiter in queue]

    @fidelity(
        "DEV-RESERVE-RESET",
        evidence="tested by NI",
        rule="Who waits while the server is reset is ABORTED, in NI's words",
    )
    def reset(self) -> None:
        """Forget who holds what, and send away all who wait."""
        with self._lock:
            for queue in self._queues.values():
                for waiter in queue:
                    waiter.wake("ABORTED")
            self._holders.clear()
            self._queues.clear()

    def _pass_on(self, name: str) -> None:
        """Give a name to the next who waits for it, if somebody does."""
        queue = self._queues.get(name)
        if queue:
            waiter = queue.popleft()
            self._holders[name] = waiter.client
            waiter.wake("OK")
        else:
            del self._holders[name]
