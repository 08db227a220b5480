"""NI-DMM and NI-DCPower: their real packages on one bench."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

nidmm: Any = pytest.importorskip("nidmm", reason="the extra drivers is not installed")
nidcpower: Any = pytest.importorskip("nidcpower", reason="the extra drivers is not installed")
hightime: Any = pytest.importorskip("hightime")

LIMIT = hightime.timedelta(seconds=10)
REGULATES_VOLTAGE, REGULATES_CURRENT = (nidcpower.OutputStates(number) for number in (0, 1))
"""Older packages have other names for them."""
SOON = hightime.timedelta(milliseconds=10)


@pytest.fixture(autouse=True)
def wired(station: FakeStation) -> None:
    """By hand: DMM1 measures what SMU1/0 puts out."""
    station.bench.connect("SMU1", 0, "DMM1", 0)


@pytest.fixture
def dmm(channel: grpc.Channel) -> Iterator[Any]:
    """A multimeter."""
    options = nidmm.GrpcSessionOptions(channel, "dmm")
    with nidmm.Session("DMM1", grpc_options=options) as session:
        yield session


def power(channel: grpc.Channel, resource: str = "SMU1/0", **arguments: Any) -> Any:
    """Source-measure channels."""
    options = nidcpower.GrpcSessionOptions(channel, "")
    return nidcpower.Session(resource, grpc_options=options, **arguments)


@pytest.fixture
def smu(channel: grpc.Channel) -> Iterator[Any]:
    """A source-measure channel, set up as NI's example does."""
    with power(channel) as session:
        session.source_mode = nidcpower.SourceMode.SINGLE_POINT
        session.output_function = nidcpower.OutputFunction.DC_VOLTAGE
        session.current_limit = 0.01
        session.voltage_level_range = 6.0
        session.current_limit_range = 0.01
        session.source_delay = hightime.timedelta(seconds=0)
        session.voltage_level = 5.0
        yield session


# NI-DMM -------------------------------------------------------------------------------------------


@holds("DMM-READING")
@pytest.mark.parametrize(
    ("digits", "reading"), [(3.5, 1.23), (4.5, 1.235), (5.5, 1.2346), (6.5, 1.23457)]
)
def test___dmm___reads_with_its_resolution(
    station: FakeStation, dmm: Any, digits: float, reading: float
) -> None:
    station.bench.noise = 0.0
    station.bench.channel("DMM1", 0).source(1.234567)

    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10, digits)

    assert dmm.read() == pytest.approx(reading, abs=1e-12)
    assert dmm.resolution_absolute == pytest.approx(10 * 10 ** (0.5 - digits))
    assert dmm.resolution_digits == digits
    assert (dmm.function, dmm.range) == (nidmm.Function.DC_VOLTS, 10.0)


@holds("DMM-READING")
def test___dmm___absolute_resolution_set___digits_follow(station: FakeStation, dmm: Any) -> None:
    station.bench.noise = 0.0
    station.bench.channel("DMM1", 0).source(1.234567)
    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10, 6.5)

    dmm.resolution_absolute = 0.01

    assert (dmm.resolution_absolute, dmm.resolution_digits) == (0.01, pytest.approx(3.5))
    assert dmm.read() == pytest.approx(1.23, abs=1e-12)
    dmm.configure_measurement_absolute(nidmm.Function.DC_VOLTS, 10, 0.001)
    assert (dmm.resolution_absolute, dmm.resolution_digits) == (0.001, pytest.approx(4.5))
    dmm.configure_measurement_absolute(nidmm.Function.DC_VOLTS, 100, 0.001)
    assert (dmm.resolution_absolute, dmm.resolution_digits) == (0.001, pytest.approx(5.5))
    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10, 5.5)
    assert dmm.resolution_absolute == pytest.approx(1e-4)


@holds("DMM-READING")
def test___dmm___over_range___is_nan_with_a_warning(station: FakeStation, dmm: Any) -> None:
    station.bench.channel("DMM1", 0).source(12.0)
    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10, 5.5)

    with pytest.warns(nidmm.errors.DriverWarning, match=r"Over range"):
        assert math.isnan(dmm.read())

    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, -1, 5.5)
    assert dmm.read() == pytest.approx(12.0, abs=1e-2)


