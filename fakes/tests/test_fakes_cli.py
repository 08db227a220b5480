"""The command ``session-fakes``: each one on a station, in this process or one of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import pytest
from ni.measurementlink import pin_map_context_pb2
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as discovery_grpc
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as management
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as management_grpc,
)

from session_fakes import measure as measuring
from session_fakes.cli import main, text
from session_fakes.cli.events import events
from session_fakes.cli.flags import StationSettings
from session_fakes.cli.hosting import Hosted, hosted
from session_fakes.cli.live import frame
from session_fakes.discovery import well_known

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><Instrument name="Log" instrumentTypeId="Logger"><Channel id="0" /></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin1" /></Pins>
  <Sites><Site siteNumber="0" /></Sites>
  <Connections><Connection pin="Pin1" siteNumber="0" instrument="Log" channel="0" /></Connections>
</PinMap>
"""
PLUG_IN = Path(__file__).parent / "plug_ins" / "simple" / "measurement.py"
COMMAND = [sys.executable, "-m", "session_fakes.cli"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - JSON
        """What it printed as JSON."""
        return json.loads(self.out)


Invoke = Callable[..., Done]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ready file and no variable of the user who runs the tests."""
    for name in [name for name in os.environ if name.startswith("SESSION_FAKES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("GRPC_VERBOSITY", "ERROR")


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["session-fakes", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert isinstance(exit_.value.code, int)
        captured = capsys.readouterr()
        return Done(exit_.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    path = tmp_path / "station.pinmap"
    path.write_text(PIN_MAP, "utf-8")
    return path


@pytest.fixture
def station(pin_map: Path) -> Iterator[Hosted]:
    """A station of this process with a ready file."""
    settings = StationSettings(pin_map, 0, (), False, False, None)
    with hosted(settings) as running:
        yield running


@pytest.fixture
def sessions(station: Hosted) -> Iterator[management_grpc.SessionManagementServiceStub]:
    with grpc.insecure_channel(station.station.session_management.address) as channel:
        yield management_grpc.SessionManagementServiceStub(channel)


def reservation(station: Hosted, timeout: int = 0) -> management.ReserveSessionsRequest:
    pins = pin_map_context_pb2.PinMapContext(pin_map_id=station.station.pin_map_id, sites=[0])
    return management.ReserveSessionsRequest(
        pin_map_context=pins,
        pin_or_relay_names=["Pin1"],
        timeout_in_milliseconds=timeout,
        annotations={"ni/reserved.username": "ada\x1b[31m", "ni/reserved.hostname": "bench"},
    )


def register(station: Hosted, name: str, service_class: str, port: int = 1) -> None:
    request = discovery.RegisterServiceRequest(
        service_description=discovery.ServiceDescriptor(
            display_name=name,
            service_class=service_class,
            provided_interfaces=["ni.measurementlink.measurement.v2.MeasurementService"],
        ),
        location=discovery.ServiceLocation(location="localhost", insecure_port=str(port)),
    )
    with grpc.insecure_channel(station.station.discovery_address) as channel:
        discovery_grpc.DiscoveryServiceStub(channel).RegisterService(request, timeout=20)


def _listen_to_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(*arguments: str, **more: Any) -> Generator[subprocess.Popen[str]]:  # noqa: ANN401
    """A command in a process of its own; it is ended at the latest with the test."""
    process = subprocess.Popen(
        [*more.pop("command", COMMAND), *arguments],
        stdout=subprocess.PIPE,
        stderr=more.pop("stderr", subprocess.PIPE),
        stdin=more.pop("stdin", subprocess.DEVNULL),
        text=True,
        encoding="utf-8",
        preexec_fn=None if sys.platform == "win32" else _listen_to_interrupts,
        **more,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], wanted: str, *, error: bool = False) -> str:
    """Read lines until one has the words; the test's time limit bounds it."""
    stream = process.stderr if error else process.stdout
    assert stream is not None
    seen = ""
    for line in stream:
        seen += line
        if wanted in line:
            return line
    raise AssertionError(f"{wanted!r} did not come: {seen}")


# Help, flags, environment


def test___help___asked_for___imports_neither_grpc_nor_http() -> None:
    code = (
        "import sys; sys.argv = ['session-fakes', '--help']\n"
        "from session_fakes.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('grpc', 'google.protobuf', 'http.client', 'ni') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
    assert "Exit codes:" in done.stdout


COMMANDS = [
    *("up", "run", "env", "measure", "who", "services", "calls", "release", "reset", "doctor"),
    *("down", "fault", "fault add", "fault list", "fault clear", "clock", "clock advance"),
    *("fault stop", "fault restart", "fault network"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test___command___help_asked_for___has_an_example_and_variables(
    invoke: Invoke, command: str
) -> None:
    done = invoke(*command.split(), "--help")

    assert done.code == 0
    assert "Example: " in done.out
    flags = re.findall(r"^  --(?!help)", done.out, re.MULTILINE)
    assert len(re.findall(r"env\s+var:\s+SESSION_FAKES_", done.out)) == len(flags)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SESSION_FAKES_PORT", "many"),
        ("SESSION_FAKES_PORT", "70000"),
        ("SESSION_FAKES_UP_PORT", "many"),
        ("SESSION_FAKES_PIN_MAP", "no such.pinmap"),
        ("SESSION_FAKES_EVICT_STALE", "perhaps"),
        ("SESSION_FAKES_UP_PAGE", "perhaps"),
    ],
)
def test___variable___bad___refuses_to_start_and_names_it(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    done = invoke("up")

    assert done.code == 2
    assert f"environment variable {variable}" in done.err


def test___flag_and_variable___both_given___flag_wins(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, station: Hosted, tmp_path: Path
) -> None:
    monkeypatch.setenv("SESSION_FAKES_READY_FILE", str(tmp_path / "none.json"))

    assert invoke("who").code == 3
    assert invoke("who", "--ready-file", str(station.ready_file)).code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("up --port x", "'--port'"),
        ("measure", "NAME"),
        ("measure X --sites a,b", "'a,b' is no list of sites"),
        ("clock advance soon", "250ms"),
        ("fault add ReserveSessions", "--fail, --delay and --hang"),
        ("fault add ReserveSessions --hang --delay 1s", "--fail, --delay and --hang"),
        ("fault add ReserveSessions --hang --text x", "--fail"),
        ("run", "COMMAND"),
        ("walk", "walk"),
    ],
)
def test___flags___wrong___usage_error(invoke: Invoke, arguments: str, told: str) -> None:
    done = invoke(*arguments.split())

    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        *("who", "services", "calls", "fault list", "fault clear", "reset", "release X", "down"),
        *("fault stop X", "fault restart X", "fault network heal"),
        *("env", "clock advance 1s", "measure X", "fault add X --hang"),
    ],
)
def test___no_station___command___ends_with_3_and_the_remedy(
    invoke: Invoke, arguments: str
) -> None:
    done = invoke(*arguments.split())

    assert done.code == 3
    assert "session-fakes up" in done.err


