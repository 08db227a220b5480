"""NI's SDK on simulated instruments: pins, sites, channel groups, multiplexers, a plug-in."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ni.measurementlink.sessionmanagement.v1.client import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

from session_fakes import measure
from session_fakes.station import FakeStation

pytest.importorskip("nidaqmx", reason="the extra drivers is not installed")
pytest.importorskip("nidcpower", reason="the extra drivers is not installed")
pytest.importorskip("nidigital", reason="the extra drivers is not installed")
pytest.importorskip("nidmm", reason="the extra drivers is not installed")
pytest.importorskip("niscope", reason="the extra drivers is not installed")
pytest.importorskip("niswitch", reason="the extra drivers is not installed")
nifgen: Any = pytest.importorskip("nifgen", reason="the extra drivers is not installed")

PLUG_IN = Path(__file__).parent / "plug_ins" / "instruments" / "measurement.py"
LIMIT = 60.0
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <NIDCPowerInstrument name="DCPower1" numberOfChannels="2">
      <ChannelGroup name="CommonDCPowerChannelGroup"/>
    </NIDCPowerInstrument>
    <NIDCPowerInstrument name="DCPower2" numberOfChannels="2">
      <ChannelGroup name="CommonDCPowerChannelGroup"/>
    </NIDCPowerInstrument>
    <NIDmmInstrument name="DMM1"/>
    <NIFGenInstrument name="Gen1" numberOfChannels="1"/>
    <NIFGenInstrument name="Gen2" numberOfChannels="1"/>
    <NIScopeInstrument name="Scope1" numberOfChannels="2"/>
    <NIDigitalPatternInstrument name="Dig1" numberOfChannels="16"/>
    <NIDAQmxTask name="Task0" taskType="AI" channelList="Dev1/ai0"/>
    <NIDAQmxTask name="Task1" taskType="AI" channelList="Dev1/ai1"/>
    <NIRelayDriverModule name="Relays" numberOfControlLines="8"/>
    <Multiplexer name="Mux1" multiplexerTypeId="MyMux"/>
  </Instruments>
  <Pins>
    <DUTPin name="VCC"/><DUTPin name="IN"/><DUTPin name="D"/><DUTPin name="A"/>
  </Pins>
  <PinGroups/>
  <Relays><SiteRelay name="K"/></Relays>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <Connection pin="VCC" siteNumber="0" instrument="DCPower1" channel="0"/>
    <Connection pin="VCC" siteNumber="1" instrument="DCPower2" channel="1"/>
    <MultiplexedConnection instrument="DMM1" channel="0">
      <MultiplexedDUTPinRoute pin="VCC" siteNumber="0" multiplexer="Mux1" routeName="C1-&gt;r0"/>
      <MultiplexedDUTPinRoute pin="VCC" siteNumber="1" multiplexer="Mux1" routeName="C2-&gt;r0"/>
    </MultiplexedConnection>
    <Connection pin="IN" siteNumber="0" instrument="Gen1" channel="0"/>
    <Connection pin="IN" siteNumber="1" instrument="Gen2" channel="0"/>
    <Connection pin="IN" siteNumber="0" instrument="Scope1" channel="0"/>
    <Connection pin="IN" siteNumber="1" instrument="Scope1" channel="1"/>
    <Connection pin="D" siteNumber="0" instrument="Dig1" channel="0"/>
    <Connection pin="D" siteNumber="1" instrument="Dig1" channel="8"/>
    <Connection pin="A" siteNumber="0" instrument="Task0" channel="Dev1/ai0"/>
    <Connection pin="A" siteNumber="1" instrument="Task1" channel="Dev1/ai1"/>
    <RelayConnection relay="K" siteNumber="0" relayDriverModule="Relays" controlLine="K0"/>
    <RelayConnection relay="K" siteNumber="1" relayDriverModule="Relays" controlLine="K1"/>
  </Connections>
</PinMap>
"""


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    """A pin map with all kinds of instruments at two sites."""
    path = tmp_path / "bench.pinmap"
    path.write_text(PIN_MAP, encoding="utf-8")
    return path


