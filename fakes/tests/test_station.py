"""A whole station with NI's own clients, in this process and in others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1.client import (
    PinMapContext,
    SessionInitializationBehavior,
    SessionManagementClient,
)

from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

LIMIT = 30.0
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


@holds("RES-GET-SESSIONS", "REG-ANNOTATIONS")
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

    assert sorted(views) == ["Pin Map Service", "Session Management Service"]
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
    assert len(station.services()) == 2
    with SessionManagementClient() as client:
        client.reserve_session(context_of(station), "A").__exit__(None, None, None)


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


def test___every_rpc___of_the_descriptors___is_known_to_faults(station: FakeStation) -> None:
    for service in station.rpcs():
        for method in service.descriptor.methods:
            assert station.faults.on(f"{service.descriptor.full_name}/{method.name}")
            assert method.name in service.handlers, "not implemented: list it as UNIMPLEMENTED"
