"""A whole station with NI's own clients, in this process and in others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from ni.measurementlink import pin_map_context_pb2
from ni.measurementlink.discovery.v1.client import (
    DiscoveryClient,
    ServiceInfo,
    ServiceLocation,
)
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as pb_grpc,
)
from ni.measurementlink.sessionmanagement.v1.client import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)
from ni_grpc_extensions.channelpool import GrpcChannelPool

from session_fakes.device.drivers import installed
from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

LIMIT = 30.0
OWN_SERVICES = [
    "Pin Map Service",
    "Session Management Service",
    *(["NI gRPC Device Server"] if installed() else []),
]
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="dev1" instrumentTypeId="CustomType"><Channel id="0"/></Instrument>
    <Instrument name="dev2" instrumentTypeId="CustomType"><Channel id="0"/></Instrument>
    <NIDmmInstrument name="DMM1"/>
  </Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/><DUTPin name="M"/></Pins>
  <PinGroups>
    <PinGroup name="All"><PinReference pin="A"/><PinReference pin="B"/></PinGroup>
  </PinGroups>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections>
    <Connection pin="A" siteNumber="0" instrument="dev1" channel="0"/>
    <Connection pin="B" siteNumber="0" instrument="dev2" channel="0"/>
    <Connection pin="M" siteNumber="0" instrument="DMM1" channel="0"/>
  </Connections>
</PinMap>
"""


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    """A pin map file."""
    path = tmp_path / "bench one.pinmap"
    path.write_text("\ufeff" + PIN_MAP, encoding="utf-8")
    return path


@pytest.fixture
def station(pin_map: Path) -> Iterator[FakeStation]:
    """A station that NI's clients of this process find."""
    with FakeStation(pin_map) as made, made.installed():
        yield made
    assert made.internal_errors == []


def context_of(station: FakeStation) -> PinMapContext:
    """The context of all sites."""
    return PinMapContext(station.pin_map_id, None)


def code_of(error: BaseException) -> str:
    """The status of a failed call."""
    assert isinstance(error, grpc.RpcError)
    assert isinstance(error, grpc.Call)
    return str(error.code().name)


class Session:
    """What a constructor makes of a session: enough for NI's client."""

    def __init__(self, resource: str) -> None:
        self.resource = resource

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        """NI's client asks for it."""


def test___nis_clients___reserve_and_initialize___get_the_instruments_name(
    station: FakeStation,
) -> None:
    with (
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A") as reservation,
        reservation.initialize_session(
            lambda info: Session(info.resource_name), "CustomType"
        ) as info,
    ):
        assert info.session.resource == "dev1"
        assert info.session_name == "CustomType-dev1"
        (held,) = station.sessions()
        assert (held.name, held.reserved, held.registered) == ("CustomType-dev1", True, False)
        assert f"{__file__}:" in held.holder
        assert [leak.kind for leak in station.leaks()] == ["reservation"]

    assert station.leaks() == []
    station.calls.assert_sequence(
        "EnumerateComputeNodes", "ResolveService", "ReserveSessions", "UnreserveSessions"
    )


@holds("RES-EMPTY-CONTEXT")
@pytest.mark.usefixtures("station")
def test___empty_pin_map_id___reserve___ok_and_nothing() -> None:
    with (
        SessionManagementClient() as client,
        client.reserve_sessions(PinMapContext("", [0]), ["A"]) as reservation,
    ):
        assert reservation.session_info == []


@holds("RES-NO-CONTEXT")
def test___no_pin_map_context___reserve___not_simulated(station: FakeStation) -> None:
    from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
    from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as rpc

    with grpc.insecure_channel(station.session_management.address) as channel:
        stub = rpc.SessionManagementServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ReserveSessions(pb.ReserveSessionsRequest(pin_or_relay_names=["X"]), timeout=LIMIT)

    assert code_of(caught.value) == "UNIMPLEMENTED"
    assert "'X'" in str(caught.value)


