"""Measurements of NI's SDK, hosted in this process without Discovery, and run by session_fakes."""

# NI's decorators name a type of protobuf that has no parameters in its stubs, and register the
# functions that they decorate.
# pyright: reportUnknownMemberType=false, reportUnusedFunction=false, reportPrivateUsage=false

from __future__ import annotations

import _thread
import enum
import inspect
import json
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import grpc
import pytest
from google.protobuf import descriptor_pool
from ni.measurementlink.measurement.v1 import measurement_service_pb2_grpc as v1_grpc
from ni.measurementlink.measurement.v2 import measurement_service_pb2_grpc as v2_grpc
from ni.protobuf.types import array_pb2, xydata_pb2
from ni_measurement_plugin_sdk_service._internal import grpc_servicer
from ni_measurement_plugin_sdk_service.measurement.client_support import create_file_descriptor
from ni_measurement_plugin_sdk_service.measurement.info import DataType
from ni_measurement_plugin_sdk_service.measurement.service import MeasurementService

from session_fakes.measure import (
    BadMetadata,
    BadSetting,
    Measurement,
    MeasurementFailed,
    Outputs,
    as_data,
    run,
    running,
)
from session_fakes.network.loopback import has_ipv6_loopback

Version = Literal["v1", "v2"]
_PATIENCE = 30.0
Connect = Callable[..., Measurement]


class Colour(enum.Enum):
    """An enum with a gap and a negative number."""

    RED = 0
    GREEN = 25
    BLUE = -5


@dataclass
class Plugin:
    """A measurement as NI's SDK makes it from decorators, with handles for the test."""

    service: MeasurementService
    started: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    contexts: list[Any] = field(default_factory=list[Any])

    def waits(self, then: Callable[[], object]) -> None:
        """Wait in the measurement until its caller gives up, with something done before."""
        self.service.context.add_cancel_callback(self.cancelled.set)
        # gRPC calls back nobody who asks after the end of the call.
        if not grpc_servicer.measurement_service_context.get().grpc_context.is_active():
            self.cancelled.set()
        self.started.set()
        then()
        self.cancelled.wait(_PATIENCE)


@pytest.fixture
def plugin(tmp_path: Path, request: pytest.FixtureRequest) -> Plugin:
    config = tmp_path / "measurement.serviceconfig"
    # NI's SDK keeps the messages of every service class in one pool for the life of the process.
    service_class = f"session_fakes.tests.{request.node.name}_{tmp_path.name}"
    service: dict[str, Any] = {
        "displayName": "Sample",
        "serviceClass": "".join(c if c.isalnum() or c == "." else "_" for c in service_class),
        "descriptionUrl": "",
        "providedInterfaces": [],
        "version": "1.2.3",
    }
    config.write_text(json.dumps({"services": [service]}), encoding="utf-8")
    return Plugin(MeasurementService(config))


