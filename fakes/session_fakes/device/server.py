"""The device server of a station: serves drivers that are installed, loads each when first used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import grpc

from session_fakes.device.drivers import DRIVERS, UTILITIES, installed, of_service
from session_fakes.device.repository import SessionRepository
from session_fakes.device.reservations import DeviceReservations
from session_fakes.discovery.well_known import DEVICE_SERVER_INTERFACES
from session_fakes.fidelity import fidelity
from session_fakes.serving.dispatch import Dispatcher, Service
from session_fakes.serving.names import MethodNames

if TYPE_CHECKING:
    # Loaded when a driver is used: most stations have none.
    from session_fakes.device.bench import Bench
    from session_fakes.pinmaps import PinMap

__all__ = ["DeviceServices"]

_EXTRA = "pip install session-contract[drivers]"


class DeviceServices:
    """All services of a device server, over one bench and one repository of sessions."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        names: MethodNames,
        pin_maps: Callable[[], Sequence[PinMap]] = list,
        *,
        seed: int = 0,
        lenient: bool = False,
    ) -> None:
        """Make the services; nothing of a driver is loaded yet.

        Args:
            dispatcher: Answers, records and injects faults.
            names: Where the RPCs become known, once somebody asks for one.
            pin_maps: Answers the pin maps whose wiring the bench has.
            seed: Of the noise of readings.
            lenient: Whether RPCs without simulated behaviour answer zeros.
        """
        self._dispatcher = dispatcher
        self._names = names
        self._pin_maps = pin_maps
        self._seed = seed
        self._lenient = lenient
        self._lock = threading.RLock()
        self._handlers: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        self._services: dict[str, Service] = {}
        self._bench: Bench | None = None
        self.sessions = SessionRepository()
        self.reservations = DeviceReservations()
        names.add_later(self._all_names)

    @property
    def interfaces(self) -> tuple[str, ...]:
        """What it registers with Discovery: the services of the drivers that are installed."""
        return tuple(driver.interface for driver in installed())

    @property
    def bench(self) -> Bench:
        """What the instruments are on."""
        with self._lock:
            if self._bench is None:
                from session_fakes.device.bench import Bench

                self._bench = Bench(self._dispatcher.clock, self._pin_maps, self._seed)
            return self._bench

    def loaded(self) -> list[Service]:
        """The services that are in use."""
        return list(self._services.values())

    def unanswered(self) -> list[str]:
        """The calls that handlers work on now, as full names."""
        found = (self._dispatcher.unanswered(service) for service in self.loaded())
        return [name for names in found for name in names]

    def load(self, name: str) -> Service | None:
        """The service of this full name, loaded when first asked for; None when there is none."""
        with self._lock:
            if name not in self._services:
                service = self._made(name)
                if service is None:
                    return None
                self._handlers[name] = self._dispatcher.method_handlers(service)
                self._names.add(service.method_names)
                self._services[name] = service
            return self._services[name]

    def _made(self, name: str) -> Service | None:
        if name == UTILITIES and installed():
            from session_fakes.device.services import utility_rpcs

            return utility_rpcs(self.sessions, self.reservations, self._dispatcher.clock.now)
        driver = of_service(name)
        if driver is None or driver not in installed():
            return None
        from session_fakes.device.services import driver_rpcs

        return driver_rpcs(driver, self.sessions, self.bench, lenient=self._lenient)

    def _all_names(self) -> Iterator[str]:
        for name in (UTILITIES, *self.interfaces):
            service = self.load(name)
            if service is not None:
                yield from service.method_names

    def furnish(self, server: grpc.Server) -> None:
        """Have a server of gRPC serve all of it."""
        server.add_generic_rpc_handlers((_Lazy(self),))

    def forget(self) -> None:
        """Close all sessions and drop all reservations, as a fresh start does; clear the bench."""
        self.reservations.reset()
        self.sessions.reset()
        if self._bench is not None:
            self._bench.reset()

    def handler(self, full_name: str) -> grpc.RpcMethodHandler[Any, Any] | None:
        """What answers an RPC, given as ``/package.Service/Method``."""
        name, _, method = full_name.lstrip("/").rpartition("/")
        handlers = self._handlers.get(name)
        if handlers is None:
            if self.load(name) is None:
                return _refuse(_why_missing(name, full_name))
            handlers = self._handlers[name]
        return handlers.get(method)


class _Lazy(grpc.GenericRpcHandler):
    """Finds the handler of an RPC when the first call of it comes."""

    def __init__(self, services: DeviceServices) -> None:
        self._services = services

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """What answers this call."""
        return self._services.handler(handler_call_details.method)


@fidelity(
    "DEV-NOT-INSTALLED",
    evidence="our choice",
    rule="The RPCs of a driver whose package is not installed beside the fakes, and those of"
    " NI-VISA, are UNIMPLEMENTED; the text says what to install",
)
def _why_missing(service: str, full_name: str) -> str:
    driver = of_service(service)
    if driver is not None or service == UTILITIES:
        package = driver.package if driver else DRIVERS[0].package
        return (
            f"{full_name}: the package {package} is not installed where the fakes run, and "
            f"it has the messages: {_EXTRA}"
        )
    if service == DEVICE_SERVER_INTERFACES["visa"]:
        return f"{full_name}: NI-VISA over the device server is not simulated."
    return f"{full_name} is not among the services of the fake device server."


def _refuse(text: str) -> grpc.RpcMethodHandler[Any, Any]:
    def refuse(_: object, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

    return grpc.unary_unary_rpc_method_handler(refuse)
