"""NI-SWITCH: its real package closes relays and makes routes, and a multimeter sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from session_fakes.device.instruments.topologies import topology_of
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

nidmm: Any = pytest.importorskip("nidmm", reason="the extra drivers is not installed")
niswitch: Any = pytest.importorskip("niswitch", reason="the extra drivers is not installed")

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <NIDmmInstrument name="DMM1"/>
    <NIDmmInstrument name="DMM2"/>
    <NIRelayDriverModule name="Relays" numberOfControlLines="8"/>
    <Multiplexer name="Mux1" multiplexerTypeId="MyMux"/>
  </Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/><DUTPin name="C"/></Pins>
  <PinGroups/>
  <Relays><SiteRelay name="K"/></Relays>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <MultiplexedConnection instrument="DMM1" channel="0">
      <MultiplexedDUTPinRoute pin="A" siteNumber="0" multiplexer="Mux1" routeName="C1-&gt;r0"/>
      <MultiplexedDUTPinRoute pin="A" siteNumber="1" multiplexer="Mux1"
        routeName="C1-&gt;r1, C2-&gt;r1"/>
    </MultiplexedConnection>
    <Connection pin="B" siteNumber="0" instrument="DMM2" channel="0"/>
    <RelayConnection relay="K" siteNumber="0" relayDriverModule="Relays" controlLine="K0"/>
    <RelayConnection relay="K" siteNumber="1" relayDriverModule="Relays" controlLine="K1"/>
  </Connections>
</PinMap>
"""


@pytest.fixture
def station(tmp_path: Path) -> Iterator[FakeStation]:
    """A station with relays and a multiplexer."""
    pin_map = tmp_path / "switches.pinmap"
    pin_map.write_text(PIN_MAP, encoding="utf-8")
    with FakeStation(pin_map) as made:
        yield made
    assert made.internal_errors == []


def switch(channel: grpc.Channel, resource: str, **arguments: Any) -> Any:
    """A session of NI-SWITCH."""
    options = niswitch.GrpcSessionOptions(channel, f"niSwitch-{resource}")
    return niswitch.Session(resource, grpc_options=options, **arguments)


def volts(channel: grpc.Channel, name: str) -> float:
    """What a multimeter reads."""
    with nidmm.Session(name, grpc_options=nidmm.GrpcSessionOptions(channel, name)) as dmm:
        reading: float = dmm.read()
        return round(reading, 2)


def test___relay___closed_as_in_ni_s_example___connects_its_pins(
    station: FakeStation, channel: grpc.Channel
) -> None:
    station.bench.relay("K").connects("B", "C")
    station.bench.pin("C").source(volts=3.0)
    assert volts(channel, "DMM2") == 0.0

    with switch(channel, "Relays") as session:
        session.relay_control("K0", niswitch.RelayAction.CLOSE)
        session.wait_for_debounce()
        assert volts(channel, "DMM2") == 3.0
        assert session.get_relay_position("k0") == niswitch.RelayPosition.CLOSED
        assert session.get_relay_position("K1") == niswitch.RelayPosition.OPEN

    assert volts(channel, "DMM2") == 3.0  # the relay is where it was
    with switch(channel, "Relays") as session:
        assert session.get_relay_position("K0") == niswitch.RelayPosition.CLOSED
        session.relay_control("K0,K1", niswitch.RelayAction.OPEN)
        assert session.get_relay_count("K0") == 1
        assert session.get_relay_count("K1") == 0
    assert volts(channel, "DMM2") == 0.0


def test___relay___of_the_other_site___connects_nothing_here(
    station: FakeStation, channel: grpc.Channel
) -> None:
    station.bench.relay("K").connects("B", "C")
    station.bench.pin("C").source(volts=3.0)

    with switch(channel, "Relays") as session:
        session.relay_control("K1", niswitch.RelayAction.CLOSE)
        assert volts(channel, "DMM2") == 0.0
        session.reset()
        assert session.get_relay_position("K1") == niswitch.RelayPosition.OPEN


@pytest.mark.parametrize("how", ["connect_multiple", "set_path"])
def test___multiplexer___routed_by_the_pin_map_s_route___what_is_not_routed_is_not_seen(
    station: FakeStation, channel: grpc.Channel, how: str
) -> None:
    station.bench.pin("A", site=0).source(volts=1.0)
    station.bench.pin("A", site=1).source(volts=2.0)
    seen: list[float] = []

    with switch(channel, "Mux1") as session:
        for route in ("C1->r0", "C1->r1, C2->r1"):
            seen.append(volts(channel, "DMM1"))
            getattr(session, how)(route)
            seen.append(volts(channel, "DMM1"))
            session.disconnect_multiple(route)
        session.connect("C1", "r1")  # half of a route is none
        seen.append(volts(channel, "DMM1"))

    assert seen == [0.0, 1.0, 0.0, 2.0, 0.0]


