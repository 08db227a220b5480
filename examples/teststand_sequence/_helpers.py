"""What the code modules have in common."""

from __future__ import annotations

from typing import Any

from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import SessionManagementClient

_PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"
_NO_OPTIONS = 0x0


def active_pin_map_id(sequence_context: Any) -> str:  # noqa: ANN401 - an object of TestStand's API
    """The id of the pin map that the step Update Pin Map has registered; empty before that."""
    variables = sequence_context.Execution.RunTimeVariables
    if not variables.Exists(_PIN_MAP_ID, _NO_OPTIONS):
        return ""
    return str(variables.GetValString(_PIN_MAP_ID, _NO_OPTIONS))


def session_management_client(channels: GrpcChannelPool) -> SessionManagementClient:
    """A client of NI's Session Management Service, over channels that its user closes."""
    discovery = DiscoveryClient(grpc_channel_pool=channels)
    return SessionManagementClient(discovery_client=discovery, grpc_channel_pool=channels)
