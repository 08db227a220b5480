"""Plug-in processes: started, found by the station, stopped, and explained when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as pb
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as services

from session_fakes.bootstrap import DISCOVERY, REPORT, BootstrappedProcess, environment_for
from session_fakes.bootstrap.diagnosis import explanation
from session_fakes.errors import FakeError
from session_fakes.launch import NotRegisteredError, launch
from session_fakes.redirect import CALLER_KEY, PROCESS_KEY

_PLUG_IN = Path(__file__).parent / "plug_ins" / "simple" / "measurement.py"


class _Discovery(services.DiscoveryServiceServicer):
    """Takes registrations and remembers who called."""

    def __init__(self) -> None:
        self.address = ""
        self.arrived = threading.Event()
        self.registered: list[pb.RegisterServiceRequest] = []
        self.unregistered: list[str] = []
        self.metadata: dict[str, str] = {}

    def RegisterService(  # noqa: N802 - gRPC's name
        self, request: pb.RegisterServiceRequest, context: grpc.ServicerContext
    ) -> pb.RegisterServiceResponse:
        self.metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        self.registered.append(request)
        self.arrived.set()
        return pb.RegisterServiceResponse(registration_id="the first")

    def UnregisterService(  # noqa: N802 - gRPC's name
        self, request: pb.UnregisterServiceRequest, context: grpc.ServicerContext
    ) -> pb.UnregisterServiceResponse:
        assert context.is_active()
        self.unregistered.append(request.registration_id)
        return pb.UnregisterServiceResponse()


@pytest.fixture
def discovery() -> Generator[_Discovery, None, None]:
    servicer = _Discovery()  # type: ignore[abstract] # pyright: ignore[reportAbstractUsage]
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        services.add_DiscoveryServiceServicer_to_server(servicer, server)
        servicer.address = f"localhost:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        yield servicer
        server.stop(0).wait()


_ENVIRONMENT = environment_for("localhost:1")


def _never(_: float) -> bool:
    return False


def test___unmodified_plug_in___launched_and_stopped___registers_and_unregisters(
    discovery: _Discovery,
) -> None:
    with launch([sys.executable, _PLUG_IN], environment_for(discovery.address)) as plug_in:
        plug_in.wait_registered(discovery.arrived.wait)
        assert plug_in.returncode is None
        assert any("_client._get" in name for each in plug_in.reached for name in each.patched)

    (request,) = discovery.registered
    assert request.service_description.display_name == "SimpleMeasurement"
    assert request.location.location == "localhost"
    assert discovery.unregistered == ["the first"]
    assert plug_in.returncode == 0


def test___plug_in_process___registers___says_which_process_and_line(
    discovery: _Discovery,
) -> None:
    with launch([sys.executable, _PLUG_IN], environment_for(discovery.address)) as plug_in:
        plug_in.wait_registered(discovery.arrived.wait)

    assert discovery.metadata[PROCESS_KEY] == f"{plug_in.pid} simple/measurement.py"
    assert discovery.metadata[CALLER_KEY].startswith(f"{_PLUG_IN}:")


def test___plug_in_that_waits_for_enter___enter_pressed___ends_well_and_unregisters(
    discovery: _Discovery,
) -> None:
    with launch([sys.executable, _PLUG_IN], environment_for(discovery.address)) as plug_in:
        plug_in.wait_registered(discovery.arrived.wait)
        plug_in.press_enter()
        assert plug_in.wait(30) == 0

    assert discovery.unregistered == ["the first"]
    assert "Press enter to close" in plug_in.output


_SLEEPER = "print('asleep')\nimport time\ntry: time.sleep(60)\nfinally: print('cleaned up')"


@pytest.fixture
def deaf_to_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plug-ins of which nobody expects that they end on Enter."""
    monkeypatch.setattr("session_fakes.launch._ENTER_TIME", 0.1)


