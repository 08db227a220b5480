"""Steps of small sequences, right and wrong; target files name them ``small_sequences.py:create``.

``create``, ``use`` and ``destroy`` do all that is due; each of the others differs in one thing.
"""

# Messages are made at run time.
# ruff: noqa: ANN401

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

message: Any = importlib.import_module("sharing_server").message
"""It is beside this file, where code modules find each other."""
AUTO = SessionInitializationBehavior.AUTO
CREATE_AND_CLOSE = SessionInitializationBehavior.INITIALIZE_SERVER_SESSION
ATTACH = SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION
DETACH = SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
ATTACH_AND_CLOSE = SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE
_ON_THE_WIRE = {AUTO: 0, CREATE_AND_CLOSE: 1, DETACH: 1, ATTACH: 2, ATTACH_AND_CLOSE: 2}
_CLOSES = {AUTO: None, CREATE_AND_CLOSE: True, DETACH: False, ATTACH: False, ATTACH_AND_CLOSE: True}
TYPE = "Sharing"
_PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"


class Session:
    """A session of the small server."""

    def __init__(self, channel: grpc.Channel, resource: str, behavior: Any) -> None:
        self._channel = channel
        answer = self._call("Initialize", resource_name=resource, behavior=_ON_THE_WIRE[behavior])
        self._id = answer.session_id
        closes = _CLOSES[behavior]
        self._closes = answer.new_session_initialized if closes is None else closes

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._closes:
            self.close()

    def write(self, text: str) -> None:
        """Use it."""
        self._call("Write", session_id=self._id, text=text)

    def close(self) -> None:
        """End it for everybody."""
        self._call("Close", session_id=self._id)

    def _call(self, rpc: str, **fields: Any) -> Any:
        kind = "Use" if rpc == "Write" else rpc
        call = self._channel.unary_unary(
            f"/sharing.Sharing/{rpc}",
            request_serializer=message(f"{kind}Request").SerializeToString,
            response_deserializer=message(f"{kind}Response").FromString,
        )
        return call(message(f"{kind}Request")(**fields), timeout=20)


class Bench:
    """NI's client, and sessions of the small server."""

    def __init__(self, client: SessionManagementClient, channel: grpc.Channel) -> None:
        self.client = client
        self.channel = channel

    def session(self, info: Any, behavior: Any) -> Session:
        """The session of a reserved resource, or of one by its name."""
        return Session(self.channel, getattr(info, "resource_name", info), behavior)

    def opened(self, reservation: Any, behavior: Any) -> Any:
        """The sessions of all that is reserved, in a ``with`` block."""

        def make(info: Any) -> Session:
            return self.session(info, behavior)

        return reservation.initialize_sessions(make, TYPE)


@contextmanager
def bench() -> Generator[Bench, None, None]:
    """Find the services as NI's code modules do."""
    with GrpcChannelPool() as pool:
        discovery = DiscoveryClient(grpc_channel_pool=pool)
        place = discovery.resolve_service("sharing.Sharing", "sharing")
        client = SessionManagementClient(discovery_client=discovery, grpc_channel_pool=pool)
        yield Bench(client, pool.get_channel(place.insecure_address))


@contextmanager
def reserved(
    sequence_context: Any, timeout: float = 0.0
) -> Generator[tuple[Bench, Any], None, None]:
    """Reserve all of the pin map, as long as the block runs."""
    with bench() as b, b.client.reserve_sessions(pins(sequence_context), timeout=timeout) as held:
        yield b, held


def pins(sequence_context: Any) -> PinMapContext:
    """The pin map of the sequence."""
    variables = sequence_context.Execution.RunTimeVariables
    return PinMapContext(variables.GetValString(_PIN_MAP_ID, 0x0), None)


# Setup -------------------------------------------------------------------------------------------


def create(sequence_context: Any) -> None:
    """Reserve, open, register, unreserve."""
    _create(sequence_context, DETACH)


def _create(sequence_context: Any, behavior: Any) -> None:
    with reserved(sequence_context) as (b, reservation):
        with b.opened(reservation, behavior):
            pass
        b.client.register_sessions(reservation.session_info)


def create_in_two_steps(sequence_context: Any) -> None:
    """After ``create``: attach to configure what is open. That is right."""
    with reserved(sequence_context) as (b, reservation), b.opened(reservation, ATTACH) as sessions:
        for each in sessions:
            each.session.write("configured")


