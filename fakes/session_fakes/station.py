"""A whole station in one object: Discovery, Pin Map, Session Management, the device server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from session_fakes.clock import Clock
from session_fakes.device.server import DeviceServices
from session_fakes.discovery import (
    Activator,
    Holder,
    Location,
    Registration,
    Registry,
    read_serviceconfig,
    well_known,
)
from session_fakes.discovery import Service as ServiceFacts
from session_fakes.discovery.probing import has_ended
from session_fakes.errors import FakeError, Refusal, listed, quoted
from session_fakes.fidelity import fidelity
from session_fakes.network.services import Network
from session_fakes.pinmaps import PinMapStore
from session_fakes.services import (
    discovery_service,
    pin_map_service,
    session_management_service,
)
from session_fakes.serving.calls import CallLog
from session_fakes.serving.dispatch import Dispatcher, Service
from session_fakes.serving.faults import Faults
from session_fakes.serving.names import MethodNames
from session_fakes.serving.server import LoopbackServer
from session_fakes.sessions import NOBODY, Reservations, SessionView
from session_fakes.views import Leak, ServiceView, SessionFacts, WaitingView

if TYPE_CHECKING:
    # Loaded where they are used: most tests start no process, and all import this module.
    from session_fakes.device.bench import Bench
    from session_fakes.launch import PlugInProcess
    from session_fakes.network.relay import Relay

_STATIC = (
    ("Pin Map Service", well_known.PIN_MAP_SERVICE, (well_known.PIN_MAP_SERVICE,)),
    (
        "Session Management Service",
        well_known.SESSION_MANAGEMENT_SERVICE,
        (well_known.SESSION_MANAGEMENT_SERVICE,),
    ),
)


class FakeStation:
    """Fakes of NI's Discovery, Pin Map, Session Management and device server, in this process.

    They listen on loopback from ``start`` to ``stop``, or inside a ``with`` block. Several stations
    live side by side; they share nothing.
    """

    def __init__(
        self,
        pin_map: str | Path | None = None,
        *,
        port: int = 0,
        prefixed_session_names: bool = True,
        evict_stale: bool = False,
        service_configs: Sequence[str | Path] = (),
        seed: int = 0,
        lenient_devices: bool = False,
    ) -> None:
        """Make a station that does not listen yet.

        Args:
            pin_map: A pin map file that is registered at the start, under its absolute path.
            port: Of Discovery; 0 for any that is free. The others always take a free one.
            prefixed_session_names: Name sessions ``type-resource``, as InstrumentStudio 2025 Q3
                and later do; otherwise ``resource``, as earlier ones.
            evict_stale: Forget registered services that are known to be dead.
            service_configs: ``.serviceconfig`` files of services to start when they are resolved.
            seed: Of whatever the station decides by chance.
            lenient_devices: Have RPCs of drivers that have no simulated behaviour answer zeros
                instead of UNIMPLEMENTED.
        """
        self._pin_map = None if pin_map is None else Path(pin_map)
        self._configs = [c for path in service_configs for c in read_serviceconfig(Path(path))]
        names = MethodNames()
        self.clock = Clock()
        self.calls = CallLog(names)
        self.faults = Faults(names, seed)
        self.internal_errors: list[str] = []
        """Tracebacks of what went wrong inside the fakes: always worth a report."""
        self.pin_map_id = ""
        """The id of the pin map given at the start."""
        self._store = PinMapStore()
        self._reservations = Reservations(self.clock)
        self._registry = Registry(now=self.clock.now, evict_stale=evict_stale)
        self._registered = threading.Condition()
        self._registry.on_registered(self._on_registered)
        self._activator = Activator(self._registry, self.environment)
        self._services = self._make_services(prefixed_session_names)
        names.add(name for service in self._services for name in service.method_names)
        dispatcher = Dispatcher(self.clock, self.calls, self.faults, self.internal_errors)
        serve = partial(self._server, dispatcher)
        discovery, pin_map_rpcs, session_management = self._services
        self.discovery = serve("discovery", discovery, self._registry.clear, port)
        self.pin_map_service = serve("pin-map", pin_map_rpcs, self._store.clear)
        self.session_management = serve(
            "session-management", session_management, self._reservations.reset
        )
        self._devices = DeviceServices(
            dispatcher, names, self._store.pin_maps, seed=seed, lenient=lenient_devices
        )
        self.device_server = LoopbackServer(
            "device-server",
            self._devices.furnish,
            forget=self._devices.forget,
            announce=self._announce,
            unanswered=self._devices.unanswered,
        )
        self.network = Network(
            [self.discovery, self.pin_map_service, self.session_management, self.device_server]
        )
        self._announcing = threading.Lock()
        self._static: dict[str, str] = {}
        """The registrations of the station's own services, by class."""
        self._launched = ExitStack()
        """Ends the plug-ins that were launched."""
        self._stopped = False

    def _make_services(self, prefixed_names: bool) -> list[Service]:
        return [
            discovery_service(self._registry, self._activator),
            pin_map_service(self._store),
            session_management_service(
                self._store, self._reservations, prefixed_names=prefixed_names
            ),
        ]

    def _server(
        self,
        dispatcher: Dispatcher,
        name: str,
        service: Service,
        forget: Callable[[], None],
        port: int = 0,
    ) -> LoopbackServer:
        return LoopbackServer(
            name,
            partial(dispatcher.serve, service),
            port,
            forget=forget,
            announce=self._announce,
            unanswered=partial(dispatcher.unanswered, service),
        )

    def rpcs(self) -> list[Service]:
        """The gRPC services, with the RPCs that they define and those that are implemented."""
        return list(self._services)

    # Start and stop -------------------------------------------------------------------------------

    def __enter__(self) -> FakeStation:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; a station starts once."""
        if self._stopped or self.discovery.running:
            raise FakeError("A station starts once: make another FakeStation.")
        try:
            for server in (*self._own_servers(), self.discovery):
                server.start()
            self._activator.install(self._configs)
            self._furnish()
        except BaseException:
            # Ctrl-C, too: who could not enter the with block cannot stop what has begun to listen.
            self.stop()
            raise

    def _furnish(self) -> None:
        """What a station has before anybody comes: its own services, and the pin map given."""
        self._announce()
        if self._pin_map is not None:
            self.pin_map_id = self.load_pin_map(self._pin_map)

    @fidelity(
        "DISC-OWN-SERVICES",
        evidence="our choice",
        rule="The station's own services stay registered while they are stopped; when Discovery"
        " has forgotten one, it is registered anew as soon as both run",
    )
    def _announce(self) -> None:
        """Register those of the station's own services that run and are not registered."""
        with self._announcing:
            devices = ("NI gRPC Device Server", well_known.DEVICE_SERVER_CLASS)
            for (title, name, interfaces), server in zip(
                (*_STATIC, (*devices, self._devices.interfaces)), self._own_servers(), strict=True
            ):
                is_known = self._registry.get(self._static.get(name, ""))
                if interfaces and server.running and not is_known:
                    facts = ServiceFacts(title, name, interfaces)
                    place = Location("localhost", str(server.port))
                    entry = Registration(facts, place, Holder(pid=os.getpid()))
                    self._static[name] = self._registry.register(entry)

    def _own_servers(self) -> tuple[LoopbackServer, ...]:
        """The servers that register with Discovery."""
        return self.pin_map_service, self.session_management, self.device_server

    def stop(self) -> None:
        """Listen no more and end what was started; stopping twice is fine."""
        self._stopped = True
        self._reservations.close()
        self._devices.reservations.reset()
        # While Discovery listens, so that they can unregister.
        self._launched.close()
        self._activator.close()
        for server in (self.discovery, *self._own_servers()):
            server.stop()
        self.network.close()

    def reset(self) -> None:
        """Begin anew, as after the start; what was started because it was resolved is ended.

        The clock stays where it is, and plug-ins that were launched run on, not registered any
        more. The pin map given is read again; when it cannot be, nothing changes.
        """
        if self._pin_map is not None:
            self.load_pin_map(self._pin_map)
        self._store.clear(but=self.pin_map_id)
        self.network.heal()
        self.faults.clear()
        self._reservations.reset()
        self._devices.forget()
        # While they are still registered, so that they can unregister.
        self._activator.reset()
        self._registry.evict_all()
        self.calls.clear()
        self._announce()

    # How to reach it ------------------------------------------------------------------------------

    @property
    def discovery_address(self) -> str:
        """Where Discovery listens, ``localhost:port``."""
        return self.discovery.address

    def installed(self, *, beside_ni: bool = False) -> AbstractContextManager[None]:
        """Let NI's own clients of this process find the station, inside a ``with`` block.

        Args:
            beside_ni: Do so also where NI's own Discovery runs, which they then do not find.
        """
        from session_fakes.redirect import redirected

        return redirected(self.discovery_address, beside_ni=beside_ni)

    def relay(self, target: str) -> Relay:
        """A TCP relay that cuts, stalls and refuses when it is told to.

        In front of a service it takes that service's port: clients need not know of it, and find
        their connections of before cut. Ask for it before they connect to have those whole. It is
        closed with the station.

        Args:
            target: ``discovery``, ``pin-map``, ``session-management`` or ``device-server``; or an
                address of this machine, such as that of a plug-in: then clients go to the
                ``address`` of the relay.
        """
        return self.network.relay(target)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process that shall find the station."""
        from session_fakes.bootstrap import environment_for

        return environment_for(self.discovery_address, base=os.environ if base is None else base)

    def launch(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        cwd: str | os.PathLike[str] | None = None,
        timeout: float = 30.0,
    ) -> PlugInProcess:
        """Start an unmodified plug-in and wait until it has registered; it ends with the station.

        Raises:
            NotRegisteredError: No registration arrived; the text says why, as far as it shows.
        """
        from session_fakes.launch import launch

        before = self._count_registrations()
        process = self._launched.enter_context(launch(command, self.environment(), cwd=cwd))
        try:
            process.wait_registered(lambda seconds: self.wait_registered(before, seconds), timeout)
        except BaseException:
            # Ctrl-C, too: nobody else has the process.
            process.stop()
            raise
        return process

    def wait_registered(self, before: int, seconds: float) -> bool:
        """Wait until more services were registered than before; whether they were."""
        with self._registered:
            return self._registered.wait_for(lambda: self._registrations > before, seconds)

    _registrations = 0

    def _count_registrations(self) -> int:
        with self._registered:
            return self._registrations

    def _on_registered(self, _: Registration) -> None:
        with self._registered:
            self._registrations += 1
            self._registered.notify_all()

    @property
    def bench(self) -> Bench:
        """What the simulated instruments measure and drive."""
        return self._devices.bench

    # State ----------------------------------------------------------------------------------------

    def load_pin_map(self, path: str | Path) -> str:
        """Register a pin map file, or register it anew; its id is its absolute path."""
        # As TestStand's: NI's helpers look the file up, and register it under the whole path.
        file = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute() leaves ".." there
        try:
            xml = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise FakeError(f"The pin map {file} cannot be read: {error}") from error
        self._store.update(str(file), xml)
        return str(file)

    def sites_of(self, pin_map_id: str) -> tuple[int, ...]:
        """The site numbers of a pin map that is registered."""
        return self._store.get(pin_map_id).sites

    def services(self) -> list[ServiceView]:
        """The services that are registered."""
        stale = {entry.registration.id for entry in self._registry.stale()}
        return [self._service_view(entry, entry.id in stale) for entry in self._registry.active()]

    @contextmanager
    def registered(
        self, interface: str, service_class: str, address: str
    ) -> Generator[None, None, None]:
        """Have a running service of the caller's own known to Discovery, inside a ``with`` block.

        Args:
            interface: The interface that it provides.
            service_class: Its class.
            address: Where it listens, ``host:port``.
        """
        host, _, port = address.rpartition(":")
        facts = ServiceFacts(service_class, service_class, (interface,))
        registration = self._registry.register(Registration(facts, Location(host, port)))
        try:
            yield
        finally:
            # It is gone already after a reset.
            with suppress(Refusal):
                self._registry.unregister(registration)

    def _service_view(self, entry: Registration, stale: bool) -> ServiceView:
        service, place = entry.service, entry.location
        return ServiceView(
            service.display_name,
            service.service_class,
            service.provided_interfaces,
            service.version,
            place.location,
            place.insecure_port or place.ssl_authenticated_port,
            _who(entry.holder),
            entry.since,
            static=entry.id in self._static.values(),
            stale=stale,
        )

    def sessions(self) -> list[SessionFacts]:
        """The sessions that are reserved or registered."""
        return [_session_facts(view) for view in self._reservations.sessions()]

    def waiting(self) -> list[WaitingView]:
        """The calls that wait for sessions, or for a name of the device server."""
        return [
            *(
                WaitingView(str(ticket.request.holder), tuple(ticket.wanted), ticket.since)
                for ticket in self._reservations.waiting()
            ),
            *(
                WaitingView(f"client {quoted(waiter.client)}", (name,), waiter.since)
                for name, waiter in self._devices.reservations.waiting()
            ),
        ]

    def release(self, name: str) -> bool:
        """Take a reservation away, whoever holds it; False when there was none."""
        found = any(v.reserved and v.record.name == name for v in self._reservations.sessions())
        self._reservations.unreserve([name])
        return found

    def forget_sessions(self) -> None:
        """Take all reservations and registrations away, whoever made them; who waits is refused."""
        self._reservations.reset()

    def leaks(self) -> list[Leak]:
        """What is left behind now: reservations, registrations, sessions, calls, services."""
        left: list[Leak] = []
        for view in self._reservations.sessions():
            for kind, held in (
                ("reservation", view.reservation),
                ("session registration", view.registration),
            ):
                if held:
                    left.append(_leak(kind, view.record.name, held.holder))
        left += [
            _leak("multiplexer registration", entry.record.name, entry.holder)
            for entry in self._reservations.multiplexers()
        ]
        left += [
            _leak("waiting call", f"for {listed(tuple(ticket.wanted))}", ticket.request.holder)
            for ticket in self._reservations.waiting()
        ]
        return [*left, *self._device_leaks(), *map(_service_leak, self._foreign())]

    def _device_leaks(self) -> list[Leak]:
        sessions = [
            _leak("driver session", f"{each.name} ({each.driver.package})", each.holder)
            for each in self._devices.sessions.all()
        ]
        reservations = [
            Leak("device reservation", name, f"client {quoted(client)}")
            for name, client in self._devices.reservations.held().items()
        ]
        return sessions + reservations

    def _foreign(self) -> list[Registration]:
        """The services but for the station's own, and those it started and ends itself."""
        started = self._activator.started()
        own = {*self._static.values(), *(each.registration_id for each in started)}
        pids = {each.pid for each in started}
        return [
            entry
            for entry in self._registry.active()
            if entry.id not in own and entry.holder.pid not in pids
        ]


def _leak(kind: str, name: str, holder: Holder) -> Leak:
    return Leak(kind, name, str(holder))


def _service_leak(entry: Registration) -> Leak:
    name = f"{entry.service.display_name} ({entry.service.service_class})"
    return _leak("service", name, entry.holder)


def _who(holder: Holder) -> str:
    return f"process {holder.pid}" if holder.pid is not None else f"peer {holder.peer}"


def _session_facts(view: SessionView) -> SessionFacts:
    registrar = view.registration.holder if view.registration else NOBODY
    held = view.reservation or view.registration
    holder = held.holder if held else NOBODY
    return SessionFacts(
        view.record.name,
        view.record.resource_name,
        view.record.instrument_type_id,
        view.reserved,
        view.exists,
        str(holder) if held else "",
        held.since if held else None,
        has_ended(holder),
        str(registrar) if view.registration else "",
        has_ended(registrar),
    )


__all__ = ["FakeStation"]
