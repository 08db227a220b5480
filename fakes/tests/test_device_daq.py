"""NI-DAQmx: its real package reads and writes, on demand and by the station's clock."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

nidaqmx: Any = pytest.importorskip("nidaqmx", reason="the extra drivers is not installed")
constants: Any = pytest.importorskip("nidaqmx.constants")

LIMIT = 30.0
FINITE, CONTINUOUS = constants.AcquisitionType.FINITE, constants.AcquisitionType.CONTINUOUS


@pytest.fixture
def task(channel: grpc.Channel) -> Iterator[Any]:
    """A task."""
    with task_of(channel, "T") as made:
        yield made


def task_of(channel: grpc.Channel, name: str = "") -> Any:
    """A task of some name."""
    return nidaqmx.Task(name, grpc_options=nidaqmx.GrpcSessionOptions(channel, name))


def refused(call: Callable[[], object]) -> int:
    """The code of a call that the driver refuses."""
    with pytest.raises(nidaqmx.DaqError) as caught:
        call()
    code = caught.value.error_code
    return int(getattr(code, "value", code))


# Analog input -------------------------------------------------------------------------------------


@holds("DAQ-SAMPLES")
def test___analog_input___as_in_ni_s_example___finite_samples(
    station: FakeStation, task: Any
) -> None:
    station.bench.channel("Dev1", "ai0").waveform("sine", frequency=100.0, amplitude=2.0)
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0", min_val=-5.0, max_val=5.0)
    task.timing.cfg_samp_clk_timing(10e3, sample_mode=FINITE, samps_per_chan=1000)

    found = task.read(1000)

    assert len(found) == 1000
    assert (max(found), min(found)) == pytest.approx((2.0, -2.0), abs=1e-2)
    assert statistics.fmean(found) == pytest.approx(0.0, abs=1e-2)
    assert len(task.read(constants.READ_ALL_AVAILABLE)) == 1000  # each read is one of its own


def test___analog_input___on_demand___one_value_for_each_channel(
    station: FakeStation, task: Any
) -> None:
    station.bench.channel("Dev1", "ai0").source(1.5)
    station.bench.channel("Dev1", "ai1").source(-2.5)
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0:1")

    assert task.read() == pytest.approx([1.5, -2.5], abs=1e-3)
    assert task.read(2) == [pytest.approx([1.5] * 2, abs=1e-3), pytest.approx([-2.5] * 2, abs=1e-3)]
    assert (task.name, task.channel_names) == ("T", ["Dev1/ai0", "Dev1/ai1"])
    assert [d.name for d in task.devices] == ["Dev1"]


def test___analog_input___beyond_its_range___is_cut_off(station: FakeStation, task: Any) -> None:
    station.bench.channel("Dev1", "ai0").source(3.0)
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0", min_val=-1.0, max_val=1.0)

    assert task.read() == pytest.approx(1.0, abs=1e-3)


def test___analog_input___temperatures_and_resistances(station: FakeStation, task: Any) -> None:
    station.bench.channel("Dev1", "ai3").temperature(80.0)
    task.ai_channels.add_ai_thrmcpl_chan("Dev1/ai3", min_val=0.0, max_val=100.0)
    task.ai_channels.add_ai_rtd_chan(
        "Dev1/ai3", "rtd", min_val=273.0, max_val=400.0, units=constants.TemperatureUnits.K
    )

    assert task.read() == pytest.approx([80.0, 353.15])


@holds("DAQ-SAMPLES")
def test___continuous_input___reads_go_on_where_the_last_ended(
    station: FakeStation, task: Any
) -> None:
    station.bench.channel("Dev1", "ai0").waveform("ramp up", frequency=1.0, amplitude=1.0)
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=CONTINUOUS, samps_per_chan=100)

    task.start()
    station.clock.advance(0.2)
    first, second = task.read(100), task.read(100)
    assert task.in_stream.curr_read_pos == 200
    assert second[0] - first[-1] == pytest.approx(0.002, abs=1e-6)
    assert not task.is_task_done()
    assert refused(lambda: task.wait_until_done(0.01)) == -200560


@holds("DAQ-SAMPLES")
def test___continuous_input___reader_that_falls_behind___is_told(
    station: FakeStation, task: Any
) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=CONTINUOUS, samps_per_chan=100)
    task.start()

    station.clock.advance(20.0)

    assert refused(lambda: task.read(100)) == -200279


@holds("DAQ-SAMPLES")
def test___finite_input___too_many_and_too_early___driver_errors(
    station: FakeStation, task: Any
) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=FINITE, samps_per_chan=1_000_000)
    task.start()

    assert refused(lambda: task.read(999_999, timeout=0.01)) == -200284
    station.clock.advance(1001.0)
    assert task.is_task_done()
    assert refused(lambda: task.read(1_000_001)) == -200278
    task.stop()
    assert refused(lambda: task.timing.cfg_samp_clk_timing(0.0)) == -200077


@holds("DAQ-SAMPLES")
def test___finite_input___all_that_there_are___at_once_or_when_it_is_done(
    station: FakeStation, channel: grpc.Channel, task: Any
) -> None:
    pb: Any = pytest.importorskip("nidaqmx._stubs.nidaqmx_pb2")
    rpc: Any = pytest.importorskip("nidaqmx._stubs.nidaqmx_pb2_grpc")
    session: Any = pytest.importorskip("session_pb2").Session(name="T")
    # The package counts for itself what it asks an older driver for.
    request = pb.ReadAnalogF64Request(
        task=session, num_samps_per_chan=-1, timeout=LIMIT, fill_mode_raw=0, array_size_in_samps=100
    )
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1.0, sample_mode=FINITE, samps_per_chan=100)
    task.start()
    station.clock.advance(40.0)

    task.in_stream.read_all_avail_samp = True
    assert task.in_stream.read_all_avail_samp
    found = rpc.NiDAQmxStub(channel).ReadAnalogF64(request).samps_per_chan_read
    assert 40 <= found < 100
    task.in_stream.read_all_avail_samp = False
    station.clock.advance(60.0)
    assert rpc.NiDAQmxStub(channel).ReadAnalogF64(request).samps_per_chan_read == 100 - found


@holds("DAQ-SAMPLES")
def test___read_that_waits___task_stopped_meanwhile___is_told(
    station: FakeStation, channel: grpc.Channel, task: Any
) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1.0, sample_mode=FINITE, samps_per_chan=100)
    task.start()
    codes: list[int] = []
    waiting = threading.Thread(
        target=lambda: codes.append(refused(lambda: task.read(100, timeout=LIMIT)))
    )
    waiting.start()
    for _ in range(3000):
        if station.clock.waiting():
            break
        threading.Event().wait(0.01)

    task_of(channel, "T").stop()

    waiting.join(LIMIT)
    assert codes == [-88709]


# Output -------------------------------------------------------------------------------------------


@holds("DAQ-OUTPUT")
def test___analog_output___seen_by_an_input(station: FakeStation, channel: grpc.Channel) -> None:
    station.bench.connect("Dev1", "ao0", "Dev1", "ai0")
    with task_of(channel, "O") as output, task_of(channel, "I") as reader:
        output.ao_channels.add_ao_voltage_chan("Dev1/ao0", min_val=-5.0, max_val=5.0)
        reader.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        output.write(2.5)
        assert reader.read() == pytest.approx(2.5, abs=1e-3)
        assert refused(lambda: output.write(6.0)) == -200490
        assert refused(lambda: output.write(1.0, auto_start=False)) == -200846
    with task_of(channel) as reader:
        reader.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        assert reader.read() == pytest.approx(2.5, abs=1e-3)  # it stays


@holds("DAQ-OUTPUT")
def test___continuous_output___regenerates_its_buffer(
    station: FakeStation, channel: grpc.Channel
) -> None:
    station.bench.connect("Dev1", "ao0", "Dev1", "ai0")
    wave = [2.0 * math.sin(2 * math.pi * n / 100) for n in range(100)]
    with task_of(channel, "O") as output, task_of(channel, "I") as reader:
        output.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        output.timing.cfg_samp_clk_timing(10e3, sample_mode=CONTINUOUS, samps_per_chan=100)
        assert refused(output.start) == -200462
        assert output.write(wave) == 100
        output.start()
        reader.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        reader.timing.cfg_samp_clk_timing(10e3, sample_mode=FINITE, samps_per_chan=500)
        station.clock.advance(1.0)
        found = reader.read(500)
        assert (max(found), min(found)) == pytest.approx((2.0, -2.0), abs=1e-6)
        assert found[:100] == pytest.approx(found[100:200])


@holds("DAQ-OUTPUT")
def test___finite_output___ends_at_its_last_value(
    station: FakeStation, channel: grpc.Channel
) -> None:
    station.bench.connect("Dev1", "ao0", "Dev1", "ai0")
    with task_of(channel, "O") as output, task_of(channel, "I") as reader:
        output.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        output.timing.cfg_samp_clk_timing(10.0, sample_mode=FINITE, samps_per_chan=3)
        output.write([1.0, 2.0, 3.0])
        output.start()
        station.clock.advance(60.0)
        output.wait_until_done(LIMIT)
        assert output.is_task_done()
        reader.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        assert reader.read() == pytest.approx(3.0, abs=1e-3)


# Digital ------------------------------------------------------------------------------------------


@holds("DAQ-OUTPUT")
def test___lines___written_and_read(station: FakeStation, channel: grpc.Channel) -> None:
    for line in range(4):
        station.bench.connect("Dev1", f"port0/line{line}", "Dev1", f"port1/line{line}")
    grouping = constants.LineGrouping
    with task_of(channel, "O") as output, task_of(channel, "I") as reader:
        output.do_channels.add_do_chan("Dev1/port0/line0:3", line_grouping=grouping.CHAN_PER_LINE)
        reader.di_channels.add_di_chan("Dev1/port1/line0:3")
        assert output.write([True, False, True, True]) == 1
        assert reader.read() == 0b1101
    with task_of(channel, "O") as output, task_of(channel, "I") as reader:
        output.do_channels.add_do_chan("Dev1/port0/line0:3")
        output.write(0b0110)
        reader.di_channels.add_di_chan("Dev1/port1/line0:3", line_grouping=grouping.CHAN_PER_LINE)
        assert reader.read() == [False, True, True, False]
    with task_of(channel) as reader:
        reader.di_channels.add_di_chan("Dev1/port1/line2")
        assert reader.read() is True
        assert reader.number_of_channels == 1


def test___lines___by_the_clock(station: FakeStation, channel: grpc.Channel) -> None:
    station.bench.channel("Dev1", "port0/line0").waveform(
        "square", frequency=100.0, amplitude=2.5, offset=2.5
    )
    with task_of(channel) as reader:
        reader.di_channels.add_di_chan("Dev1/port0")
        reader.timing.cfg_samp_clk_timing(1000.0, sample_mode=FINITE, samps_per_chan=100)
        found = reader.read(100)
    assert found.count(1) == pytest.approx(50, abs=5)
    assert found.count(0) == 100 - found.count(1)


# Channels, resources, attributes ------------------------------------------------------------------


@holds("DAQ-CHANNELS")
def test___channels___that_cannot_be_in_one_task___refused(task: Any) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")

    assert refused(lambda: task.ai_channels.add_ai_voltage_chan("Dev1/ai0")) == -200489
    assert refused(lambda: task.ao_channels.add_ao_voltage_chan("Dev1/ao0")) == -200559
    assert refused(lambda: task.ai_channels.add_ai_voltage_chan("Dev1/port0")) == -200430
    assert refused(lambda: task.write(1.0)) != 0
    with pytest.raises(nidaqmx.errors.RpcError):
        task.ai_channels.add_ai_current_chan("Dev1/ai1")
    with pytest.raises(nidaqmx.errors.RpcError):
        task.ci_channels.add_ci_count_edges_chan("Dev1/ctr0")


@holds("DAQ-RESERVED")
def test___analog_inputs_of_a_device___used_by_two_tasks___second_is_refused(
    channel: grpc.Channel,
) -> None:
    with task_of(channel, "A") as first, task_of(channel, "B") as second:
        first.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        second.ai_channels.add_ai_voltage_chan("Dev1/ai1")
        first.start()
        assert refused(second.start) == -50103
        assert refused(second.read) == -50103
        first.stop()
        assert second.read() == pytest.approx(0.0, abs=1e-3)
    with task_of(channel, "C") as third:
        third.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        third.start()


@holds("DAQ-ATTRIBUTES")
def test___attributes___followed_or_refused(station: FakeStation, task: Any) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0", min_val=-1.0, max_val=1.0)
    station.bench.channel("Dev1", "ai0").source(3.0)
    voltage = task.ai_channels["Dev1/ai0"]
    voltage.ai_max = 5.0
    assert (voltage.ai_max, voltage.ai_min) == (5.0, -1.0)
    assert voltage.chan_type == constants.ChannelType.ANALOG_INPUT
    assert voltage.physical_channel.name == "Dev1/ai0"
    assert task.read() == pytest.approx(3.0, abs=1e-3)
    task.timing.cfg_samp_clk_timing(100.0)
    task.timing.samp_clk_rate = 500.0
    assert task.timing.samp_clk_rate == 500.0
    task.start()
    assert refused(lambda: setattr(task.timing, "samp_clk_rate", 1.0)) == -200450
    for call in (
        lambda: voltage.ai_coupling,
        lambda: setattr(voltage, "ai_dither_enable", True),
        lambda: task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0"),
        lambda: task.export_signals.start_trig_output_term,
    ):
        with pytest.raises(nidaqmx.errors.RpcError) as caught:
            call()
        assert caught.value.rpc_code == grpc.StatusCode.UNIMPLEMENTED


PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><NIDAQmxTask name="Task1" taskType="AI" channelList="Dev1/ai0"/></Instruments>
  <Pins><DUTPin name="A"/></Pins>
  <PinGroups/>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections>
    <Connection pin="A" siteNumber="0" instrument="Task1" channel="Dev1/ai0"/>
  </Connections>
</PinMap>
"""


