"""Services that stop, restart and are behind a relay, seen by NI's own clients."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from ni.measurementlink import pin_map_context_pb2
from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2_grpc as rpc
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient

from session_fakes import audit
from session_fakes.discovery import well_known
from session_fakes.errors import FakeError
from session_fakes.fidelity import holds
from session_fakes.station import FakeStation

LIMIT = 30.0
NAME = "CustomType-dev1"
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="dev1" instrumentTypeId="CustomType"><Channel id="0"/></Instrument>
  </Instruments>
  <Pins><DUTPin name="A"/></Pins>
  <Sites><Site siteNumber="0"/></Sites>
  <Connections><Connection pin="A" siteNumber="0" instrument="dev1" channel="0"/></Connections>
</PinMap>
"""


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    """A pin map file."""
    path = tmp_path / "bench.pinmap"
    path.write_text(PIN_MAP, encoding="utf-8")
    return path


@pytest.fixture
def station(pin_map: Path) -> Iterator[FakeStation]:
    """A station that NI's clients of this process find."""
    with FakeStation(pin_map) as made, made.installed():
        yield made
    assert made.internal_errors == []


@pytest.fixture
def client(station: FakeStation) -> Iterator[SessionManagementClient]:
    """NI's client, made when the station is there."""
    assert station.discovery.running
    with SessionManagementClient() as made:
        yield made


def reserve(station: FakeStation, client: SessionManagementClient, timeout: float = 0) -> None:
    """Reserve the one session, and leave it so."""
    client.reserve_session(PinMapContext(station.pin_map_id, None), "A", timeout=timeout)


def reserve_directly(
    station: FakeStation, channel: grpc.Channel, seconds: float = LIMIT
) -> grpc.Future[Any]:
    """The same without NI's client, which sets no deadline and always waits."""
    context = pin_map_context_pb2.PinMapContext(pin_map_id=station.pin_map_id)
    request = pb.ReserveSessionsRequest(pin_map_context=context, pin_or_relay_names=["A"])
    stub = rpc.SessionManagementServiceStub(channel)
    return stub.ReserveSessions.future(request, timeout=seconds)


@contextlib.contextmanager
def connected(address: str) -> Generator[grpc.Channel]:
    """A channel with a connection of its own.

    Channels share connections, and use one that was cut until all of gRPC has noticed.
    """
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options=options) as channel:
        grpc.channel_ready_future(channel).result(LIMIT)
        yield channel


@contextlib.contextmanager
def fails_with(*codes: str) -> Generator[None]:
    """The call in this block fails with one of these."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert code_of(caught.value) in codes


def code_of(error: grpc.RpcError) -> str:
    """The status of a failed call."""
    assert isinstance(error, grpc.Call)
    return str(error.code().name)


@contextlib.contextmanager
def waiting(station: FakeStation) -> Generator[Future[str]]:
    """A call of NI's client that waits for the session: the status with which it will fail."""

    def wait() -> str:
        with SessionManagementClient() as client, pytest.raises(grpc.RpcError) as caught:
            reserve(station, client, timeout=-1)
        return code_of(caught.value)

    with ThreadPoolExecutor(1) as pool:
        code = pool.submit(wait)
        while not station.waiting() and not code.done():
            pass
        yield code


def names_of(station: FakeStation) -> list[str]:
    """The sessions of a station."""
    return [session.name for session in station.sessions()]


def places_of(station: FakeStation) -> dict[str, str]:
    """The station's own services, with their ports; the device server needs drivers."""
    return {
        view.service_class: view.port
        for view in station.services()
        if view.static and view.service_class != well_known.DEVICE_SERVER_CLASS
    }


# Stop and restart ---------------------------------------------------------------------------------


@holds("SRV-RESTART")
def test___session_management___restarted___same_port_and_reservations(
    station: FakeStation, client: SessionManagementClient
) -> None:
    reserve(station, client)
    places = places_of(station)

    station.session_management.restart()

    assert (places_of(station), names_of(station)) == (places, [NAME])
    assert [leak.kind for leak in audit.leaks(station)] == ["reservation"]
    with SessionManagementClient() as again, fails_with("UNAVAILABLE"):
        reserve(station, again)
    assert NAME in station.calls.of("ReserveSessions").last.details