@contextmanager
def hosted(plugin: Plugin, versions: Sequence[Version]) -> Generator[str]:
    """Serve NI's servicers of a measurement on loopback; yields the address."""
    service = plugin.service
    inputs = service._configuration_parameter_list  # noqa: SLF001 - the public name is deprecated
    outputs = service._output_parameter_list  # noqa: SLF001 - likewise
    measure = cast("Callable[..., object]", service._measure_function)  # noqa: SLF001 - likewise
    info = service.service_info
    create_file_descriptor(info.service_class, outputs, inputs, descriptor_pool.Default())
    told = (service.measurement_info, inputs, outputs, measure, service, info)
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    if "v1" in versions:
        one = grpc_servicer.MeasurementServiceServicerV1(*told)
        v1_grpc.add_MeasurementServiceServicer_to_server(one, server)
    if "v2" in versions:
        two = grpc_servicer.MeasurementServiceServicerV2(*told)
        v2_grpc.add_MeasurementServiceServicer_to_server(two, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(_PATIENCE)


@pytest.fixture
def connect(plugin: Plugin) -> Iterator[Connect]:
    """Hosts the plug-in, by default with both versions, and connects."""
    hosts: list[Any] = []

    def connected(*versions: Version) -> Measurement:
        host = hosted(plugin, versions or ("v1", "v2"))
        measurement = Measurement.connect(host.__enter__())
        hosts.extend([host, measurement])
        return measurement

    yield connected
    for each in reversed(hosts):
        each.__exit__(None, None, None)


_SCALARS: list[tuple[str, DataType, Any, Any]] = [
    ("Int32", DataType.Int32, -1, -(2**31)),
    ("Int64", DataType.Int64, 2, 2**63 - 1),
    ("UInt32", DataType.UInt32, 3, 2**32 - 1),
    ("UInt64", DataType.UInt64, 4, 2**64 - 1),
    ("Float", DataType.Float, 0.5, 0.1),
    ("Double", DataType.Double, 0.25, 1e300),
    ("Boolean", DataType.Boolean, True, False),
    ("String", DataType.String, "", "ä\n"),
    ("Path", DataType.Path, "a", "b/c"),
    ("Enum", DataType.Enum, Colour.GREEN, Colour.BLUE),
    ("Resource", DataType.IOResource, "Pin1", "Pin2"),
]
_ARRAYS: list[tuple[str, DataType, Any, Any]] = [
    (f"{name} List", DataType[f"{kind.name}Array1D"], [default], [default, value])
    for name, kind, default, value in _SCALARS
]


def _everything(plugin: Plugin) -> None:
    """A measurement that takes a value of every type and answers them."""

    def answer(**values: object) -> tuple[object, ...]:
        return tuple(values.values())

    # NI's host passes the values by the names of the function's parameters.
    kind_of = inspect.Parameter.KEYWORD_ONLY
    names = (f"p{number}" for number in range(len(_SCALARS + _ARRAYS)))
    answer.__dict__["__signature__"] = inspect.Signature(
        [inspect.Parameter(name, kind_of) for name in names]
    )
    for name, kind, default, _ in _SCALARS + _ARRAYS:
        an_enum = Colour if "Enum" in kind.name else None
        for_pins = "niDMM" if "IOResource" in kind.name else ""
        service = plugin.service
        service.configuration(name, kind, default, enum_type=an_enum, instrument_type=for_pins)(
            answer
        )
        service.output(name, kind, enum_type=an_enum)(answer)
    plugin.service.register_measurement(answer)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of any type
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value.value if isinstance(value, Colour) else value


def test___every_data_type___connected___parameters_are_typed(
    plugin: Plugin, connect: Connect
) -> None:
    _everything(plugin)

    measurement = connect()

    told = {each.name: each for each in measurement.parameters}
    assert (measurement.name, measurement.version) == ("Sample", "v2")
    assert measurement.signature.measurement_version == "1.2.3"
    assert [told[name].default for name, *_ in _SCALARS + _ARRAYS] == [
        _plain(default) for _, _, default, _ in _SCALARS + _ARRAYS
    ]
    assert told["Enum"].enum == (("RED", 0), ("GREEN", 25), ("BLUE", -5))
    assert (told["Resource"].special, told["Resource"].instrument_type) == ("ioresource", "niDMM")
    assert told["Path List"].type_name == "list of path"
    assert [each.type_name for each in measurement.outputs] == [
        each.type_name for each in measurement.parameters
    ]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test___every_data_type___run_with_defaults___come_back(
    plugin: Plugin, connect: Connect, version: Version
) -> None:
    _everything(plugin)

    outputs = run(connect(version))

    assert outputs.as_dict() == {name: _plain(value) for name, _, value, _ in _SCALARS + _ARRAYS}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test___every_data_type___set_and_run___come_back(
    plugin: Plugin, connect: Connect, version: Version
) -> None:
    _everything(plugin)
    expected = {name: _plain(value) for name, _, _, value in _SCALARS + _ARRAYS}

    assert run(connect(version), expected).as_dict() == expected


def test___settings_as_text___run___read_by_their_types(plugin: Plugin, connect: Connect) -> None:
    _everything(plugin)

    outputs = run(connect(), {"enum": "BLUE", "int32_list": "1,2", "boolean": "no"})

    shown = as_data(outputs)
    assert [shown[name] for name in ("Enum", "Int32 List", "Boolean")] == ["BLUE", [1, 2], False]


def test___structures___run___plain_data(plugin: Plugin, connect: Connect) -> None:
    @plugin.service.register_measurement
    @plugin.service.output("XY", DataType.DoubleXYData)
    @plugin.service.output("XYs", DataType.DoubleXYDataArray1D)
    @plugin.service.output("Doubles", DataType.Double2DArray)
    @plugin.service.output("Strings", DataType.String2DArray)
    def measure() -> tuple[object, ...]:
        xy = xydata_pb2.DoubleXYData(x_data=[0, 1], y_data=[2.5, 3])
        doubles = array_pb2.Double2DArray(rows=2, columns=2, data=[1, 2, 3, 4])
        strings = array_pb2.String2DArray(rows=1, columns=2, data=["a", "b"])
        return xy, [xy, xy], doubles, strings

    xy = {"x_data": [0, 1], "y_data": [2.5, 3]}
    outputs = run(connect())

    assert outputs.as_dict() == {
        "XY": xy,
        "XYs": [xy, xy],
        "Doubles": [[1, 2], [3, 4]],
        "Strings": [["a", "b"]],
    }


def _counting(plugin: Plugin) -> None:
    @plugin.service.register_measurement
    @plugin.service.configuration("Count", DataType.Int32, 3)
    @plugin.service.output("Step", DataType.Int32)
    def measure(count: int) -> Generator[tuple[int]]:
        for step in range(count):
            yield (step,)


def test___generator___run___updates_as_they_come(plugin: Plugin, connect: Connect) -> None:
    told = threading.Event()

    @plugin.service.register_measurement
    @plugin.service.output("Step", DataType.Int32)
    def measure() -> Generator[tuple[int]]:
        yield (1,)
        yield (2 if told.wait(_PATIENCE) else -2,)

    steps: list[Any] = []

    def on_update(outputs: Outputs) -> None:
        steps.append(outputs["Step"])
        told.set()

    assert run(connect(), on_update=on_update)["Step"] == 2
    assert steps == [1, 2]


def test___generator___over_v1___one_update_of_the_last(plugin: Plugin, connect: Connect) -> None:
    _counting(plugin)
    updates: list[Outputs] = []
    measurement = connect("v1")

    run(measurement, on_update=updates.append)

    assert measurement.version == "v1"
    assert [each["Step"] for each in updates] == [2]


def test___generator_without_a_value___run___no_outputs(plugin: Plugin, connect: Connect) -> None:
    _counting(plugin)

    assert run(connect(), {"Count": 0}) == Outputs()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test___plug_in_raises___run___its_own_text(
    plugin: Plugin, connect: Connect, version: Version
) -> None:
    long_text = "No pins.\n" + "x" * 20_000

    @plugin.service.register_measurement
    def measure() -> tuple[()]:
        raise ValueError(long_text)

    with pytest.raises(MeasurementFailed) as failed:
        run(connect(version))

    assert (failed.value.code, failed.value.text) == ("UNKNOWN", long_text)
    assert str(failed.value).startswith("Sample raised: No pins.")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.CANCELLED])
