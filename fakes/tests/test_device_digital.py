"""NI-Digital: its real package drives, compares, measures and bursts, at two sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

nidigital: Any = pytest.importorskip("nidigital", reason="the extra drivers is not installed")
nidmm: Any = pytest.importorskip("nidmm", reason="the extra drivers is not installed")

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <NIDigitalPatternInstrument name="DIG1" numberOfChannels="32"/>
    <NIDmmInstrument name="DMM1"/>
  </Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/><SystemPin name="S"/></Pins>
  <PinGroups>
    <PinGroup name="Bus"><PinReference pin="A"/><PinReference pin="B"/></PinGroup>
  </PinGroups>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <Connection pin="A" siteNumber="0" instrument="DIG1" channel="0"/>
    <Connection pin="A" siteNumber="1" instrument="DIG1" channel="8"/>
    <Connection pin="B" siteNumber="0" instrument="DIG1" channel="1"/>
    <Connection pin="B" siteNumber="1" instrument="DIG1" channel="9"/>
    <SystemConnection pin="S" instrument="DIG1" channel="31"/>
    <Connection pin="A" siteNumber="1" instrument="DMM1" channel="0"/>
  </Connections>
</PinMap>
"""
HIGH, LOW = "H", "L"
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    """The file of a pin map."""
    path = tmp_path / "digital.pinmap"
    path.write_text(PIN_MAP, encoding="utf-8")
    return path


@pytest.fixture
def station(pin_map: Path) -> Iterator[FakeStation]:
    """A station with a digital instrument."""
    with FakeStation(pin_map) as made:
        yield made
    assert made.internal_errors == []


@pytest.fixture
def bare(channel: grpc.Channel) -> Iterator[Any]:
    """A session without a pin map."""
    options = nidigital.GrpcSessionOptions(channel, "digital")
    with nidigital.Session("DIG1", grpc_options=options) as session:
        yield session