@holds("SRV-RESTART")
def test___session_management___restarted_fresh___knows_nothing(
    station: FakeStation, client: SessionManagementClient
) -> None:
    reserve(station, client)

    station.session_management.restart(fresh=True)

    assert (names_of(station), audit.check(station)) == ([], [])
    with SessionManagementClient() as again:
        reserve(station, again)
    assert len(station.calls.of("ReserveSessions")) == 2


@holds("SRV-RESTART")
def test___pin_map___restarted_fresh___knows_no_pin_map(
    station: FakeStation, client: SessionManagementClient, pin_map: Path
) -> None:
    station.pin_map_service.restart()
    reserve(station, client)
    station.pin_map_service.restart(fresh=True)

    with fails_with("NOT_FOUND"):
        reserve(station, client)
    with PinMapClient() as pin_maps:
        pin_maps.update_pin_map(str(pin_map))
    with fails_with("UNAVAILABLE"):
        reserve(station, client)


def test___waiting_reservation___service_restarts___unavailable_and_waits_no_more(
    station: FakeStation, client: SessionManagementClient
) -> None:
    reserve(station, client)

    with waiting(station) as code:
        station.session_management.restart()

        assert code.result(LIMIT) in ("UNAVAILABLE", "CANCELLED")
    assert station.waiting() == []


@holds("SRV-RESTART")
def test___discovery___restarted_fresh___knows_the_stations_own_services_alone(
    station: FakeStation,
) -> None:
    location = DiscoveryClient().resolve_service(
        well_known.SESSION_MANAGEMENT_SERVICE, well_known.SESSION_MANAGEMENT_SERVICE
    )
    with grpc.insecure_channel(station.discovery_address) as channel:
        _register(channel)
        assert [leak.kind for leak in station.leaks()] == ["service"]
        station.discovery.restart()
        assert [leak.kind for leak in station.leaks()] == ["service"]

    station.discovery.restart(fresh=True)

    assert station.leaks() == []
    again = DiscoveryClient().resolve_service(
        well_known.SESSION_MANAGEMENT_SERVICE, well_known.SESSION_MANAGEMENT_SERVICE
    )
    assert again == location
    assert len(places_of(station)) == 2


def _register(channel: grpc.Channel) -> None:
    from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
    from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_grpc

    request = discovery.RegisterServiceRequest(
        service_description=discovery.ServiceDescriptor(
            display_name="Mine", service_class="my.Class", provided_interfaces=["my.interface"]
        ),
        location=discovery.ServiceLocation(location="localhost", insecure_port="1"),
    )
    discovery_grpc.DiscoveryServiceStub(channel).RegisterService(request, timeout=LIMIT)


@holds("DISC-OWN-SERVICES")
def test___own_service___stopped___stays_registered_as_a_dead_one_does(
    station: FakeStation,
) -> None:
    station.session_management.stop()

    (view,) = [v for v in station.services() if v.stale]

    assert (view.service_class, view.static) == (well_known.SESSION_MANAGEMENT_SERVICE, True)
    assert list(map(str, station.network.troubles())) == ["session-management: stopped"]
    station.session_management.start()
    assert not any(v.stale for v in station.services())
    assert station.network.troubles() == []


@holds("DISC-OWN-SERVICES")
def test___own_service___evicted_while_stopped___is_registered_again_on_its_start(
    pin_map: Path,
) -> None:
    with FakeStation(pin_map, evict_stale=True) as station, station.installed():
        places = places_of(station)
        station.pin_map_service.stop()
        assert list(places_of(station)) == [well_known.SESSION_MANAGEMENT_SERVICE]

        station.pin_map_service.start()

        assert places_of(station) == places
        assert station.leaks() == []


