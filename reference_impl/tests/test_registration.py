"""How a server is known to Discovery, from when it serves until it stops."""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceLocation
from ni_grpc_extensions.channelpool import GrpcChannelPool

from session_fakes.station import FakeStation
from session_reference.hosting.registration import (
    Registration,
    ServiceConfigError,
    read_service_config,
)

if TYPE_CHECKING:
    from tests.conftest import ServerProcess, Servers

PATIENCE = 60.0
INTERFACE = "test.hosted.v1"
SERVICE_CLASS = "test.HostedLogger"
REGISTERED = f"Registered with Discovery as {SERVICE_CLASS}."
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """A station that NI's clients of this process find."""
    with FakeStation() as station, station.installed():
        yield station


def resolve() -> ServiceLocation:
    return DiscoveryClient().resolve_service(INTERFACE, SERVICE_CLASS)


def at(station: FakeStation, mode: str = "auto") -> tuple[str, ...]:
    """The flags that lead a server to the station."""
    return ("--discovery", mode, "--discovery-address", station.discovery_address)


def names(station: FakeStation) -> list[str]:
    """The services that are registered, besides the station's own."""
    return [service.service_class for service in station.services() if not service.static]


def registered(servers: Servers, *flags: str) -> tuple[ServerProcess, str]:
    """A server that has registered, and its address."""
    server = servers(*flags)
    address = server.wait_address()
    server.wait_line(REGISTERED)
    return server, address


def test___server___registered___is_resolved_as_its_service_config_says(
    station: FakeStation, servers: Servers
) -> None:
    _, address = registered(servers, *at(station))

    place, facts = DiscoveryClient().resolve_service_with_information(INTERFACE)

    assert f"{place.location}:{place.insecure_port}" == address
    assert place.ssl_authenticated_port == ""
    assert facts.display_name == "Hosted Logger"
    assert facts.versions == ["1.2.0"]
    assert facts.description_url == "https://example.com/hosted"
    assert servers.calls(address)


@posix
def test___discovery_that_is_slow___server_serves_already(
    station: FakeStation, servers: Servers
) -> None:
    station.faults.on("RegisterService").hang()
    server = servers(*at(station))

    assert servers.calls(server.wait_address())
    assert names(station) == []


def test___server_without_flags___launched_by_the_station___is_found(
    station: FakeStation,
) -> None:
    process = station.launch([sys.executable, str(Path(__file__).with_name("hosted_logger.py"))])

    assert names(station) == [SERVICE_CLASS]
    assert process.stop() == 0
    assert names(station) == []
    assert "Unregistered from Discovery." in process.output


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test___server___stopped___leaves_no_registration(
    station: FakeStation, servers: Servers, number: int
) -> None:
    server, _ = registered(servers, *at(station))
    server.wait_line("Ctrl-C")

    server.send(number)

    assert server.ended() == 0
    assert names(station) == []
    lines = server.output.splitlines()
    assert lines.index("Unregistered from Discovery.") < lines.index("released")
    assert lines[-1] == "Stopped."


@posix
def test___server___killed_and_started_again___the_new_one_is_resolved(
    station: FakeStation, servers: Servers
) -> None:
    first, old = registered(servers, *at(station))
    first.process.kill()
    first.process.wait()
    _, new = registered(servers, *at(station))

    place = resolve()

    assert new != old
    assert f"{place.location}:{place.insecure_port}" == new


def test___no_discovery___auto___ends_with_the_remedy(servers: Servers) -> None:
    server = servers("--discovery", "auto")

    assert server.ended() == 1
    assert "Not registered: Platform not supported" in server.output
    assert "--discovery optional (serves anyway" in server.output
    assert "--discovery off and --port" in server.output
    assert "Traceback" not in server.output


def test___no_discovery_at_the_address___auto___ends_with_the_remedy(servers: Servers) -> None:
    server = servers("--discovery-address", "localhost:1")

    assert server.ended() == 1
    assert "Not registered: UNAVAILABLE: " in server.output
    assert server.output.count("Not registered") == 1
    assert server.last_line.endswith("(clients are given the address).")


def test___no_discovery___optional___serves_and_registers_when_it_comes(
    station: FakeStation, servers: Servers
) -> None:
    station.discovery.stop()
    server = servers(*at(station, "optional"))
    address = server.wait_address()
    server.wait_line("Not registered: UNAVAILABLE")
    assert servers.calls(address)

    station.discovery.start()

    server.wait_line(REGISTERED)
    assert resolve().insecure_port == address.rpartition(":")[2]


@posix
def test___no_discovery___optional_server_stopped___ends_in_order(servers: Servers) -> None:
    server = servers("--discovery", "optional", "--discovery-address", "localhost:1")
    server.wait_line("Ctrl-C")

    server.send(signal.SIGTERM)

    assert server.ended() == 0
    assert server.last_line == "Stopped."
    assert "may stay behind" not in server.output


