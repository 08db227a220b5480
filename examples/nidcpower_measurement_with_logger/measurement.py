"""Sources a DC voltage with NI-DCPower, measures it, and logs what came out.

The sessions of the power supply and of the log file are shared: who initializes them with AUTO
opens those that nobody has open, and closes these then; in a sequence whose setup has opened them,
all measurements use the same ones.
"""

from __future__ import annotations

import logging
from pathlib import Path

import click
import hightime
import ni_measurement_plugin_sdk_service as nims
import nidcpower
from json_logger_client import JSON_LOGGER_INSTRUMENT_TYPE, JsonLoggerSessionConstructor
from ni_measurement_plugin_sdk_service.session_management import INSTRUMENT_TYPE_NI_DCPOWER

HERE = Path(__file__).resolve().parent
SETTLING_SECONDS = 10.0

measurement_service = nims.MeasurementService(
    service_config_path=HERE / "NIDCPowerMeasurementWithLogger.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration(
    "Power pin",
    nims.DataType.IOResource,
    "DCPowerPin",
    instrument_type=INSTRUMENT_TYPE_NI_DCPOWER,
)
@measurement_service.configuration(
    "Logger pin",
    nims.DataType.IOResource,
    "LoggerPin",
    instrument_type=JSON_LOGGER_INSTRUMENT_TYPE,
)
@measurement_service.configuration("Voltage level", nims.DataType.Double, 5.0)
@measurement_service.configuration("Current limit", nims.DataType.Double, 0.01)
@measurement_service.configuration("Source delay", nims.DataType.Double, 0.0)
@measurement_service.output("Voltage", nims.DataType.Double)
@measurement_service.output("Current", nims.DataType.Double)
@measurement_service.output("In compliance", nims.DataType.Boolean)
def measure(
    power_pin: str,
    logger_pin: str,
    voltage_level: float,
    current_limit: float,
    source_delay: float,
) -> tuple[float, float, bool]:
    """Source a voltage, measure voltage and current, and log them."""
    logging.info("Sourcing %g V at %s", voltage_level, power_pin)
    with (
        measurement_service.context.reserve_sessions([power_pin, logger_pin]) as reservation,
        reservation.initialize_nidcpower_session() as power,
        reservation.initialize_session(
            JsonLoggerSessionConstructor(), JSON_LOGGER_INSTRUMENT_TYPE
        ) as logger,
    ):
        channels = power.session.channels[power.channel_list]
        channels.source_mode = nidcpower.SourceMode.SINGLE_POINT
        channels.output_function = nidcpower.OutputFunction.DC_VOLTAGE
        channels.voltage_level_range = voltage_level
        channels.voltage_level = voltage_level
        channels.current_limit_range = current_limit
        channels.current_limit = current_limit
        channels.source_delay = hightime.timedelta(seconds=source_delay)
        with channels.initiate():
            channels.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, SETTLING_SECONDS)
            measured = channels.measure_multiple()[0]
            in_compliance = channels.query_in_compliance()
        channels.reset()
        logger.session.log_data(
            "NI-DCPower",
            {"pin": power_pin, "voltage level": voltage_level, "current limit": current_limit},
            {"voltage": measured.voltage, "current": measured.current},
        )
        return measured.voltage, measured.current, in_compliance


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
