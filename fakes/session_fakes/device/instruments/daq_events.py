"""The events of tasks of NI-DAQmx: streams that answer as samples pass, and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.daq_task import DaqTask
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["DaqEvents"]

_ACQUIRED = 1


class DaqEvents(DaqTask):
    """The part of a task that tells of its events."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._events: set[str] = set()

    @fidelity(
        "DAQ-EVENTS",
        evidence="our choice",
        rule="The event of every N samples comes with the clock each time that so many have passed,"
        " that of the end once when a finite task has all; signals are UNIMPLEMENTED",
    )
    @rpc("RegisterEveryNSamplesEvent", waits=True)
    def register_every_n(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer each time that so many samples were acquired."""
        kind = value_of(request, "every_n_samples_event_type")
        if kind != _ACQUIRED or not self.is_input:
            raise Refusal("UNIMPLEMENTED", "NI-DAQmx: only the event of input is simulated.")
        self._register("every n")
        answer = {"every_n_samples_event_type": kind, "n_samples": request.n_samples}
        return self._every(max(1, request.n_samples), answer, gone)

    @rpc("UnregisterEveryNSamplesEvent")
    def unregister_every_n(self, _: Any) -> Answer:
        """Answer no more."""
        self._unregister("every n")
        return None

    @rpc("RegisterDoneEvent", waits=True)
    def register_done(self, _: Any, gone: Callable[[], bool]) -> Answer:
        """Answer once when the task has all of its samples."""
        self._register("done")
        return self._once(gone)

    @rpc("UnregisterDoneEvent")
    def unregister_done(self, _: Any) -> Answer:
        """Answer no more."""
        self._unregister("done")
        return None

    def _register(self, event: str) -> None:
        if event in self._events:
            raise DriverError(-200966)
        self._events.add(event)

    def _unregister(self, event: str) -> None:
        self._events.discard(event)
        self.bench.stir()

    def close(self) -> None:
        """Stop, and end all events."""
        super().close()
        self._events.clear()
        self.bench.stir()

    def _every(
        self, size: int, answer: Mapping[str, Any], gone: Callable[[], bool]
    ) -> Iterator[Mapping[str, Any]]:
        count, started = 0, self.started
        while self._await_samples("every n", (count + 1) * size, started, gone):
            if self.started != started:
                count, started = 0, self.started
            if started is not None and self.passed >= (count + 1) * size:
                count += 1
                yield answer

    def _once(self, gone: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        started = self.started
        while self._await_samples("done", self.total, started, gone):
            started = self.started
            if started is not None and self.is_done:
                yield {"status": 0}
                return

    def _await_samples(
        self, event: str, count: int, started: float | None, gone: Callable[[], bool]
    ) -> bool:
        """Wait until so many samples have passed or the task is started anew; False at the end."""
        with self.bench.lock:
            seconds = -1.0
            is_possible = not self.is_finite or count <= self.total
            if self.started is not None and self.is_clocked and is_possible:
                seconds = max(0.0, self.due(count) - self.bench.clock.now())
            self.bench.wait_until(
                lambda: self.started != started or event not in self._events, seconds, gone
            )
            return event in self._events and not gone()