def test___plug_in_aborts___run___its_code_and_text(
    plugin: Plugin, connect: Connect, version: Version, code: grpc.StatusCode
) -> None:
    @plugin.service.register_measurement
    def measure() -> tuple[()]:
        plugin.service.context.abort(code, "No such file.")
        return ()

    with pytest.raises(MeasurementFailed) as failed:
        run(connect(version))

    assert (failed.value.code, failed.value.text) == (code.name, "No such file.")


def test___plug_in_was_refused_by_another_service___run___that_answer(
    plugin: Plugin, connect: Connect
) -> None:
    def measure() -> tuple[()]:
        with grpc.insecure_channel(plugin.contexts[0]) as channel:
            cast("Any", channel).unary_unary("/some.Service/Reserve")(b"")
        return ()

    plugin.service.register_measurement(measure)
    with hosted(plugin, ["v1"]) as other:
        plugin.contexts.append(other)
        with pytest.raises(MeasurementFailed) as failed:
            run(connect())

    assert (failed.value.code, failed.value.text) == ("UNIMPLEMENTED", "Method not found!")


def _waiting(plugin: Plugin, then: Callable[[], object] = bool) -> None:
    @plugin.service.register_measurement
    @plugin.service.output("Step", DataType.Int32)
    def measure() -> Generator[tuple[int]]:
        yield (1,)
        plugin.waits(then)


