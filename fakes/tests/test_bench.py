"""The bench: what sources, loads and signals make of a net, and what is wired to what."""

from __future__ import annotations

import math
import statistics
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from session_fakes.clock import Clock
from session_fakes.device.bench import Bench
from session_fakes.device.bench.elements import (
    CurrentSource,
    Element,
    VoltageSource,
    operating_point,
    voltage,
)
from session_fakes.device.bench.wiring import Pin
from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.pinmaps import read_pin_map

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <NIDmmInstrument name="DMM1"/>
    <NIScopeInstrument name="Scope1" numberOfChannels="2"/>
    <NIRelayDriverModule name="Relays" numberOfControlLines="8"/>
    <Multiplexer name="Mux1" multiplexerTypeId="MyMux"/>
  </Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/><DUTPin name="C"/><SystemPin name="S"/></Pins>
  <PinGroups/>
  <Relays><SiteRelay name="K"/></Relays>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <MultiplexedConnection instrument="DMM1" channel="0">
      <MultiplexedDUTPinRoute pin="A" siteNumber="0" multiplexer="Mux1" routeName="C1-&gt;r0"/>
      <MultiplexedDUTPinRoute pin="A" siteNumber="1" multiplexer="Mux1"
        routeName="C1-&gt;r1, C2-&gt;r1"/>
    </MultiplexedConnection>
    <Connection pin="B" siteNumber="0,1" instrument="Scope1" channel="0"/>
    <SystemConnection pin="S" instrument="Scope1" channel="1"/>
    <RelayConnection relay="K" siteNumber="0" relayDriverModule="Relays" controlLine="K0"/>
    <RelayConnection relay="K" siteNumber="1" relayDriverModule="Relays" controlLine="K1"/>
  </Connections>