def test___dmm___its_functions___read_what_is_on_the_bench(station: FakeStation, dmm: Any) -> None:
    pin = station.bench.channel("DMM1", 0)
    pin.load(ohms=1500).temperature(80.0)

    def read(function: Any, limit: float = -1) -> float:
        dmm.configure_measurement_digits(function, limit, 6.5)
        reading: float = dmm.read()
        return reading

    assert read(nidmm.Function.TWO_WIRE_RES) == pytest.approx(1500, rel=1e-4)
    assert read(nidmm.Function.FOUR_WIRE_RES, 1e4) == pytest.approx(1500, rel=1e-4)
    assert read(nidmm.Function.DIODE, 10) == pytest.approx(1.5, rel=1e-3)
    assert read(nidmm.Function.TEMPERATURE) == 80.0
    pin.clear().source(5.0, ohms=999.9)
    assert read(nidmm.Function.DC_CURRENT, 0.02) == pytest.approx(0.005, rel=1e-4)
    pin.clear().waveform("sine", frequency=400.0, amplitude=2.0, offset=1.0)
    assert read(nidmm.Function.AC_VOLTS, 10) == pytest.approx(1.41421, rel=1e-4)
    assert read(nidmm.Function.DC_VOLTS, 10) == pytest.approx(1.0, rel=1e-4)
    assert read(nidmm.Function.FREQ) == 400.0
    assert read(nidmm.Function.PERIOD) == pytest.approx(0.0025)


@holds("DMM-READING")
def test___dmm___what_reactive_parts_decide___not_simulated(dmm: Any) -> None:
    dmm.configure_measurement_digits(nidmm.Function.CAPACITANCE, 1e-6, 5.5)

    with pytest.raises(nidmm.errors.RpcError) as caught:
        dmm.read()

    assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED


def test___dmm___several_readings_and_a_waveform(station: FakeStation, dmm: Any) -> None:
    station.bench.channel("DMM1", 0).waveform("sine", frequency=1e3, amplitude=1.0)
    dmm.configure_multi_point(trigger_count=2, sample_count=3)
    assert len(dmm.read_multi_point(100)) == 6
    assert len(dmm.read_multi_point(4)) == 4

    dmm.configure_waveform_acquisition(nidmm.Function.WAVEFORM_VOLTAGE, 10, 100e3, 100)
    with dmm.initiate():
        points = dmm.fetch_waveform(100)
    assert len(points) == 100
    assert max(points) == pytest.approx(1.0, abs=0.01)


def test___dmm___fetch_without_initiate___times_out(dmm: Any) -> None:
    with pytest.raises(nidmm.errors.DriverError) as caught:
        dmm.fetch(SOON)

    assert caught.value.code == -1074126845


def test___dmm___software_trigger___read_waits_for_it(station: FakeStation, dmm: Any) -> None:
    station.bench.channel("DMM1", 0).source(1.0)
    dmm.configure_trigger(nidmm.TriggerSource.SOFTWARE_TRIG)
    with dmm.initiate():
        with pytest.raises(nidmm.errors.DriverError):
            dmm.fetch(SOON)
        dmm.send_software_trigger()
        assert dmm.fetch(LIMIT) == pytest.approx(1.0, abs=1e-3)


# Attributes ---------------------------------------------------------------------------------------


@holds("DEV-ATTRIBUTE-CHECKS")
def test___attributes___set_and_got___with_types_limits_and_read_only(dmm: Any) -> None:
    dmm.powerline_freq = 50.0
    dmm.sample_trigger = nidmm.SampleTrigger.INTERVAL
    assert (dmm.powerline_freq, dmm.sample_trigger) == (50.0, nidmm.SampleTrigger.INTERVAL)

    with pytest.raises(nidmm.errors.DriverError, match=r"It goes from 3\.5 to 7\.5") as caught:
        dmm.resolution_digits = 9.0
    assert caught.value.code == -1074135024
    with pytest.raises(nidmm.errors.DriverError, match="not writable") as caught:
        dmm._set_attribute_vi_string(1050512, "mine")  # noqa: SLF001 - it has no public setter for it
    assert caught.value.code == -1074135027
    with pytest.raises(nidmm.errors.DriverError, match="of the type ViReal64") as caught:
        dmm._set_attribute_vi_int32(1250333, 50)  # noqa: SLF001 - likewise
    assert caught.value.code == -1074135019
    with pytest.raises(nidmm.errors.DriverError, match=r"Value: 4711") as caught:
        dmm._set_attribute_vi_int32(1250001, 4711)  # noqa: SLF001 - likewise
    assert caught.value.code == -1074135024


@holds("DEV-ATTRIBUTE-CHECKS")
def test___attribute_without_value___got___never_a_silent_zero(dmm: Any) -> None:
    with pytest.raises(nidmm.errors.RpcError):
        _ = dmm.temp_thermistor_a

    dmm.configure_thermistor_custom(1e-3, 2e-4, 3e-7)

    assert dmm.temp_thermistor_a == 1e-3
    dmm.reset()
    with pytest.raises(nidmm.errors.RpcError):
        _ = dmm.temp_thermistor_a