@holds("DISC-OWN-SERVICES")
def test___own_service___stopped_while_discovery_forgets___registers_when_it_is_back(
    station: FakeStation,
) -> None:
    places = places_of(station)
    station.pin_map_service.stop()
    station.discovery.restart(fresh=True)
    assert list(places_of(station)) == [well_known.SESSION_MANAGEMENT_SERVICE]

    station.pin_map_service.restart()

    assert places_of(station) == places


def test___stopped_services_and_bad_relays___station_reset___serve_rightly(
    station: FakeStation,
) -> None:
    station.relay("session-management").stall()
    station.relay("pin-map").refuse()
    station.discovery.stop()
    assert len(station.network.troubles()) == 3

    station.reset()

    assert station.network.troubles() == []
    with SessionManagementClient() as client:
        reserve(station, client)


def test___many_threads___restart_one_service___ends_running(station: FakeStation) -> None:
    threads = [threading.Thread(target=station.pin_map_service.restart) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)

    with PinMapClient() as pin_maps:
        pin_maps.update_pin_map(station.pin_map_id)


# A relay in front of a service --------------------------------------------------------------------


@holds("SRV-RELAY")
def test___client_of_before___relay_put_in_front___goes_on_through_it(
    station: FakeStation,
) -> None:
    places, address = places_of(station), station.session_management.address
    with connected(address) as channel:
        reserve_directly(station, channel).result()

        relay = station.relay("session-management")

        stub = rpc.SessionManagementServiceStub(channel)
        found = stub.GetSessions(pb.GetSessionsRequest(), timeout=LIMIT, wait_for_ready=True)
        assert [session.session.name for session in found.sessions] == [NAME]
        assert relay.connections >= 1
    assert (places_of(station), relay.address) == (places, address)
    assert station.relay("session-management") is relay


def test___request_lost___nis_client___fails_and_nothing_is_reserved(
    station: FakeStation, client: SessionManagementClient
) -> None:
    station.relay("session-management").cut_before("request")

    with fails_with("UNAVAILABLE"):
        reserve(station, client)

    assert names_of(station) == []
    station.calls.assert_not_called("ReserveSessions")


def test___answer_lost___nis_client___fails_and_the_session_stays_reserved(
    station: FakeStation, client: SessionManagementClient
) -> None:
    station.relay("session-management").cut_before("answer")

    with fails_with("UNAVAILABLE"):
        reserve(station, client)

    assert names_of(station) == [NAME]
    station.calls.assert_called("ReserveSessions", times=1)
    assert station.calls.of("ReserveSessions").last.code == "OK"


def test___second_call_of_a_connection___its_answer_lost___first_was_heard(
    station: FakeStation, client: SessionManagementClient
) -> None:
    relay = station.relay("session-management")
    client.unregister_sessions([])
    relay.cut_before("answer")

    with fails_with("UNAVAILABLE"):
        reserve(station, client)

    assert names_of(station) == [NAME]


def test___stalled_answers___call___was_made_and_its_client_waits(station: FakeStation) -> None:
    relay = station.relay("session-management")
    with connected(relay.address) as channel:
        relay.stall("answers")

        call = reserve_directly(station, channel)

        station.calls.wait_for("ReserveSessions", timeout=LIMIT)
        assert names_of(station) == [NAME]
        assert not call.done()
        relay.heal()
        call.result()


def test___stalled_requests___call_with_a_deadline___is_given_up_and_was_not_made(
    station: FakeStation,
) -> None:
    relay = station.relay("session-management")
    with connected(relay.address) as channel:
        relay.stall("requests")

        with fails_with("DEADLINE_EXCEEDED"):
            reserve_directly(station, channel, 0.2).result()

        assert names_of(station) == []
        relay.heal()


def test___call_that_waits___cut___fails_at_once_and_its_place_is_free(
    station: FakeStation, client: SessionManagementClient
) -> None:
    relay = station.relay("session-management")
    reserve(station, client)

    with waiting(station) as code:
        assert relay.cut() >= 1

        assert code.result(LIMIT) == "UNAVAILABLE"
    station.calls.wait_for("ReserveSessions", times=2, timeout=LIMIT)
    assert station.waiting() == []