def create_with_a_look_before(sequence_context: Any) -> None:
    """Ask Session Management first whether it is open. That is right."""
    with reserved(sequence_context) as (b, reservation):
        if any(info.session_exists for info in reservation.session_info):
            raise RuntimeError("The session is open already.")
        with b.opened(reservation, DETACH):
            pass
        b.client.register_sessions(reservation.session_info)


def create_without_detach(sequence_context: Any) -> None:
    """It is closed when Setup ends."""
    _create(sequence_context, CREATE_AND_CLOSE)


def create_with_auto(sequence_context: Any) -> None:
    """It joins whatever is open."""
    _create(sequence_context, AUTO)


def create_before_it_reserves(sequence_context: Any) -> None:
    """Nobody keeps others away meanwhile."""
    with bench() as b:
        with b.client.reserve_sessions(pins(sequence_context)) as reservation:
            infos = reservation.session_info
        for info in infos:
            b.session(info, DETACH)
        with b.client.reserve_sessions(pins(sequence_context)):
            b.client.register_sessions(infos)


def create_registers_afterwards(sequence_context: Any) -> None:
    """Another step may reserve in between."""
    with bench() as b:
        with (
            b.client.reserve_sessions(pins(sequence_context)) as reservation,
            b.opened(reservation, DETACH),
        ):
            pass
        b.client.register_sessions(reservation.session_info)


def create_registers_never(sequence_context: Any) -> None:
    """Nobody finds it to close it."""
    with reserved(sequence_context) as (b, reservation), b.opened(reservation, DETACH):
        pass


def create_keeps_its_reservation(sequence_context: Any) -> None:
    """Every Main step waits."""
    with bench() as b:
        reservation = b.client.reserve_sessions(pins(sequence_context))
        with b.opened(reservation, DETACH):
            pass
        b.client.register_sessions(reservation.session_info)


def create_keeps_its_reservation_when_it_fails(sequence_context: Any) -> None:
    """There is no ``with`` around it."""
    with bench() as b:
        reservation = b.client.reserve_sessions(pins(sequence_context))
        with b.opened(reservation, DETACH):
            pass
        b.client.register_sessions(reservation.session_info)
        reservation.unreserve()


def create_whatever_is_open(sequence_context: Any) -> None:
    """A refusal is swallowed."""
    with suppress(grpc.RpcError):
        create(sequence_context)


# Main --------------------------------------------------------------------------------------------


def use(sequence_context: Any) -> None:
    """Reserve, join, write."""
    _use(sequence_context, AUTO)


def _use(sequence_context: Any, behavior: Any) -> None:
    with reserved(sequence_context, 20) as (b, held), b.opened(held, behavior) as sessions:
        for each in sessions:
            each.session.write("measured")


def use_and_a_log_of_its_own(sequence_context: Any) -> None:
    """Also open what no pin leads to. That is right."""
    with reserved(sequence_context, 20) as (b, held), b.session("a log of its own", AUTO) as own:
        own.write("begun")
        with b.opened(held, AUTO) as sessions:
            for each in sessions:
                each.session.write("measured")


def create_by_path(sequence_context: Any) -> None:
    """Make a path of the resource's name. That is right, where all do."""
    with reserved(sequence_context) as (b, reservation):
        for info in reservation.session_info:
            b.session(f"/instruments/{info.resource_name}", DETACH)
        b.client.register_sessions(reservation.session_info)


def use_by_path(sequence_context: Any) -> None:
    """Likewise."""
    with reserved(sequence_context, 20) as (b, reservation):
        for info in reservation.session_info:
            with b.session(f"/instruments/{info.resource_name}", AUTO) as session:
                session.write("measured")


def destroy_by_path() -> None:
    """Likewise."""
    with bench() as b, b.client.reserve_all_registered_sessions(TYPE) as reservation:
        for info in reservation.session_info:
            with b.session(f"/instruments/{info.resource_name}", ATTACH_AND_CLOSE):
                pass
        b.client.unregister_sessions(reservation.session_info)


def use_and_close(sequence_context: Any) -> None:
    """The next step opens another one."""
    with reserved(sequence_context, 20) as (b, held), b.opened(held, AUTO) as sessions:
        for each in sessions:
            each.session.close()