@holds("SWT-ROUTES")
def test___routes___made_twice_or_taken_away_when_there_are_none___driver_errors(
    channel: grpc.Channel,
) -> None:
    with switch(channel, "Mux1") as session:
        session.connect("c1", "R0")
        assert session.get_path("C1", "r0") == "C1->r0"
        assert session.can_connect("r0", "C1") == niswitch.PathCapability.PATH_EXISTS
        assert session.can_connect("C2", "r1") == niswitch.PathCapability.PATH_AVAILABLE
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: session.connect("r0", "c1"), "exists already"),
            (lambda: session.disconnect("c2", "r1"), "no path between c2 and r1"),
            (lambda: session.get_path("c2", "r1"), "no path"),
            (lambda: session.connect("c1", "c1"), "connected to itself"),
            (lambda: session.connect_multiple("c1"), "no connection"),
        ]
        for call, said in calls:
            with pytest.raises(niswitch.errors.DriverError, match=said):
                call()
        session.disconnect_all()
        assert session.can_connect("r0", "C1") == niswitch.PathCapability.PATH_AVAILABLE


@holds("SWT-NAMES")
def test___names___that_neither_topology_nor_pin_map_has___refused(channel: grpc.Channel) -> None:
    with switch(channel, "Relays") as relays, switch(channel, "Mux1") as mux:
        calls: list[Callable[[], object]] = [
            lambda: relays.relay_control("K9", niswitch.RelayAction.CLOSE),
            lambda: relays.relay_control("", niswitch.RelayAction.CLOSE),
            lambda: mux.connect("c1", "r9"),
        ]
        for call in calls:
            with pytest.raises(niswitch.errors.DriverError) as caught:
                call()
            assert caught.value.code == -1074135008
        assert relays.number_of_relays == 2
        assert [relays.get_relay_name(number) for number in (1, 2)] == ["k0", "k1"]
        assert mux.channel_count == 4
        assert mux.get_channel_name(1) == "c1"
    with pytest.raises(niswitch.errors.DriverError, match="has the instrument"):
        switch(channel, "Elsewhere")


@holds("SWT-NAMES")
def test___topology___says_which_channels_can_meet(channel: grpc.Channel) -> None:
    matrix = {"topology": "2529/2-Wire 8x16 Matrix", "simulate": True}
    with switch(channel, "Matrix", **matrix) as session:
        session.connect("r7", "c15")
        assert session.can_connect("c0", "c1") == niswitch.PathCapability.PATH_UNSUPPORTED
        with pytest.raises(niswitch.errors.DriverError, match="no path between c0 and c1"):
            session.connect("c0", "c1")
        assert (session.simulate, session.channel_count) == (True, 24)


@pytest.mark.parametrize(
    ("name", "channels", "relays", "meet", "apart"),
    [
        ("2520/80-SPST", 0, 80, (), ()),
        ("2527/1-Wire 64x1 Mux", 65, 0, ("ch63", "com0"), ("ch0", "ch1")),
        ("2527/1-Wire Dual 32x1 Mux", 66, 0, ("ch32", "com1"), ("ch31", "com1")),
        ("2529/2-Wire 4x32 Matrix", 36, 0, ("r3", "c31"), ("r0", "r1")),
        ("Configured Topology", 0, 0, ("a1", "b1"), ()),
    ],
)
def test___topologies___read(
    name: str, channels: int, relays: int, meet: tuple[str, ...], apart: tuple[str, ...]
) -> None:
    found = topology_of(name)

    assert (len(found.channels), len(found.relays)) == (channels, relays)
    assert not meet or found.can_meet(*meet)
    assert not apart or not found.can_meet(*apart)


@holds("SWT-NAMES")
def test___station_without_pin_map___number_of_relays___never_a_silent_zero() -> None:
    with (
        FakeStation() as bare,
        grpc.insecure_channel(bare.device_server.address) as channel,
        switch(channel, "Any") as session,
    ):
        session.relay_control("K4", niswitch.RelayAction.CLOSE)
        assert session.get_relay_position("K4") == niswitch.RelayPosition.CLOSED
        calls: list[Callable[[], object]] = [
            lambda: session.number_of_relays,
            lambda: session.channel_count,
            lambda: session.get_relay_name(1),
        ]
        for call in calls:
            with pytest.raises(niswitch.errors.RpcError):
                call()


def test___scans___configured_but_not_started(channel: grpc.Channel) -> None:
    with switch(channel, "Mux1") as session:
        session.scan_list = "c1->r0;c2->r1"
        assert session.scan_list == "c1->r0;c2->r1"
        with pytest.raises(niswitch.errors.RpcError) as caught:
            session.initiate()
        assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED
        assert not session.is_scanning
