"""A measurement plug-in that uses all of NI's drivers at once, with NI's SDK and packages."""

# pyright: reportUnknownMemberType=false, reportMissingImports=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call,unused-ignore"

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ni_measurement_plugin_sdk_service as nims
import nidaqmx.constants
import nidcpower
import nidigital
import nidmm
import nifgen
import niscope
import niswitch

HERE = Path(__file__).parent
PINS = ["VCC", "IN", "D", "A", "K"]
LIMIT = 20.0

measurement_service = nims.MeasurementService(
    service_config_path=HERE / "InstrumentsMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration("Pin map", nims.DataType.String, "")
@measurement_service.configuration("Pattern", nims.DataType.String, "")
@measurement_service.output("Volts", nims.DataType.Double)
@measurement_service.output("Milliamperes", nims.DataType.Double)
@measurement_service.output("At the limit", nims.DataType.Boolean)
@measurement_service.output("Multimeter", nims.DataType.Double)
@measurement_service.output("Sine", nims.DataType.DoubleArray1D)
@measurement_service.output("Passed", nims.DataType.Boolean)
@measurement_service.output("Through the relay", nims.DataType.DoubleArray1D)
def measure(pin_map: str, pattern: str) -> Iterable[object]:
    """Answer what each of the instruments sees of the others."""
    context: Any = measurement_service.context
    with (
        context.reserve_sessions(PINS, timeout=LIMIT) as reservation,
        reservation.initialize_nidcpower_session() as power,
        reservation.initialize_nidmm_session() as dmm,
        reservation.initialize_nifgen_session() as generator,
        reservation.initialize_niscope_session() as scope,
        reservation.initialize_nidigital_session() as digital,
        reservation.initialize_niswitch_session() as relays,
        reservation.initialize_niswitch_multiplexer_session() as multiplexer,
        reservation.create_nidaqmx_task() as task,
    ):
        _source(power.session.channels[power.channel_list])
        volts, milliamperes, at_limit = _measure_power(power.session.channels[power.channel_list])
        (connection,) = reservation.get_nidmm_connections(["VCC"])
        multiplexer.session.connect_multiple(connection.multiplexer_route)
        multimeter = _read(dmm.session)
        multiplexer.session.disconnect_all()  # relays stay when a session ends
        sine = _see_sine(generator, scope)
        passed = _burst(digital.session, pin_map, pattern)
        before_and_after = _close_relay(relays, task)
    yield volts, milliamperes, at_limit, multimeter, sine, passed, before_and_after


def _source(channels: Any) -> None:
    channels.source_mode = nidcpower.SourceMode.SINGLE_POINT
    channels.output_function = nidcpower.OutputFunction.DC_VOLTAGE
    channels.voltage_level = 5.0
    channels.current_limit = 0.01
    channels.initiate()
    channels.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, LIMIT)


def _measure_power(channels: Any) -> tuple[float, float, bool]:
    (found,) = channels.measure_multiple()
    return found.voltage, found.current * 1e3, channels.query_in_compliance()


def _read(session: Any) -> float:
    session.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10.0, 5.5)
    reading: float = session.read()
    return reading


def _see_sine(generator: Any, scope: Any) -> list[float]:
    """The greatest and the least voltage, and the frequency."""
    source = generator.session
    source.output_mode = nifgen.OutputMode.FUNC
    source.channels[generator.channel_list].configure_standard_waveform(
        nifgen.Waveform.SINE, 2.0, 1e3
    )
    seen = scope.session.channels[scope.channel_list]
    seen.configure_vertical(5.0, niscope.VerticalCoupling.DC)
    scope.session.configure_horizontal_timing(1e6, 5000, 50.0, 1, enforce_realtime=True)
    with source.initiate(), scope.session.initiate():
        (waveform,) = seen.fetch()
        (hertz,) = seen.fetch_measurement_stats(niscope.ScalarMeasurement.FREQUENCY)
    return [max(waveform.samples), min(waveform.samples), hertz.result]


def _burst(session: Any, pin_map: str, pattern: str) -> bool:
    session.load_pin_map(pin_map)
    session.load_pattern(pattern)
    results = session.burst_pattern("Pattern")
    assert session.pins["D"].selected_function == nidigital.SelectedFunction.DIGITAL
    return all(results.values())


def _close_relay(relays: Any, task: Any) -> list[float]:
    """What the data acquisition sees before and after the relay is closed."""
    inputs = task.session
    inputs.ai_channels.add_ai_voltage_chan(task.channel_list)
    inputs.timing.cfg_samp_clk_timing(
        1e4, sample_mode=nidaqmx.constants.AcquisitionType.FINITE, samps_per_chan=10
    )
    found = [max(inputs.read(10))]
    relays.session.relay_control(relays.channel_list, niswitch.RelayAction.CLOSE)
    relays.session.wait_for_debounce()
    found.append(max(inputs.read(10)))
    relays.session.relay_control(relays.channel_list, niswitch.RelayAction.OPEN)
    return found


if __name__ == "__main__":
    with measurement_service.host_service():
        input("Press enter to close the measurement service.\n")
