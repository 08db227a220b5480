"""The control service and its ready file, with a small double in the place of the station."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from session_fakes.clock import Clock
from session_fakes.control import ControlClient, ControlRefused, NoStation, Ready, readyfile
from session_fakes.control.client import ControlFault, is_alive
from session_fakes.control.server import TOKEN_HEADER, ControlServer
from session_fakes.errors import FakeError
from session_fakes.network.services import Network
from session_fakes.serving import CallLog, Faults
from session_fakes.serving.names import MethodNames
from session_fakes.station import FakeStation

METHODS = MethodNames(["a.b.Service/ReserveSessions", "a.b.Service/GetSessions"])


class Session(NamedTuple):
    """One session, as a station shows it."""

    name: str
    holder: str
    since: float | None = 0.0
    resource_name: str = "R"
    instrument_type_id: str = "T"
    reserved: bool = True
    registered: bool = False


@dataclass
class Double:
    """As much of a station as the control service asks for."""

    clock: Clock = field(default_factory=Clock)
    calls: CallLog = field(default_factory=lambda: CallLog(METHODS))
    faults: Faults = field(default_factory=lambda: Faults(METHODS))
    network: Network = field(default_factory=lambda: Network([]))
    held: dict[str, str] = field(default_factory=lambda: {"S": "plug-in 7"})
    internal_errors: list[str] = field(default_factory=list[str])
    discovery_address: str = "localhost:1"
    pin_map_id: str = "map"
    resets: int = 0

    def services(self) -> list[Any]:
        """No service."""
        return []

    def waiting(self) -> list[Any]:
        """Nobody."""
        return []

    def sessions(self) -> list[Session]:
        """What is held."""
        return [Session(name, holder) for name, holder in self.held.items()]

    def release(self, name: str) -> bool:
        """Take it away."""
        return self.held.pop(name, None) is not None

    def reset(self) -> None:
        """Count."""
        self.resets += 1

    def load_pin_map(self, path: str) -> str:
        """Read the file."""
        Path(path).read_text("utf-8")
        return path

    def sites_of(self, pin_map_id: str) -> tuple[int, ...]:
        """Two."""
        return (0, 1) if pin_map_id == "map" else ()

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """One variable."""
        return {**base, "SESSION_FAKES_DISCOVERY": self.discovery_address}

    def answer(self, method: str = "ReserveSessions") -> None:
        """Record a call."""
        self.calls.record(
            "a.b.Service", method, None, None, "OK", "", (), "p", 0.0, 0.1, None, None
        )


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def server(double: Double) -> Iterator[ControlServer]:
    control = ControlServer(cast("FakeStation", double), page=True)
    yield control
    control.close()


def ready_of(server: ControlServer) -> Ready:
    return Ready("localhost:1", server.url, server.token, os.getpid(), "map", "now")


@pytest.fixture
def client(server: ControlServer) -> ControlClient:
    return ControlClient(ready_of(server), timeout=20)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_RUNTIME_DIR", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "run"))
    return tmp_path / "run" / "session-fakes"


def ask(
    server: ControlServer, method: str, path: str, body: bytes | None = None, /, **headers: str
) -> tuple[int, str]:
    """A bare request: what a stranger could send."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test___station___state_asked___tells_sessions_with_holder_and_age(
    client: ControlClient, double: Double
) -> None:
    double.clock.advance(5)

    state = client.get("/state")

    assert state["station"]["pid"] == os.getpid()
    (session,) = state["sessions"]
    assert (session["name"], session["holder"]) == ("S", "plug-in 7")
    assert session["age"] >= 5


@pytest.mark.parametrize("path", ["/state", "/", "/calls", "/nothing"])
@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test___request___without_the_token___403(server: ControlServer, path: str, token: str) -> None:
    headers = (
        {TOKEN_HEADER: token}
        if token.isascii()
        else {TOKEN_HEADER: token.encode().decode("latin-1")}
    )

    status, text = ask(server, "GET", path, **headers)

    assert status == 403
    assert server.token not in text