def use_and_close_when_it_fails(sequence_context: Any) -> None:
    """Likewise, but only then."""
    with reserved(sequence_context, 20) as (b, held), b.opened(held, AUTO) as sessions:
        for each in sessions:
            try:
                each.session.write("measured")
            except grpc.RpcError:
                each.session.close()
                raise


def use_attached(sequence_context: Any) -> None:
    """It does not run alone."""
    _use(sequence_context, ATTACH)


def use_without_reservation(sequence_context: Any) -> None:
    """Two may write at once."""
    with bench() as b:
        with b.client.reserve_sessions(pins(sequence_context), timeout=20) as reservation:
            infos = reservation.session_info
        for info in infos:
            with b.session(info, AUTO) as session:
                session.write("measured")


def use_and_keep_the_reservation_when_it_fails(sequence_context: Any) -> None:
    """There is no ``with`` around it."""
    with bench() as b:
        reservation = b.client.reserve_sessions(pins(sequence_context), timeout=20)
        with b.opened(reservation, AUTO) as sessions:
            for each in sessions:
                each.session.write("measured")
        reservation.unreserve()


def use_by_another_name(sequence_context: Any) -> None:
    """The server takes it for another resource."""
    with reserved(sequence_context, 20) as (b, reservation):
        for info in reservation.session_info:
            b.session(info.resource_name.upper(), AUTO).write("measured")


# Cleanup -----------------------------------------------------------------------------------------


def destroy() -> None:
    """Reserve all, attach and close, unregister."""
    _destroy(ATTACH_AND_CLOSE)


def _destroy(behavior: Any, *, unregisters: bool = True) -> None:
    with bench() as b, b.client.reserve_all_registered_sessions(TYPE) as reservation:
        if not reservation.session_info:
            return
        with b.opened(reservation, behavior):
            pass
        if unregisters:
            b.client.unregister_sessions(reservation.session_info)


def destroy_unregisters_first() -> None:
    """The other order. That is right."""
    with bench() as b, b.client.reserve_all_registered_sessions(TYPE) as reservation:
        if reservation.session_info:
            b.client.unregister_sessions(reservation.session_info)
            with b.opened(reservation, ATTACH_AND_CLOSE):
                pass


def destroy_by_pins(sequence_context: Any) -> None:
    """Reserve by pins what is registered. That is right."""
    with reserved(sequence_context, 10) as (b, reservation):
        infos = [info for info in reservation.session_info if info.session_exists]
        for info in infos:
            with b.session(info, ATTACH_AND_CLOSE):
                pass
        b.client.unregister_sessions(infos)


def destroy_with_auto() -> None:
    """It leaves open what is open."""
    _destroy(AUTO)


def destroy_leaves_open() -> None:
    """It attaches, and no more."""
    _destroy(ATTACH)


def destroy_unregisters_never() -> None:
    """The next Setup fails."""
    _destroy(ATTACH_AND_CLOSE, unregisters=False)


def destroy_keeps_its_reservation() -> None:
    """There is no ``with`` around it."""
    with bench() as b:
        reservation = b.client.reserve_all_registered_sessions(TYPE)
        if reservation.session_info:
            with b.opened(reservation, ATTACH_AND_CLOSE):
                pass
            b.client.unregister_sessions(reservation.session_info)


def destroy_without_reservation() -> None:
    """A plug-in may be at work."""
    with bench() as b:
        with b.client.reserve_all_registered_sessions(TYPE) as reservation:
            infos = reservation.session_info
        for info in infos:
            with b.session(info, ATTACH_AND_CLOSE):
                pass
        with b.client.reserve_all_registered_sessions(TYPE):
            b.client.unregister_sessions(infos)


def destroy_wants_something() -> None:
    """It fails where nothing is registered."""
    with bench() as b, b.client.reserve_all_registered_sessions(TYPE) as reservation:
        with b.opened(reservation, ATTACH_AND_CLOSE):
            pass
        b.client.unregister_sessions(reservation.session_info)


_well: list[bool] = []


def use_and_say_so(sequence_context: Any) -> None:
    """With ``destroy_if_all_went_well``: nothing is closed after a failure."""
    _well.clear()
    use(sequence_context)
    _well.append(True)


def destroy_if_all_went_well() -> None:
    """With ``use_and_say_so``."""
    if _well:
        destroy()