# Asking


def test___session___held___who_tells_the_holder_and_since_when(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    sessions.ReserveSessions(reservation(station), timeout=20)

    done = invoke("who")

    assert re.search(r"^Logger-Log +Logger +reserved +peer .* s$", done.out, re.MULTILINE)
    (session,) = invoke("who", "--json").data["sessions"]
    assert session["reserved"]
    assert session["holder"].startswith("peer ")


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"registrar": ""}, "A"),
        ({"holder_ended": True}, "A (has ended)"),
        ({"registrar": "B"}, "A; registered by B"),
        ({"registrar": "B", "registrar_ended": True}, "A; registered by B (has ended)"),
        ({"registrar": "A", "registrar_ended": True, "holder_ended": True}, "A (has ended)"),
        ({"reserved": False, "registrar": "A", "holder_ended": True}, "A (has ended)"),
        ({"holder": "", "reserved": False}, "-"),
    ],
)
def test___holders___told___each_once_and_whether_they_have_ended(
    facts: dict[str, Any], shown: str
) -> None:
    assert text.holders({**SESSION, **facts}) == shown
    (line,) = [
        line for line in frame(state(sessions=[{**SESSION, **facts}]), "", 99, 99) if " S " in line
    ]
    assert shown in line


@pytest.mark.parametrize("command", ["services", "services --json"])
def test___name_with_escapes___shown___reaches_no_console_raw(
    invoke: Invoke, station: Hosted, command: str
) -> None:
    register(station, "Evil \x1b]0;owned\x07 \x9b2J", "evil.Class")

    done = invoke(*command.split())

    assert "owned" in done.out
    assert done.out.replace("\n", "").isprintable()


