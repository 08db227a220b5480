"""Faults on purpose: a call fails, is slow, never ends, or gets an answer of one's own.

    station.faults.on("ReserveSessions", times=2).fail("UNAVAILABLE", "the bench is off")
    station.faults.on("*.DiscoveryService/*").delay(0.2)
    station.faults.on("ResolveService").hang()
    station.faults.on("GetSessions").reply(GetSessionsResponse())
    station.faults.on("nidmm_grpc.NiDmm/Read").driver_error(-1074118656, "no such instrument")

The newest fault that fits a call and has something left of its budget is used. Whole services stop
and restart, and connections are cut and stalled, elsewhere: see ``FakeStation.relay``.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from session_fakes.clock import Clock, Signal
from session_fakes.errors import DRIVER_CODE, FakeError, Refusal
from session_fakes.serving.names import MethodNames

Predicate = Callable[[Any], bool]
Action = Callable[["Patience"], Message | None]


class Patience:
    """Waits on behalf of a call: for a time of the fakes' clock, or until its caller gives up."""

    def __init__(self, clock: Clock) -> None:
        self.gone = Signal()
        self._clock = clock

    def pass_time(self, seconds: float | None) -> None:
        """Return after ``seconds``, never for None; raise Refusal when the caller has gone."""
        deadline = None if seconds is None else self._clock.now() + seconds
        if self._clock.wait(self.gone, deadline):
            raise Refusal("CANCELLED", "the caller gave up")


class Fault:
    """One fault: what it fits, what it does, how often it was used."""

    def __init__(
        self,
        owner: Faults,
        pattern: str,
        is_meant: Callable[[str], bool],
        budget: int | None,
        fits: Predicate,
    ) -> None:
        self.pattern = pattern
        self.hits = 0
        self._owner = owner
        self._is_meant = is_meant
        self._budget = budget
        self._fits = fits
        self._counting = threading.Lock()
        self._action: Action | None = None
        self._words = "nothing yet"

    def __str__(self) -> str:
        left = "" if self._budget is None else f", {self._budget - self.hits} left"
        return f"{self.pattern}: {self._words} ({self.hits} hits{left})"

    @property
    def words(self) -> str:
        """What it does, in words."""
        return self._words

    def fail(self, code: str | grpc.StatusCode, text: str = "injected") -> Fault:
        """Answer this status."""
        name = code if isinstance(code, str) else code.name
        if name not in grpc.StatusCode.__members__ or name == "OK":
            raise FakeError(f"{name!r} is no status code of a failure; UNAVAILABLE is one.")

        def action(_: Patience) -> None:
            raise Refusal(name, text)

        return self._arm(action, f"fail {name}")

    def driver_error(self, code: int, text: str = "injected") -> Fault:
        """Answer as one of NI's drivers does that fails: its package raises its DriverError."""
        if code >= 0:
            raise FakeError(f"{code} is no code of an error: those of NI's drivers are negative.")

        def action(_: Patience) -> None:
            raise Refusal("UNKNOWN", text, trailer=((DRIVER_CODE, str(code)),))

        return self._arm(action, f"driver error {code}")

    def delay(self, seconds: float, *, jitter: float = 0.0) -> Fault:
        """Answer rightly, but only after some time of the fakes' clock."""
        if seconds < 0 or jitter < 0:
            raise FakeError("A delay is not negative.")

        def action(patience: Patience) -> None:
            patience.pass_time(seconds + self._owner.random.uniform(0, jitter))

        return self._arm(action, f"delay {seconds:g} s")

    def hang(self) -> Fault:
        """Never answer; the call ends when its caller gives up or the station stops."""
        return self._arm(lambda patience: patience.pass_time(None), "hang")

    def reply(self, message: Message) -> Fault:
        """Answer this message in place of the fake's own."""
        return self._arm(lambda _: message, f"reply {type(message).__name__}")

    def remove(self) -> None:
        """Take the fault back; removing it twice is fine."""
        self._owner.forget(self)

    def _arm(self, action: Action, words: str) -> Fault:
        self._action, self._words = action, words
        self._owner.arm(self)
        return self

    def take(self, full_name: str, request: Message) -> Action | None:
        """Use the fault for this call if it fits; for the table of faults."""
        if not self._is_meant(full_name) or not self._fits(request):
            return None
        with self._counting:
            if self._budget is not None and self.hits >= self._budget:
                return None
            self.hits += 1
        return self._action


class Faults:
    """All faults of a station."""

    def __init__(self, names: MethodNames, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self._names = names
        self._lock = threading.Lock()
        self._armed: tuple[Fault, ...] = ()

    def on(
        self, pattern: str, *, times: int | None = None, predicate: Predicate | None = None
    ) -> Fault:
        """Begin a fault for a method, a service and method, or a glob of either.

        ``times`` bounds how often it is used; ``predicate`` looks at the request. The fault does
        something once ``fail``, ``delay``, ``hang`` or ``reply`` said what.
        """
        if times is not None and times < 1:
            raise FakeError("A fault is used at least once: times=1 or more.")
        is_meant = self._names.meant(pattern)
        return Fault(self, pattern, is_meant, times, predicate or (lambda _: True))

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._armed)

    def __len__(self) -> int:
        return len(self._armed)

    @property
    def unused(self) -> list[Fault]:
        """The faults that no call has met."""
        return [fault for fault in self._armed if fault.hits == 0]

    def clear(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._armed = ()

    def arm(self, fault: Fault) -> None:
        """Add a fault, the newest first; for the fault itself."""
        with self._lock:
            self._armed = (fault, *(other for other in self._armed if other is not fault))

    def forget(self, fault: Fault) -> None:
        """Remove a fault; for the fault itself."""
        with self._lock:
            self._armed = tuple(other for other in self._armed if other is not fault)

    def match(self, full_name: str, request: Message) -> tuple[Fault, Action] | None:
        """The fault that a call meets, and what it does; one hit of it is used up."""
        if not self._armed:
            return None
        for fault in self._armed:
            # No lock is held: a predicate is the user's code and may call the station.
            action = fault.take(full_name, request)
            if action:
                return fault, action
        return None
