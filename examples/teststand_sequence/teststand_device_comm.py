"""Steps for the custom instrument: a sequence opens its session once, for all measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _helpers import active_pin_map_id, session_management_client
from device_communication_client import (
    INSTRUMENT_TYPE,
    DeviceCommunicationSessionConstructor,
    Protocol,
)
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
)

REGISTER_MAP_PATH = Path(__file__).resolve().parents[1] / "register_map" / "register_map.csv"


def create_device_communication_sessions(
    sequence_context: Any,  # noqa: ANN401 - an object of TestStand's API
) -> None:
    """Open the instruments of the pin map and register their sessions: a step of Setup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        context = PinMapContext(active_pin_map_id(sequence_context), sites=None)
        with client.reserve_sessions(context, instrument_type_id=INSTRUMENT_TYPE) as reservation:
            behavior = SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
            with reservation.initialize_sessions(_constructor(behavior), INSTRUMENT_TYPE):
                pass
            client.register_sessions(reservation.session_info)


def destroy_device_communication_sessions() -> None:
    """Close the sessions that are registered, for everybody: a step of Cleanup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        with client.reserve_all_registered_sessions(
            instrument_type_id=INSTRUMENT_TYPE
        ) as reservation:
            if not reservation.session_info:
                return
            behavior = SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE
            with reservation.initialize_sessions(_constructor(behavior), INSTRUMENT_TYPE):
                pass
            client.unregister_sessions(reservation.session_info)


def _constructor(
    behavior: SessionInitializationBehavior,
) -> DeviceCommunicationSessionConstructor:
    return DeviceCommunicationSessionConstructor(
        REGISTER_MAP_PATH, Protocol.SPI, initialization_behavior=behavior
    )