def test___client___waiting___who_tells_it(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    sessions.ReserveSessions(reservation(station), timeout=20)
    waiting = sessions.ReserveSessions.future(reservation(station, -1), timeout=60)
    while not station.station.waiting():
        pass

    done = invoke("who")

    assert "WAITING" in done.out
    waiting.cancel()


@pytest.mark.usefixtures("station")
def test___nothing_held___who___says_so(invoke: Invoke) -> None:
    assert invoke("who").out == "No session is reserved or registered.\n"


def test___services___listed___also_those_of_the_station(invoke: Invoke, station: Hosted) -> None:
    register(station, "Mine", "my.Class")

    done = invoke("services")

    assert "Mine" in done.out
    assert "my.Class" in done.out
    classes = {service["service_class"] for service in invoke("services", "--json").data}
    assert {"my.Class", "ni.measurementlink.pinmap.v1.PinMapService"} <= classes


def test___station_by_address___asked___tells_services_and_sessions_over_public_rpcs(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    register(station, "Mine", "my.Class")
    sessions.ReserveSessions(reservation(station), timeout=20)
    address = station.station.discovery_address

    assert "Mine" in invoke("services", "--station", address).out
    (session,) = invoke("who", "--station", address, "--json").data["sessions"]
    assert (session["name"], session["holder"]) == ("Logger-Log", "ada\x1b[31m@bench")


@pytest.mark.parametrize(("address", "code"), [("localhost:1", 3), ("nowhere", 2)])
def test___station_by_address___not_there___says_so(
    invoke: Invoke, address: str, code: int
) -> None:
    done = invoke("services", "--station", address)

    assert done.code == code
    assert address in done.err


def test___calls___printed___since_a_number_and_as_json_lines(
    invoke: Invoke, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    for _ in range(3):
        sessions.GetSessions(management.GetSessionsRequest(), timeout=20)

    assert [line.split()[:3] for line in invoke("calls", "--since", "1").out.splitlines()] == [
        ["2", "GetSessions", "OK"],
        ["3", "GetSessions", "OK"],
    ]
    assert invoke("calls", "--since", "99999").out == ""
    lines = [json.loads(line) for line in invoke("calls", "--json").out.splitlines()]
    assert [line["request"] for line in lines] == [{}, {}, {}]


def test___calls___followed___come_as_they_are_answered_until_ctrl_c(
    sessions: management_grpc.SessionManagementServiceStub,
) -> None:
    sessions.GetSessions(management.GetSessionsRequest(), timeout=20)
    with started("calls", "--follow", *_interruptible()[1]) as process:
        assert "GetSessions" in read_until(process, "1  GetSessions")
        sessions.GetSessions(management.GetSessionsRequest(), timeout=20)
        assert "OK" in read_until(process, "2  GetSessions")
        process.send_signal(_interruptible()[0])

        assert process.wait(20) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test___calls___followed___end_orderly_with_the_station(invoke: Invoke) -> None:
    with started("up") as station:
        address = re.findall(r"localhost:\d+", read_until(station, "ready"))[0]
        with started("calls", "--follow") as process, grpc.insecure_channel(address) as channel:
            stub = discovery_grpc.DiscoveryServiceStub(channel)
            stub.EnumerateServices(discovery.EnumerateServicesRequest(), timeout=20)
            read_until(process, "EnumerateServices")
            assert invoke("down").code == 0

            _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "session-fakes: the station has stopped\n")


def test___calls___followed_until_the_station_is_killed___end_with_3() -> None:
    with started("up") as station:
        address = re.findall(r"localhost:\d+", read_until(station, "ready"))[0]
        with started("calls", "--follow") as process, grpc.insecure_channel(address) as channel:
            stub = discovery_grpc.DiscoveryServiceStub(channel)
            stub.EnumerateServices(discovery.EnumerateServicesRequest(), timeout=20)
            read_until(process, "EnumerateServices")
            station.kill()

            _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "does not answer" in err


def _interruptible() -> tuple[int, list[str]]:
    return (signal.SIGINT if os.name == "posix" else signal.CTRL_BREAK_EVENT, [])  # type: ignore[attr-defined,unused-ignore]


def test___env___printed___points_a_plug_in_at_the_station(invoke: Invoke, station: Hosted) -> None:
    variables = invoke("env", "--json").data

    assert variables["SESSION_FAKES_DISCOVERY"] == station.station.discovery_address
    bash = invoke("env", "--shell", "bash").out
    assert f"export SESSION_FAKES_DISCOVERY={station.station.discovery_address}" in bash
    assert "$env:PYTHONPATH = '" in invoke("env", "--shell", "pwsh").out
    assert 'set "PYTHONPATH=' in invoke("env", "--shell", "cmd").out


@posix
def test___env___read_by_a_shell___sets_the_variables(invoke: Invoke, station: Hosted) -> None:
    script = f"{invoke('env', '--shell', 'bash').out}\necho $SESSION_FAKES_DISCOVERY"

    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == station.station.discovery_address


# Changing


def test___fault___added_met_listed_cleared___works(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    added = invoke("fault", "add", "GetSessions", "--fail", "unavailable", "--text", "bench is off")

    assert added.code == 0
    with pytest.raises(grpc.RpcError, match="bench is off"):
        sessions.GetSessions(management.GetSessionsRequest(), timeout=20)
    assert "GetSessions: fail UNAVAILABLE (1 hits)" in invoke("fault", "list").out
    assert invoke("fault", "list", "--json").data[0]["hits"] == 1
    assert "1" in invoke("fault", "clear").out
    assert invoke("fault", "list").out == "There are no faults.\n"
    assert len(station.station.faults) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--delay", "250ms"], "delay 0.25 s"),
        (["--hang", "--times", "2"], "hang"),
    ],
)
def test___fault___of_other_kinds___added(
    invoke: Invoke, station: Hosted, flags: list[str], words: str
) -> None:
    assert invoke("fault", "add", "Reserve*", *flags).code == 0

    assert [fault.words for fault in station.station.faults] == [words]


def test___fault___of_a_misspelt_method___refused_with_the_nearest(
    invoke: Invoke, station: Hosted
) -> None:
    done = invoke("fault", "add", "ReserveSession", "--hang")

    assert done.code == 2
    assert "ReserveSessions" in done.err
    assert len(station.station.faults) == 0


def test___service___stopped_listed_restarted___is_back_on_its_port_with_what_it_knew(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    sessions.ReserveSessions(reservation(station), timeout=20)
    address = station.station.session_management.address

    assert "Bring it back with" in invoke("fault", "stop", "session-management").out

    assert invoke("fault", "list").out == "session-management: stopped\n"
    again = invoke("fault", "restart", "session-management")
    assert again.out == f"session-management serves on {address} again, and knows what it knew.\n"
    assert invoke("fault", "list").out == "There are no faults.\n"
    sessions.GetSessions(management.GetSessionsRequest(), timeout=20, wait_for_ready=True)
    assert [session.name for session in station.station.sessions()] == ["Logger-Log"]


def test___service___restarted_fresh___has_forgotten(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    sessions.ReserveSessions(reservation(station), timeout=20)

    done = invoke("fault", "restart", "session-management", "--fresh", "--json")

    assert done.data["fresh"] is True
    assert invoke("who").out == "No session is reserved or registered.\n"


def test___network___stalled_one_way_and_healed___calls_wait_and_go_on(
    invoke: Invoke, station: Hosted
) -> None:
    done = invoke("fault", "network", "stall", "session-management", "--only", "answers")

    assert done.out == "session-management: stalls answers\n"
    assert invoke("fault", "list").out == done.out
    with grpc.insecure_channel(station.station.session_management.address) as channel:
        stub = management_grpc.SessionManagementServiceStub(channel)
        call = stub.GetSessions.future(management.GetSessionsRequest(), timeout=60)
        assert not call.done()
        assert "passes everything" in invoke("fault", "network", "heal").out
        call.result()


def test___network___cut_before_an_answer___call_was_made_and_is_lost(
    invoke: Invoke, station: Hosted
) -> None:
    invoke("fault", "network", "pass")
    invoke("fault", "network", "cut", "session-management", "--before", "answer")

    with grpc.insecure_channel(station.station.session_management.address) as channel:
        stub = management_grpc.SessionManagementServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.ReserveSessions(reservation(station), timeout=20)

    assert [session.name for session in station.station.sessions()] == ["Logger-Log"]
    assert invoke("fault", "network", "cut").out.startswith(
        "The connections that were open are cut.\n"
        "discovery: passes everything\n"
        "pin-map: passes everything\n"
        "session-management: passes everything\n"
        "device-server: passes everything\n"
    )


@pytest.mark.usefixtures("station")
def test___network___nothing_in_front___healed___says_so(invoke: Invoke) -> None:
    assert invoke("fault", "network", "heal").out == "No relay is in front of any service.\n"


def test___services_and_network___all_faults_cleared___serve_rightly(
    invoke: Invoke, station: Hosted
) -> None:
    invoke("fault", "network", "refuse", "pin-map")
    invoke("fault", "stop", "session-management")
    invoke("fault", "add", "GetSessions", "--hang")

    assert invoke("fault", "clear").out == "Faults taken back: 3.\n"

    assert invoke("fault", "list", "--json").data == []
    assert station.station.session_management.running


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("stop sessionmanagement", "Did you mean session-management?"),
        ("restart zzz", "Services: 'discovery', 'pin-map', 'session-management', 'device-server'."),
        ("network stall pinmap", "Did you mean pin-map?"),
        ("network stall pin-map --before answer", "--before goes with cut"),
        ("network cut pin-map --only answers", "--only goes with stall"),
        ("network explode", "'explode'"),
    ],
)
@pytest.mark.usefixtures("station")
def test___service_or_network___misspelt___refused_with_the_nearest(
    invoke: Invoke, arguments: str, told: str
) -> None:
    done = invoke("fault", *arguments.split())

    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(
    ("time", "seconds"), [("30s", 30), ("500ms", 0.5), ("2min", 120), ("1.5h", 5400), ("7", 7)]
)
def test___clock___advanced___moves_the_stations_time(
    invoke: Invoke, station: Hosted, time: str, seconds: float
) -> None:
    before = station.station.clock.now()

    assert invoke("clock", "advance", time, "--json").data["advanced"] == seconds

    assert station.station.clock.now() - before >= seconds


def test___release___of_a_held_session___frees_it(
    invoke: Invoke, station: Hosted, sessions: management_grpc.SessionManagementServiceStub
) -> None:
    sessions.ReserveSessions(reservation(station), timeout=20)

    assert invoke("release", "Logger-Log").code == 0

    sessions.ReserveSessions(reservation(station), timeout=20)
    again = invoke("release", "Nothing")
    assert again.code == 2
    assert "'Logger-Log'" in again.err


def test___reset___forgets_what_came_since_the_start(invoke: Invoke, station: Hosted) -> None:
    register(station, "Mine", "my.Class")

    assert invoke("reset").code == 0

    assert "Mine" not in invoke("services").out


# Measuring


def test___measure___no_such_name___tells_the_nearest(invoke: Invoke, station: Hosted) -> None:
    assert "No measurement is registered" in invoke("measure", "X").err
    register(station, "Simple Measurement", "a.b")

    done = invoke("measure", "simple mesurement")

    assert done.code == 2
    assert "Did you mean 'Simple Measurement'?" in done.err


def test___measure___name_of_two_classes___asks_for_the_class(
    invoke: Invoke, station: Hosted
) -> None:
    register(station, "Same", "a.b")
    register(station, "Same", "c.d")

    done = invoke("measure", "Same")

    assert done.code == 2
    assert "'a.b', 'c.d'" in done.err


def test___measure___newest_is_dead_and_an_older_one_lives___fails_as_clients_do(
    invoke: Invoke, station: Hosted
) -> None:
    register(station, "Twice", "a.b", station.station.discovery.port)
    register(station, "Twice", "a.b")

    done = invoke("measure", "Twice")

    assert done.code == 1
    assert "nothing answers at localhost:1" in done.err
    assert "Discovery answers the newest" in done.err
    assert "--evict-stale" in done.err


def test___measure___older_one_is_dead___measures_the_newest(
    invoke: Invoke, station: Hosted
) -> None:
    register(station, "Twice", "a.b")
    register(station, "Twice", "a.b", station.station.discovery.port)

    done = invoke("measure", "Twice")

    assert "is no measurement" in done.err
    assert "Discovery answers the newest" not in done.err


@pytest.mark.parametrize(
    ("asked", "sent"), [(["--sites", "all"], [0, 3]), (["--sites", "3"], [3]), ([], [0])]
)
def test___measure___sites___sent_by_number(
    invoke: Invoke,
    station: Hosted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
    sent: list[int],
) -> None:
    register(station, "Two sites", "a.b")
    two = tmp_path / "two.pinmap"
    two.write_text(PIN_MAP.replace("</Sites>", '<Site siteNumber="3" /></Sites>'), "utf-8")
    measured: list[list[int]] = []

    def run(*given: Any, **_: object) -> SimpleNamespace:  # noqa: ANN401 - as measure.run
        measured.append(given[3])
        return SimpleNamespace(readings=())

    def connect(*_: object) -> nullcontext[SimpleNamespace]:
        return nullcontext(SimpleNamespace(name="Two sites", parameters=()))

    monkeypatch.setattr(measuring, "run", run)
    monkeypatch.setattr(measuring.Measurement, "connect", connect)

    assert invoke("measure", "Two sites", "--pin-map", str(two), *asked).code == 0
    assert measured == [sent]


def test___measure___plug_in_that_does_not_answer___ends_with_1(
    invoke: Invoke, station: Hosted
) -> None:
    register(station, "Gone", "a.b")

    done = invoke("measure", "Gone")

    assert done.code == 1
    assert "nothing answers" in done.err


def test___plug_in___run_measured_and_interrupted___registers_answers_and_unregisters(
    invoke: Invoke, pin_map: Path
) -> None:
    number, flags = _interruptible()
    with started("run", "--pin-map", str(pin_map), "--", sys.executable, str(PLUG_IN)) as process:
        assert "patched" in read_until(process, "Discovery on", error=True)
        read_until(process, "is registered after", error=True)

        table = invoke("measure", "SimpleMeasurement", "--set", "Value=21", "--sites", "0", *flags)
        lines = invoke("measure", "SimpleMeasurement", "--json")
        wrong = invoke("measure", "SimpleMeasurement", "--set", "Valeu=1")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)

    assert (table.code, lines.code, wrong.code) == (0, 0, 2)
    assert re.search(r"^Twice +double +42", table.out, re.MULTILINE)
    assert lines.data == {"Echoed pin": "CustomInstrumentPin", "Twice": 4.0}
    assert "Did you mean 'Value'?" in wrong.err
    assert process.returncode in (130, 1)
    assert "left behind" not in err