def test___discovery_behind_a_relay___answer_lost___nis_client_fails_and_others_go_on(
    station: FakeStation,
) -> None:
    address = station.discovery_address
    relay = station.relay("discovery")
    relay.cut_before("answer")

    with fails_with("UNAVAILABLE"):
        DiscoveryClient().resolve_service(well_known.PIN_MAP_SERVICE)

    station.calls.assert_called("*.DiscoveryService/*", times=1)
    assert station.discovery_address == address
    with connected(address) as channel:
        _register(channel)
    assert [leak.kind for leak in station.leaks()] == ["service"]


def test___service_behind_a_relay___refusing___client_is_told_and_comes_back_when_healed(
    station: FakeStation, client: SessionManagementClient
) -> None:
    relay = station.relay("session-management")
    relay.refuse()
    with fails_with("UNAVAILABLE"):
        reserve(station, client)

    relay.heal()

    with (
        connected(relay.address) as channel,
        SessionManagementClient(grpc_channel=channel) as again,
    ):
        reserve(station, again)
    assert names_of(station) == [NAME]


@holds("SRV-RELAY")
def test___service_behind_a_relay___restarted___same_address(
    station: FakeStation, client: SessionManagementClient
) -> None:
    relay = station.relay("session-management")
    address = station.session_management.address
    station.session_management.stop()
    with fails_with("UNAVAILABLE"):
        reserve(station, client)

    station.session_management.restart(fresh=True)

    assert station.session_management.address == relay.address == address
    with connected(address) as channel, SessionManagementClient(grpc_channel=channel) as again:
        reserve(station, again)
    assert names_of(station) == [NAME]


def test___relay_in_front_of_an_address___used___closed_with_the_station(pin_map: Path) -> None:
    with FakeStation(pin_map) as station:
        relay = station.relay(station.session_management.address)
        with connected(relay.address) as channel:
            reserve_directly(station, channel).result()
            relay.cut_before("request")
            with fails_with("UNAVAILABLE"):
                reserve_directly(station, channel).result()
        assert relay.port != station.session_management.port
        assert names_of(station) == [NAME]
        station.relay("pin-map").stall()

    assert not [t for t in threading.enumerate() if t.name.startswith("relay to")]
    with pytest.raises(FakeError, match="is closed"):
        relay.heal()


def test___relay___of_a_service_that_is_not___refused_with_the_remedy(
    station: FakeStation,
) -> None:
    with pytest.raises(FakeError, match=r"no service 'pinmap'\. Did you mean pin-map?"):
        station.relay("pinmap")
    with pytest.raises(FakeError, match="Services: 'discovery', 'pin-map', 'session-management'"):
        station.relay("zzz")
    with pytest.raises(FakeError, match="no address that a relay leads to"):
        station.relay("example.com:80")
    station.pin_map_service.stop()
    with pytest.raises(FakeError, match="pin-map does not run, and no relay can be put in front"):
        station.relay("pin-map")


def test___relay_of_a_service___closed_by_hand___is_a_trouble_and_can_be_healed(
    station: FakeStation,
) -> None:
    with station.relay("session-management") as relay:
        pass
    assert list(map(str, station.network.troubles())) == ["session-management: closed"]

    station.network.heal()

    assert station.network.troubles() == []
    again = station.relay("session-management")
    assert (again is relay, again.port) == (False, relay.port)
    with connected(again.address) as channel:
        reserve_directly(station, channel).result()


def test___relay___port_taken_meanwhile___refused_and_service_can_start_again(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(port: int) -> list[socket.socket]:
        raise FakeError(f"another program has port {port}")

    address = station.session_management.address
    with monkeypatch.context() as patched:
        patched.setattr("session_fakes.network.relay.listen", taken)
        with pytest.raises(FakeError, match="another program has port"):
            station.relay("session-management")
    assert not station.session_management.running

    station.session_management.start()

    with connected(address) as channel:
        reserve_directly(station, channel).result()
