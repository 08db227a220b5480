"""A measurement plug-in as NI's template makes them; it knows nothing of any fake station."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import ni_measurement_plugin_sdk_service as nims

measurement_service = nims.MeasurementService(
    service_config_path=Path(__file__).parent / "SimpleMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration("Pin", nims.DataType.IOResource, "CustomInstrumentPin")
@measurement_service.configuration("Value", nims.DataType.Double, 2.0)
@measurement_service.output("Echoed pin", nims.DataType.String)
@measurement_service.output("Twice", nims.DataType.Double)
def measure(pin: str, value: float) -> Iterable[object]:
    """Say which pin was asked for, and double the value."""
    logging.info("measuring %s", pin)
    return (pin, 2.0 * value)


def main() -> None:
    """Host the measurement until Enter is pressed."""
    logging.basicConfig(level=logging.INFO)
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")


if __name__ == "__main__":
    main()
