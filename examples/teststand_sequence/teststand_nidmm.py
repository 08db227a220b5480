"""Steps for NI-DMM: a sequence opens its sessions once, for all measurements."""

from __future__ import annotations

from typing import Any

from _helpers import active_pin_map_id, session_management_client
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    INSTRUMENT_TYPE_NI_DMM,
    PinMapContext,
    SessionInitializationBehavior,
)


def create_nidmm_sessions(
    sequence_context: Any,  # noqa: ANN401 - an object of TestStand's API
) -> None:
    """Open the multimeters of the pin map and register their sessions: a step of Setup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        context = PinMapContext(active_pin_map_id(sequence_context), sites=None)
        with client.reserve_sessions(
            context, instrument_type_id=INSTRUMENT_TYPE_NI_DMM
        ) as reservation:
            with reservation.initialize_nidmm_sessions(
                initialization_behavior=SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
            ):
                pass
            client.register_sessions(reservation.session_info)


def destroy_nidmm_sessions() -> None:
    """Close the sessions that are registered, for everybody: a step of Cleanup."""
    with GrpcChannelPool() as channels:
        client = session_management_client(channels)
        with client.reserve_all_registered_sessions(
            instrument_type_id=INSTRUMENT_TYPE_NI_DMM
        ) as reservation:
            if not reservation.session_info:
                return
            with reservation.initialize_nidmm_sessions(
                initialization_behavior=SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE
            ):
                pass
            client.unregister_sessions(reservation.session_info)
