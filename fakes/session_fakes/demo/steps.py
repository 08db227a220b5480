"""Code modules for TestStand: Setup opens the notebook for all, Cleanup closes it."""

from __future__ import annotations

from typing import Any

from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

from session_fakes.demo.client import INSTRUMENT_TYPE, NotebookConstructor

__all__ = ["create_notebook_sessions", "destroy_notebook_sessions"]

_PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"


def create_notebook_sessions(sequence_context: Any) -> None:  # noqa: ANN401 - TestStand's object
    """Open the notebooks of the pin map, and register their sessions."""
    pin_map_id = sequence_context.Execution.RunTimeVariables.GetValString(_PIN_MAP_ID, 0x0)
    behavior = SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
    with GrpcChannelPool() as channels:
        client = _client(channels)
        with client.reserve_sessions(
            PinMapContext(pin_map_id, None), instrument_type_id=INSTRUMENT_TYPE
        ) as reservation:
            constructor = NotebookConstructor("Setup", behavior)
            with reservation.initialize_sessions(constructor, INSTRUMENT_TYPE):
                pass
            client.register_sessions(reservation.session_info)


def destroy_notebook_sessions() -> None:
    """Close the notebooks that are registered, for everybody."""
    behavior = SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE
    with GrpcChannelPool() as channels:
        client = _client(channels)
        with client.reserve_all_registered_sessions(INSTRUMENT_TYPE) as reservation:
            if reservation.session_info:
                constructor = NotebookConstructor("Cleanup", behavior)
                with reservation.initialize_sessions(constructor, INSTRUMENT_TYPE):
                    pass
                client.unregister_sessions(reservation.session_info)


def _client(channels: GrpcChannelPool) -> SessionManagementClient:
    discovery = DiscoveryClient(grpc_channel_pool=channels)
    return SessionManagementClient(discovery_client=discovery, grpc_channel_pool=channels)