@pytest.mark.parametrize("mode", ["auto", "optional"])
def test___discovery___comes_back_empty___server_registers_anew(
    station: FakeStation, servers: Servers, mode: str
) -> None:
    server, address = registered(servers, *at(station, mode))

    station.discovery.restart(fresh=True)

    server.wait_line(REGISTERED)
    assert servers.calls(address)
    assert names(station) == [SERVICE_CLASS]


def test___discovery___away_for_a_while___server_says_so_and_registers_anew(
    station: FakeStation, servers: Servers
) -> None:
    server, address = registered(servers, *at(station))
    station.discovery.stop()
    server.wait_line("Not registered: Discovery was lost (UNAVAILABLE")
    assert servers.calls(address)

    station.discovery.start()

    server.wait_line(REGISTERED)
    assert resolve().insecure_port == address.rpartition(":")[2]


class _Looking:
    """gRPC's thread that looks at a channel, held between two looks once it has told of a break."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.break_due, self.go_on = (threading.Event() for _ in range(3))
        self.held: list[threading.Thread] = []
        within: Any = importlib.import_module("grpc._channel")  # these have no public names
        self._deliver: Any = within._spawn_delivery  # noqa: SLF001
        monkeypatch.setattr(within, "_spawn_delivery", self._tell)
        clock = SimpleNamespace(**{**vars(time), "time": self._look})
        monkeypatch.setattr(within, "time", clock)

    def _tell(self, *what: object) -> None:
        self._deliver(*what)
        if self.break_due.is_set():
            self.held.append(threading.current_thread())
        self.begun.set()

    def _look(self) -> float:
        if threading.current_thread() in self.held:
            assert self.go_on.wait(PATIENCE)
        return time.time()


def test___discovery___lost_while_grpc_looks___channel_is_not_closed_under_it(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[str] = []

    def note(told: threading.ExceptHookArgs) -> None:
        failures.append(repr(told.exc_value))

    monkeypatch.setattr(threading, "excepthook", note)
    looking = _Looking(monkeypatch)
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    info = read_service_config(Path(__file__).with_name("hosted_logger.serviceconfig"))
    registration = Registration(
        info, ServiceLocation("localhost", "1", ""), said.put, station.discovery_address
    )
    registration.start()
    assert said.get(timeout=PATIENCE) == REGISTERED
    assert looking.begun.wait(PATIENCE)

    looking.break_due.set()
    station.discovery.restart(fresh=True)
    while "Discovery was lost" in said.get(timeout=PATIENCE):
        pass  # what is said next is of another connection
    looking.go_on.set()
    registration.stop()

    assert looking.held
    for thread in looking.held:
        thread.join(PATIENCE)
    assert failures == []


@posix
def test___discovery___gone_when_the_server_stops___server_ends_in_order(
    station: FakeStation, servers: Servers
) -> None:
    server, _ = registered(servers, *at(station))
    server.wait_line("Ctrl-C")
    station.discovery.stop()
    server.wait_line("Not registered")

    server.send(signal.SIGTERM)

    assert server.ended() == 0
    assert server.last_line == "Stopped."


@posix
@pytest.mark.parametrize("mode", ["auto", "optional"])
def test___discovery_that_never_answers___server_starts_and_stops___ends_in_order(
    station: FakeStation, servers: Servers, mode: str
) -> None:
    station.faults.on("RegisterService").hang()
    server = servers(*at(station, mode))
    server.wait_address()
    if mode == "optional":
        server.wait_line("Ctrl-C")

    server.send(signal.SIGTERM)

    assert server.ended() == 0
    assert "Discovery does not answer: the registration may stay behind." in server.output
    assert server.last_line == "Stopped."
    assert "Traceback" not in server.output


def test___discovery_that_never_answers___auto___ends_with_the_remedy(
    station: FakeStation, servers: Servers
) -> None:
    station.faults.on("RegisterService").hang()
    impatient = (
        "import runpy, sys; import session_reference.hosting.service as s; s.PATIENCE = 0.1;"
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = Path(__file__).with_name("hosted_logger.py")

    server = servers.run(sys.executable, "-c", impatient, script, *at(station))

    assert server.ended() == 1
    assert "Error: Discovery is not there, or does not answer. Start with" in server.output
    assert "Traceback" not in server.output


@posix
def test___discovery_that_answers_no_more___server_stops___ends_in_order(
    station: FakeStation, servers: Servers
) -> None:
    server, _ = registered(servers, *at(station))
    server.wait_line("Ctrl-C")
    station.faults.on("UnregisterService").hang()

    server.send(signal.SIGTERM)

    assert server.ended() == 0
    assert server.output.count("may stay behind") == 1
    assert server.last_line == "Stopped."


def test___discovery_that_answers_no_more___given_up___leaves_no_thread(
    station: FakeStation,
) -> None:
    said: list[str] = []
    info = read_service_config(Path(__file__).with_name("hosted_logger.serviceconfig"))
    registration = Registration(
        info, ServiceLocation("localhost", "1", ""), said.append, station.discovery_address
    )
    registration.start()
    assert registration.tried.wait(PATIENCE)
    station.faults.on("UnregisterService").hang()
    stopping = threading.Thread(target=registration.stop, daemon=True)
    stopping.start()
    while station.faults.unused:
        assert stopping.is_alive()

    registration.give_up()

    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    assert "Discovery does not answer: the registration may stay behind." in said


def test___connection_that_takes_long_to_close___stopped___is_not_waited_for(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, may_close, closed = threading.Event(), threading.Event(), threading.Event()
    close = GrpcChannelPool.close

    def close_late(pool: GrpcChannelPool) -> None:
        closing.set()
        may_close.wait(PATIENCE)
        close(pool)
        closed.set()

    info = read_service_config(Path(__file__).with_name("hosted_logger.serviceconfig"))
    place = ServiceLocation("localhost", "1", "")
    registration = Registration(info, place, lambda _: None, station.discovery_address)
    registration.start()
    assert registration.tried.wait(PATIENCE)
    monkeypatch.setattr(GrpcChannelPool, "close", close_late)

    registration.stop()

    assert closing.wait(PATIENCE)
    assert not closed.is_set()
    assert names(station) == []
    may_close.set()
    assert closed.wait(PATIENCE)


def test___discovery_that_refuses_for_a_while___optional___says_so_once(
    station: FakeStation, servers: Servers
) -> None:
    station.faults.on("RegisterService", times=3).fail("INTERNAL", "busy")
    server = servers(*at(station, "optional"))

    server.wait_line(REGISTERED)

    assert server.output.count("Not registered: INTERNAL: busy.") == 1


@posix
def test___discovery_that_refuses_to_unregister___server_stops___says_so(
    station: FakeStation, servers: Servers
) -> None:
    server, _ = registered(servers, *at(station))
    server.wait_line("Ctrl-C")
    station.faults.on("UnregisterService").fail("INTERNAL", "no.")

    server.send(signal.SIGTERM)

    assert server.ended() == 0
    assert "The registration may stay behind: INTERNAL: no.\n" in server.output


def test___discovery_off___started___leaves_it_alone(
    station: FakeStation, servers: Servers
) -> None:
    server = servers(*at(station, "off"))
    address = server.wait_address()
    server.wait_line("Ctrl-C")

    assert servers.calls(address)
    assert [call.method for call in station.calls if "RegisterService" in call.method] == []


def test___address_of_the_network___registered___under_a_name_that_others_reach(
    station: FakeStation, servers: Servers
) -> None:
    registered(servers, *at(station), "--host", "0.0.0.0", "--allow-insecure")

    assert resolve().location not in ("0.0.0.0", "localhost")


# The .serviceconfig ---------------------------------------------------------------------------


FULL = """{
  // a comment
  "services": [{
    "displayName": "A // B", // no comment in a text
    "serviceClass": "a.B",
    "version": "1.0.0",
    "providedInterface": "a.v1"
  }]
}"""


def test___service_config___with_comments_and_a_mark___is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.serviceconfig"
    path.write_text(FULL, "utf-8-sig")

    info = read_service_config(path)

    assert info.display_name == "A // B"
    assert info.service_class == "a.B"
    assert info.provided_interfaces == ["a.v1"]
    assert info.versions == ["1.0.0"]
    assert info.description_url == ""


def test___service_config___with_several_interfaces_and_no_version___is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.serviceconfig"
    text = FULL.replace('"providedInterface": "a.v1"', '"providedInterfaces": ["a.v1", "a.v2"]')
    path.write_text(text.replace('"version": "1.0.0",', ""), "utf-8")

    info = read_service_config(path)

    assert info.provided_interfaces == ["a.v1", "a.v2"]
    assert info.versions == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"services": []}',
        '{"services": ["a"]}',
        '{"services": {"a": 1}}',
        FULL.replace("serviceClass", "class"),
        FULL.replace("displayName", "name"),
        FULL.replace("providedInterface", "interface"),
        FULL.replace('"a.v1"', "1").replace("providedInterface", "providedInterfaces"),
    ],
)
def test___service_config___that_says_nobody___is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.serviceconfig"
    path.write_text(text, "utf-8")

    with pytest.raises(ServiceConfigError, match=r"a\.serviceconfig does not describe a service"):
        read_service_config(path)


def test___service_config___missing___is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceConfigError, match="FileNotFoundError"):
        read_service_config(tmp_path / "none.serviceconfig")
