"""The gRPC services of the device server: between messages, sessions and instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from session_fakes.device.bench import Bench
from session_fakes.device.descriptors import DriverService, driver_service, utilities_service
from session_fakes.device.drivers import Driver
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import Opening, Simulation, simulation_of
from session_fakes.device.instruments.simulation import Rpc
from session_fakes.device.messages import built, check_enums
from session_fakes.device.repository import SessionRepository
from session_fakes.device.reservations import DeviceReservations, Waiter
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity
from session_fakes.services.callers import holder_of
from session_fakes.serving.dispatch import Caller, Handler, Service, Stream

__all__ = ["driver_rpcs", "utility_rpcs"]

_Answers = Iterator[Mapping[str, Any]]
_Plain = Mapping[str, Any] | tuple[Any, ...] | None


def driver_rpcs(
    driver: Driver, sessions: SessionRepository, bench: Bench, *, lenient: bool
) -> Service:
    """The service of a driver over the sessions of a device server."""
    return _DriverRpcs(driver, sessions, bench, lenient=lenient).service()


class _DriverRpcs:
    def __init__(
        self, driver: Driver, sessions: SessionRepository, bench: Bench, *, lenient: bool
    ) -> None:
        self._driver = driver
        self._sessions = sessions
        self._bench = bench
        self._lenient = lenient
        self._kind = simulation_of(driver)

    def service(self) -> Service:
        """The service with a handler for each of its RPCs."""
        described: DriverService = driver_service(self._driver)
        methods = described.descriptor.methods
        handlers = {m.name: found for m in methods if (found := self._handler(m))}
        return Service(described.descriptor, handlers, described.streams)

    def _handler(self, method: MethodDescriptor) -> Handler | None:
        response_class: type[Message] = GetMessageClass(method.output_type)
        if method.name in self._kind.INITIALIZERS:
            return self._opener(method)
        if method.name == self._kind.CLOSER:
            return self._closer(method)
        found = self._kind.answers(method.name)
        if found is None:
            return self._refuser(method, response_class)
        return self._answerer(found, method)

    def _opener(self, method: MethodDescriptor) -> Handler:
        response_class: type[Message] = GetMessageClass(method.output_type)
        handle = _handle_in(method.output_type)

        def open_session(request: Any, caller: Caller) -> Message:
            def create(name: str) -> Simulation:
                with self._bench.lock:
                    return self._kind(
                        Opening(self._bench, self._driver, name, request, self._lenient)
                    )

            session, is_new = self._sessions.open(
                self._driver,
                request.session_name,
                request.initialization_behavior,
                create,
                holder_of(caller),
            )
            response = built(response_class, {"new_session_initialized": is_new})
            getattr(response, handle).name = session.name
            return response

        return open_session

    def _closer(self, method: MethodDescriptor) -> Handler:
        response_class: type[Message] = GetMessageClass(method.output_type)
        handle = _handle_in(method.input_type)

        def close(request: Any, _: Caller) -> Message:
            self._sessions.close(self._driver, getattr(request, handle).name)
            return response_class()

        return close

    @fidelity(
        "DEV-ENUM-LEFT-OUT",
        evidence="seen in NI's code",
        rule="An enum that is left out is INVALID_ARGUMENT, in NI's words, before the session is"
        " looked at",
    )
    def _answerer(self, how: Rpc, method: MethodDescriptor) -> Handler:
        response_class: type[Message] = GetMessageClass(method.output_type)
        names = _names_of(response_class)
        handle = _handle_in(method.input_type)
        is_stream = method.name in driver_service(self._driver).streams

        def answer(request: Any, caller: Caller) -> Message | Stream:
            check_enums(request)
            instrument: Any = self._instrument(getattr(request, handle).name if handle else None)
            with self._bench.lock:
                try:
                    found = how.call(instrument, request, _Leaving(caller, self._bench))
                except DriverError as error:
                    instrument.remember(error.driver_code, error.text)
                    raise
            if is_stream:
                return Stream(built(response_class, each) for each in cast("_Answers", found))
            plain = cast("_Plain", found)
            fields = dict(zip(names, plain, strict=False)) if isinstance(plain, tuple) else plain
            return built(response_class, fields) if fields else response_class()

        return answer

    def _instrument(self, session: str | None) -> object:
        if session is None:
            return self._kind.without_session(self._bench, self._driver)
        return self._sessions.get(self._driver, session)

    @fidelity(
        "DEV-STRICT",
        evidence="our choice",
        rule="An RPC without simulated behaviour is UNIMPLEMENTED, and says what to do; with"
        " lenient_devices=True it answers zeros",
    )
    def _refuser(self, method: MethodDescriptor, response_class: type[Message]) -> Handler:
        def refuse(_: object, __: Caller) -> Message:
            if self._lenient:
                return response_class()
            raise Refusal(
                "UNIMPLEMENTED",
                f"{method.full_name} has no simulated behaviour; FIDELITY.md lists what has. Answer"
                f" it yourself with station.faults.on('{method.name}').reply(...), or have all such"
                " calls answer zeros with FakeStation(lenient_devices=True).",
            )

        return refuse


def _handle_in(message: Descriptor) -> str:
    """The field that holds the session; empty when the RPC is not one of a session."""
    return next((name for name in ("vi", "task") if name in message.fields_by_name), "")


def _names_of(response_class: type[Message]) -> list[str]:
    """The fields of a response in their order; an enum, which is there twice, once."""
    names = [field.name for field in response_class.DESCRIPTOR.fields]
    twice = {f"{name}_raw" for name in names}
    return [name for name in names if name != "status" and name not in twice]


class _Leaving:
    """Says whether a caller gave up; from the first question on the bench stirs when it does."""

    def __init__(self, caller: Caller, bench: Bench) -> None:
        self._context = caller.context
        self._bench = bench
        self._is_told = False

    def __call__(self) -> bool:
        if not self._is_told:
            self._is_told = True
            if not self._context.add_callback(self._bench.stir):
                return True
        return not self._context.is_active()


# The device server itself -------------------------------------------------------------------------


def utility_rpcs(
    sessions: SessionRepository, reservations: DeviceReservations, now: Callable[[], float]
) -> Service:
    """The service SessionUtilities."""
    described = utilities_service()
    handlers = _UtilityRpcs(sessions, reservations, described.descriptor, now)
    return Service(
        described.descriptor,
        {
            "EnumerateDevices": handlers.enumerate_devices,
            "Reserve": handlers.reserve,
            "IsReservedByClient": handlers.is_reserved,
            "Unreserve": handlers.unreserve,
            "ResetServer": handlers.reset,
        },
    )


class _UtilityRpcs:
    def __init__(
        self,
        sessions: SessionRepository,
        reservations: DeviceReservations,
        descriptor: ServiceDescriptor,
        now: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._reservations = reservations
        self._now = now
        self._responses = {m.name: GetMessageClass(m.output_type) for m in descriptor.methods}

    def _answer(self, method: str, **fields: bool) -> Message:
        return built(self._responses[method], fields)

    @fidelity(
        "DEV-ENUMERATE",
        evidence="tested by NI",
        rule="There are no devices to enumerate: NOT_FOUND, as on a machine without NI's software",
    )
    def enumerate_devices(self, _: object, __: Caller) -> Message:
        """Say that nothing can tell the devices."""
        raise Refusal(
            "NOT_FOUND", "The NI System Configuration API is not installed on the server."
        )

    def reserve(self, request: Any, caller: Caller) -> Message:
        """Hold a name."""
        waiter = Waiter(request.client_id, lambda: not caller.context.is_active(), self._now())
        if not caller.context.add_callback(waiter.woken.set):
            raise Refusal("CANCELLED", "The caller gave up.")
        self._reservations.reserve(request.reservation_id, waiter)
        return self._answer("Reserve", is_reserved=True)

    def is_reserved(self, request: Any, _: Caller) -> Message:
        """Say whether a client holds a name."""
        held = self._reservations.is_reserved_by(request.reservation_id, request.client_id)
        return self._answer("IsReservedByClient", is_reserved=held)

    def unreserve(self, request: Any, _: Caller) -> Message:
        """Give a name back."""
        given = self._reservations.unreserve(request.reservation_id, request.client_id)
        return self._answer("Unreserve", is_unreserved=given)

    def reset(self, _: object, __: Caller) -> Message:
        """Close all sessions and drop all reservations."""
        self._reservations.reset()
        self._sessions.reset()
        return self._answer("ResetServer", is_server_reset=True)
