"""Setup, Main and Cleanup of a sequence whose steps share log files."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

from session_reference.file_logger.session_constructor import (
    JSON_LOGGER_INSTRUMENT_TYPE,
    JsonLoggerSessionConstructor,
)

_PIN_MAP_ID = "NI.MeasurementPlugIns.PinMapId"
_MEASURED = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc)


def create_json_logger(sequence_context: Any) -> None:  # noqa: ANN401 - a COM object
    """Open the logs of the pin map, leave them open, and register them."""
    with _session_management() as (client, discovery):
        context = _pin_map(sequence_context)
        make = JsonLoggerSessionConstructor(
            SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH, discovery_client=discovery
        )
        with client.reserve_sessions(
            context, instrument_type_id=JSON_LOGGER_INSTRUMENT_TYPE
        ) as reservation:
            with reservation.initialize_sessions(make, JSON_LOGGER_INSTRUMENT_TYPE):
                pass
            client.register_sessions(reservation.session_info)


def log_voltage(sequence_context: Any) -> None:  # noqa: ANN401 - likewise
    """What a measurement plug-in does with a log."""
    _log(sequence_context, "voltage")


def log_current(sequence_context: Any) -> None:  # noqa: ANN401 - likewise
    """What another one does."""
    _log(sequence_context, "current")


def _log(sequence_context: Any, measurement: str) -> None:  # noqa: ANN401 - likewise
    with _session_management() as (client, discovery):
        make = JsonLoggerSessionConstructor(discovery_client=discovery)
        with (
            client.reserve_sessions(
                _pin_map(sequence_context), "LoggerPin", timeout=20
            ) as reservation,
            reservation.initialize_sessions(make, JSON_LOGGER_INSTRUMENT_TYPE) as sessions,
        ):
            for each in sessions:
                each.session.log_data(measurement, {"range": 10}, {"value": 3.3}, _MEASURED)
                each.session.log_data(measurement, {"range": 10}, {"value": 3.3})
                _look_up(Path(each.resource_name), measurement)


def _look_up(log: Path, measurement: str) -> None:
    """Find both records; nobody else has the log now, so that they are the last ones."""
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[-2:]]
    due = {
        "measurement_name": measurement,
        "measurement_configurations": {"range": "10"},
        "measurement_outputs": {"value": "3.3"},
    }
    if not all(due.items() <= record.items() for record in records):
        raise RuntimeError(f"{log} ends with {records}, and not twice with {due}")
    of_ours = [record["timestamp"].startswith("2001-02-03T04:05:06") for record in records]
    if of_ours != [True, False]:
        raise RuntimeError(f"{records}: the first has the time of its step, the other another one")


def destroy_json_logger() -> None:
    """Close the logs that are registered, then unregister them."""
    with _session_management() as (client, discovery):
        make = JsonLoggerSessionConstructor(
            SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE, discovery_client=discovery
        )
        with client.reserve_all_registered_sessions(JSON_LOGGER_INSTRUMENT_TYPE) as reservation:
            if not reservation.session_info:
                return
            with reservation.initialize_sessions(make, JSON_LOGGER_INSTRUMENT_TYPE):
                pass
            client.unregister_sessions(reservation.session_info)


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