def test___change___with_the_token_in_the_query___403(
    server: ControlServer, double: Double
) -> None:
    status, _ = ask(server, "POST", f"/reset?token={server.token}", b"{}")

    assert (status, double.resets) == (403, 0)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost:1"])
def test___request___to_another_host_name___403(server: ControlServer, host: str) -> None:
    status, _ = ask(server, "GET", "/state", Host=host, **{TOKEN_HEADER: server.token})

    assert status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test___request___to_this_machine___answered(server: ControlServer, host: str) -> None:
    headers = {TOKEN_HEADER: server.token}

    assert ask(server, "GET", "/state", Host=f"{host}:{server.port}", **headers)[0] == 200


def test___control___answering___grants_no_other_origin(server: ControlServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {TOKEN_HEADER: server.token, "Origin": "https://evil.example"}
    connection.request("GET", "/state", headers=headers)
    response = connection.getresponse()
    names = {name.lower() for name, _ in response.getheaders()}
    connection.close()

    assert not [name for name in names if name.startswith("access-control")]
    assert ask(server, "OPTIONS", "/state", **headers)[0] == 501


def test___control___listening___on_loopback_only(server: ControlServer) -> None:
    hosts = {str(each.server_address[0]) for each in server._servers}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    assert hosts <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("length", "body", "status"),
    [
        ("65537", b"", 413),
        ("9" * 30, b"", 413),
        ("-1", b"", 411),
        ("x", b"", 411),
        ("3", b"[1]", 400),
        ("3", b"{{{", 400),
        ("4", b"\xff\xfe{}", 400),
    ],
)
def test___post___with_a_bad_body___refused(
    server: ControlServer, double: Double, length: str, body: bytes, status: int
) -> None:
    headers = {TOKEN_HEADER: server.token, "Content_Length": length}

    assert ask(server, "POST", "/reset", body, **headers)[0] == status
    assert (double.resets, double.internal_errors) == (0, [])


@pytest.mark.parametrize(
    "line", [b"GET\r\n\r\n", b"\x16\x03\x01 nonsense\r\n\r\n", b"BREW / X\r\n\r\n"]
)
def test___nonsense___sent___answered_and_the_next_served(
    server: ControlServer, client: ControlClient, double: Double, line: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        raw.sendall(line)
        assert raw.recv(100)

    assert client.get("/state")
    assert double.internal_errors == []


def test___question___posted___405_and_change_asked_for_405(
    server: ControlServer, double: Double
) -> None:
    headers = {TOKEN_HEADER: server.token}

    assert ask(server, "POST", "/state", b"{}", **headers)[0] == 405
    assert ask(server, "GET", "/reset", **headers)[0] == 405
    assert double.resets == 0


def test___faults___added_listed_cleared___change_the_station(
    client: ControlClient, double: Double
) -> None:
    client.post("/faults/add", method="ReserveSessions", does="fail", code="UNAVAILABLE", times=2)
    client.post("/faults/add", method="*", does="delay", seconds=1.5)
    client.post("/faults/add", method="GetSessions", does="hang")

    assert [fault.words for fault in double.faults] == ["hang", "delay 1.5 s", "fail UNAVAILABLE"]
    assert [f["does"] for f in client.get("/faults")["faults"]] == [f.words for f in double.faults]
    assert client.post("/faults/clear") == {"cleared": 3}
    assert len(double.faults) == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"method": "ReserveSession", "does": "hang"}, "Did you mean ReserveSessions"),
        ({"method": "GetSessions", "does": "fail", "code": "BROKEN"}, "'BROKEN'"),
        ({"method": "GetSessions", "does": "explode"}, "fail, delay or hang"),
        ({"method": "GetSessions", "does": "delay", "seconds": -1}, "not negative"),
        ({"method": "GetSessions", "does": "delay", "seconds": "soon"}, "'seconds'"),
        ({"method": "GetSessions", "does": "delay", "seconds": float("nan")}, "'seconds'"),
        ({"does": "hang"}, "'method'"),
    ],
)
def test___bad_fault___added___refused_with_a_reason(
    client: ControlClient, double: Double, body: dict[str, Any], told: str
) -> None:
    with pytest.raises(ControlRefused, match=told):
        client.post("/faults/add", **body)

    assert len(double.faults) == 0