@pytest.fixture
def digital(bare: Any, pin_map: Path) -> Any:
    """A session with the pin map."""
    bare.load_pin_map(str(pin_map))
    return bare


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Files as an editor makes them; nobody reads what is in them."""
    found: dict[str, str] = {}
    for suffix in ("specs", "digilevels", "digitiming", "digipat"):
        path = tmp_path / f"Sheet.{suffix}"
        path.write_bytes(b"\0")
        found[suffix] = str(path)
    return found


def read(digital: Any, pins: str) -> list[str]:
    """What the comparators say."""
    return [state.name for state in digital.pins[pins].read_static()]


def refused(package: Any, call: Callable[[], object]) -> grpc.StatusCode:
    """The code of a call that is not simulated."""
    with pytest.raises(package.errors.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.rpc_code
    return code


# Bursts -------------------------------------------------------------------------------------------


@holds("DIG-RESULTS", "DIG-LABELS")
def test___digital___as_in_ni_s_example___results_by_site(
    station: FakeStation, digital: Any, files: dict[str, str]
) -> None:
    digital.load_specifications_levels_and_timing(
        files["specs"], files["digilevels"], files["digitiming"]
    )
    digital.load_pattern(files["digipat"])
    digital.apply_levels_and_timing("Sheet", files["digitiming"])

    assert digital.burst_pattern("SPI_Pattern") == {0: True, 1: True}
    station.bench.pattern_fails("SPI_Pattern", pin="B", site=1, cycles=3)
    assert digital.burst_pattern("SPI_Pattern") == {0: True, 1: False}
    assert digital.sites[1].get_site_pass_fail() == {1: False}
    assert digital.burst_pattern("Other") == {0: True, 1: True}
    digital.burst_pattern("SPI_Pattern")
    assert list(digital.pins["A", "B"].get_fail_count()) == [0, 0, 0, 3]
    station.bench.pattern_fails("SPI_Pattern", pin="B", site=1, cycles=0)
    assert digital.burst_pattern("SPI_Pattern") == {0: True, 1: True}


@holds("DIG-RESULTS")
def test___digital___sites_disabled___have_no_results(digital: Any, files: dict[str, str]) -> None:
    digital.load_pattern(files["digipat"])
    digital.sites[0].disable_sites()

    assert digital.burst_pattern("P") == {1: True}
    assert (digital.sites[0].is_site_enabled(), digital.sites[1].is_site_enabled()) == (False, True)
    digital.sites[0].enable_sites()
    assert digital.sites[0].burst_pattern("P") == {0: True}


@holds("DIG-CAPTURES")
def test___digital___captured_waveforms___are_what_the_test_says(
    station: FakeStation, digital: Any, files: dict[str, str]
) -> None:
    digital.load_pattern(files["digipat"])
    station.bench.pattern_captures("W", [1, 2, 3, 4], site=0)
    pin = digital.pins["A"]
    with pytest.raises(nidigital.errors.DriverError, match="no capture waveform 'W'"):
        digital.fetch_capture_waveform("W", 2)
    pin.create_capture_waveform_serial("W", 8, nidigital.BitOrder.MSB)
    with pytest.raises(nidigital.errors.DriverError, match="No pattern has been burst"):
        digital.fetch_capture_waveform("W", 2)
    digital.burst_pattern("P")
    assert refused(nidigital, lambda: digital.fetch_capture_waveform("W", 2)) == UNIMPLEMENTED
    said = station.calls.of("FetchCaptureWaveformU32").last.details
    assert "bench.pattern_captures('W', [...], site=1)" in said

    station.bench.pattern_captures("W", [5, 6, 7, 8], site=1)
    found = [
        {site: list(samples) for site, samples in digital.fetch_capture_waveform("W", 2).items()}
        for _ in range(2)
    ]

    assert found == [{0: [1, 2], 1: [5, 6]}, {0: [3, 4], 1: [7, 8]}]
    with pytest.raises(nidigital.errors.DriverError, match="were not captured"):
        digital.fetch_capture_waveform("W", 1)
    digital.burst_pattern("P")
    assert list(digital.sites[1].fetch_capture_waveform("W", 4)[1]) == [5, 6, 7, 8]
    with pytest.raises(FakeError, match="32 bits"):
        station.bench.pattern_captures("W", [-1], site=0)


@holds("DIG-LABELS", "DIG-RESULTS", "DIG-SHEETS")
def test___digital___what_was_not_loaded_or_burst___driver_errors(
    digital: Any, files: dict[str, str], tmp_path: Path
) -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: digital.burst_pattern("P"), "No pattern is loaded"),
        (digital.get_site_pass_fail, "No pattern has been burst"),
        (lambda: digital.apply_levels_and_timing("Sheet", ""), "was not loaded as levels"),
        (lambda: digital.load_pattern(str(tmp_path / "none.digipat")), "There is no file"),
        (lambda: digital.load_pin_map(files["digipat"]), "loaded already"),
        (lambda: digital.sites[7].get_site_pass_fail(), "has the sites"),
        (lambda: digital.pins["Z"].read_static(), "none of the channels"),
    ]
    for call, said in calls:
        with pytest.raises(nidigital.errors.DriverError, match=said):
            call()


def test___digital___without_pin_map___no_sites_and_no_patterns(
    bare: Any, files: dict[str, str]
) -> None:
    with pytest.raises(nidigital.errors.DriverError, match="Load a pin map"):
        bare.load_pattern(files["digipat"])
    with pytest.raises(nidigital.errors.DriverError, match="No pin map is loaded"):
        bare.sites[0].is_site_enabled()


def test___digital___start_trigger___results_when_it_comes(
    digital: Any, files: dict[str, str]
) -> None:
    digital.load_pattern(files["digipat"])
    digital.start_trigger_type = nidigital.TriggerType.SOFTWARE

    digital.burst_pattern("P", wait_until_done=False)

    assert not digital.is_done()
    with pytest.raises(nidigital.errors.DriverError, match="did not come"):
        digital.wait_until_done(0.01)
    digital.send_software_edge_trigger(nidigital.SoftwareTrigger.START, "")
    assert digital.is_done()
    assert digital.get_site_pass_fail() == {0: True, 1: True}


def test___pattern_fails___on_a_pin_that_there_is_not___says_so(station: FakeStation) -> None:
    with pytest.raises(FakeError, match="no pin 'b'"):
        station.bench.pattern_fails("P", pin="b", site=0)


# Levels -------------------------------------------------------------------------------------------


@holds("DIG-STATIC")
def test___digital___driven_and_read___by_its_levels(
    station: FakeStation, channel: grpc.Channel, digital: Any
) -> None:
    digital.pins["Bus"].configure_voltage_levels(0.0, 2.5, 0.8, 1.2, 0.0)
    digital.pins["Bus"].selected_function = nidigital.SelectedFunction.DIGITAL
    digital.sites[1].pins["A"].write_static(nidigital.WriteStaticPinState.ONE)
    station.bench.pin("B", site=0).source(volts=1.0)
    station.bench.pin("B", site=1).source(volts=5.0)

    assert read(digital, "A") == [LOW, HIGH]
    assert read(digital, "B") == ["M", HIGH]
    options = nidmm.GrpcSessionOptions(channel, "dmm")
    with nidmm.Session("DMM1", grpc_options=options) as dmm:
        assert dmm.read() == pytest.approx(2.5, abs=1e-3)
        digital.pins["A"].vih = 1.8
        assert dmm.read() == pytest.approx(1.8, abs=1e-3)
        digital.pins["A"].write_static(nidigital.WriteStaticPinState.X)
        assert dmm.read() == pytest.approx(0.0, abs=1e-3)
        digital.pins["A"].termination_mode = nidigital.TerminationMode.VTERM
        digital.pins["A"].vterm = 0.5
        assert dmm.read() == pytest.approx(0.5, abs=1e-3)


@holds("DIG-STATIC")
def test___digital___disconnected___sees_and_drives_nothing(
    station: FakeStation, digital: Any
) -> None:
    station.bench.pin("A").source(volts=3.0)
    assert read(digital, "A") == [LOW, LOW]

    digital.pins["A"].selected_function = nidigital.SelectedFunction.OFF

    assert read(digital, "A") == [HIGH, HIGH]


@holds("DIG-SHEETS")
def test___digital___levels_of_a_sheet___are_not_known(digital: Any, files: dict[str, str]) -> None:
    assert digital.vih == 3.3
    digital.load_specifications_levels_and_timing(None, files["digilevels"], None)
    digital.apply_levels_and_timing(files["digilevels"], "")
    digital.selected_function = nidigital.SelectedFunction.DIGITAL

    one = nidigital.WriteStaticPinState.ONE
    for call in (
        lambda: digital.pins["A"].vih,
        lambda: digital.vih,
        lambda: digital.pins["A"].write_static(one),
        lambda: digital.pins["A"].read_static(),
    ):
        assert refused(nidigital, call) == grpc.StatusCode.UNIMPLEMENTED
    digital.pins["A"].configure_voltage_levels(0.0, 2.0, 0.5, 1.0, 0.0)
    digital.pins["A"].termination_mode = nidigital.TerminationMode.HIGH_Z
    digital.pins["A"].write_static(one)
    assert read(digital, "A") == [HIGH, HIGH]


# PPMU, clocks, time sets --------------------------------------------------------------------------


def test___digital___ppmu___forces_and_measures(station: FakeStation, digital: Any) -> None:
    station.bench.pin("A").load(ohms=1000)
    kinds = nidigital.PPMUMeasurementType
    pins = digital.pins["A"]
    pins.ppmu_voltage_level = 1.5
    pins.ppmu_source()

    assert list(pins.ppmu_measure(kinds.VOLTAGE)) == pytest.approx([1.5, 1.5], abs=1e-3)
    assert list(pins.ppmu_measure(kinds.CURRENT)) == pytest.approx([1.5e-3] * 2, abs=1e-6)
    pins.ppmu_output_function = nidigital.PPMUOutputFunction.CURRENT
    pins.ppmu_current_level = 1e-3
    assert list(pins.ppmu_measure(kinds.VOLTAGE)) == pytest.approx([1.0, 1.0], abs=1e-3)
    pins.selected_function = nidigital.SelectedFunction.OFF
    assert list(pins.ppmu_measure(kinds.VOLTAGE)) == pytest.approx([0.0, 0.0], abs=1e-3)
    assert refused(nidigital, pins.tdr) == grpc.StatusCode.UNIMPLEMENTED


def test___digital___clock___has_its_frequency(digital: Any) -> None:
    digital.pins["A"].clock_generator_generate_clock(1e6)

    assert list(digital.pins["A"].frequency_counter_measure_frequency()) == [1e6, 1e6]
    assert digital.pins["A"].clock_generator_is_running
    digital.pins["A"].clock_generator_abort()
    assert list(digital.pins["A"].frequency_counter_measure_frequency()) == [0.0, 0.0]
    assert not digital.pins["A"].clock_generator_is_running


def test___digital___time_sets___answer_what_was_set_and_nothing_else(digital: Any) -> None:
    digital.create_time_set("T")
    digital.configure_time_set_period("T", 1e-6)
    edge = nidigital.TimeSetEdgeType.DRIVE_ON
    digital.pins["A"].configure_time_set_edge("T", edge, 2e-7)

    assert digital.get_time_set_period("T").total_seconds() == 1e-6
    assert digital.pins["A"].get_time_set_edge("T", edge).total_seconds() == 2e-7
    assert (
        refused(nidigital, lambda: digital.pins["B"].get_time_set_edge("T", edge))
        == grpc.StatusCode.UNIMPLEMENTED
    )
    with pytest.raises(nidigital.errors.DriverError, match="no time set 'U'"):
        digital.get_time_set_period("U")


def test___digital___pins_and_channels___as_the_pin_map_has_them(digital: Any) -> None:
    assert digital.channel_count == 32
    found = digital.pins["B", "S"].get_pin_results_pin_information()
    assert [tuple(each) for each in found] == [
        ("B", 0, "DIG1/1"),
        ("B", 1, "DIG1/9"),
        ("S", -1, "DIG1/31"),
    ]
    digital.channels["1", "dig1/9"].vih = 1.0
    assert digital.pins["B"].vih == 1.0
    digital.sites[0].pins["B"].vih = 2.0
    with pytest.raises(nidigital.errors.DriverError, match="not the same"):
        _ = digital.pins["B"].vih


def test___digital___registers_flags_and_source_waveforms(digital: Any) -> None:
    digital.write_sequencer_register(nidigital.SequencerRegister.REGISTER3, 7)
    digital.write_sequencer_flag(nidigital.SequencerFlag.FLAG1, True)
    assert digital.read_sequencer_register(nidigital.SequencerRegister.REGISTER3) == 7
    assert digital.read_sequencer_flag(nidigital.SequencerFlag.FLAG1)
    mapping = nidigital.SourceDataMapping.BROADCAST
    digital.pins["A"].create_source_waveform_parallel("W", mapping)
    digital.write_source_waveform_broadcast("W", [1, 2, 3])
    with pytest.raises(nidigital.errors.DriverError, match="no source waveform"):
        digital.write_source_waveform_broadcast("V", [1])