def test___session_that_is_reserved___reserve_again___unavailable_and_who_holds_it(
    station: FakeStation,
) -> None:
    with (
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A"),
        pytest.raises(grpc.RpcError) as caught,
    ):
        client.reserve_sessions(context_of(station), "All")

    assert code_of(caught.value) == "UNAVAILABLE"
    assert "CustomType-dev1" in str(caught.value)
    assert "test_station.py" in str(caught.value)


def test___waiting_reservation___released_by_hand___granted(station: FakeStation) -> None:
    results: list[str] = []

    def wait() -> None:
        with (
            SessionManagementClient() as other,
            other.reserve_session(context_of(station), "A", timeout=-1) as reservation,
        ):
            results.append(reservation.session_info.resource_name)

    with SessionManagementClient() as client:
        held = client.reserve_session(context_of(station), "A")
        thread = threading.Thread(target=wait)
        thread.start()
        while not station.waiting():
            pass
        (waiting,) = station.waiting()
        assert waiting.wanted == ("CustomType-dev1",)
        assert station.release("CustomType-dev1")
        thread.join(LIMIT)
        held.__exit__(None, None, None)

    assert results == ["dev1"]
    assert not station.release("CustomType-dev1")


def test___waiting_reservation___clock_advanced___unavailable(station: FakeStation) -> None:
    codes: list[str] = []

    def wait() -> None:
        with SessionManagementClient() as other:
            try:
                other.reserve_session(context_of(station), "A", timeout=3600)
            except grpc.RpcError as error:
                codes.append(code_of(error))

    with (
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A"),
    ):
        thread = threading.Thread(target=wait)
        thread.start()
        while not station.waiting():
            pass
        station.clock.advance(3600)
        thread.join(LIMIT)

    assert codes == ["UNAVAILABLE"]


@holds("MUX-NO-PIN-MAP")
@pytest.mark.usefixtures("station")
@pytest.mark.parametrize("pin_map_id", ["", "no such map"])
def test___no_pin_map___multiplexers_asked_for___not_found(pin_map_id: str) -> None:
    with SessionManagementClient() as client, pytest.raises(grpc.RpcError) as told:
        client.get_multiplexer_sessions(PinMapContext(pin_map_id, [0]))

    assert code_of(told.value) == "NOT_FOUND"


@holds("MUX-EXISTS")
def test___multiplexer___registered_and_unregistered___exists_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "mux.pinmap"
    mux = '<Multiplexer name="Mux" multiplexerTypeId="T"/></Instruments>'
    plain = '<Connection pin="A" siteNumber="0" instrument="dev1" channel="0"/>'
    routed = (
        '<MultiplexedConnection instrument="dev1" channel="0"><MultiplexedDUTPinRoute pin="A" '
        'siteNumber="0" multiplexer="Mux" routeName="r"/></MultiplexedConnection>'
    )
    path.write_text(PIN_MAP.replace("</Instruments>", mux).replace(plain, routed), "utf-8")
    with (
        FakeStation(path) as station,
        station.installed(),
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A"),
    ):
        context = context_of(station)
        before = client.get_multiplexer_sessions(context)
        client.register_multiplexer_sessions(before.multiplexer_session_info)
        meanwhile = client.get_multiplexer_sessions(context)
        client.unregister_multiplexer_sessions(before.multiplexer_session_info)
        after = client.get_multiplexer_sessions(context)

    seen = [each.multiplexer_session_info[0].session_exists for each in (before, meanwhile, after)]
    assert seen == [False, True, False]