def test___relay___asked_for_what_it_cannot___refused_with_what_it_can() -> None:
    with FakeStation() as station, closing(ControlServer(station)) as control:
        client = ControlClient(ready_of(control), timeout=20)
        for body, told in (
            ({"does": "explode"}, "pass, cut, stall, refuse or heal, not 'explode'"),
            ({"does": "stall", "what": "half"}, "'half' is nothing a relay knows"),
            ({"does": "cut", "what": "half"}, "'half' is nothing a relay knows"),
            ({}, "'does'"),
        ):
            with pytest.raises(ControlRefused, match=told):
                client.post("/relays", service="pin-map", **body)

        assert station.network.troubles() == []


def test___clock___advanced___only_forwards(client: ControlClient, double: Double) -> None:
    client.post("/clock/advance", seconds=30)

    assert double.clock.now() >= 30
    with pytest.raises(ControlRefused, match="does not go back"):
        client.post("/clock/advance", seconds=-1)


def test___reservation___released___holder_is_told_and_a_second_time_is_refused(
    client: ControlClient,
) -> None:
    assert client.post("/release", name="S") == {"released": "S", "holder": "plug-in 7"}
    with pytest.raises(ControlRefused, match="Nothing is reserved"):
        client.post("/release", name="S")


def test___sites___asked_for___those_of_the_pin_map(client: ControlClient) -> None:
    assert client.get("/sites", pin_map_id="map")["sites"] == [0, 1]
    with pytest.raises(ControlRefused, match="'pin_map_id'"):
        client.get("/sites")


def test___pin_map___that_is_missing___refused_without_a_traceback(
    client: ControlClient, double: Double
) -> None:
    with pytest.raises(ControlRefused, match="no such map"):
        client.post("/pin-map", path="/no such map")

    assert double.internal_errors == []


def test___fault_of_the_fakes___behind_a_request___is_recorded_and_said(
    client: ControlClient, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(double, "reset", fail)

    with pytest.raises(ControlFault, match="ZeroDivisionError"):
        client.post("/reset")
    assert "ZeroDivisionError" in double.internal_errors[0]


def test___calls___waited_for___come_as_soon_as_answered(
    client: ControlClient, double: Double
) -> None:
    answers: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: answers.append(client.get("/calls", since=0, wait=15)))
    waiter.start()
    double.answer()
    waiter.join(20)

    assert [call["method"] for call in answers[0]["calls"]] == ["ReserveSessions"]
    assert answers[0]["last"] == 1


def test___calls___asked_since_a_number___none_twice_and_none_that_came_before(
    client: ControlClient, double: Double
) -> None:
    double.answer()
    double.answer()

    assert [call["seq"] for call in client.get("/calls", since=1)["calls"]] == [2]
    assert client.get("/calls", since=900)["calls"] == []
    double.calls.clear()
    double.answer()
    after = client.get("/calls", since=2)
    assert ([call["seq"] for call in after["calls"]], after["last"]) == ([3], 3)
    assert client.get("/calls", since=after["last"])["calls"] == []
    assert [call["seq"] for call in client.get("/state")["calls"]["calls"]] == [3]


def test___station___asked_to_stop___wish_is_known(
    client: ControlClient, server: ControlServer
) -> None:
    assert not server.stop_wanted.is_set()

    client.post("/stop")

    assert server.stop_wanted.is_set()