@pytest.mark.usefixtures("deaf_to_enter")
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("handling", [signal.SIG_IGN, signal.default_int_handler])
def test___plug_in_deaf_to_enter___stopped___is_interrupted_also_where_that_is_ignored(
    handling: object,
) -> None:
    asleep = threading.Event()
    before = signal.signal(signal.SIGINT, cast("Any", handling))
    try:
        command = [sys.executable, "-c", _SLEEPER]
        plug_in = launch(command, _ENVIRONMENT, on_output=lambda _: asleep.set())
    finally:
        signal.signal(signal.SIGINT, before)
    assert asleep.wait(30)

    assert plug_in.stop() == -signal.SIGINT
    assert "cleaned up" in plug_in.output


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test___plug_in_deaf_to_signals___stopped___is_killed() -> None:
    code = (
        "import signal, time\n"
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
        "print('deaf'); time.sleep(60)"
    )
    deaf = threading.Event()
    plug_in = launch([sys.executable, "-c", code], _ENVIRONMENT, on_output=lambda _: deaf.set())
    assert deaf.wait(30)

    assert plug_in.stop(grace=0.05) == -signal.SIGKILL


@pytest.mark.usefixtures("deaf_to_enter")
@pytest.mark.skipif(os.name == "nt", reason="there are no process groups")
def test___child_of_a_plug_in___plug_in_stopped___ends_too() -> None:
    child = "import os, time; print(os.getpid()); time.sleep(60)"
    code = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    said, lines = threading.Event(), list[str]()

    def note(line: str) -> None:
        lines.append(line)
        said.set()

    with launch([sys.executable, "-c", code], _ENVIRONMENT, on_output=note):
        assert said.wait(30)

    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", lines[0]], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip()[:1] in ("", "X", "Z")


_INTERRUPTED = (
    "import sys, time\n"
    "try: print('asleep'); open(sys.argv[1], 'w').close(); time.sleep(60)\n"
    "except KeyboardInterrupt: time.sleep(0.2); open(sys.argv[1], 'w').write('cleaned up')"
)


