"""A measurement plug-in that uses all of NI's drivers at once, with NI's SDK and packages.

To each driver it makes the calls of NI's published example of that driver, in their order.
"""

# pyright: reportUnknownMemberType=false, reportMissingImports=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call,unused-ignore"

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import hightime
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
SOON = hightime.timedelta(milliseconds=10)
TIMED_OUT = -1074118637
"""What NI-FGEN says when a generation is not done in time; a standard waveform never is."""

measurement_service = nims.MeasurementService(
    service_config_path=HERE / "InstrumentsMeasurement.serviceconfig",
    ui_file_paths=[],
)


@measurement_service.register_measurement
@measurement_service.configuration("Pin map", nims.DataType.String, "")
@measurement_service.configuration("Folder", nims.DataType.String, "")
@measurement_service.output("Volts", nims.DataType.Double)
@measurement_service.output("Milliamperes", nims.DataType.Double)
@measurement_service.output("At the limit", nims.DataType.Boolean)
@measurement_service.output("Multimeter", nims.DataType.DoubleArray1D)
@measurement_service.output("Sine", nims.DataType.DoubleArray1D)
@measurement_service.output("Passed", nims.DataType.Boolean)
@measurement_service.output("Through the relay", nims.DataType.DoubleArray1D)
def measure(pin_map: str, folder: str) -> Iterable[object]:
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
        with _sourced(power.session, power.session.channels[power.channel_list]) as measured:
            (connection,) = reservation.get_nidmm_connections(["VCC"])
            multiplexer.session.connect_multiple(connection.multiplexer_route)
            multimeter = _read(dmm.session)
            multiplexer.session.disconnect_all()  # relays stay when a session ends
            before_and_after = _close_relay(relays, task)
        with _generated(generator.session, generator.channel_list):
            sine = _see(scope.session, scope.channel_list)
        passed = _burst(digital.session, pin_map, Path(folder))
    yield *measured, multimeter, sine, passed, before_and_after


@contextlib.contextmanager
def _sourced(session: Any, channels: Any) -> Generator[tuple[float, float, bool], None, None]:
    """The voltage, the current and whether it is at its limit, of what is put out meanwhile."""
    channels.source_mode = nidcpower.SourceMode.SINGLE_POINT
    channels.output_function = nidcpower.OutputFunction.DC_VOLTAGE
    channels.current_limit = 0.01
    channels.voltage_level_range = 6.0
    channels.current_limit_range = 0.1
    channels.source_delay = hightime.timedelta(seconds=0.0)
    channels.voltage_level = 5.0
    with channels.initiate():
        channels.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, LIMIT)
        (found,) = channels.measure_multiple()
        is_at_limit = session.channels[found.channel].query_in_compliance()
        yield found.voltage, found.current * 1e3, is_at_limit
    channels.reset()


def _read(session: Any) -> list[float]:
    """A reading and its resolution."""
    session.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10.0, 5.5)
    return [session.read(), session.resolution_absolute]


@contextlib.contextmanager
def _generated(session: Any, channel_list: str) -> Generator[None, None, None]:
    """A sine is put out meanwhile."""
    channels = session.channels[channel_list]
    session.output_mode = nifgen.OutputMode.FUNC
    channels.configure_standard_waveform(nifgen.Waveform.SINE, 2.0, 1e3)
    with session.initiate():
        if not session.simulate:
            try:
                session.wait_until_done(SOON)
            except nifgen.errors.DriverError as error:
                if error.code != TIMED_OUT:
                    raise
        yield


def _see(session: Any, channel_list: str) -> list[float]:
    """The greatest and the least voltage, and the frequency."""
    channels = session.channels[channel_list]
    session.channels[""].channel_enabled = False
    channels.configure_vertical(5.0, niscope.VerticalCoupling.DC)
    channels.configure_chan_characteristics(50.0, 0.0)
    session.configure_horizontal_timing(1e6, 5000, 50.0, 1, enforce_realtime=True)
    session.configure_trigger_edge(
        channel_list, 0.0, niscope.TriggerCoupling.DC, niscope.TriggerSlope.POSITIVE
    )
    session.trigger_modifier = niscope.TriggerModifier.NO_TRIGGER_MOD
    with session.initiate():
        while session.acquisition_status() != niscope.AcquisitionStatus.COMPLETE:
            pass
        (waveform,) = channels.fetch()
        (hertz,) = channels.fetch_measurement_stats(niscope.ScalarMeasurement.FREQUENCY)
    (again,) = channels.read(num_samples=len(waveform.samples))
    assert max(again.samples) == max(waveform.samples)
    return [max(waveform.samples), min(waveform.samples), hertz.result]


def _burst(session: Any, pin_map: str, folder: Path) -> bool:
    levels, timing = str(folder / "Levels.digilevels"), str(folder / "Timing.digitiming")
    session.load_pin_map(pin_map)
    session.load_specifications_levels_and_timing(str(folder / "Specs.specs"), levels, timing)
    session.load_pattern(str(folder / "Pattern.digipat"))
    session.apply_levels_and_timing(levels, timing)
    session.burst_pattern("Pattern")
    results = session.get_site_pass_fail()
    session.selected_function = nidigital.SelectedFunction.DISCONNECT
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