@holds("GET-SESSIONS-CHANNELS")
def test___reserved_session___listed___has_its_channels(station: FakeStation) -> None:
    context = pin_map_context_pb2.PinMapContext(pin_map_id=station.pin_map_id)
    request = pb.ReserveSessionsRequest(pin_map_context=context, pin_or_relay_names=["A"])
    with grpc.insecure_channel(station.session_management.address) as channel:
        stub = pb_grpc.SessionManagementServiceStub(channel)
        stub.ReserveSessions(request, timeout=LIMIT)
        (session,) = stub.GetSessions(pb.GetSessionsRequest(), timeout=LIMIT).sessions

    assert session.channel_list == "0"
    assert [each.pin_or_relay_name for each in session.channel_mappings] == ["A"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can tell that a process ended")
def test___session___registered_and_reserved_by_others___both_are_told(
    station: FakeStation,
) -> None:
    """A process that has ended registered; this one reserved."""
    code = (
        "import sys; from ni.measurementlink.sessionmanagement.v1.client import *;"
        "client = SessionManagementClient();"
        "reserved = client.reserve_session(PinMapContext(sys.argv[1], None), 'A');"
        "client.register_sessions([reserved.session_info]); reserved.__exit__(None, None, None)"
    )
    command = [sys.executable, "-c", code, station.pin_map_id]
    child = subprocess.Popen(command, env=station.environment())
    assert child.wait(LIMIT) == 0
    (registered,) = station.sessions()
    with (
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A"),
    ):
        (both,) = station.sessions()

    assert f"process {child.pid}" in registered.holder
    assert (registered.holder, registered.holder_ended) == (registered.registrar, True)
    assert f"process {os.getpid()}" in both.holder
    assert (both.registrar, both.registrar_ended) == (registered.registrar, True)
    assert not both.holder_ended


@holds("GET-SESSIONS", "REG-ANNOTATIONS")
def test___setup_main_cleanup___as_nis_samples_do___nothing_is_left(station: FakeStation) -> None:
    behavior = SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH
    assert behavior is not None
    with SessionManagementClient() as client:
        with client.reserve_sessions(
            context_of(station), instrument_type_id="CustomType"
        ) as reservation:
            client.register_sessions(reservation.session_info)
        assert [leak.kind for leak in station.leaks()] == ["session registration"] * 2
        with client.reserve_session(context_of(station), "A") as main:
            assert main.session_info.session_exists
        with client.reserve_all_registered_sessions(instrument_type_id="CustomType") as cleanup:
            names = [info.session_name for info in cleanup.session_info]
            assert names == ["CustomType-dev1", "CustomType-dev2"]
            assert {info.channel_list for info in cleanup.session_info} == {""}
            annotations = cleanup.session_info[0].annotations or {}
            assert "ni/registered.hostname" in annotations
            client.unregister_sessions(cleanup.session_info)

    assert station.leaks() == []
    assert station.sessions() == []


@pytest.mark.usefixtures("station")
def test___pin_map___updated_by_nis_client___is_used(tmp_path: Path) -> None:
    path = tmp_path / "other.pinmap"
    path.write_text(PIN_MAP.replace('name="dev1"', 'name="moved"').replace(
        'instrument="dev1"', 'instrument="moved"'), encoding="utf-8")  # fmt: skip
    with PinMapClient() as pin_maps:
        pin_map_id = pin_maps.update_pin_map(str(path))

    with (
        SessionManagementClient() as client,
        client.reserve_session(PinMapContext(pin_map_id, [0]), "A") as reservation,
    ):
        assert reservation.session_info.resource_name == "moved"


def test___older_names___reserve___bare(pin_map: Path) -> None:
    with (
        FakeStation(pin_map, prefixed_session_names=False) as station,
        station.installed(),
        SessionManagementClient() as client,
        client.reserve_session(context_of(station), "A") as reservation,
    ):
        assert reservation.session_info.session_name == "dev1"


def test___station___its_services___are_its_own(station: FakeStation) -> None:
    views = {view.display_name: view for view in station.services()}

    assert list(views) == OWN_SERVICES
    assert all(view.static and not view.stale for view in views.values())
    assert views["Pin Map Service"].port == str(station.pin_map_service.port)


def test___two_stations___side_by_side___share_nothing(pin_map: Path) -> None:
    with FakeStation(pin_map) as one, FakeStation(pin_map) as other:
        with one.installed(), SessionManagementClient() as client:
            held = client.reserve_session(context_of(one), "A")
            assert len(one.sessions()) == 1
            assert other.sessions() == []
            held.__exit__(None, None, None)
        with (
            other.installed(),
            SessionManagementClient() as client,
            client.reserve_session(context_of(other), "A"),
        ):
            assert len(other.sessions()) == 1
        assert other.discovery_address != one.discovery_address


def test___one_service_stopped___called___unavailable_and_comes_back(
    station: FakeStation,
) -> None:
    with SessionManagementClient() as client:
        client.reserve_sessions(context_of(station), "A").__exit__(None, None, None)
        station.session_management.stop()
        with pytest.raises(grpc.RpcError) as caught:
            client.reserve_session(context_of(station), "A")
        assert code_of(caught.value) == "UNAVAILABLE"
        station.session_management.start()
    with SessionManagementClient() as again:
        again.reserve_sessions(context_of(station), "A").__exit__(None, None, None)


def test___station___reset___nothing_but_the_pin_map(station: FakeStation) -> None:
    station.faults.on("GetSessions").fail("ABORTED")
    with SessionManagementClient() as client:
        client.reserve_session(context_of(station), "A")

    station.reset()

    assert (station.leaks(), list(station.calls), len(station.faults)) == ([], [], 0)
    assert len(station.services()) == len(OWN_SERVICES)
    with SessionManagementClient() as client:
        client.reserve_session(context_of(station), "A").__exit__(None, None, None)


def test___service_that_registered___station_reset___its_unregistering_is_well(
    station: FakeStation,
) -> None:
    number = DiscoveryClient().register_service(
        ServiceInfo("my.Class", "", ["my.v1.Interface"], display_name="Mine"),
        ServiceLocation("localhost", "1", ""),
    )

    station.reset()

    assert len(station.services()) == len(OWN_SERVICES)
    DiscoveryClient().unregister_service(number)


def test___pin_maps_of_clients___station_reset___forgotten_and_the_given_one_as_in_its_file(
    station: FakeStation, pin_map: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pinmap"
    other.write_text(PIN_MAP, encoding="utf-8")
    PinMapClient().update_pin_map(str(other))
    text = pin_map.read_text(encoding="utf-8-sig")
    pin_map.write_text(text.replace('instrument="dev1"', 'instrument="dev2"', 1), "utf-8")
    PinMapClient().update_pin_map(station.pin_map_id)
    pin_map.write_text(text, "utf-8")

    station.reset()

    with SessionManagementClient() as client:
        with client.reserve_session(context_of(station), "A") as reservation:
            assert reservation.session_info.resource_name == "dev1"
        with pytest.raises(grpc.RpcError) as told:
            client.reserve_session(PinMapContext(str(other), None), "A")
    assert code_of(told.value) == "NOT_FOUND"


def test___pin_map_file_is_gone___station_reset___says_so_and_changes_nothing(
    station: FakeStation, pin_map: Path
) -> None:
    with SessionManagementClient() as client:
        reservation = client.reserve_session(context_of(station), "A")
        pin_map.unlink()

        with pytest.raises(FakeError, match="cannot be read"):
            station.reset()

        assert [leak.kind for leak in station.leaks()] == ["reservation"]
        reservation.__exit__(None, None, None)


@pytest.mark.skipif(os.name != "posix", reason="the service is started by a shell script")
def test___service_that_was_activated___station_reset___ended(tmp_path: Path) -> None:
    simple = Path(__file__).parent / "plug_ins" / "simple"
    config = Path(shutil.copy(simple / "SimpleMeasurement.serviceconfig", tmp_path))
    # Its input stays open and silent: at the end of it the plug-in would end.
    plug_in = f"'{sys.executable}' '{simple / 'measurement.py'}'"
    script = f'#!/bin/sh\nmkfifo "input $$"\nexec {plug_in} <> "input $$"\n'
    (tmp_path / "start.sh").write_text(script)
    interface = "ni.measurementlink.measurement.v2.MeasurementService"
    with FakeStation(service_configs=[config]) as station, station.installed():
        DiscoveryClient().resolve_service(interface)
        (before,) = station.services()[len(OWN_SERVICES) :]

        station.reset()

        assert len(station.services()) == len(OWN_SERVICES)
        DiscoveryClient().resolve_service(interface)
        (after,) = station.services()[len(OWN_SERVICES) :]
    assert after.process != before.process


def test___relative_pin_map___station_started___its_id_is_the_absolute_path(
    pin_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pin_map.parent / "below").mkdir()
    monkeypatch.chdir(pin_map.parent / "below")

    with FakeStation(f"../{pin_map.name}") as station:
        assert station.pin_map_id == str(pin_map)
        assert station.load_pin_map(pin_map) == str(pin_map)


def test___missing_pin_map___start___says_so_and_listens_no_more(tmp_path: Path) -> None:
    station = FakeStation(tmp_path / "none.pinmap")

    with pytest.raises(FakeError, match=r"none\.pinmap cannot be read"):
        station.start()

    assert not station.discovery.running
    with pytest.raises(FakeError, match="starts once"):
        station.start()


def test___other_process___with_the_environment___finds_the_station(
    station: FakeStation, tmp_path: Path
) -> None:
    script = tmp_path / "client.py"
    script.write_text(
        "import sys\n"
        "from ni.measurementlink.sessionmanagement.v1.client import *\n"
        "with SessionManagementClient() as client:\n"
        "    client.reserve_session(PinMapContext(sys.argv[1], None), 'A')\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(script), station.pin_map_id]

    subprocess.run(command, env=station.environment(), timeout=LIMIT, check=True)

    (leak,) = station.leaks()
    assert leak.kind == "reservation"
    assert "client.py" in leak.who


def test___unmodified_plug_in___launched___registers_and_unregisters(
    station: FakeStation,
) -> None:
    folder = Path(__file__).parent / "plug_ins" / "simple"
    with station.launch([sys.executable, "measurement.py"], cwd=folder, timeout=LIMIT) as plug_in:
        (view,) = [v for v in station.services() if not v.static]
        assert view.process == f"process {plug_in.pid}"
        location = DiscoveryClient().resolve_service(view.interfaces[0], view.service_class)
        assert location.insecure_port == view.port
        assert [leak.kind for leak in station.leaks()] == ["service"]

    assert station.leaks() == []
    station.calls.assert_called("UnregisterService", times=1)


_MINIMAL = """
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceInfo, ServiceLocation
info = ServiceInfo("my.Class", "", ["my.I"], display_name="Mine")
client = DiscoveryClient()
number = client.register_service(info, ServiceLocation("localhost", "1", ""))
input()
client.unregister_service(number)
"""


def test___launched_plug_ins_not_stopped___station_stops___they_end_and_unregister(
    pin_map: Path,
) -> None:
    with FakeStation(pin_map) as station:
        plug_ins = [station.launch([sys.executable, "-c", _MINIMAL]) for _ in range(2)]
        assert [plug_in.returncode for plug_in in plug_ins] == [None, None]

    assert [plug_in.returncode for plug_in in plug_ins] == [0, 0]
    station.calls.assert_called("UnregisterService", times=2)


def test___two_services_of_a_class___one_unregisters___the_leak_is_the_others(
    station: FakeStation,
) -> None:
    info = ServiceInfo("my.Class", "", ["my.I"], display_name="Mine")
    place = ServiceLocation("localhost", "1", "")
    with GrpcChannelPool() as pool:
        client = DiscoveryClient(grpc_channel_pool=pool)
        client.register_service(info, place); line = _line()  # fmt: skip # noqa: E702
        client.unregister_service(client.register_service(info, place))
    station.calls.clear()

    (leak,) = station.leaks()

    assert (leak.kind, leak.what) == ("service", "Mine (my.Class)")
    assert f"process {os.getpid()}, at '{Path(__file__).as_posix()}:{line}'" in leak.who


def _line() -> int:
    return sys._getframe(1).f_lineno  # pyright: ignore[reportPrivateUsage] # noqa: SLF001


def test___waiting_call___leaks___is_one(station: FakeStation) -> None:
    def wait() -> None:
        with SessionManagementClient() as other:
            other.reserve_session(context_of(station), "A", timeout=-1).unreserve()

    with SessionManagementClient() as client:
        held = client.reserve_session(context_of(station), "A")
        thread = threading.Thread(target=wait)
        thread.start()
        while not station.waiting():
            pass
        left = station.leaks()
        held.unreserve()
        thread.join(LIMIT)

    assert [(leak.kind, leak.what) for leak in left] == [
        ("reservation", "CustomType-dev1"),
        ("waiting call", "for 'CustomType-dev1'"),
    ]
    assert "test_station.py:" in left[1].who
    assert str(left[1]).startswith("waiting call for 'CustomType-dev1', by program ")
    assert station.leaks() == []


@pytest.mark.parametrize("port", ["x", "8080", -1, 65536])
def test___no_port_number___station_made___says_what_to_give(port: object) -> None:
    with pytest.raises(FakeError, match=r"discovery cannot listen on port .*: give a number"):
        FakeStation(port=cast("Any", port))


def test___every_rpc___of_the_descriptors___called___is_implemented_and_meets_a_fault(
    station: FakeStation,
) -> None:
    servers = (station.discovery, station.pin_map_service, station.session_management)
    for service, server in zip(station.rpcs(), servers, strict=True):
        with grpc.insecure_channel(server.address) as opened:
            channel: Any = opened
            for name in service.method_names:
                assert name.rpartition("/")[2] in service.handlers, "list it as UNIMPLEMENTED"
                station.faults.on(name, times=1).fail("DATA_LOSS", name)

                with pytest.raises(grpc.RpcError, match="DATA_LOSS"):
                    channel.unary_unary(f"/{name}")(b"", timeout=20)

    assert station.faults.unused == []


def test___service_of_our_own___registered_in_a_block___resolved_inside_it_and_not_after() -> None:
    with FakeStation() as station, station.installed():
        with station.registered("ni.locks.v1", "ni.Locks", "127.0.0.1:4711"):
            found = DiscoveryClient().resolve_service("ni.locks.v1", "ni.Locks")

        with pytest.raises(grpc.RpcError):
            DiscoveryClient().resolve_service("ni.locks.v1", "ni.Locks")

    assert found.insecure_address == "127.0.0.1:4711"


def test___service_of_our_own___station_reset_meanwhile___block_ends_quietly() -> None:
    with FakeStation() as station, station.registered("ni.locks.v1", "ni.Locks", "127.0.0.1:1"):
        station.reset()


_USES_NO_DRIVER = """
import sys
from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient
from session_fakes.station import FakeStation
with FakeStation(sys.argv[1]) as station, station.installed(), SessionManagementClient() as client:
    with client.reserve_session(PinMapContext(station.pin_map_id, None), "A"):
        pass
    DiscoveryClient().resolve_service("nidmm_grpc.NiDmm", "ni.measurementlink.v1.grpcdeviceserver")
    assert station.leaks() == []
heavy = ("descriptors", "services", "instruments", "bench", "attributes")
print(*(name for name in heavy if f"session_fakes.device.{name}" in sys.modules))
print(*(name for name in sys.modules if name.startswith(("nidmm", "nidaqmx", "niscope"))))
"""


@pytest.mark.skipif(not installed(), reason="the extra drivers is not installed")
def test___station_whose_drivers_nobody_uses___loads_none_of_their_descriptors(
    pin_map: Path,
) -> None:
    command = [sys.executable, "-c", _USES_NO_DRIVER, str(pin_map)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)

    assert done.stdout.split() == []