@pytest.fixture
def station(pin_map: Path) -> Iterator[FakeStation]:
    """A station whose devices draw 5 mA at 5 V on VCC, and whose relays connect A to VCC."""
    with FakeStation(pin_map) as made:
        made.bench.pin("VCC").load(ohms=1000)
        made.bench.relay("K").connects("A", "VCC")
        yield made
        assert made.leaks() == []
    assert made.internal_errors == []


@pytest.fixture
def client(station: FakeStation) -> Iterator[Any]:
    """NI's client of the Session Management Service, which finds the station."""
    with station.installed(), SessionManagementClient() as made:
        yield made


def context(station: FakeStation, *sites: int) -> PinMapContext:
    """The pin map, at some sites."""
    return PinMapContext(station.pin_map_id, list(sites))


def source(power: Any, volts: float) -> None:
    """Put out a voltage on the channels of a session information."""
    channels = power.session.channels[power.channel_list]
    channels.voltage_level = volts
    channels.initiate()


def test___channel_group_of_two_instruments___one_session_for_all_sites(
    station: FakeStation, client: Any
) -> None:
    with (
        client.reserve_sessions(context(station, 0, 1), "VCC", "niDCPower") as reservation,
        reservation.initialize_nidcpower_session() as power,
    ):
        assert power.resource_name == "DCPower1/0, DCPower2/1"
        source(power, 5.0)
        found = power.session.channels[power.channel_list].measure_multiple()
        assert [each.channel for each in found] == ["DCPower1/0", "DCPower2/1"]
        assert [each.current for each in found] == pytest.approx([0.005] * 2, abs=1e-6)
        for connection in reservation.get_nidcpower_connections(["VCC"]):
            volts = connection.session.channels[connection.channel_name].measure_multiple()
            assert volts[0].voltage == pytest.approx(5.0, abs=1e-4)


def test___sites___measured_by_sessions_of_their_own(station: FakeStation, client: Any) -> None:
    for site, name in enumerate(("Gen1", "Gen2")):
        with (
            client.reserve_sessions(context(station, site), "IN") as reservation,
            reservation.initialize_nifgen_session() as generator,
            reservation.initialize_niscope_session() as scope,
        ):
            assert generator.resource_name == name
            assert scope.channel_list == str(site)
            generator.session.configure_standard_waveform(nifgen.Waveform.SQUARE, 2.0 + site, 1e3)
            scope.session.configure_chan_characteristics(50.0, 0.0)
            with generator.session.initiate():
                (found,) = scope.session.channels[scope.channel_list].read(num_samples=1000)
            assert max(found.samples) == pytest.approx((2.0 + site) / 2)


def test___all_generators___initialized_at_once(station: FakeStation, client: Any) -> None:
    with (
        client.reserve_sessions(context(station, 0, 1), "IN", "niFGen") as reservation,
        reservation.initialize_nifgen_sessions() as generators,
    ):
        assert [each.resource_name for each in generators] == ["Gen1", "Gen2"]
        assert len(station.calls.of("InitializeWithChannels")) == 2


def test___multiplexer___its_route_decides_what_the_multimeter_sees(
    station: FakeStation, client: Any
) -> None:
    station.bench.pin("VCC", site=1).source(volts=2.0)
    with (
        client.reserve_sessions(context(station, 0, 1), "VCC", "niDMM") as reservation,
        reservation.initialize_nidmm_session() as dmm,
        reservation.initialize_niswitch_multiplexer_session() as multiplexer,
    ):
        seen: list[float] = []
        for connection in reservation.get_nidmm_connections(["VCC"]):
            multiplexer.session.connect_multiple(connection.multiplexer_route)
            seen.append(round(dmm.session.read(), 2))
            multiplexer.session.disconnect_all()
        assert multiplexer.resource_name == "Mux1"
    assert seen == [0.0, 2.0]


