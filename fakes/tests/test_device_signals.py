"""NI-SCOPE and NI-FGEN: their real packages on one bench."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

niscope: Any = pytest.importorskip("niscope", reason="the extra drivers is not installed")
nifgen: Any = pytest.importorskip("nifgen", reason="the extra drivers is not installed")
hightime: Any = pytest.importorskip("hightime")

LIMIT = 30.0
SOON = hightime.timedelta(milliseconds=10)


@pytest.fixture
def scope(channel: grpc.Channel) -> Iterator[Any]:
    """An oscilloscope, with 1 million samples a second."""
    grpc_options = niscope.GrpcSessionOptions(channel, "scope")
    with niscope.Session("SCOPE1", grpc_options=grpc_options) as session:
        session.configure_vertical(range=10.0, coupling=niscope.VerticalCoupling.DC)
        session.configure_horizontal_timing(1e6, 2000, 50.0, 1, enforce_realtime=True)
        yield session


def sine(station: FakeStation, channel: int = 0, **more: float) -> None:
    """Put a sine of 1 kHz and 1 V on an input of the oscilloscope."""
    facts: dict[str, float] = {"frequency": 1e3, "amplitude": 1.0, **more}
    station.bench.channel("SCOPE1", channel).waveform("sine", **facts)


def edge(scope: Any, level: float = 0.0, slope: Any = None) -> None:
    """Have it trigger on an edge of channel 0."""
    slope = slope or niscope.TriggerSlope.POSITIVE
    scope.configure_trigger_edge("0", level, niscope.TriggerCoupling.DC, slope)


# NI-SCOPE -----------------------------------------------------------------------------------------


@holds("SCP-WAVEFORM")
def test___scope___sine___seen_with_its_frequency_and_amplitude(
    station: FakeStation, scope: Any
) -> None:
    sine(station, frequency=5e3, amplitude=1.5, offset=0.5)

    (found,) = scope.channels["0"].read(num_samples=2000)

    assert len(found.samples) == 2000
    assert found.x_increment == 1e-6
    assert (max(found.samples), min(found.samples)) == pytest.approx((2.0, -1.0), abs=1e-3)
    assert statistics.fmean(found.samples) == pytest.approx(0.5, abs=1e-3)
    (measured,) = scope.channels["0"].fetch_measurement_stats(niscope.ScalarMeasurement.FREQUENCY)
    assert measured.result == pytest.approx(5e3, rel=1e-3)


def test___scope___as_in_ni_s_example___acquires_when_its_edge_comes(
    station: FakeStation, scope: Any
) -> None:
    sine(station)
    scope.channel_enabled = False
    scope.channels["0"].configure_vertical(4.0, niscope.VerticalCoupling.DC)
    scope.channels["0"].configure_chan_characteristics(1e6, 0.0)
    scope.configure_horizontal_timing(1e6, 1000, 50.0, 1, enforce_realtime=True)
    edge(scope, 0.5)
    scope.trigger_modifier = niscope.TriggerModifier.NO_TRIGGER_MOD

    with scope.initiate():
        assert scope.acquisition_status() == niscope.AcquisitionStatus.COMPLETE
        (found,) = scope.channels["0"].fetch(relative_to=niscope.FetchRelativeTo.PRETRIGGER)

    assert (found.channel, found.record, len(found.samples)) == ("0", 0, 1000)
    assert found.relative_initial_x == pytest.approx(-500e-6)
    assert found.samples[500] == pytest.approx(0.5, abs=1e-2)
    assert found.samples[499] < found.samples[500] < found.samples[501]
    with pytest.raises(niscope.errors.DriverError, match="Channel '1' is not enabled"):
        scope.channels["1"].read()


@holds("SCP-TRIGGER")
@pytest.mark.parametrize(("slope", "rises"), [("POSITIVE", True), ("NEGATIVE", False)])
def test___scope___edge___triggers_on_its_slope(
    station: FakeStation, scope: Any, slope: str, rises: bool
) -> None:
    sine(station)
    edge(scope, 0.25, niscope.TriggerSlope[slope])

    (found,) = scope.channels["0"].read()

    assert found.samples[1000] == pytest.approx(0.25, abs=1e-2)
    assert (found.samples[1001] > found.samples[1000]) == rises


@holds("SCP-TRIGGER")
def test___scope___level_that_is_never_reached___times_out(
    station: FakeStation, scope: Any
) -> None:
    sine(station)
    edge(scope, 1.5)

    with scope.initiate():
        assert scope.acquisition_status() == niscope.AcquisitionStatus.IN_PROGRESS
        with pytest.raises(niscope.errors.DriverError, match="did not come") as caught:
            scope.channels["0"].fetch(timeout=0.01)
    assert caught.value.code == -1074126845


@holds("SCP-TRIGGER")
def test___scope___waits_for_an_edge___goes_on_when_the_signal_appears(
    station: FakeStation, scope: Any
) -> None:
    edge(scope, 0.5)
    found: list[Any] = []

    def fetch() -> None:
        found.extend(scope.channels["0"].fetch(timeout=LIMIT))

    with scope.initiate():
        waiting = threading.Thread(target=fetch)
        waiting.start()
        sine(station)
        waiting.join(LIMIT)

    assert max(found[0].samples) == pytest.approx(1.0, abs=1e-3)


@holds("SCP-TRIGGER")
def test___scope___software_and_external_triggers(scope: Any) -> None:
    scope.configure_trigger_software()
    with scope.initiate():
        assert scope.acquisition_status() == niscope.AcquisitionStatus.IN_PROGRESS
        scope.send_software_trigger_edge(niscope.WhichTrigger.REFERENCE)
        assert scope.acquisition_status() == niscope.AcquisitionStatus.COMPLETE
    scope.configure_trigger_digital("VAL_PFI_0")
    with scope.initiate():
        assert scope.acquisition_status() == niscope.AcquisitionStatus.IN_PROGRESS


def test___scope___trigger_that_is_not_simulated___never_taken_for_another(scope: Any) -> None:
    scope.trigger_type = niscope.TriggerType.TV
    window = niscope.TriggerWindowMode.ENTERING, niscope.TriggerCoupling.DC
    for call in (
        scope.initiate,
        lambda: scope.configure_trigger_window("0", 0.0, 1.0, *window),
    ):
        with pytest.raises(niscope.errors.RpcError) as caught:
            call()
        assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED


@holds("SCP-WAVEFORM")
def test___scope___range_coupling_probe_and_impedance___shape_what_is_seen(
    station: FakeStation, scope: Any
) -> None:
    volts = niscope.VerticalCoupling
    sine(station, amplitude=2.0, offset=1.0)

    def seen() -> tuple[float, float]:
        (found,) = scope.channels["0"].read()
        return round(min(found.samples), 2), round(max(found.samples), 2)

    assert seen() == (-1.0, 3.0)
    scope.configure_vertical(2.0, volts.DC, offset=1.0)
    assert seen() == (0.0, 2.0)
    scope.configure_vertical(10.0, volts.AC)
    assert seen() == (-2.0, 2.0)
    scope.configure_vertical(10.0, volts.GND)
    assert seen() == (0.0, 0.0)
    scope.configure_vertical(100.0, volts.DC, probe_attenuation=10.0)
    assert seen() == (-10.0, 30.0)
    scope.configure_vertical(10.0, volts.DC)
    station.bench.channel("SCOPE1", 0).source(4.0, ohms=50.0)
    scope.configure_chan_characteristics(50.0, 0.0)
    assert seen() == (2.0, 2.0)


def test___scope___records_and_channels___in_their_order(station: FakeStation, scope: Any) -> None:
    sine(station)
    station.bench.channel("SCOPE1", 1).source(0.5)
    scope.configure_horizontal_timing(1e6, 100, 0.0, 3, enforce_realtime=True)
    edge(scope)

    found = scope.channels["0", "1"].read(num_samples=50)

    assert [(each.record, each.channel) for each in found] == [
        (record, name) for record in range(3) for name in ("0", "1")
    ]
    assert all(len(each.samples) == 50 for each in found)
    assert all(list(each.samples) == [0.5] * 50 for each in found[1::2])
    starts = [each.absolute_initial_x for each in found[::2]]
    assert starts == pytest.approx([starts[0] + n * 1e-3 for n in range(3)], abs=1e-5)
    (last,) = scope.channels["0"].fetch(record_number=2, num_records=1)
    assert (last.record, last.samples[0]) == (2, pytest.approx(0.0, abs=1e-2))
    with pytest.raises(niscope.errors.DriverError, match="There are 3 records"):
        scope.fetch(record_number=3)


def test___scope___fetched_piece_by_piece___from_the_read_pointer(
    station: FakeStation, scope: Any
) -> None:
    sine(station)
    pointer = niscope.FetchRelativeTo.READ_POINTER
    pieces: list[float] = []
    with scope.initiate():
        for size in (800, 800, 800):
            (piece,) = scope.channels["0"].fetch(size, relative_to=pointer)
            pieces += piece.samples
        (whole,) = scope.channels["0"].fetch()
        with pytest.raises(niscope.errors.DriverError, match="no sample 2000 of 2000"):
            scope.channels["0"].fetch(1, relative_to=pointer)

    assert len(pieces) == 2000
    assert pieces == pytest.approx(list(whole.samples))


def test___scope___fetched_before_it_was_initiated___driver_error(scope: Any) -> None:
    with pytest.raises(niscope.errors.DriverError, match="No acquisition was initiated"):
        scope.fetch()


def test___scope___measurements___of_voltages_and_times(station: FakeStation, scope: Any) -> None:
    sine(station)
    scope.channels["0"].read()
    kinds = niscope.ScalarMeasurement
    expected = {
        kinds.VOLTAGE_MAX: 1.0,
        kinds.VOLTAGE_MIN: -1.0,
        kinds.VOLTAGE_PEAK_TO_PEAK: 2.0,
        kinds.VOLTAGE_RMS: math.sqrt(0.5),
        kinds.VOLTAGE_AVERAGE: 0.0,
        kinds.AMPLITUDE: 2.0,
        kinds.PERIOD: 1e-3,
    }
    scope.configure_horizontal_timing(1e6, 5000, 50.0, 1, enforce_realtime=True)
    scope.channels["0"].read()
    for kind, value in expected.items():
        (found,) = scope.channels["0"].fetch_measurement_stats(kind)
        assert found.result == pytest.approx(value, rel=1e-3, abs=1e-3), kind
    station.bench.channel("SCOPE1", 0).source(3.0)
    (found,) = scope.channels["0"].fetch_measurement_stats(kinds.VOLTAGE_MAX)
    assert (found.num_in_stats, found.mean) == (2, pytest.approx(2.0, abs=1e-3))
    scope.clear_waveform_measurement_stats(niscope.ClearableMeasurement.ALL_MEASUREMENTS)
    (found,) = scope.channels["0"].fetch_measurement_stats(kinds.VOLTAGE_MAX)
    assert found.num_in_stats == 1
    (found,) = scope.channels["0"].fetch_measurement_stats(kinds.FREQUENCY)
    assert math.isnan(found.result)
    with pytest.raises(niscope.errors.RpcError, match="not supported"):
        scope.channels["0"].fetch_measurement_stats(kinds.RISE_TIME)


def test___scope___attributes___say_what_was_configured(scope: Any) -> None:
    assert (scope.horz_record_length, scope.horz_sample_rate) == (2000, 1e6)
    assert scope.enabled_channels == "0,1,2,3,4,5,6,7"
    assert scope.records_done == 0
    scope.channels["0"].read()
    assert (scope.records_done, scope.points_done) == (1, 2000.0)
    scope.probe_compensation_signal_start()
    assert scope.is_probe_comp_on
    with pytest.raises(niscope.errors.DriverError, match="not writable"):
        scope.horz_sample_rate = 1e3
    with pytest.raises(niscope.errors.DriverError, match="It goes from"):
        scope.configure_horizontal_timing(0.0, 100, 50.0, 1, enforce_realtime=True)


# NI-FGEN ------------------------------------------------------------------------------------------


@pytest.fixture
def unset(station: FakeStation, channel: grpc.Channel) -> Iterator[Any]:
    """A signal generator, whose channel 0 is wired to that of the oscilloscope."""
    station.bench.connect("GEN1", 0, "SCOPE1", 0)
    grpc_options = nifgen.GrpcSessionOptions(channel, "generator")
    with nifgen.Session("GEN1", "0", grpc_options=grpc_options) as session:
        yield session


@pytest.fixture
def generator(unset: Any) -> Any:
    """The same, told of the impedance of the oscilloscope: this one sees the amplitudes set."""
    unset.load_impedance = 1e6
    return unset


def seen(scope: Any, channel: str = "0") -> list[float]:
    """What the oscilloscope sees in 2 ms."""
    (found,) = scope.channels[channel].read()
    return [round(float(value), 9) for value in found.samples]


@holds("FGEN-AMPLITUDE")
@pytest.mark.parametrize(
    ("ohms", "highest", "lowest"),
    [(50.0, 2.0, -1.0), (1e6, 4.0, -2.0)],
    ids=["matched", "high impedance"],
)
def test___generator___as_in_ni_s_example___the_scope_sees_its_sine(
    scope: Any, unset: Any, ohms: float, highest: float, lowest: float
) -> None:
    scope.configure_chan_characteristics(ohms, 0.0)
    unset.output_mode = nifgen.OutputMode.FUNC
    unset.configure_standard_waveform(nifgen.Waveform.SINE, 3.0, 2e3, 0.5)

    with unset.initiate():
        assert not unset.simulate
        with pytest.raises(nifgen.errors.DriverError) as caught:
            unset.wait_until_done(SOON)
        samples = seen(scope)
        (hertz,) = scope.channels["0"].fetch_measurement_stats(niscope.ScalarMeasurement.FREQUENCY)

    assert caught.value.code == -1074118637
    assert (max(samples), min(samples)) == pytest.approx((highest, lowest), abs=2e-3)
    assert hertz.result == pytest.approx(2e3, rel=1e-4)
    assert set(seen(scope)) == {0.0}


@holds("FGEN-AMPLITUDE")
@pytest.mark.parametrize(
    ("load", "at_1_megohm", "at_50_ohms"),
    [(50.0, 2.0, 1.0), (-1.0, 2.0, 1.0), (150.0, 4 / 3, 2 / 3), (1e6, 1.0, 0.5)],
)
def test___generator___load_impedance_set___divides_as_hardware_does(
    scope: Any, unset: Any, load: float, at_1_megohm: float, at_50_ohms: float
) -> None:
    unset.configure_standard_waveform(nifgen.Waveform.SQUARE, 2.0, 1e3)
    unset.load_impedance = load

    with unset.initiate():
        assert max(seen(scope)) == pytest.approx(at_1_megohm, rel=1e-3)
        scope.configure_chan_characteristics(50.0, 0.0)
        assert max(seen(scope)) == pytest.approx(at_50_ohms, rel=1e-3)


@pytest.mark.parametrize("ohms", [0.0, -50.0, math.nan])
def test___generator___load_impedance_that_cannot_be___refused_when_initiated(
    unset: Any, ohms: float
) -> None:
    unset.load_impedance = ohms

    with pytest.raises(nifgen.errors.DriverError, match="load_impedance is positive"):
        unset.initiate()

    assert unset.get_hardware_state() == nifgen.HardwareState.IDLE


@holds("FGEN-WAVEFORM")
@pytest.mark.parametrize(
    ("waveform", "rms"),
    [("SINE", 0.5**0.5), ("SQUARE", 1.0), ("TRIANGLE", 3**-0.5), ("RAMP_UP", 3**-0.5)],
)
def test___generator___standard_waveforms(
    scope: Any, generator: Any, waveform: str, rms: float
) -> None:
    generator.configure_standard_waveform(nifgen.Waveform[waveform], 2.0, 1e3)

    with generator.initiate():
        samples = seen(scope)

    assert (max(samples), min(samples)) == pytest.approx((1.0, -1.0), abs=5e-3)
    assert math.sqrt(statistics.fmean(v * v for v in samples)) == pytest.approx(rms, rel=5e-3)


@holds("FGEN-WAVEFORM")
def test___generator___duty_cycle_direct_voltage_and_user_waveform(
    scope: Any, generator: Any
) -> None:
    generator.configure_standard_waveform(nifgen.Waveform.SQUARE, 2.0, 1e3)
    generator.func_duty_cycle_high = 25.0
    with generator.initiate():
        assert statistics.fmean(seen(scope)) == pytest.approx(-0.5, abs=5e-3)
    generator.configure_standard_waveform(nifgen.Waveform.DC, 0.0, 0.0, 1.25)
    with generator.initiate():
        assert set(seen(scope)) == {1.25}
    generator.define_user_standard_waveform([0.5, 0.5, -0.5, -0.5])
    generator.configure_standard_waveform(nifgen.Waveform.USER, 2.0, 1e3)
    with generator.initiate():
        assert sorted(set(seen(scope))) == [-0.5, 0.5]


@holds("FGEN-WAVEFORM")
def test___generator___arbitrary_waveforms_and_sequences(scope: Any, generator: Any) -> None:
    generator.output_mode = nifgen.OutputMode.ARB
    generator.arb_sample_rate = 1e4
    stairs = generator.create_waveform([0.0, 0.25, 0.5, 1.0])
    generator.configure_arb_waveform(stairs, 2.0, 0.1)
    with generator.initiate():
        assert sorted({round(v, 6) for v in seen(scope)}) == [0.1, 0.6, 1.1, 2.1]

    flat = generator.allocate_waveform(4)
    generator.write_waveform(flat, [-1.0, -1.0])
    generator.write_waveform(flat, [-1.0, -1.0])
    generator.output_mode = nifgen.OutputMode.SEQ
    sequence = generator.create_arb_sequence([stairs, flat], [1, 3])
    generator.configure_arb_sequence(sequence, 1.0, 0.0)
    generator.arb_sample_rate = 16e3  # 16 samples take 1 ms
    with generator.initiate():
        samples = seen(scope)
    assert samples.count(-1.0) / len(samples) == pytest.approx(0.75, abs=0.01)
    generator.clear_arb_memory()
    with pytest.raises(nifgen.errors.DriverError, match="no sequence"):
        generator.initiate()
    with pytest.raises(nifgen.errors.DriverError, match="from -1 to 1"):
        generator.create_waveform([0.0, 2.0, 0.0, 0.0])


@holds("FGEN-WAVEFORM")
def test___generator___what_is_not_simulated___refused_when_initiated(generator: Any) -> None:
    generator.configure_standard_waveform(nifgen.Waveform.NOISE, 2.0, 1e3)

    with pytest.raises(nifgen.errors.RpcError) as caught:
        generator.initiate()

    assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED
    assert generator.get_hardware_state() == nifgen.HardwareState.IDLE


def test___generator___start_trigger___starts_when_it_comes(scope: Any, generator: Any) -> None:
    generator.configure_standard_waveform(nifgen.Waveform.SQUARE, 2.0, 1e3)
    generator.start_trigger_type = nifgen.StartTriggerType.SOFTWARE_EDGE

    with generator.initiate():
        assert generator.get_hardware_state() == nifgen.HardwareState.WAITING_FOR_START_TRIGGER
        assert set(seen(scope)) == {0.0}
        generator.send_software_edge_trigger(nifgen.Trigger.START, "")
        assert generator.get_hardware_state() == nifgen.HardwareState.RUNNING
        assert not generator.is_done()
        assert set(seen(scope)) == {1.0, -1.0}
        generator.channels["0"].func_amplitude = 1.0  # at once
        assert set(seen(scope)) == {0.5, -0.5}
        generator.output_enabled = False
        assert set(seen(scope)) == {0.0}
    assert generator.is_done()


def test___generator___channels___only_those_that_there_are(channel: grpc.Channel) -> None:
    grpc_options = nifgen.GrpcSessionOptions(channel, "")
    with nifgen.Session("GEN1", grpc_options=grpc_options) as session:
        assert [session.get_channel_name(number) for number in (1, 2)] == ["0", "1"]
    with pytest.raises(nifgen.errors.DriverError, match="no channel '7'"):
        nifgen.Session("GEN1", "7", grpc_options=grpc_options)