@pytest.mark.parametrize(
    "options",
    [
        {"simulate": True, "driver_setup": {"Model": "4071", "BoardType": "PXI"}},
        "DriverSetup=BoardType:PXI;Model:4071,Simulate=1",
        " Simulate = 1 , DriverSetup = Model:4071 ; BoardType:PXI",
    ],
)
def test___options___in_any_order___name_the_model(channel: grpc.Channel, options: Any) -> None:
    grpc_options = nidmm.GrpcSessionOptions(channel, "")
    with nidmm.Session("", grpc_options=grpc_options, options={}) as plain:
        assert (plain.instrument_model, plain.simulate) == ("NI PXIe-4081", False)
    if isinstance(options, dict):
        with nidmm.Session("DMM9", grpc_options=grpc_options, options=options) as session:
            assert (session.instrument_model, session.simulate) == ("NI PXI-4071", True)
        return
    from session_fakes.device.options import read_options

    found = read_options(options)
    assert (found.simulate, found.model, found.board_type) == (True, "4071", "PXI")


PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><NIDmmInstrument name="DMM1"/></Instruments>
  <Pins><DUTPin name="A"/></Pins>
  <PinGroups/>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections><Connection pin="A" siteNumber="0" instrument="DMM1" channel="0"/></Connections>
