"""A measurement plug-in that uses a session of the small server; it knows nothing of the kit."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ni_measurement_plugin_sdk_service as nims

steps: Any = importlib.import_module("small_sequences")
measurement_service = nims.MeasurementService(
    service_config_path=Path(__file__).parent / "SharingMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration("Pin", nims.DataType.IOResource, "Pin1")
@measurement_service.output("Written", nims.DataType.String)
def measure(pin: str) -> Iterable[object]:
    """Reserve, join, write."""
    with (
        steps.bench() as bench,
        measurement_service.context.reserve_session(pin, timeout=20) as reservation,
        bench.session(reservation.session_info, steps.AUTO) as session,
    ):
        session.write("measured")
    return ("measured",)


if __name__ == "__main__":
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")
