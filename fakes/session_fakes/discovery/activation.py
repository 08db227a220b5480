"""Starting installed services when somebody resolves them.

One start serves everybody who waits for it. A start ends in one of two ways: a service of the
class registers, or the start has failed and everybody is told why.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from session_fakes.discovery.processes import ServiceProcess
from session_fakes.discovery.registry import Registry
from session_fakes.discovery.serviceconfig import ServiceConfig
from session_fakes.discovery.services import Registration, Service
from session_fakes.errors import FakeError, Refusal, listed, quoted
from session_fakes.fidelity import fidelity

__all__ = ["Activator", "StartedService"]

_Key = tuple[str, str]
"""Service class and version."""


class StartedService(NamedTuple):
    """A service that the station started, as it is shown to people."""

    service_class: str
    version: str
    pid: int
    file: Path
    registration_id: str
    """Empty when it has not registered yet."""


@dataclass
class _Start:
    """One start of one installed service. Its fields are guarded by the lock of the activator."""

    key: _Key
    config: ServiceConfig
    deadline: float
    waiters: list[threading.Event] = field(default_factory=list[threading.Event])
    outcome: Registration | Refusal | None = None
    process: ServiceProcess | None = None
    is_failing: bool = False


class Activator:
    """Resolves services, and starts installed ones that do not run.

    It ends the processes that it started, and no others, when it is closed.
    """

    def __init__(
        self,
        registry: Registry,
        environment: Callable[[], Mapping[str, str]],
        *,
        time_limit: float = 30.0,
        grace: float = 5.0,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        """Start installed services on behalf of a registry.

        Args:
            registry: Where services register.
            environment: Makes the environment of a process, so that it finds this Discovery.
            time_limit: Seconds within which a started service has to register.
            grace: Seconds that a process has to end when asked to, before it is killed.
            now: The clock of the time limit.
            wait: Waits for an event for some seconds, and says whether it was set.
        """
        self._registry = registry
        self._environment = environment
        self._time_limit = time_limit
        self._grace = grace
        self._now = now
        self._wait = wait
        self._lock = threading.Lock()
        self._configs: dict[_Key, ServiceConfig] = {}
        self._starts: dict[_Key, _Start] = {}
        self._processes: list[ServiceProcess] = []
        self._is_closed = False
        registry.on_registered(self._registered)

    def install(self, configs: Iterable[ServiceConfig]) -> None:
        """Make services known, so that they are started when somebody resolves them."""
        for config in configs:
            key = _key(config.service)
            with self._lock:
                if key in self._configs:
                    raise FakeError(
                        f"{config.place}: {quoted(key[0])} is installed in the same version by "
                        f"{self._configs[key].place}. Leave one of the two files out."
                    )
                self._registry.install(config.service)
                self._configs[key] = config

    @fidelity(
        "DISC-ACTIVATE",
        evidence="documented",
        rule="A resolve starts an installed service and answers once it has registered",
    )
    def resolve(
        self,
        interface: str,
        service_class: str = "",
        version: str = "",
        deployment_target: str = "",
        *,
        woken: threading.Event | None = None,
    ) -> Registration:
        """The running service that matches, started if it has to be.

        Args:
            interface: What the client is going to call.
            service_class: Who shall serve it; empty when it does not matter.
            version: Its version; empty for the latest.
            deployment_target: Empty, or the local node.
            woken: An event of its own for this call. Whoever sets it ends the waiting.
        """

        def look_up() -> Registration | Service:
            return self._registry.lookup(interface, service_class, version, deployment_target)

        found = look_up()
        if isinstance(found, Registration):
            return found
        if _key(found) not in self._configs:
            return self._registry.resolve(interface, service_class, version, deployment_target)
        start, outcome = self._started_for(found, look_up, woken or threading.Event())
        if isinstance(outcome, Refusal):
            # A new one each: an exception raised in several threads mixes their tracebacks.
            raise Refusal(outcome.code, outcome.text)
        return self._as_asked(look_up(), outcome, start)

    def started(self) -> list[StartedService]:
        """The services that were started here and still run."""
        with self._lock:
            return [
                StartedService(*key, start.process.pid, start.config.file, _registration_id(start))
                for key, start in self._starts.items()
                if start.process is not None
            ]

    @fidelity(
        "DISC-ACTIVATE-END",
        evidence="our choice",
        rule="Started services are asked to end with the station, and killed after a grace",
    )
    def close(self) -> None:
        """Refuse whoever waits, and end what was started; safe to call twice."""
        with self._lock:
            self._is_closed = True
        self._end_all(_closing())

    @fidelity(
        "DISC-ACTIVATE-RESET",
        evidence="our choice",
        rule="A reset of the station ends the services that it started, and refuses whoever waits",
    )
    def reset(self) -> None:
        """Refuse whoever waits, and end what was started; what is installed stays so."""
        self._end_all(Refusal("UNAVAILABLE", "the station was reset meanwhile; ask anew"))

    def _end_all(self, told: Refusal) -> None:
        with self._lock:
            processes, starts = list(self._processes), list(self._starts.values())
        for start in starts:
            self._settle(start, told)
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + self._grace
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))

    def _started_for(
        self,
        service: Service,
        look_up: Callable[[], Registration | Service],
        woken: threading.Event,
    ) -> tuple[_Start, Registration | Refusal]:
        start, is_mine = self._join(_key(service), woken)
        if is_mine:
            self._begin(start, look_up)
        return start, self._outcome(start, woken)

    @fidelity(
        "DISC-ACTIVATE-ONCE",
        evidence="our choice",
        rule="Whoever resolves a service that is being started waits for that one start",
    )
    def _join(self, key: _Key, woken: threading.Event) -> tuple[_Start, bool]:
        """The start of a service to wait for, and whether the caller has to begin it."""
        with self._lock:
            if self._is_closed:
                raise _closing()
            start = self._starts.get(key)
            is_mine = start is None or self._is_over(start)
            if start is None or is_mine:
                start = _Start(key, self._configs[key], self._now() + self._time_limit)
                self._starts[key] = start
            start.waiters.append(woken)
            if start.outcome is not None:
                woken.set()
            return start, is_mine

    def _is_over(self, start: _Start) -> bool:
        """Whether what a start brought has unregistered, so that it has to be started again."""
        came = start.outcome
        return isinstance(came, Registration) and self._registry.get(came.id) is None

    def _begin(self, start: _Start, look_up: Callable[[], Registration | Service]) -> None:
        # What registered before the start was known has told nobody: so look once more.
        try:
            found = look_up()
        except Refusal as refusal:
            self._settle(start, refusal)
            return
        if isinstance(found, Registration):
            self._settle(start, found)
        else:
            self._launch(start)

    @fidelity(
        "DISC-ACTIVATE-FAILED",
        evidence="our choice",
        rule="A service that cannot be started, ends or does not register in time is "
        "FAILED_PRECONDITION, with the last lines of its output",
    )
    def _launch(self, start: _Start) -> None:
        try:
            command, environment = start.config.command(), self._environment()
            self._spawn(start, command, environment)
        except (FakeError, OSError, ValueError) as error:
            self._fail(start, f"cannot be started: {error}")

    def _spawn(self, start: _Start, command: Sequence[str], environment: Mapping[str, str]) -> None:
        # Under the lock, so that neither its end nor a close comes before it is known.
        with self._lock:
            if not self._is_closed and start.outcome is None:
                start.process = ServiceProcess(
                    command,
                    start.config.folder,
                    environment,
                    lambda process: self._exited(start, process),
                )
                self._processes.append(start.process)

    def _outcome(self, start: _Start, woken: threading.Event) -> Registration | Refusal:
        remaining = max(0.0, start.deadline - self._now())
        if not (woken.is_set() or self._wait(woken, remaining)):
            self._fail(start, f"has not registered within {self._time_limit:g} s and was ended")
            woken.wait()  # Somebody is ending it, and then tells everybody.
        with self._lock:
            if start.outcome is not None:
                return start.outcome
            start.waiters.remove(woken)
        return Refusal("CANCELLED", f"the caller left while {quoted(start.key[0])} was starting")

    @fidelity(
        "DISC-ACTIVATE-OTHER",
        evidence="our choice",
        rule="A started service that registers as something else is FAILED_PRECONDITION at once",
    )
    def _as_asked(
        self, found: Registration | Service, came: Registration, start: _Start
    ) -> Registration:
        """What is found after a start, if that is running; it is not when it came as another."""
        if isinstance(found, Registration):
            return found
        said = f"FAILED: {quoted(start.key[0])} of {start.config.place} was started and"
        if self._registry.get(came.id) is None:
            said = f"{said} registered, but has unregistered already. Look why it ends."
            raise Refusal("FAILED_PRECONDITION", said)
        raise Refusal(
            "FAILED_PRECONDITION",
            f"{said} registered as version {came.service.version} with "
            f"{listed(came.service.provided_interfaces)}; the file says version {found.version} "
            f"with {listed(found.provided_interfaces)}. Let the service register what its "
            ".serviceconfig file says.",
        )

    def _registered(self, registration: Registration) -> None:
        name = registration.service.service_class
        with self._lock:
            pending = [
                start
                for key, start in self._starts.items()
                if key[0] == name and start.outcome is None and not start.is_failing
            ]
        exact = [start for start in pending if start.key[1] == registration.service.version]
        # Of two versions that are starting, one that registers as a third is nobody's.
        for start in exact or (pending if len(pending) == 1 else []):
            self._settle(start, registration)

    def _exited(self, start: _Start, process: ServiceProcess) -> None:
        self._fail(start, f"has ended with {process.end_words} before it registered")
        with self._lock:
            self._forget(start)
            if process.is_gone:
                self._processes.remove(process)

    def _fail(self, start: _Start, words: str) -> None:
        """End what is left of a start, and then tell everybody who waits for it."""
        with self._lock:
            if start.outcome is not None or start.is_failing:
                return
            start.is_failing = True
        output = ""
        if start.process is not None:
            start.process.end(self._grace)
            output = start.process.tail() or "nothing"
        with self._lock:
            self._forget(start)
        said = f"{quoted(start.key[0])} of {start.config.place} {words}"
        shown = f" Its last output:\n{output}" if output else ""
        self._settle(start, Refusal("FAILED_PRECONDITION", f"FAILED: {said}.{shown}"))

    def _settle(self, start: _Start, outcome: Registration | Refusal) -> None:
        with self._lock:
            if start.outcome is None:
                start.outcome = outcome
                for woken in start.waiters:
                    woken.set()
            if start.process is None:
                self._forget(start)

    def _forget(self, start: _Start) -> None:
        if self._starts.get(start.key) is start:
            del self._starts[start.key]


def _key(service: Service) -> _Key:
    return service.service_class, service.version


def _registration_id(start: _Start) -> str:
    return start.outcome.id if isinstance(start.outcome, Registration) else ""


def _closing() -> Refusal:
    return Refusal("UNAVAILABLE", "the station is stopping, and starts no services any more")