# Running


def run(*arguments: str) -> Done:
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test___run___output_and_exit_code___go_through_untouched() -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\x1b[1m!\n'); sys.exit(7)"

    done = run("run", "--", *python(code))

    assert (done.code, done.out) == (7, "\x1b[1m!\n")


@posix
def test___run___command_ended_by_a_signal___code_of_a_shell() -> None:
    done = run("run", "--", *python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert done.code == 137


def test___run___no_such_command___says_so() -> None:
    done = run("run", "--", "no-such-command-anywhere")

    assert done.code == 2
    assert "no-such-command-anywhere cannot be started" in done.err


def test___run___command_that_fails_before_it_registers___explains() -> None:
    done = run("run", "--", sys.executable, "-I", "-c", "raise SystemExit(3)")

    assert done.code == 3
    assert "before it registered" in done.err
    assert "-I" in done.err


def test___run___no_registration_in_time___explains_and_goes_on() -> None:
    code = "import sys; sys.stdin.readline(); print('went on')"
    arguments = ("run", "--registration-within", "100ms", "--", *python(code))

    with started(*arguments, stdin=subprocess.PIPE) as process:
        assert "did not register within 0.1 s" in read_until(process, "register within", error=True)
        out, _ = process.communicate("\n", timeout=30)

    assert (process.returncode, out) == (0, "went on\n")


def test___run___registration_that_comes_late___is_told_after_all() -> None:
    code = (
        "import sys; sys.stdin.readline()\n"
        "from ni.measurementlink.discovery.v1.client import *\n"
        "late = ServiceInfo('a.Late', '', ['a.Late'], display_name='Late')\n"
        "DiscoveryClient().register_service(late, ServiceLocation('localhost', '1', ''))\n"
        "sys.stdin.readline()"
    )
    arguments = ("run", "--registration-within", "100ms", "--", *python(code))

    with started(*arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin
        read_until(process, "did not register within 0.1 s", error=True)
        read_until(process, "you are told once it has", error=True)
        process.stdin.write("\n")
        process.stdin.flush()
        read_until(process, "Late is registered after", error=True)
        _, rest = process.communicate("\n", timeout=30)

    assert "did not register" not in rest


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test___run___signalled___passes_it_on_once_and_waits(number: int) -> None:
    code = (
        "import signal, sys\n"
        # Blocked and waited for: a signal between the line and a pause would be slept through.
        "both = {signal.SIGTERM, signal.SIGINT}; signal.pthread_sigmask(signal.SIG_BLOCK, both)\n"
        "print('ready', flush=True); print('got', int(signal.sigwait(both)), flush=True)\n"
        "sys.exit(5 if signal.sigtimedwait(both, 0) is None else 6)"
    )
    with started("run", "--", *python(code), start_new_session=True) as process:
        read_until(process, "ready")
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (5, f"got {int(number)}\n")


def impatient(grace: float) -> list[str]:
    """The command, when it gives its child less time to end than usual."""
    code = (
        "import sys, session_fakes.cli.run; run = sys.modules['session_fakes.cli.run'];"
        f"run._ENTER_TIME = 0.1; run._GRACE = {grace};"
        "from session_fakes.cli import main; main()"
    )
    return python(code)


@posix
@pytest.mark.parametrize(
    ("deaf", "grace"), [((), 30.0), (("SIGINT",), 1.0), (("SIGINT", "SIGTERM"), 0.2)]
)
def test___run___station_told_to_stop___command_is_ended_more_and_more_firmly(
    invoke: Invoke, deaf: tuple[str, ...], grace: float
) -> None:
    ignored = "".join(f"signal.signal(signal.{name}, signal.SIG_IGN); " for name in deaf)
    code = f"import signal; {ignored}print('ready', flush=True); signal.pause()"
    with started("run", "--", *python(code), command=impatient(grace)) as process:
        read_until(process, "ready")

        assert invoke("down").code == 0

        process.communicate(timeout=30)
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[len(deaf)]
    assert process.returncode == 128 + wanted
    assert invoke("who").code == 3


@posix
def test___run___station_told_to_stop___plug_in_ends_by_itself(invoke: Invoke) -> None:
    code = "print('ready', flush=True); input(); print('bye')"
    with started("run", "--", *python(code)) as process:
        read_until(process, "ready")

        assert invoke("down").code == 0

        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "bye\n")


@pytest.mark.parametrize(("is_terminal", "before"), [(True, "\n"), (False, "")])
def test___message___beside_a_command_in_a_terminal___begins_a_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    is_terminal: bool,
    before: str,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)

    text.say("told", beside_a_command=True)

    assert capsys.readouterr().err == f"{before}session-fakes: told\n"


@pytest.mark.usefixtures("station")
def test___run___a_station_runs_already___refuses_and_says_what_to_do() -> None:
    done = run("run", "--", *python("print('never')"))

    assert (done.code, done.out) == (2, "")
    assert "session-fakes down" in done.err
    assert "session-fakes env" in done.err


# Up


def test___up___in_a_pipe___prints_events_and_stops_on_down(invoke: Invoke, pin_map: Path) -> None:
    with started("up", "--pin-map", str(pin_map), "--page") as process:
        ready = read_until(process, "ready")
        assert "page" in read_until(process, "?token=")
        assert invoke("fault", "add", "GetSessions", "--hang").code == 0
        address = re.findall(r"localhost:\d+", ready)[0]
        with grpc.insecure_channel(address) as channel:
            stub = discovery_grpc.DiscoveryServiceStub(channel)
            with pytest.raises(grpc.RpcError):
                stub.ResolveService(discovery.ResolveServiceRequest(), timeout=20)
        assert "INVALID_ARGUMENT" in read_until(process, "ResolveService")

        assert invoke("down").code == 0

        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "stopped" in out
    assert invoke("who").code == 3


def test___up___with_a_pin_map___tells_its_id(invoke: Invoke, pin_map: Path) -> None:
    with started("up", "--pin-map", pin_map.name, cwd=pin_map.parent) as process:
        ready = read_until(process, "ready")
        assert invoke("down").code == 0
        process.communicate(timeout=30)

    assert f"; pin map {pin_map};" in ready


def test___up___as_json___prints_one_object_a_line(invoke: Invoke) -> None:
    with started("up", "--json") as process:
        first = json.loads(read_until(process, "ready"))
        assert invoke("down", "--json").data == {"stopping": True}
        process.communicate(timeout=30)

    assert first["event"] == "ready"
    assert "token" not in first


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test___up___signalled___stops_orderly(tmp_path: Path, number: int) -> None:
    path = tmp_path / "mine.json"
    with started("up", "--ready-file", str(path)) as process:
        read_until(process, "ready")
        assert path.exists()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert not path.exists()


def test___up___killed___its_ready_file_is_replaced_by_the_next(invoke: Invoke) -> None:
    with started("up") as first:
        read_until(first, "ready")
    assert invoke("who").code == 3

    with started("up") as second:
        read_until(second, "ready")
        assert invoke("who").code == 0


def test___two_started_at_once___one_serves_and_one_refuses() -> None:
    with started("up") as first, started("up") as second:
        ended: list[subprocess.Popen[str]] = []
        over = threading.Event()

        def wait(process: subprocess.Popen[str]) -> None:
            if process.wait() == 2:
                ended.append(process)
                over.set()

        for process in (first, second):
            threading.Thread(target=wait, args=(process,), daemon=True).start()
        assert over.wait(60)
        (loser,) = ended
        winner = second if loser is first else first

        assert "ready" in read_until(winner, "ready")
        assert loser.stderr is not None
        assert "running already" in loser.stderr.read()


def test___pin_map___broken___up_refuses_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "bad.pinmap"
    path.write_text("<PinMap", "utf-8")

    done = run("up", "--pin-map", str(path))

    assert done.code == 2
    assert "Traceback" not in done.err


@posix
def test___up___in_a_terminal___draws_in_place_and_q_stops_it() -> None:
    import pty

    master, terminal = pty.openpty()
    process = subprocess.Popen([*COMMAND, "up"], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    seen = b""
    try:
        while b"Last calls" not in seen:
            seen += os.read(master, 4096)
        os.write(master, b"q")
        while b"The station has stopped." not in seen:
            seen += os.read(master, 4096)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"Sessions (0)" in seen
    assert seen.index(b"\x1b[?1049h") < seen.index(b"\x1b[H") < seen.index(b"\x1b[?1049l")
    assert b"Traceback" not in seen


# Forms


def state(**parts: Any) -> dict[str, Any]:  # noqa: ANN401 - keywords
    empty: dict[str, Any] = {
        "station": {"pin_map_id": "", "internal_errors": 0},
        "services": [],
        "sessions": [],
        "waiting": [],
        "faults": [],
        "calls": {"calls": [], "last": 0, "count": 0, "dropped": 0},
    }
    return {**empty, **parts}


def call(seq: int) -> dict[str, Any]:
    return {"seq": seq, "method": f"M{seq}", "code": "OK", "elapsed": 0, "details": "", "fault": ""}


SESSION = {
    "name": "S",
    "holder": "A",
    "since": 1.0,
    "age": 2.0,
    "reserved": True,
    "registered": False,
}


def test___states___compared___tell_calls_before_what_they_caused() -> None:
    before = state()
    after = state(sessions=[SESSION], calls={"calls": [call(1)], "last": 1, "dropped": 0})

    assert [(e.kind, e.text) for e in events(before, after)] == [
        ("call", "1  M1  OK  0.0 ms"),
        ("reserved", "S by A"),
    ]
    assert [e.kind for e in events(after, before)] == ["released"]
    taken = state(sessions=[{**SESSION, "holder": "B", "since": 2.0}])
    assert [e.kind for e in events(state(sessions=[SESSION]), taken)] == ["released", "reserved"]


def test___calls___more_than_shown___are_counted() -> None:
    after = state(calls={"calls": [call(n) for n in (9, 10)], "last": 10, "dropped": 0})

    assert [e.kind for e in events(state(), after)] == ["calls", "call", "call"]
    assert next(events(state(), after)).data == {"more": 8}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (20, 5), (200, 60), (1, 1)])