def test___page___with_the_token___is_whole_and_loads_nothing(server: ControlServer) -> None:
    status, text = ask(server, "GET", f"/?token={server.token}")

    assert (status, "http://" in text, "https://" in text) == (200, False, False)
    assert "innerHTML" not in text


def test___page___not_wanted___404(double: Double) -> None:
    server = ControlServer(cast("FakeStation", double))
    try:
        assert ask(server, "GET", f"/?token={server.token}")[0] == 404
    finally:
        server.close()


def test___ready_file___published___is_private_whole_and_withdrawn(
    own_folder: Path, server: ControlServer
) -> None:
    path, ready = readyfile.default_path(), ready_of(server)

    readyfile.publish(path, ready, is_alive)

    assert path.parent == own_folder
    assert set(json.loads(path.read_text())) == {
        *("discovery", "control", "token", "pid", "pin_map_id", "started")
    }
    if os.name == "posix":
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert readyfile.read(path) == ready
    readyfile.withdraw(path, ready)
    assert not path.exists()


def test___ready_file___of_a_living_station___stays_and_says_what_to_do(
    server: ControlServer,
) -> None:
    path, ready = readyfile.default_path(), ready_of(server)
    readyfile.publish(path, ready, is_alive)

    with pytest.raises(FakeError, match=r"session-fakes down.*--ready-file"):
        readyfile.publish(path, replace(ready, token="other"), is_alive)

    assert readyfile.read(path) == ready


@pytest.mark.parametrize("rest", ["closed", "garbage", "another", "empty"])
def test___ready_file___of_a_dead_station___is_replaced(
    double: Double, server: ControlServer, rest: str
) -> None:
    path, ready = readyfile.default_path(), ready_of(server)
    dead = ControlServer(cast("FakeStation", double))
    dead.close()
    readyfile.publish(path, ready_of(dead), is_alive)
    if rest == "another":
        path.write_text(json.dumps({**ready_of(server).__dict__, "pid": 1}))
    elif rest != "closed":
        path.write_bytes(b"\xff{" if rest == "garbage" else b"")

    readyfile.publish(path, ready, is_alive)

    assert readyfile.read(path) == ready


def test___ready_file___published_by_many_at_once___one_wins(double: Double) -> None:
    path = readyfile.default_path()
    servers = [ControlServer(cast("FakeStation", double)) for _ in range(6)]
    start, won, lost = threading.Barrier(len(servers)), list[Ready](), list[str]()

    def publish(ready: Ready) -> None:
        start.wait(20)
        try:
            readyfile.publish(path, ready, is_alive)
            won.append(ready)
        except FakeError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=publish, args=(ready_of(each),)) for each in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    written = readyfile.read(path)
    for each in servers:
        each.close()

    assert (won, len(lost)) == ([written], 5)
    assert list(path.parent.glob("ready.json.*")) == []


def test___ready_file___that_another_station_owns_by_now___is_not_withdrawn(
    server: ControlServer,
) -> None:
    path, ready = readyfile.default_path(), ready_of(server)
    readyfile.publish(path, ready, is_alive)

    readyfile.withdraw(path, replace(ready, token="older"))

    assert readyfile.read(path) == ready


def test___ready_file___in_a_folder_that_is_missing___refused_with_a_remedy(
    tmp_path: Path, server: ControlServer
) -> None:
    with pytest.raises(FakeError, match="--ready-file"):
        readyfile.publish(tmp_path / "no" / "r.json", ready_of(server), is_alive)


def test___ready_file___that_names_another_machine___token_is_not_sent(
    server: ControlServer,
) -> None:
    with pytest.raises(FakeError, match="no loopback"):
        ControlClient(replace(ready_of(server), control="http://192.0.2.1:80"))


def test___no_station___asked_for___told_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoStation, match="session-fakes up"):
        ControlClient.of(tmp_path / "none.json")
