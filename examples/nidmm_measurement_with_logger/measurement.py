"""Measures with NI-DMM, and logs what came out.

The sessions of the multimeter and of the log file are shared: who initializes them with AUTO
opens those that nobody has open, and closes these then; in a sequence whose setup has opened them,
all measurements use the same ones.
"""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path

import click
import ni_measurement_plugin_sdk_service as nims
import nidmm
from json_logger_client import JSON_LOGGER_INSTRUMENT_TYPE, JsonLoggerSessionConstructor
from ni_measurement_plugin_sdk_service.session_management import INSTRUMENT_TYPE_NI_DMM

HERE = Path(__file__).resolve().parent

measurement_service = nims.MeasurementService(
    service_config_path=HERE / "NIDmmMeasurementWithLogger.serviceconfig",
    ui_file_paths=[],
)


class Function(Enum):
    """What may be measured; the SDK wants a first value of 0."""

    NONE = 0
    DC_VOLTS = nidmm.Function.DC_VOLTS.value
    AC_VOLTS = nidmm.Function.AC_VOLTS.value
    DC_CURRENT = nidmm.Function.DC_CURRENT.value


@measurement_service.register_measurement
@measurement_service.configuration(
    "DMM pin", nims.DataType.IOResource, "DMMPin", instrument_type=INSTRUMENT_TYPE_NI_DMM
)
@measurement_service.configuration(
    "Logger pin",
    nims.DataType.IOResource,
    "LoggerPin",
    instrument_type=JSON_LOGGER_INSTRUMENT_TYPE,
)
@measurement_service.configuration(
    "Function", nims.DataType.Enum, Function.DC_VOLTS, enum_type=Function
)
@measurement_service.configuration("Range", nims.DataType.Double, 10.0)
@measurement_service.configuration("Resolution digits", nims.DataType.Double, 5.5)
@measurement_service.output("Value", nims.DataType.Double)
@measurement_service.output("Absolute resolution", nims.DataType.Double)
def measure(
    dmm_pin: str,
    logger_pin: str,
    function: Function,
    measurement_range: float,
    resolution_digits: float,
) -> tuple[float, float]:
    """Measure once, and log it."""
    logging.info("Measuring %s at %s", function.name, dmm_pin)
    with (
        measurement_service.context.reserve_sessions([dmm_pin, logger_pin]) as reservation,
        reservation.initialize_nidmm_session() as dmm,
        reservation.initialize_session(
            JsonLoggerSessionConstructor(), JSON_LOGGER_INSTRUMENT_TYPE
        ) as logger,
    ):
        chosen = nidmm.Function(function.value or Function.DC_VOLTS.value)
        dmm.session.configure_measurement_digits(chosen, measurement_range, resolution_digits)
        value = dmm.session.read()
        resolution = dmm.session.resolution_absolute
        logger.session.log_data(
            "NI-DMM",
            {"pin": dmm_pin, "function": chosen.name, "range": measurement_range},
            {"value": value, "absolute resolution": resolution},
        )
        return value, resolution


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