def test___view___drawn___stays_within_the_terminal(width: int, height: int) -> None:
    shown = state(
        sessions=[{**SESSION, "name": "long " * 50}] * 3,
        calls={"calls": [call(n) for n in range(1, 31)], "last": 30, "count": 30, "dropped": 0},
    )

    lines = frame(shown, "title \x1b]0;x\x07", width, height)

    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert len(lines) < max(2, height)
    assert all(len(line) <= max(1, width) for line in plain)
    assert not any("\x1b" in line or "\x07" in line for line in plain)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Spannung µV", "Spannung µV"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("\x9b2J\u202e\r\n", "\\x9b2J\\u202e\\r\\n"),
    ],
)
def test___text___of_somebody___loses_its_power_over_the_console(given: str, shown: str) -> None:
    assert text.safe(given) == shown
    printed = text.as_json({given: given})
    assert json.loads(printed) == {given: given}
    assert printed.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0.31, "0.3 s"), (42.2, "42 s"), (180, "3 min"), (7500, "2 h 5 min")],
)
def test___age___told___in_few_characters(seconds: float | None, words: str) -> None:
    assert text.age(seconds) == words


def test___doctor___asked___tells_each_check_and_its_fix(invoke: Invoke) -> None:
    done = invoke("doctor", "--json")

    assert {"NI's SDK", "IPv6 loopback", "Python flags", "PYTHONPATH", "Proxy", "Station"} <= {
        check["name"] for check in done.data
    }
    assert done.code == (1 if any(check["state"] == "bad" for check in done.data) else 0)
    assert all(check["fix"] for check in done.data if check["state"] != "ok")


def test___doctor___without_driver_packages___says_which_and_what_to_install(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(well_known, "SIMULATED", ("no-such-driver",))

    (found,) = (each for each in invoke("doctor", "--json").data if each["name"] == "Instruments")

    assert (found["state"], found["found"]) == ("note", "not installed here: no-such-driver")
    assert "pip install session-contract[drivers]" in found["fix"]


def test___doctor___with_a_proxy___says_what_to_do(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)

    assert "no_proxy=localhost" in invoke("doctor").out


def test___script___installed___is_the_command() -> None:
    script = shutil.which("session-fakes", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("the package was installed before it had this command")

    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("session-fakes ")