@holds("DAQ-CHANNELS")
def test___pin_map___device_that_it_has_not___refused(tmp_path: Path) -> None:
    pin_map = tmp_path / "daq.pinmap"
    pin_map.write_text(PIN_MAP, encoding="utf-8")
    with (
        FakeStation(pin_map) as station,
        grpc.insecure_channel(station.device_server.address) as channel,
        task_of(channel, "Task1") as task,
    ):
        station.bench.pin("A").source(volts=1.25)
        assert refused(lambda: task.ai_channels.add_ai_voltage_chan("Dev2/ai0")) == -200220
        task.ai_channels.add_ai_voltage_chan("dev1/ai0")
        assert task.read() == pytest.approx(1.25, abs=1e-3)
        system = nidaqmx.system.System.remote(grpc_options=nidaqmx.GrpcSessionOptions(channel, ""))
        assert [device.name for device in system.devices] == ["dev1"]
        assert system.driver_version.major_version == 23


def test___task___used_after_somebody_closed___driver_error(channel: grpc.Channel) -> None:
    first = task_of(channel, "A")
    task_of(channel, "A").close()

    assert refused(first.start) == -200088
    with pytest.raises(nidaqmx.DaqError):
        first.close()


# Events -------------------------------------------------------------------------------------------


@holds("DAQ-EVENTS")
def test___every_n_samples___called_back_each_time(station: FakeStation, task: Any) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=CONTINUOUS, samps_per_chan=1000)
    seen: list[int] = []
    enough = threading.Event()

    def called(_: object, __: object, count: int, ___: object) -> int:
        seen.append(len(task.read(count)))
        if len(seen) == 3:
            enough.set()
        return 0

    task.register_every_n_samples_acquired_into_buffer_event(100, called)
    task.start()
    station.clock.advance(0.35)
    assert enough.wait(LIMIT)
    task.register_every_n_samples_acquired_into_buffer_event(100, None)
    assert seen[:3] == [100] * 3