</PinMap>
"""


@holds("DEV-RESOURCE")
def test___station_with_pin_map___instrument_that_it_has_not___refused_unless_simulated(
    tmp_path: Path,
) -> None:
    pin_map = tmp_path / "one.pinmap"
    pin_map.write_text(PIN_MAP, encoding="utf-8")
    with (
        FakeStation(pin_map) as station,
        grpc.insecure_channel(station.device_server.address) as channel,
    ):
        station.bench.pin("A").source(2.5)
        options = nidmm.GrpcSessionOptions(channel, "")
        with nidmm.Session("dmm1", grpc_options=options) as session:
            assert session.read() == pytest.approx(2.5, abs=1e-3)
        with pytest.raises(nidmm.errors.DriverError, match="has the instrument 'DMM2'") as caught:
            nidmm.Session("DMM2", grpc_options=options)
        assert caught.value.code == -1074118656
        with nidmm.Session("DMM2", grpc_options=options, options={"simulate": True}) as session:
            assert session.simulate
        assert station.leaks() == []


# NI-DCPower ---------------------------------------------------------------------------------------


@holds("DCP-COMPLIANCE")
def test___smu___5_volts_on_1_kilohm___5_milliamperes_and_the_dmm_sees_it(
    station: FakeStation, smu: Any, dmm: Any
) -> None:
    station.bench.channel("SMU1", 0).load(ohms=1000)

    with smu.initiate():
        smu.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, timeout=LIMIT)
        (found,) = smu.measure_multiple()

        assert found.voltage == pytest.approx(5.0, abs=1e-4)
        assert found.current == pytest.approx(0.005, abs=1e-7)
        assert found.channel == "SMU1/0"
        assert not smu.query_in_compliance()
        assert smu.query_output_state(REGULATES_VOLTAGE)
        dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10, 5.5)
        assert dmm.read() == pytest.approx(5.0, abs=2e-4)


@holds("DCP-COMPLIANCE")
def test___smu___over_its_current_limit___is_at_the_limit(station: FakeStation, smu: Any) -> None:
    station.bench.channel("SMU1", 0).load(ohms=100)

    with smu.initiate():
        assert smu.measure(nidcpower.MeasurementTypes.CURRENT) == pytest.approx(0.01, abs=1e-6)
        assert smu.measure(nidcpower.MeasurementTypes.VOLTAGE) == pytest.approx(1.0, abs=1e-4)
        assert smu.query_in_compliance()
        assert smu.query_output_state(REGULATES_CURRENT)


@holds("DCP-COMPLIANCE")
def test___smu___forcing_a_current___up_to_its_voltage_limit(
    station: FakeStation, smu: Any
) -> None:
    smu.output_function = nidcpower.OutputFunction.DC_CURRENT
    smu.current_level = 0.002
    smu.voltage_limit = 5.0
    station.bench.channel("SMU1", 0).load(ohms=1000)

    with smu.initiate():
        assert smu.measure(nidcpower.MeasurementTypes.VOLTAGE) == pytest.approx(2.0, abs=1e-4)
        assert not smu.query_in_compliance()
        station.bench.channel("SMU1", 0).load(ohms=1e5)
        assert smu.measure(nidcpower.MeasurementTypes.VOLTAGE) == pytest.approx(5.0, abs=1e-4)
        assert smu.query_in_compliance()


def test___smu___level_changed_while_it_runs___at_once_and_after_abort_not(smu: Any) -> None:
    volts = nidcpower.MeasurementTypes.VOLTAGE
    with smu.initiate():
        smu.voltage_level = 3.0
        assert smu.measure(volts) == pytest.approx(3.0, abs=1e-4)
    smu.voltage_level = 1.0
    assert smu.measure(volts) == pytest.approx(3.0, abs=1e-4)  # the output stays on
    smu.output_enabled = False
    with smu.initiate():
        assert smu.measure(volts) == pytest.approx(0.0, abs=1e-4)


@holds("DCP-RANGES")
def test___smu___level_above_its_range___refused_when_initiated(smu: Any) -> None:
    smu.voltage_level = 7.0

    with pytest.raises(nidcpower.errors.DriverError, match="voltage_level of channel") as caught:
        smu.initiate()

    assert caught.value.code == -1074135024


def test___smu___software_trigger___sources_when_it_comes(smu: Any) -> None:
    smu.source_trigger_type = nidcpower.TriggerType.SOFTWARE_EDGE
    with smu.initiate():
        with pytest.raises(nidcpower.errors.DriverError) as caught:
            smu.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, timeout=SOON)
        assert caught.value.code == -1074116059
        smu.send_software_edge_trigger(nidcpower.SendSoftwareEdgeTriggerType.SOURCE)
        smu.wait_for_event(nidcpower.Event.SOURCE_COMPLETE, timeout=LIMIT)
        assert smu.measure(nidcpower.MeasurementTypes.VOLTAGE) == pytest.approx(5, abs=1e-4)


def test___smu___sequence___measured_step_by_step(station: FakeStation, smu: Any) -> None:
    station.bench.channel("SMU1", 0).load(ohms=1000)
    smu.source_mode = nidcpower.SourceMode.SEQUENCE
    smu.measure_when = nidcpower.MeasureWhen.AUTOMATICALLY_AFTER_SOURCE_COMPLETE
    smu.set_sequence([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])

    with smu.initiate():
        assert smu.fetch_backlog == 3
        found = smu.fetch_multiple(3, timeout=LIMIT)
        assert [each.voltage for each in found] == pytest.approx([1, 2, 3], abs=1e-4)
        assert [each.in_compliance for each in found] == [False] * 3
        with pytest.raises(nidcpower.errors.DriverError) as caught:
            smu.fetch_multiple(1, timeout=SOON)
    assert caught.value.code == -1074116059


@holds("DCP-CHANNEL-NAMES")
def test___smu___channels___named_as_ni_s_are(channel: grpc.Channel) -> None:
    with power(channel, "SMU1/0, SMU1/2-3,SMU2/1") as session:
        names = ["SMU1/0", "SMU1/2", "SMU1/3", "SMU2/1"]
        assert session.channel_count == 4
        assert session.get_channel_names(range(4)) == names
        session.channels["smu1/2"].voltage_level = 2.0
        levels = [session.channels[name].voltage_level for name in names]
        assert levels == [0.0, 2.0, 0.0, 0.0]
        found = session.channels["SMU2/1, SMU1/0"].measure_multiple()
        assert [each.channel for each in found] == ["SMU2/1", "SMU1/0"]
    with power(channel, "SMU3") as whole:
        assert whole.get_channel_names(range(whole.channel_count))[-1] == "SMU3/3"
        assert len(whole.channels["0-1"].measure_multiple()) == 2


@holds("DEV-ATTRIBUTE-CHANNELS")
def test___attribute___of_channels_that_differ___driver_error(channel: grpc.Channel) -> None:
    with power(channel, "SMU1/0-1") as session:
        session.voltage_level = 1.0
        assert session.channels["SMU1/0", "SMU1/1"].voltage_level == 1.0
        session.channels["SMU1/1"].voltage_level = 2.0

        with pytest.raises(nidcpower.errors.DriverError, match="not the same"):
            _ = session.channels["SMU1/0", "SMU1/1"].voltage_level

        session.voltage_level = 3.0
        assert session.channels["SMU1/1"].voltage_level == 3.0


def test___unknown_channel___driver_error_and_remembered(channel: grpc.Channel) -> None:
    with power(channel, "SMU1/0") as session:
        with pytest.raises(nidcpower.errors.DriverError, match="'SMU1/7' is none of") as caught:
            session.channels["SMU1/7"].voltage_level = 1.0
        assert caught.value.code == -1074135008


def test___pulses___initiated___not_simulated(smu: Any) -> None:
    smu.output_function = nidcpower.OutputFunction.PULSE_VOLTAGE

    with pytest.raises(nidcpower.errors.RpcError) as caught:
        smu.initiate()

    assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED


def test___reset___outputs_off_and_defaults(station: FakeStation, smu: Any) -> None:
    smu.initiate()
    assert station.bench.channel("SMU1", 0).volts[0] == 5.0

    smu.reset()

    assert station.bench.channel("SMU1", 0).volts[0] == 0.0
    assert smu.voltage_level == 0.0
    assert smu.self_test() is None