def test___on_update_raises___run___measurement_is_cancelled(
    plugin: Plugin, connect: Connect
) -> None:
    _waiting(plugin)

    def on_update(_: Outputs) -> None:
        plugin.started.wait(_PATIENCE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(connect(), on_update=on_update)

    assert plugin.cancelled.wait(_PATIENCE)


@pytest.mark.parametrize("error", [KeyboardInterrupt, grpc.RpcError])
def test___no_answer_comes___connect___closes_the_channel(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fails(*_: object) -> None:
        raise error

    opened: list[grpc.Channel] = []
    monkeypatch.setattr(running, "_interface", fails)
    monkeypatch.setattr(running, "_close", opened.append)

    with pytest.raises((KeyboardInterrupt, MeasurementFailed)):
        Measurement.connect("127.0.0.1:1")

    (channel,) = opened
    channel.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test___ctrl_c_while_waiting___run___measurement_is_cancelled(
    plugin: Plugin, connect: Connect, version: Version
) -> None:
    _waiting(plugin, then=_thread.interrupt_main)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # Closing reaches a call that was interrupted while it was being started, too.
        with pytest.raises(KeyboardInterrupt), connect(version) as measurement:
            run(measurement)
    finally:
        signal.signal(signal.SIGINT, before)

    assert plugin.cancelled.wait(_PATIENCE)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test___time_limit___run___cancelled_and_said(
    plugin: Plugin, connect: Connect, version: Version
) -> None:
    _waiting(plugin)

    with pytest.raises(MeasurementFailed, match=r"not finished within 0\.2 s") as failed:
        run(connect(version), timeout=0.2)

    assert failed.value.code == "DEADLINE_EXCEEDED"
    assert not plugin.started.is_set() or plugin.cancelled.wait(_PATIENCE)


def _keeping_its_pins(plugin: Plugin) -> None:
    def measure() -> tuple[()]:
        context = plugin.service.context.pin_map_context
        plugin.contexts.append((context.pin_map_id, context.sites))
        return ()

    plugin.service.register_measurement(measure)


@pytest.mark.parametrize(("sites", "seen"), [([0, 2], [0, 2]), (None, [])])
def test___pin_map___run___plug_in_sees_it(
    plugin: Plugin, connect: Connect, sites: list[int] | None, seen: list[int]
) -> None:
    _keeping_its_pins(plugin)

    run(connect(), pin_map_id="a b.pinmap", sites=sites)

    assert plugin.contexts == [("a b.pinmap", seen)]


@pytest.mark.parametrize(("pin_map", "site"), [(None, 0), ("a", -1), ("a", 2**31)])
def test___sites_that_cannot_be___run___refused_and_not_measured(
    plugin: Plugin, connect: Connect, pin_map: str | None, site: int
) -> None:
    _keeping_its_pins(plugin)

    with pytest.raises(BadSetting, match=r"pin map"):
        run(connect(), pin_map_id=pin_map, sites=[site])

    assert plugin.contexts == []


def test___unknown_setting___run___refused_with_the_nearest(
    plugin: Plugin, connect: Connect
) -> None:
    _counting(plugin)

    with pytest.raises(BadSetting, match="Did you mean 'Count'"):
        run(connect(), {"Cuont": 1})


def test___nothing_serves___connect___says_so(plugin: Plugin) -> None:
    _counting(plugin)
    with hosted(plugin, ["v2"]) as address:
        pass

    with pytest.raises(MeasurementFailed, match=f"nothing answers at {address}"):
        Measurement.connect(address)


def test___no_measurement_service___connect___says_so(plugin: Plugin) -> None:
    _counting(plugin)

    with (
        hosted(plugin, []) as address,
        pytest.raises(MeasurementFailed, match=r"'a\.B' failed with UNIMPL.* is no measurement"),
    ):
        Measurement.connect(address, "a.B")


def test___server_stops_while_running___run___says_so(plugin: Plugin) -> None:
    _waiting(plugin)
    host = hosted(plugin, ["v2"])

    with (
        Measurement.connect(host.__enter__()) as measurement,
        pytest.raises(MeasurementFailed, match="the plug-in went away") as failed,
    ):
        run(measurement, on_update=lambda _: host.__exit__(None, None, None))

    assert failed.value.code == "UNAVAILABLE"


def test___on_update_fails_with_a_call_of_its_own___run___that_error_and_cancelled(
    plugin: Plugin, connect: Connect
) -> None:
    _waiting(plugin)

    def on_update(_: Outputs) -> None:
        plugin.started.wait(_PATIENCE)
        raise grpc.RpcError("of another call")

    with pytest.raises(grpc.RpcError, match="of another call"):
        run(connect(), on_update=on_update)

    assert plugin.cancelled.wait(_PATIENCE)


def test___outputs_that_are_not_as_told___run___bad_metadata(
    plugin: Plugin, connect: Connect
) -> None:
    @plugin.service.register_measurement
    @plugin.service.output("Rows", DataType.Double2DArray)
    def measure() -> tuple[object]:
        return (array_pb2.Double2DArray(rows=2, columns=3, data=[1]),)

    with pytest.raises(BadMetadata, match=r"'Rows' is no ni\.protobuf\.types\.Double2D"):
        run(connect())


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6 loopback")
def test___plug_in_on_ipv6_alone___localhost___is_found_whatever_the_hosts_file_says() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        found = running._served(f"localhost:{port}")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    assert found == f"[::1]:{port}"
    assert running._served(f"localhost:{port}") == f"localhost:{port}"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    assert running._served("bench.example:1") == "bench.example:1"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