@holds("DAQ-EVENTS")
def test___done___called_back_once(station: FakeStation, task: Any) -> None:
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1.0, sample_mode=FINITE, samps_per_chan=100)
    seen: list[int] = []
    done = threading.Event()

    def called(_: object, status: int, __: object) -> int:
        seen.append(status)
        done.set()
        return 0

    task.register_done_event(called)
    task.start()
    assert not done.is_set()
    station.clock.advance(100.0)
    assert done.wait(LIMIT)
    task.register_done_event(None)
    assert seen == [0]


@holds("DAQ-EVENTS")
def test___station_stopped___events_end(station: FakeStation, channel: grpc.Channel) -> None:
    pb: Any = pytest.importorskip("nidaqmx._stubs.nidaqmx_pb2")
    rpc: Any = pytest.importorskip("nidaqmx._stubs.nidaqmx_pb2_grpc")
    stub = rpc.NiDAQmxStub(channel)
    made = stub.CreateTask(pb.CreateTaskRequest(session_name="T"))
    events = stub.RegisterDoneEvent(pb.RegisterDoneEventRequest(task=made.task), timeout=LIMIT)
    assert events.initial_metadata() is not None

    station.stop()

    with pytest.raises(grpc.RpcError) as caught:
        next(events)
    error: Any = caught.value
    assert error.code() != grpc.StatusCode.DEADLINE_EXCEEDED
