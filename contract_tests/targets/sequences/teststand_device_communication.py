"""Setup, Main and Cleanup of a sequence whose steps share custom instruments."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

import session_reference.custom_instrument
from session_reference.custom_instrument.session import DeviceCommunicationClient, Protocol
from session_reference.custom_instrument.session_constructor import (
    INSTRUMENT_TYPE,
    DeviceCommunicationSessionConstructor,
)

REGISTER_MAP = Path(session_reference.custom_instrument.__file__).with_name("register_map.csv")
_PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"


def create_device_communication(sequence_context: Any) -> None:  # noqa: ANN401 - a COM object
    """Open the instruments of the pin map, leave them open, and register them."""
    with _session_management() as (client, discovery):
        make = _constructor(discovery, SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH)
        with client.reserve_sessions(
            _pin_map(sequence_context), instrument_type_id=INSTRUMENT_TYPE
        ) as reservation:
            with reservation.initialize_sessions(make, INSTRUMENT_TYPE):
                pass
            client.register_sessions(reservation.session_info)


def write_register(sequence_context: Any) -> None:  # noqa: ANN401 - likewise
    """What a measurement plug-in does with the instrument."""
    with _session_management() as (client, discovery):
        make = _constructor(discovery)
        with (
            client.reserve_sessions(
                _pin_map(sequence_context), "CustomInstrumentPin", timeout=20
            ) as reservation,
            reservation.initialize_sessions(make, INSTRUMENT_TYPE) as sessions,
        ):
            for each in sessions:
                _use(each.session)


def _use(instrument: DeviceCommunicationClient) -> None:
    """Write in all ways; nobody else has the instrument now, so that what is read is what was."""
    instrument.write_register("USER_DATA_0", 7)
    instrument.write_gpio_port(port=1, mask=0x0F, state=0x05)
    instrument.write_gpio_channel(port=1, channel=1, state=True)
    found = (
        instrument.read_register("USER_DATA_0"),
        instrument.read_gpio_port(port=1, mask=0x0F),
        instrument.read_gpio_channel(port=1, channel=1),
        instrument.read_gpio_channel(port=1, channel=3),
    )
    if found != (7, 0x07, True, False):
        raise RuntimeError(f"the instrument answers {found}: that is not what was written")


def read_register(sequence_context: Any) -> bool:  # noqa: ANN401 - likewise
    """What another one does; it finds what the first has written."""
    with _session_management() as (client, discovery):
        make = _constructor(discovery)
        with (
            client.reserve_sessions(
                _pin_map(sequence_context), "CustomInstrumentPin", timeout=20
            ) as reservation,
            reservation.initialize_sessions(make, INSTRUMENT_TYPE) as sessions,
        ):
            return all(each.session.read_register("USER_DATA_0") >= 0 for each in sessions)


def destroy_device_communication() -> None:
    """Unregister the instruments that are registered, then close them.

    NI's samples for its own drivers clean up in this order.
    """
    with _session_management() as (client, discovery):
        make = _constructor(discovery, SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE)
        with client.reserve_all_registered_sessions(INSTRUMENT_TYPE) as reservation:
            if not reservation.session_info:
                return
            client.unregister_sessions(reservation.session_info)
            with reservation.initialize_sessions(make, INSTRUMENT_TYPE):
                pass


def _constructor(
    discovery: DiscoveryClient,
    behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
) -> DeviceCommunicationSessionConstructor:
    return DeviceCommunicationSessionConstructor(
        REGISTER_MAP,
        Protocol.SPI,
        initialization_behavior=behavior,
        discovery_client=discovery,
    )


@contextmanager
def _session_management() -> Generator[tuple[SessionManagementClient, DiscoveryClient], None, None]:
    """A client of Session Management, and one of Discovery for the sessions."""
    with GrpcChannelPool() as pool:
        discovery = DiscoveryClient(grpc_channel_pool=pool)
        yield SessionManagementClient(discovery_client=discovery, grpc_channel_pool=pool), discovery


def _pin_map(sequence_context: Any) -> PinMapContext:  # noqa: ANN401 - likewise
    """The pin map that the step Update Pin Map has set, for all sites."""
    variables = sequence_context.Execution.RunTimeVariables
    is_set = variables.Exists(_PIN_MAP_ID, 0x0)
    return PinMapContext(variables.GetValString(_PIN_MAP_ID, 0x0) if is_set else "", None)
