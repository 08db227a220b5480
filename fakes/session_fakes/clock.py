"""The time of the fakes: it passes as real time does, and a test can move it on at once.

Only the fakes' time moves: deadlines of gRPC, time stamps of other packages and ``time.time()``
stay as they are, so that no client notices anything but a timeout that came sooner.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable

from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity


class Signal:
    """A flag to wait for, like ``threading.Event``, whose waiters a clock can wake as well.

    A plain event has no way to end a wait but to be set, and then everybody who shares it would
    take the passing of one deadline for the signal.
    """

    __slots__ = ("_changed", "_set")

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._set = False

    def set(self) -> None:
        """Set the flag for good, and wake whoever waits for it."""
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._set

    def stir(self) -> None:
        """Have everybody who waits look at the time again."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, left: Callable[[], float]) -> bool:
        """Wait until the flag is set or no seconds are left; tell whether it is set."""
        with self._changed:
            while not self._set and (seconds := left()) > 0:
                self._changed.wait(min(seconds, threading.TIMEOUT_MAX))
            return self._set


class Clock:
    """The fakes' time in seconds since the clock was made; it never goes backwards."""

    def __init__(self, real: Callable[[], float] = time.monotonic) -> None:
        """Make a clock that stands at 0.

        Args:
            real: The time that passes by itself. A function that always answers the same makes a
                clock that only ``advance`` moves.
        """
        self._real = real
        self._zero = real()
        self._ahead = 0.0
        self._lock = threading.Lock()
        self._keys = itertools.count()
        self._waiting: dict[int, Signal] = {}

    def now(self) -> float:
        """The seconds that have passed for the fakes."""
        return self._real() - self._zero + self._ahead

    @fidelity(
        "CLOCK-ADVANCE",
        evidence="our choice",
        rule="Only the fakes' time can be moved, only forwards, and what is due then happens",
    )
    def advance(self, seconds: float) -> float:
        """Move the time on, end the waits that are over by then, and answer the new time.

        Args:
            seconds: How far, 0 or more.

        Raises:
            Refusal: INVALID_ARGUMENT for less than 0, and for what is no number of seconds.
        """
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise Refusal(
                "INVALID_ARGUMENT",
                f"time cannot go backwards, nor stand still for ever: advance the clock by 0 or "
                f"more seconds, not by {seconds}",
            )
        with self._lock:
            self._ahead += seconds
            waiting = list(self._waiting.values())
        # Everybody, not only those whose time has come: the others have less to sleep now.
        for signal in waiting:
            signal.stir()
        return self.now()

    def wait(self, signal: Signal, deadline: float | None) -> bool:
        """Wait for a signal until the fakes' time reaches a deadline.

        Args:
            signal: What to wait for.
            deadline: A time of this clock; None waits without limit.

        Returns:
            Whether the signal is set. When both come at once it is.
        """
        if deadline is None:
            return signal.wait_until(lambda: threading.TIMEOUT_MAX)
        key = next(self._keys)
        with self._lock:
            self._waiting[key] = signal
        try:
            return signal.wait_until(lambda: deadline - self.now())
        finally:
            with self._lock:
                del self._waiting[key]

    def waiting(self) -> int:
        """How many threads wait for a deadline of this clock."""
        with self._lock:
            return len(self._waiting)
