"""The command ``session-fakes sequence``, and how it finds code modules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from session_fakes.cli import main
from session_fakes.errors import FakeError
from session_fakes.teststand import load

PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><Instrument name="Log" instrumentTypeId="Logger"><Channel id="0" /></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin1" /></Pins>
  <Sites><Site siteNumber="0" /></Sites>
  <Connections><Connection pin="Pin1" siteNumber="0" instrument="Log" channel="0" /></Connections>
</PinMap>
"""
MODULE = """
import os, helper_beside_it
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient

NAME = "NI.MeasurementPlugIns.PinMapId"
folder = os.path.dirname(__file__)

def create(sequence_context):
    found = sequence_context.Execution.RunTimeVariables.GetValString(NAME, 0x0)
    with SessionManagementClient() as client:
        with client.reserve_sessions(PinMapContext(found, None)) as reservation:
            client.register_sessions(reservation.session_info)

def fail():
    raise ValueError("it \\x1b[31mbroke")

def destroy():
    with SessionManagementClient() as client:
        with client.reserve_all_registered_sessions() as reservation:
            client.unregister_sessions(reservation.session_info)

def wait():
    print("waiting", flush=True)
    while not os.path.exists(os.path.join(folder, "go")):
        pass

def clean():
    print("cleaned", flush=True)
"""
PLUG_IN = Path(__file__).parent / "plug_ins" / "sites" / "measurement.py"


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Done]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SESSION_FAKES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def module(tmp_path: Path) -> Iterator[str]:
    """A code module, a pin map and a helper beside them; its name is one of its own."""
    (tmp_path / "bench.pinmap").write_text(PIN_MAP, encoding="utf-8")
    (tmp_path / "helper_beside_it.py").write_text("", encoding="utf-8")
    (tmp_path / "steps.py").write_text(MODULE, encoding="utf-8")
    before = (list(sys.path), set(sys.modules))
    yield "steps.py"
    sys.path[:] = before[0]
    for name in set(sys.modules) - before[1]:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run ``session-fakes sequence`` in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["session-fakes", "sequence", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert isinstance(exit_.value.code, int)
        captured = capsys.readouterr()
        return Done(exit_.value.code, captured.out, captured.err)

    return run


def test___code_modules___run___table_picture_and_exit_code_0(
    invoke: Invoke, module: str, tmp_path: Path
) -> None:
    steps = ("--setup", f"{module}:create", "--cleanup", f"{module}:destroy")

    done = invoke("--pin-map", "bench.pinmap", *steps, "--svg", "held.svg")

    assert done.code == 0, done
    names = [line.split()[3:-3] for line in done.out.splitlines()[1:-1]]
    assert [" ".join(words[1:]) for words in names] == ["Update Pin Map", "create", "destroy"]
    assert done.out.splitlines()[-1].startswith("Passed after ")
    assert "Logger-Log" in (tmp_path / "held.svg").read_text(encoding="utf-8")


def test___error_and_leftovers___run___told_with_exit_code_1(invoke: Invoke, module: str) -> None:
    steps = ("--setup", f"{module}:create", "--main", f"{module}:fail")

    done = invoke("--pin-map", "bench.pinmap", *steps)

    assert done.code == 1
    assert "3  fail: ValueError: it \\x1b[31mbroke" in done.out
    assert "left behind: session registration Logger-Log" in done.out


def test___batch___with_process_setup_and_a_plug_in___is_passed_as_json(
    invoke: Invoke, module: str
) -> None:
    steps = ("--process-setup", f"{module}:create", "--process-cleanup", f"{module}:destroy")
    start = ("--start", f'"{sys.executable}" "{PLUG_IN}"', "--main", "Site Measurement")

    done = invoke("--pin-map", "bench.pinmap", "--model", "batch", *start, *steps, "--json")

    assert done.code == 0, done
    report = json.loads(done.out)
    assert report["steps"][0]["group"] == "ProcessSetup"
    assert [s["outputs"] for s in report["steps"] if s["group"] == "Main"] == [{"Sites": [0]}] * 4
    assert {span["who"] for span in report["holdings"]} == {"create", "destroy"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "name one, such as --main measure.py:measure"),
        (("--main", "absent.py:run"), "There is no file"),
        (("--main", "steps.py:absent"), "no function 'absent'; it has 'create', 'fail', 'destroy'"),
        (("--main", "steps.py:create", "--units", "2"), "Single Pass tests one unit"),
        (("--main", "absent.module:run"), "absent.module cannot be loaded: ModuleNotFoundError"),
    ],
)
def test___something_wrong___asked_for___exit_code_2_and_what_to_do(
    invoke: Invoke, module: str, arguments: tuple[str, ...], text: str
) -> None:
    assert module

    done = invoke(*arguments)

    assert (done.code, done.out) == (2, "")
    assert text in done.err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test___ctrl_c___while_a_step_runs___cleanup_runs_once_it_ends(
    module: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "session_fakes.cli", "sequence", "--main", f"{module}:wait"]
    with subprocess.Popen(
        [*command, "--cleanup", f"{module}:clean"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert "terminating: Cleanup runs" in process.stderr.readline()
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=60)

    assert out.startswith("cleaned\n")
    assert "Terminated after" in out
    assert process.returncode == 130


def test___code_module___named_twice___is_loaded_once_and_finds_its_neighbours(module: str) -> None:
    first, second = load(f"{module}:create"), load(f"./{module}:create")

    assert first is second
    assert load("os.path:join") is os.path.join
    with pytest.raises(FakeError, match=r"expected file\.py:function"):
        load("create")


def test___code_module___called_as_another___is_loaded_beside_it(
    module: str, tmp_path: Path
) -> None:
    other = tmp_path / "other" / module
    other.parent.mkdir()
    other.write_text("def create():\n    return 'other'\n", encoding="utf-8")

    assert load(f"{module}:create") is not load(f"{other}:create")
    assert load(f"{other}:create")() == "other"


def test___code_module___that_raises___is_refused_and_not_kept(module: str, tmp_path: Path) -> None:
    (tmp_path / module).write_text("1 / 0", encoding="utf-8")

    for _ in range(2):
        with pytest.raises(FakeError, match="ZeroDivisionError"):
            load(f"{module}:create")
