"""Steps for the log file: a sequence opens its session once, for all measurements."""

from __future__ import annotations

from typing import Any

from _helpers import active_pin_map_id, session_management_client
from json_logger_client import JSON_LOGGER_INSTRUMENT_TYPE, JsonLoggerSessionConstructor
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
)


def create_json_logger_sessions(
    sequence_context: Any,  # noqa: ANN401 - an object of TestStand's API
) -> None:
    """Open the log files of the pin map and register their sessions: a step of Setup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        context = PinMapContext(active_pin_map_id(sequence_context), sites=None)
        with client.reserve_sessions(
            context, instrument_type_id=JSON_LOGGER_INSTRUMENT_TYPE
        ) as reservation:
            constructor = JsonLoggerSessionConstructor(
                SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
            )
            with reservation.initialize_sessions(constructor, JSON_LOGGER_INSTRUMENT_TYPE):
                pass
            client.register_sessions(reservation.session_info)


def destroy_json_logger_sessions() -> None:
    """Close the sessions that are registered, for everybody: a step of Cleanup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        with client.reserve_all_registered_sessions(
            instrument_type_id=JSON_LOGGER_INSTRUMENT_TYPE
        ) as reservation:
            if not reservation.session_info:
                return
            constructor = JsonLoggerSessionConstructor(
                SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE
            )
            with reservation.initialize_sessions(constructor, JSON_LOGGER_INSTRUMENT_TYPE):
                pass
            client.unregister_sessions(reservation.session_info)
