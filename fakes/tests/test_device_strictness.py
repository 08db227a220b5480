"""What would change a value, and is not simulated, is refused; what is simulated has its effect."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import pytest

from session_fakes.device.attributes import Attribute, Value, attributes_of
from session_fakes.device.drivers import DRIVERS, Driver
from session_fakes.device.instruments import simulation_of
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

pytest.importorskip("niswitch", reason="the extra drivers is not installed")
nidcpower: Any = pytest.importorskip("nidcpower", reason="the extra drivers is not installed")
nidigital: Any = pytest.importorskip("nidigital", reason="the extra drivers is not installed")
nidmm: Any = pytest.importorskip("nidmm", reason="the extra drivers is not installed")
nifgen: Any = pytest.importorskip("nifgen", reason="the extra drivers is not installed")
niscope: Any = pytest.importorskip("niscope", reason="the extra drivers is not installed")

OF_IVI = [driver for driver in DRIVERS if driver.package != "nidaqmx"]
SOON = 0.01
TIMED_OUT = -1074116059


def session_of(package: Any, channel: grpc.Channel, resource: str, **more: Any) -> Any:
    """A session of a package."""
    options = package.GrpcSessionOptions(channel, package.__name__)
    return package.Session(resource, grpc_options=options, **more)


def not_simulated(package: Any, call: Callable[[], object]) -> None:
    """A call that has to be refused as one that is not simulated."""
    with pytest.raises(package.errors.RpcError) as caught:
        call()
    assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED


# Attributes ---------------------------------------------------------------------------------------


def few(driver: Driver) -> list[tuple[Attribute, tuple[Value, ...]]]:
    """The attributes of which few values are simulated, as far as the package knows them."""
    kind = simulation_of(driver)
    assert issubclass(kind, IviSimulation)
    known = attributes_of(driver).values()
    return [(each, kind.FACTS.only[each.name]) for each in known if each.name in kind.FACTS.only]


def another(attribute: Attribute, values: tuple[Value, ...]) -> Value:
    """A value that is none of these."""
    if attribute.values:
        return next(value for value in attribute.values if value not in values)
    kinds: dict[str, Value] = {
        "Boolean": True not in values,
        "Real64": 0.25,
        "String": "elsewhere",
    }
    return kinds.get(attribute.kind, 7)


@pytest.fixture(scope="module", params=[False, True], ids=["strict", "lenient"])
def any_station(request: pytest.FixtureRequest) -> Iterator[FakeStation]:
    """A station, also one that answers zeros where it knows nothing."""
    with FakeStation(lenient_devices=request.param) as made:
        yield made


@holds("DEV-ATTRIBUTE-ONLY")
@pytest.mark.parametrize("driver", OF_IVI, ids=[driver.package for driver in OF_IVI])
def test___attributes_with_few_simulated_values___set_to_others___refused(
    any_station: FakeStation, driver: Driver
) -> None:
    package: Any = importlib.import_module(driver.package)
    with (
        grpc.insecure_channel(any_station.device_server.address) as channel,
        session_of(package, channel, "DEV1") as session,
    ):
        wire = session._interpreter  # noqa: SLF001 - below the types of the properties
        for attribute, values in few(driver):
            put = getattr(wire, f"set_attribute_vi_{attribute.kind.lower()}")
            get = getattr(wire, f"get_attribute_vi_{attribute.kind.lower()}")
            for value in values:
                put("", attribute.id, value)
                assert get("", attribute.id) == value
            other = another(attribute, values)
            not_simulated(package, partial(put, "", attribute.id, other))
            said = any_station.calls.of(f"SetAttributeVi{attribute.kind}").last.details
            assert f"{driver.package}: {attribute.name} = {other!r} is not simulated" in said


# NI-DCPower ---------------------------------------------------------------------------------------


@pytest.fixture
def smu(station: FakeStation, channel: grpc.Channel) -> Iterator[Any]:
    """A source-measure channel with 5 V on 1 kilohm."""
    station.bench.noise = 0.0
    station.bench.channel("SMU1", 0).load(ohms=1000)
    with session_of(nidcpower, channel, "SMU1/0") as session:
        session.voltage_level = 5.0
        session.current_limit = 0.01
        yield session


def test___smu___overvoltage_protection___reached___not_simulated(smu: Any) -> None:
    smu.ovp_enabled, smu.ovp_limit = True, 6.0
    with smu.initiate():
        assert smu.measure(nidcpower.MeasurementTypes.VOLTAGE) == 5.0
        smu.ovp_limit = 2.0
        not_simulated(nidcpower, smu.measure_multiple)
        not_simulated(nidcpower, smu.query_in_compliance)


def test___smu___limits_that_are_not_symmetric___not_simulated(smu: Any) -> None:
    smu.compliance_limit_symmetry = nidcpower.ComplianceLimitSymmetry.ASYMMETRIC
    smu.current_limit_high, smu.current_limit_low = 0.002, -0.002
    with smu.initiate():
        assert smu.measure_multiple()[0].current == pytest.approx(0.002)
        assert smu.query_in_compliance()
    smu.current_limit_low = -0.001

    not_simulated(nidcpower, smu.initiate)


@holds("DCP-SEQUENCE")
@pytest.mark.parametrize("trigger", ["source", "sequence_advance"])
def test___smu___sequence_that_waits_at_each_step___not_simulated(smu: Any, trigger: str) -> None:
    smu.source_mode = nidcpower.SourceMode.SEQUENCE
    smu.set_sequence([1.0, 2.0], [0.0, 0.0])
    smu.initiate().__exit__(None, None, None)
    setattr(smu, f"{trigger}_trigger_type", nidcpower.TriggerType.SOFTWARE_EDGE)

    not_simulated(nidcpower, smu.initiate)


@holds("DCP-EVENTS")
def test___smu___events___come_with_what_they_tell(smu: Any) -> None:
    def has_come(event: str) -> bool:
        try:
            smu.wait_for_event(nidcpower.Event[event], SOON)
        except nidcpower.errors.DriverError as error:
            if error.code != TIMED_OUT:
                raise
            return False
        return True

    with smu.initiate():
        assert has_come("SOURCE_COMPLETE")
        assert not has_come("MEASURE_COMPLETE")
        smu.measure_multiple()
        assert has_come("MEASURE_COMPLETE")
        assert not has_come("SEQUENCE_ENGINE_DONE")
        assert not has_come("PULSE_COMPLETE")
    smu.source_mode = nidcpower.SourceMode.SEQUENCE
    smu.set_sequence([1.0, 2.0], [0.0, 0.0])
    with smu.initiate():
        assert has_come("SEQUENCE_ENGINE_DONE")
        assert has_come("SEQUENCE_ITERATION_COMPLETE")


@holds("DCP-RANGES")
def test___smu___overranging___allows_a_little_more_than_the_range(smu: Any) -> None:
    smu.voltage_level_range, smu.voltage_level = 6.0, 6.2
    with pytest.raises(nidcpower.errors.DriverError):
        smu.initiate()
    smu.overranging_enabled = True
    with smu.initiate():
        assert smu.measure_multiple()[0].voltage == pytest.approx(6.2)
    smu.voltage_level = 6.4
    with pytest.raises(nidcpower.errors.DriverError):
        smu.initiate()


# NI-DMM -------------------------------------------------------------------------------------------


@pytest.fixture
def dmm(station: FakeStation, channel: grpc.Channel) -> Iterator[Any]:
    """A multimeter."""
    station.bench.noise = 0.0
    with session_of(nidmm, channel, "DMM1") as session:
        yield session


@holds("DMM-READING")
def test___dmm___source_of_high_impedance___is_loaded_by_the_input(
    station: FakeStation, dmm: Any
) -> None:
    station.bench.channel("DMM1", 0).source(5.0, ohms=1e6)
    dmm.configure_measurement_digits(nidmm.Function.DC_VOLTS, 10.0, 6.5)

    assert dmm.read() == pytest.approx(5.0 * 10 / 11, abs=1e-5)
    dmm.input_resistance = 1e10
    assert dmm.read() == pytest.approx(5.0, abs=1e-3)
    dmm.configure_measurement_digits(nidmm.Function.TWO_WIRE_RES, 1e7, 6.5)
    assert dmm.read() == pytest.approx(1e6, rel=1e-5)


@holds("DMM-WAVEFORM")
def test___dmm___waveform___by_its_coupling_and_within_its_range(
    station: FakeStation, dmm: Any
) -> None:
    station.bench.channel("DMM1", 0).waveform("sine", frequency=1e3, amplitude=2.0, offset=1.0)
    dmm.configure_waveform_acquisition(nidmm.Function.WAVEFORM_VOLTAGE, 10.0, 1e5, 1000)

    def ends() -> tuple[float, float]:
        found = dmm.read_waveform(1000)
        return max(found), min(found)

    assert ends() == pytest.approx((3.0, -1.0), abs=1e-2)
    dmm.waveform_coupling = nidmm.WaveformCoupling.AC
    assert ends() == pytest.approx((2.0, -2.0), abs=1e-2)
    dmm.range = 1.0
    assert ends() == pytest.approx((1.05, -1.05))


def test___dmm___several_software_triggers___all_have_to_come(dmm: Any) -> None:
    dmm.configure_multi_point(2, 3)
    dmm.trigger_source = nidmm.TriggerSource.SOFTWARE_TRIG

    with dmm.initiate():
        dmm.send_software_trigger()
        with pytest.raises(nidmm.errors.DriverError):
            dmm.fetch_multi_point(6, timedelta(seconds=SOON))
        dmm.send_software_trigger()
        assert len(dmm.fetch_multi_point(6)) == 6


# NI-SCOPE and NI-FGEN -----------------------------------------------------------------------------


@pytest.fixture
def scope(station: FakeStation, channel: grpc.Channel) -> Iterator[Any]:
    """An oscilloscope that sees a sine of 1 V around 3 V."""
    station.bench.channel("SCOPE1", 0).waveform("sine", frequency=1e3, amplitude=1.0, offset=3.0)
    with session_of(niscope, channel, "SCOPE1") as session:
        session.configure_vertical(10.0, niscope.VerticalCoupling.DC)
        session.configure_horizontal_timing(1e6, 1000, 50.0, 1, enforce_realtime=True)
        yield session


def comes(scope: Any) -> bool:
    """Whether the trigger comes."""
    with scope.initiate():
        return bool(scope.acquisition_status() == niscope.AcquisitionStatus.COMPLETE)


@holds("SCP-TRIGGER")
def test___scope___trigger_coupled_to_ac___looks_at_what_changes(scope: Any) -> None:
    rises = niscope.TriggerSlope.POSITIVE
    scope.configure_trigger_edge("0", 0.0, niscope.TriggerCoupling.DC, rises)
    assert not comes(scope)
    scope.configure_trigger_edge("0", 0.0, niscope.TriggerCoupling.AC, rises)
    assert comes(scope)
    (found,) = scope.channels["0"].read()
    assert found.samples[500] == pytest.approx(3.0, abs=1e-2)


@holds("SCP-TRIGGER")
@pytest.mark.parametrize("slope", ["POSITIVE", "NEGATIVE"])
@pytest.mark.parametrize(("window", "due"), [(0.5, True), (0.95, True), (1.05, False)])
def test___scope___trigger_with_hysteresis___needs_a_signal_as_large(
    scope: Any, slope: str, window: float, due: bool
) -> None:
    scope.configure_trigger_hysteresis(
        "0", 3.0, window, niscope.TriggerCoupling.DC, niscope.TriggerSlope[slope]
    )

    assert comes(scope) is due


@holds("FGEN-WAVEFORM")
def test___generator___trigger_mode_that_is_not_simulated___refused(channel: grpc.Channel) -> None:
    with session_of(nifgen, channel, "GEN1") as generator:
        generator.trigger_mode = nifgen.TriggerMode.BURST

        not_simulated(nifgen, generator.initiate)


# NI-Digital ---------------------------------------------------------------------------------------


def test___ppmu___negative_current___up_to_the_lower_limit(
    station: FakeStation, channel: grpc.Channel
) -> None:
    station.bench.noise = 0.0
    with session_of(nidigital, channel, "DIG1") as digital:
        pin = digital.channels["DIG1/0"]
        pin.ppmu_output_function = nidigital.PPMUOutputFunction.CURRENT
        pin.ppmu_voltage_limit_high, pin.ppmu_voltage_limit_low = 5.0, -1.5
        for amps, volts in ((-1e-3, -1.5), (1e-3, 5.0)):
            pin.ppmu_current_level = amps
            pin.ppmu_source()
            (found,) = pin.ppmu_measure(nidigital.PPMUMeasurementType.VOLTAGE)
            assert math.isclose(found, volts)