@pytest.mark.parametrize("raises", [False, True])
def test___behaviors_that_only_the_sdk_has___on_the_wire_and_on_leaving(
    station: FakeStation, client: Any, raises: bool
) -> None:
    behaviors = SessionInitializationBehavior
    with client.reserve_sessions(context(station, 0), "VCC", "niDMM") as reservation:
        for behavior, sent, closed in (
            (behaviors.INITIALIZE_SESSION_THEN_DETACH, 1, 0),
            (behaviors.ATTACH_TO_SESSION_THEN_CLOSE, 2, 1),
        ):
            with contextlib.ExitStack() as outside:
                if raises:
                    outside.enter_context(pytest.raises(KeyError, match="body"))
                outside.enter_context(
                    reservation.initialize_nidmm_session(initialization_behavior=behavior)
                )
                if raises:
                    fail_as_a_body()
            request: Any = station.calls.of("nidmm_grpc.NiDmm/InitWithOptions").last.request
            assert request.initialization_behavior == sent
            assert len(station.calls.of("nidmm_grpc.NiDmm/Close")) == closed


def fail_as_a_body() -> None:
    """Raise what the caller of a session has to see."""
    raise KeyError("body")


SIMULATED = {
    "nidcpower": "4137",
    "nidigital": "6571",
    "nidmm": "4071",
    "nifgen": "5451",
    "niscope": "5105",
}
"""A model for each driver, none of them the one that the fake takes when none is named."""
SETTINGS = [
    *(f"MEASUREMENT_PLUGIN_{name.upper()}_SIMULATE=1" for name in (*SIMULATED, "niswitch")),
    *(f"MEASUREMENT_PLUGIN_{name.upper()}_BOARD_TYPE=PXI" for name in SIMULATED),
    *(f"MEASUREMENT_PLUGIN_{name.upper()}_MODEL={model}" for name, model in SIMULATED.items()),
    "MEASUREMENT_PLUGIN_NISWITCH_TOPOLOGY=2529/2-Wire 8x16 Matrix",
]
ASKS = """
import json, sys
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient
found = {}
with SessionManagementClient() as client:
    for name in sys.argv[2].split(","):
        pins = PinMapContext(sys.argv[1], [0])
        with client.reserve_sessions(pins, ["VCC", "IN", "D", "K"]) as reservation:
            with getattr(reservation, f"initialize_{name}_session")() as info:
                session = info.session
                found[name] = [session.simulate, session.instrument_model, session.channel_count]
print(json.dumps(found))
"""


