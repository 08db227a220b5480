"""Writes a register of a custom instrument and reads it back.

The session of the instrument is shared: who initializes it with AUTO opens it if nobody has, and
closes it then; in a sequence whose setup has opened it, all measurements use that one session.
"""

from __future__ import annotations

import logging
from pathlib import Path

import click
import ni_measurement_plugin_sdk_service as nims
from device_communication_client import (
    INSTRUMENT_TYPE,
    DeviceCommunicationSessionConstructor,
    Protocol,
)

HERE = Path(__file__).resolve().parent
REGISTER_MAP_PATH = HERE.parent / "register_map" / "register_map.csv"

measurement_service = nims.MeasurementService(
    service_config_path=HERE / "SimpleMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration(
    "Instrument pin",
    nims.DataType.IOResource,
    "CustomInstrumentPin",
    instrument_type=INSTRUMENT_TYPE,
)
@measurement_service.configuration("Register name", nims.DataType.String, "USER_DATA_0")
@measurement_service.configuration("Value", nims.DataType.UInt32, 0x55)
@measurement_service.output("Value before", nims.DataType.UInt32)
@measurement_service.output("Value read", nims.DataType.UInt32)
@measurement_service.output("Session id", nims.DataType.String)
@measurement_service.output("New session", nims.DataType.Boolean)
def measure(instrument_pin: str, register_name: str, value: int) -> tuple[int, int, str, bool]:
    """Write a register and read it back."""
    logging.info("Writing %d to %s of %s", value, register_name, instrument_pin)
    # Without a behaviour it is AUTO.
    constructor = DeviceCommunicationSessionConstructor(REGISTER_MAP_PATH, Protocol.SPI)
    with (
        measurement_service.context.reserve_session(instrument_pin) as reservation,
        reservation.initialize_session(constructor, INSTRUMENT_TYPE) as session_info,
    ):
        device = session_info.session
        before = device.read_register(register_name)
        device.write_register(register_name, value)
        after = device.read_register(register_name)
        return before, after, device.session_id, device.new_session


@click.command()
@click.option("-v", "--verbose", count=True, help="Log what is done; -vv: everything.")
def main(verbose: int) -> None:
    """Host the measurement until Enter is pressed."""
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")


if __name__ == "__main__":
    main()