</PinMap>
"""
LOAD = VoltageSource(ohms=1000)


@pytest.fixture
def bench() -> Bench:
    """A bench with a pin map, whose clock stands still."""
    pin_maps = (read_pin_map(PIN_MAP),)
    return Bench(Clock(lambda: 0.0), lambda: pin_maps)


# The operating point ------------------------------------------------------------------------------


@holds("BENCH-NETS")
@pytest.mark.parametrize(
    ("elements", "volts", "currents"),
    [
        pytest.param([], 0.0, [], id="nothing"),
        pytest.param([LOAD], 0.0, [0.0], id="a load alone"),
        pytest.param([VoltageSource(5), LOAD], 5.0, [0.005, -0.005], id="ideal source"),
        pytest.param([VoltageSource(5, 1000), LOAD], 2.5, [0.0025, -0.0025], id="divider"),
        pytest.param([VoltageSource(5, 0, 0.001), LOAD], 1.0, [0.001, -0.001], id="limit"),
        pytest.param([VoltageSource(-5, 0, 0.001), LOAD], -1.0, [-0.001, 0.001], id="sink"),
        pytest.param([VoltageSource(5, 100, 0.001), LOAD], 1.0, [0.001, -0.001], id="both"),
        pytest.param([CurrentSource(0.002, 10), LOAD], 2.0, [0.002, -0.002], id="current"),
        pytest.param([CurrentSource(0.02, 10), LOAD], 10.0, [0.01, -0.01], id="voltage limit"),
        pytest.param([CurrentSource(-0.02, 10), LOAD], -10.0, [-0.01, 0.01], id="negative"),
        pytest.param([CurrentSource(0.001, 10)], 10.0, [0.0], id="current into nothing"),
        pytest.param(
            [VoltageSource(5), VoltageSource(5), LOAD], 5.0, [0.0025, 0.0025, -0.005], id="shared"
        ),
        pytest.param(
            [VoltageSource(5), VoltageSource(3, 100)], 5.0, [0.02, -0.02], id="against each other"
        ),
        pytest.param(
            [VoltageSource(5, 0, 0.1), VoltageSource(3, 0, 0.2)], 3.0, [0.1, -0.1], id="stronger"
        ),
    ],
)
def test___elements___on_one_net___balance(
    elements: list[Element], volts: float, currents: list[float]
) -> None:
    point = operating_point(elements)

    assert point.volts == pytest.approx(volts, abs=1e-9)
    assert point.currents == pytest.approx(currents, abs=1e-9)


def test___many_random_nets___solved___currents_add_up_to_nothing() -> None:
    import random

    chance = random.Random(7)
    for _ in range(300):
        elements: list[Element] = [VoltageSource(ohms=chance.uniform(1, 1e4))]
        for _ in range(chance.randrange(5)):
            limit = chance.choice([1e-3, 0.1, 1e9])
            ohms = chance.choice([0.0, 1.0, 50.0])
            elements.append(VoltageSource(chance.uniform(-10, 10), ohms, limit))
            elements.append(CurrentSource(chance.uniform(-0.1, 0.1), chance.uniform(1, 20)))

        point = operating_point(elements)

        assert voltage(elements) == point.volts
        assert sum(point.currents) == pytest.approx(0, abs=1e-6)
        assert abs(point.volts) < 1e4


def test___resistors_alone___one_more_with_a_limit_far_away___the_same_voltage() -> None:
    import random

    chance = random.Random(11)
    for _ in range(100):
        elements: list[Element] = [
            VoltageSource(chance.uniform(-10, 10), chance.uniform(1, 1e7)) for _ in range(3)
        ]
        limited = VoltageSource(1.0, 100.0, 10.0)  # solved in the way of all that has corners

        found = voltage([*elements, VoltageSource(1.0, 100.0)])

        assert found == pytest.approx(voltage([*elements, limited]), abs=1e-9)


# Signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "rms"), [("sine", 0.7071), ("square", 1.0), ("triangle", 0.57735), ("ramp up", 0.577)]
)
def test___signal___sampled___has_its_frequency_amplitude_and_rms(
    bench: Bench, shape: str, rms: float
) -> None:
    bench.pin("B").waveform(shape, frequency=100, amplitude=2.0, offset=0.5)
    net = bench.net(Pin("B", 0))

    samples = net.samples(0.0, 1e-5, 10_000)

    assert max(samples) == pytest.approx(2.5, abs=0.01)
    assert statistics.fmean(samples) == pytest.approx(0.5, abs=0.01)
    assert statistics.pstdev(samples) == pytest.approx(2 * rms, rel=0.01)
    assert net.ac_rms == pytest.approx(2 * rms, rel=0.01)
    assert sum(a < 0.5 <= b for a, b in pairwise(samples)) in (9, 10)


def test___signal_with_resistance___on_a_load___is_divided(bench: Bench) -> None:
    bench.pin("B").waveform("sine", frequency=1e3, amplitude=2.0, offset=1.0, ohms=50).load(50)
    net = bench.net(Pin("B", 0))

    samples = net.samples(0.0, 1e-6, 1000)

    assert max(samples) == pytest.approx(1.5, abs=1e-3)
    assert net.point().volts == pytest.approx(0.5)
    assert net.point(0.25e-3).volts == pytest.approx(1.5)


def test___recording___replayed___follows_the_clock_and_the_lines(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "run.csv"
    file.write_text("time,volts,other\n0,1.0,9\n2,3.0,9\n", encoding="utf-8")

    bench.pin("B").replay(file, column="volts")

    assert bench.net(Pin("B", 0)).point(1.0).volts == pytest.approx(2.0)
    assert bench.net(Pin("B", 0)).point(5.0).volts == pytest.approx(3.0)
    assert list(bench.net(Pin("B", 0)).samples(0.0, 1.0, 3)) == pytest.approx([1.0, 2.0, 3.0])


def test___recording_with_a_rate___replayed___over_and_over(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "run.csv"
    file.write_text("volts\n1\n2\n3\n", encoding="utf-8")

    bench.pin("B").replay(file, rate=10.0)

    assert list(bench.net(Pin("B", 0)).samples(0.0, 0.1, 4)) == pytest.approx([1, 2, 3, 1])


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("", {}, "needs a header"),
        ("t,v\n0,x\n", {}, "run.csv:2: 'x' is no number"),
        ("t,v\n0,1\n0,2\n", {}, "do not rise"),
        ("t,v\n0,1\n", {"column": "w"}, "no column 'w'; it has 't', 'v'"),
        ("v\n0\n", {}, "give a rate="),
        ("t,v\n0\n", {}, "run.csv:2: '' is no number"),
    ],
)
def test___bad_recording___replayed___says_where(
    bench: Bench, tmp_path: Path, content: str, arguments: dict[str, str], said: str
) -> None:
    file = tmp_path / "run.csv"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(FakeError, match=said.replace("(", r"\(")):
        bench.pin("B").replay(file, column=arguments.get("column", ""))


def test___recording___not_there___says_so(bench: Bench) -> None:
    with pytest.raises(FakeError, match="cannot be read"):
        bench.pin("B").replay("nowhere.csv")


# Wiring -------------------------------------------------------------------------------------------


def test___pin_shared_by_sites___driven___both_are_one_net(bench: Bench) -> None:
    bench.pin("B", site=1).source(3.0)

    assert bench.pin("B").volts == {0: 3.0, 1: 3.0}
    assert bench.net("scope1/0").point().volts == 3.0
    assert bench.pin("B", site=0).volts == {0: 3.0}


def test___pin_at_all_sites___loaded___each_site_has_its_own(bench: Bench) -> None:
    bench.pin("A").load(100)

    assert len(bench.net(Pin("A", 0)).elements) == 1
    # Shared by two sites, there are two devices on it.
    bench.pin("B").load(100)
    assert bench.net(Pin("B", 0)).ohms == pytest.approx(50)


def test___multiplexed_pin___routes_come_and_go___is_connected_only_meanwhile(
    bench: Bench,
) -> None:
    bench.pin("A", site=0).source(1.0)
    bench.pin("A", site=1).source(2.0)
    routes = bench.wiring.routes["mux1"]
    assert bench.net("dmm1/0").elements == ()

    routes.add(frozenset(("c1", "r0")))
    assert bench.net("dmm1/0").point().volts == 1.0

    routes.clear()
    routes.add(frozenset(("c1", "r1")))
    assert bench.net("dmm1/0").elements == ()  # half of its route
    routes.add(frozenset(("c2", "r1")))
    assert bench.net("dmm1/0").point().volts == 2.0


def test___relay___closed_at_one_site___connects_there(bench: Bench) -> None:
    bench.relay("K").connects("B", "C")
    bench.pin("C", site=1).source(4.0)

    assert bench.net(Pin("B", 1)).elements == ()
    bench.wiring.closed.add(("K", 0))
    assert bench.net(Pin("C", 1)).elements != ()
    assert bench.net(Pin("B", 1)).elements == ()
    bench.wiring.closed.add(("K", 1))
    assert bench.net(Pin("B", 1)).point().volts == 4.0


def test___bench_without_pin_map___channels_wired_by_hand___are_one_net() -> None:
    bench = Bench(Clock())
    bench.channel("Scope1", 0).source(1.5)

    bench.connect("SCOPE1", 0, "DMM1", 0)

    assert bench.net("dmm1/0").point().volts == 1.5
    assert bench.channel("dmm1", "0").volts == {0: 1.5}


def test___unknown_names___given___are_refused_with_the_nearest(bench: Bench) -> None:
    with pytest.raises(FakeError, match="no relay 'k'"):
        bench.relay("k")
    with pytest.raises(FakeError, match=r"no pin 'XYZ'\. There are 'A', 'B', 'C', 'S'"):
        bench.pin("XYZ")
    with pytest.raises(FakeError, match=r"no pin 'AA'\. Did you mean 'A'"):
        bench.pin("AA")
    with pytest.raises(FakeError, match="There is no shape 'sinus': 'sine'"):
        bench.pin("A").waveform("sinus", frequency=1)
    with pytest.raises(FakeError, match=r"source\(volts=0\) is a short"):
        bench.pin("A").load(ohms=0)


def test___handle___used_again___last_of_a_kind_holds(bench: Bench) -> None:
    pin = bench.pin("C").source(1.0).waveform([1.0, 0.0], frequency=1.0).load(5).load(50)

    assert len(bench.net(Pin("C", 0)).elements) == 2
    pin.temperature(80.0)
    assert bench.net(Pin("C", 0)).celsius == 80.0
    pin.clear()
    assert bench.net(Pin("C", 0)).elements == ()
    assert bench.net(Pin("C", 0)).celsius == 23.0


def test___bench___reset___everything_is_off(bench: Bench) -> None:
    bench.pin("B").source(1.0)
    bench.drive("scope1/0", VoltageSource(2.0))
    bench.pattern_fails("p", pin="B", site=0)
    bench.wiring.closed.add(("K", 0))

    bench.reset()

    assert bench.net(Pin("B", 0)).elements == ()
    assert bench.wiring.closed == set()
    assert bench.failing == {}


# Chance and time ----------------------------------------------------------------------------------


@holds("BENCH-SEED")
def test___noise___of_instruments___is_each_one_s_own_and_repeats() -> None:
    def readings(seed: int, *names: str) -> list[float]:
        bench = Bench(Clock(), seed=seed)
        return [bench.noisy(name, 1.0, 0.1) for name in names]

    assert readings(1, "a", "b", "a") == [*readings(1, "a", "b"), readings(1, "a", "a")[1]]
    assert readings(1, "a") != readings(2, "a")
    quiet = Bench(Clock())
    quiet.noise = 0.0
    assert quiet.noisy("a", 1.0, 0.1) == 1.0


def test___waiting___clock_advanced___ends_at_the_deadline() -> None:
    clock = Clock(lambda: 0.0)
    bench = Bench(clock)
    found: list[bool] = []

    def wait() -> None:
        with bench.lock:
            found.append(bench.wait_until(lambda: False, 5.0, lambda: False))

    thread = threading.Thread(target=wait)
    thread.start()
    while not clock.waiting():
        threading.Event().wait(0.001)
    assert bench.lock.acquire(timeout=60)
    bench.lock.release()
    clock.advance(5.0)
    thread.join(60)

    assert found == [False]


def test___waiting___something_changes___looks_again() -> None:
    bench = Bench(Clock(lambda: 0.0))
    state: list[bool] = []
    found: list[bool] = []

    def wait() -> None:
        with bench.lock:
            found.append(bench.wait_until(lambda: bool(state), -1.0, lambda: False))

    thread = threading.Thread(target=wait)
    thread.start()
    with bench.lock:
        state.append(True)
        bench.stir()
    thread.join(60)

    assert found == [True]
    assert math.isclose(bench.clock.now(), 0.0)