@pytest.mark.usefixtures("deaf_to_enter")
@pytest.mark.skipif(os.name == "nt", reason="there are no process groups")
@pytest.mark.parametrize("output", ["None", "subprocess.DEVNULL"])
def test___script_that_left_its_child___stopped___gives_the_child_time_to_clean_up(
    output: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    code = (
        "import pathlib, signal, subprocess, sys\n"
        f"said = pathlib.Path({str(said)!r})\n"
        f"subprocess.Popen([sys.executable, '-c', {_INTERRUPTED!r}, said], stdout={output})\n"
        "while not said.exists(): pass"
    )
    plug_in = launch([sys.executable, "-c", code], _ENVIRONMENT)
    plug_in.wait(30)

    assert plug_in.stop() == 0

    assert said.read_text() == "cleaned up"


def test___stopped_plug_in___stopped_again___signals_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plug_in = launch([sys.executable, "-c", "input()"], _ENVIRONMENT)
    code = plug_in.stop()
    # Its number may be another's by now.
    monkeypatch.delattr(os, "killpg", raising=False)

    assert plug_in.stop() == code == 0


def test___output___while_it_runs___is_passed_on_and_kept() -> None:
    lines: list[str] = []
    code = "import sys; print('one'); print('zwei ü'); print('three', file=sys.stderr)"
    environment = {**_ENVIRONMENT, "PYTHONIOENCODING": "utf-8"}
    with launch([sys.executable, "-c", code], environment, on_output=lines.append) as plug_in:
        assert plug_in.wait(30) == 0

    assert lines == ["one", "zwei ü", "three"]
    assert plug_in.output == "one\nzwei ü\nthree\n"


def test___on_output_that_fails___plug_in_runs_on___and_the_output_says_so() -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    code = "print('one'); print('two')"
    with launch([sys.executable, "-c", code], _ENVIRONMENT, on_output=fail) as plug_in:
        assert plug_in.wait(30) == 0

    assert plug_in.output.splitlines()[::2] == ["one", "two"]
    assert "no longer passed on: ValueError('one')" in plug_in.output


def test___no_such_command___launched___refuses_and_names_it() -> None:
    with pytest.raises(FakeError, match=r"'no-such-program' cannot be started"):
        launch(["no-such-program"], _ENVIRONMENT)


def test___no_command___launched___refuses_it() -> None:
    with pytest.raises(FakeError, match=r"No command was given"):
        launch([], _ENVIRONMENT)


@pytest.mark.parametrize("command", ["python x.py", b"python x.py", Path("x.py")])
def test___command_in_one_text___launched___asks_for_a_list(command: object) -> None:
    with pytest.raises(FakeError, match=r"x\.py' is one text: give .* as a list"):
        launch(cast("Any", command), _ENVIRONMENT)


def test___plug_in_that_fails___waited_for___explains_at_once_with_the_end_of_its_output() -> None:
    code = "print('about to fail')\nraise SystemExit(3)"
    plug_in = launch([sys.executable, "-c", code], _ENVIRONMENT)
    with plug_in, pytest.raises(NotRegisteredError) as caught:
        plug_in.wait_registered(_never, timeout=60)

    assert "ended with exit code 3 before it registered" in str(caught.value)
    assert "  | about to fail" in str(caught.value)
    assert "failed before it imported NI's SDK" in str(caught.value)


def test___plug_in_that_never_registers___waited_for___explains_after_the_time() -> None:
    plug_in = launch([sys.executable, "-c", "input()"], _ENVIRONMENT)
    with (
        plug_in,
        pytest.raises(NotRegisteredError, match=r"runs, but did not register within 0\.2 s"),
    ):
        plug_in.wait_registered(_never, timeout=0.2)


def test___isolated_python___waited_for___names_the_option() -> None:
    plug_in = launch([sys.executable, "-I", _PLUG_IN], _ENVIRONMENT)
    with plug_in, pytest.raises(NotRegisteredError, match=r"option -I keeps it from finding"):
        plug_in.wait_registered(_never, timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="there is no /bin/sh")
def test___no_python_program___waited_for___says_that_it_was_not_reached() -> None:
    plug_in = launch(["/bin/sh", "-c", "exit 1"], _ENVIRONMENT)
    with plug_in, pytest.raises(NotRegisteredError, match=r"did not reach it: it is no Python"):
        plug_in.wait_registered(_never, timeout=60)


def test___sdk_missing___waited_for___names_the_package() -> None:
    said = "ModuleNotFoundError: No module named 'ni_measurement_plugin_sdk_service'"
    text = explanation(["python", "m.py"], 1, 30.0, [said], None)
    assert "NI's SDK is not installed" in text


_REACHED = BootstrappedProcess(1, "3.11.0", "python")


def test___import_before_the_sdk_fails___waited_for___names_the_module() -> None:
    plug_in = launch([sys.executable, "-c", "import no_such.thing"], _ENVIRONMENT)
    with plug_in, pytest.raises(NotRegisteredError) as caught:
        plug_in.wait_registered(_never, timeout=60)

    assert "'no_such' is not installed in its environment" in str(caught.value)


@pytest.mark.parametrize("ended", [None, 0, 1])
def test___sdk_not_imported___explained___thinks_of_an_environment_of_its_own(
    ended: int | None,
) -> None:
    text = explanation(["python", "m.py"], ended, 30.0, [], [_REACHED])
    assert f"pass {DISCOVERY} and PYTHONPATH on" in text
    assert ("is this the script" in text) == (not ended)


@pytest.mark.parametrize("reached", [[], [_REACHED], None])
def test___ended_by_a_signal___explained___says_that_and_no_other_reason(
    reached: list[BootstrappedProcess] | None,
) -> None:
    text = explanation(["sh", "-c", "kill -9 $$"], -signal.SIGTERM, 30.0, [], reached)
    assert "was ended by SIGTERM before it registered.\nIt did not end by itself" in text
    assert "no Python program" not in text


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("python -I m.py", "-I"),
        ("/usr/bin/python3.12 -BE m.py", "-E"),
        ("python.exe -X dev -W error -S m.py", "-S"),
        ("python -sEm package", "-E"),
        ("python m.py -I", None),
        ("python -m package -E", None),
        ("python -c -S", None),
        ("python -X IES m.py", None),
        ("grep -I x", None),
    ],
)
def test___options_of_python___explained___only_those_that_isolate(
    command: str, flag: str | None
) -> None:
    text = explanation(command.split(), 1, 30.0, [], [])
    assert ("keeps it from finding" in text) == (flag is not None)
    assert flag is None or f"option {flag} " in text


def test___registration_and_end_at_once___waited_for___counts_as_registered() -> None:
    answers = iter([False, True])
    with launch([sys.executable, "-c", ""], _ENVIRONMENT) as plug_in:
        plug_in.wait(30)
        plug_in.wait_registered(lambda _: next(answers))


def test___own_report___stopped___leaves_no_file() -> None:
    code = f"import os; print(os.environ['{REPORT}'])"
    with launch([sys.executable, "-c", code], _ENVIRONMENT) as plug_in:
        plug_in.wait(30)
        report = Path(plug_in.output.strip())
        assert report.exists()
    assert not report.exists()
    assert DISCOVERY in _ENVIRONMENT