def test___simulation_options_in_an_env_file___in_another_process___are_honoured(
    station: FakeStation, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("\n".join(SETTINGS), encoding="utf-8")
    names = ",".join([*SIMULATED, "niswitch"])

    said = subprocess.run(
        [sys.executable, "-c", ASKS, station.pin_map_id, names],
        env=station.environment(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
        timeout=LIMIT,
    ).stdout

    found = json.loads(said)
    assert {name: facts[:2] for name, facts in found.items() if name in SIMULATED} == {
        name: [True, f"NI PXI-{model}"] for name, model in SIMULATED.items()
    }
    assert (found["niswitch"][0], found["niswitch"][2]) == (True, 8 + 16)
    request: Any = station.calls.of("nidmm_grpc.NiDmm/InitWithOptions").last.request
    assert "Model:4071" in request.option_string


# A plug-in in a process of its own ----------------------------------------------------------------

EXAMPLES = {
    "nidmm_grpc.NiDmm": [
        *("InitWithOptions", "ConfigureMeasurementDigits", "Read", "GetAttributeViReal64"),
        "Close",
    ],
    "nidcpower_grpc.NiDCPower": [
        *("InitializeWithIndependentChannels", "GetAttributeViInt32", "GetChannelNameFromString"),
        *["SetAttributeViInt32"] * 2,
        *["SetAttributeViReal64"] * 5,
        *("InitiateWithChannels", "WaitForEventWithChannels", "MeasureMultiple"),
        *("QueryInCompliance", "AbortWithChannels", "ResetWithChannels", "Close"),
    ],
    "niscope_grpc.NiScope": [
        *("InitWithOptions", "GetAttributeViInt32", "GetChannelNameFromString"),
        *("SetAttributeViBoolean", "ConfigureVertical", "ConfigureChanCharacteristics"),
        *("ConfigureHorizontalTiming", "ConfigureTriggerEdge", "SetAttributeViInt32"),
        *("InitiateAcquisition", "AcquisitionStatus", *["SetAttributeViInt32"] * 4),
        *("GetAttributeViInt32", "Fetch", "Abort"),
        *[*["SetAttributeViInt32"] * 4, "Read", "Close"],
    ],
    "nifgen_grpc.NiFgen": [
        *("InitializeWithChannels", "SetAttributeViInt32", "ConfigureStandardWaveform"),
        *("InitiateGeneration", "GetAttributeViBoolean", "WaitUntilDone", "AbortGeneration"),
        "Close",
    ],
    "niswitch_grpc.NiSwitch": ["InitWithTopology", "RelayControl", "WaitForDebounce", "Close"],
    "nidigitalpattern_grpc.NiDigital": [
        *("InitWithOptions", "GetAttributeViInt32", "GetChannelNameFromString", "LoadPinMap"),
        *("LoadSpecifications", "LoadLevels", "LoadTiming", "LoadPattern"),
        *("ApplyLevelsAndTiming", "BurstPattern"),
        *["GetSitePassFail", "GetSiteResultsSiteNumbers"] * 2,
        *("SetAttributeViInt32", "Close"),
    ],
    "nidaqmx_grpc.NiDAQmx": [
        # Newer packages ask for the driver's version before: GetSystemInfoAttributeUInt32.
        *("CreateTask", "GetTaskAttributeString", "CreateAIVoltageChan", "CfgSampClkTiming"),
        *("GetReadAttributeString", "GetChanAttributeInt32", "ReadAnalogF64", "ClearTask"),
    ],
}
"""What NI's published example of each driver calls, in its order."""


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """A folder with files as an editor of digital patterns makes them; nobody reads them."""
    for name in ("Specs.specs", "Levels.digilevels", "Timing.digitiming", "Pattern.digipat"):
        (tmp_path / name).write_bytes(b"\0")
    return tmp_path


def test___plug_in_in_a_process_of_its_own___uses_all_instruments_as_ni_s_examples_do(
    station: FakeStation, pin_map: Path, sheets: Path
) -> None:
    settings = {"Pin map": str(pin_map), "Folder": str(sheets)}

    with station.launch([sys.executable, str(PLUG_IN)], timeout=LIMIT):
        (view,) = [each for each in station.services() if not each.static]
        with measure.Measurement.connect(f"localhost:{view.port}") as plug_in:
            found = measure.run(plug_in, settings, station.pin_map_id, [1], timeout=LIMIT)
            calls = list(station.calls)
            station.bench.pattern_fails("Pattern", pin="D", site=1)
            station.bench.pin("VCC").load(ohms=100)
            again = measure.run(plug_in, settings, station.pin_map_id, [1], timeout=LIMIT)

    assert found["Volts"] == pytest.approx(5.0, abs=1e-3)
    assert found["Milliamperes"] == pytest.approx(5.0, abs=1e-3)
    assert found["At the limit"] is False
    assert found["Multimeter"] == pytest.approx([5.0, 1e-4], abs=1e-3)
    assert found["Sine"] == pytest.approx([1.0, -1.0, 1e3], rel=1e-3)
    assert found["Passed"] is True
    assert found["Through the relay"] == pytest.approx([0.0, 5.0], abs=1e-2)
    assert again["At the limit"] is True
    assert again["Volts"] == pytest.approx(1.0, abs=1e-3)
    assert again["Passed"] is False
    # A standard waveform is never done: that this takes too long is the driver's error.
    assert {call.method for call in calls if call.code != "OK"} == {"WaitUntilDone"}
    for service, wanted in EXAMPLES.items():
        made = [call.method for call in calls if call.service == service]
        assert in_order(wanted, made), f"{service}: {made}"


def in_order(wanted: list[str], made: list[str]) -> bool:
    """Whether all of some calls were made in their order, others between them."""
    left = iter(made)
    return all(name in left for name in wanted)
