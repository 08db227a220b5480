"""A measurement plug-in that answers which sites it measures, and can reserve its pin."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import ni_measurement_plugin_sdk_service as nims

measurement_service = nims.MeasurementService(
    service_config_path=Path(__file__).parent / "SiteMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration("Reserve", nims.DataType.Boolean, False)
@measurement_service.output("Sites", nims.DataType.Int32Array1D)
def measure(reserve: bool) -> Iterable[object]:
    """Answer the sites, with the pin reserved meanwhile or not."""
    if reserve:
        with measurement_service.context.reserve_session("Pin1", timeout=20):
            pass
    return (list(measurement_service.context.pin_map_context.sites or ()),)


if __name__ == "__main__":
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")
