"""What the documents show is run: each block of Python, and each command of ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from ni.measurementlink.discovery.v1 import client as discovery
from ni.measurementlink.sessionmanagement.v1 import client as sessionmanagement

HOUSE = Path(__file__).resolve().parents[2]
DOCUMENTS = [HOUSE / name for name in ("README.md", "fakes/README.md", "spec/README.md")]
GUIDES = sorted(HOUSE.glob("spec/guides/*.md"))
PLUG_IN = HOUSE / "fakes" / "tests" / "plug_ins" / "simple"
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><Instrument name="dev1" instrumentTypeId="Custom"><Channel id="0" /></Instrument>
  </Instruments>
  <Pins><DUTPin name="Pin1" /></Pins>
  <Sites><Site siteNumber="0" /></Sites>
  <Connections><Connection pin="Pin1" siteNumber="0" instrument="dev1" channel="0" /></Connections>
</PinMap>
"""
RUN = "session-fakes run --pin-map station.pinmap -- python measurement.py"
STEPS = """
from ni.measurementlink.sessionmanagement.v1.client import PinMapContext, SessionManagementClient


def create(sequence_context):
    variables = sequence_context.Execution.RunTimeVariables
    context = PinMapContext(variables.GetValString("NI.MeasurementPlugIns.PinMapId", 0x0), None)
    with SessionManagementClient() as client:
        with client.reserve_sessions(context, instrument_type_id="Custom") as reservation:
            client.register_sessions(reservation.session_info)


def check():
    with SessionManagementClient() as client:
        with client.reserve_all_registered_sessions() as reservation:
            assert [info.resource_name for info in reservation.session_info] == ["dev1"]


def destroy():
    with SessionManagementClient() as client:
        with client.reserve_all_registered_sessions() as reservation:
            client.unregister_sessions(reservation.session_info)
"""
SERVER = "from session_reference.custom_instrument.server import main\nmain()\n"
READY = {
    "session-fakes run": "is registered after",
    "session-fakes up": "Station ready",
    "python my_logger": "stops it",
    "python my_lock": "stops it",
}
"""The commands that stay, by how they begin, and what they say when others can go on."""
ALONE = ("sequence", "demo", "doctor")
"""Commands of session-fakes that have a station of their own, or need none."""
PATIENCE = 300
"""Seconds for a command, on a machine that has much else to do."""
pytestmark = pytest.mark.timeout(900)  # a guide has several
PORT = "50051"
"""The port that the documents name; another one is used."""


class Block(NamedTuple):
    """A fenced block of code."""

    place: str
    language: str
    text: str
    file: str = ""
    """The file that a reader is to have with this text."""

    @property
    def commands(self) -> list[list[str]]:
        """The commands of a terminal; what stands two blanks behind one explains it."""
        text = re.sub(r"\s*\\\n\s*", " ", self.text)  # a command that goes on in the next line
        lines = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines()]
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def is_checked_elsewhere(self) -> bool:
        """Examples of the specification, and sessions of nox, which would run this test again."""
        if self.language:
            return self.language == "example"
        return all(command[0] == "nox" or "noxfile.py" in command for command in self.commands)


def blocks(text: str, name: str) -> Iterator[Block]:
    """The blocks of a document; one may hold others when its fence is longer."""
    fence = r"^(`{3,})(\w*)(?: (\S+))?\n(.*?)^\1$"
    for found in re.finditer(fence, text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{name}:{line}", found[2], found[4], found[3] or "")


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a document of the house."""
    name = path.relative_to(HOUSE).as_posix()
    return list(blocks(path.read_text(encoding="utf-8"), name))


ALL = [block for path in DOCUMENTS for block in blocks_of(path)]


@dataclass
class Bench:
    """A folder with a pin map and a plug-in, and what is started in it."""

    folder: Path
    environment: dict[str, str]
    stays: ExitStack
    """Ends what was started and stays."""
    port: str
    is_story: bool = False
    """Whether a block finds what those before it have left: a guide does."""
    printed: str = ""
    """What the last command printed."""
    station: bool = False
    """Whether a station runs."""

    def check(self, block: Block) -> None:
        """Do what a block says; AssertionError says what did not go well."""
        text = block.text.replace(PORT, self.port)
        if block.file:
            (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            for name, content in {block.file: text, **BESIDE.get(block.file, {})}.items():
                (self.folder / name).write_text(content, encoding="utf-8")
            if block.language == "python" and not self.is_story:  # a guide runs it when it says so
                self._succeeds(["python", block.file])
        elif block.language == "python":
            self._python(text)
        elif block.language == "text":
            self._was_printed(block)
        else:
            assert block.language == "", f"{block.place}: nobody knows how to run {block.language}"
            for command in block._replace(text=text).commands:
                self._command(command)

    def _command(self, command: list[str]) -> None:
        assert command[0] in OURS, f"not ours: {command}"
        staying = next((r for r in READY if shlex.join(command).startswith(r)), None)
        if staying is not None:
            self.stays.enter_context(self.started(command, READY[staying]))
            self.station |= command[0] == "session-fakes"
            return
        needs_station = command[0] == "session-fakes" and command[1] not in ALONE
        if needs_station and not (self.station or self.is_story):
            self._command(shlex.split(RUN))
        self.printed = self._succeeds(command)

    def _was_printed(self, block: Block) -> None:
        """Each line was printed by the last command; an ellipsis stands for anything."""
        for line in block.text.splitlines():
            parts = (re.escape(part.strip()) for part in line.split("…"))
            wanted = ".*".join(re.sub(r"(\\ )+", r"\\s+", part) for part in parts)
            assert re.search(wanted, self.printed), f"{block.place}: {line!r} not in {self.printed}"

    def _python(self, text: str) -> None:
        (self.folder / "test_block.py").write_text(text, encoding="utf-8")
        pytest_ = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in text else []
        printed = self._succeeds(["python", *pytest_, "test_block.py"])
        for promised in re.findall(r"^print\(.*\n# (.*)", text, re.MULTILINE):
            assert promised.partition("…")[0] in printed

    def _succeeds(self, command: list[str]) -> str:
        ends = FAILS.get(" ".join(command[:2]), 0) if self.is_story else 0
        done = subprocess.run(
            self._found(command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode in (0, ends), f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _found(self, command: list[str]) -> list[str]:
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program is not None, f"{command[0]} is not installed"
        return [program, *command[1:]]

    @contextmanager
    def started(self, command: list[str], ready: str) -> Generator[None, None, None]:
        """A command that stays, from when it is ready."""
        process = subprocess.Popen(
            self._found(command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        with process:
            try:
                assert process.stdout is not None
                assert any(ready in line for line in process.stdout), f"{command} ended"
                yield
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE)


OURS = ("session-fakes", "session-contract", "python")
BESIDE = {
    "bench_example.py": {
        "recording.csv": "seconds,volts\n0,0.5\n0.001,0.6\n",
        "station.pinmap": """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments><NIDmmInstrument name="A" /><NIDmmInstrument name="B" /></Instruments>
  <Pins>
    <DUTPin name="VREF" /><DUTPin name="VCC" /><DUTPin name="OUT" /><DUTPin name="SENSOR" />
  </Pins>
  <Sites><Site siteNumber="0" /><Site siteNumber="1" /></Sites>
  <Connections>
    <Connection pin="VREF" siteNumber="0" instrument="A" channel="0" />
    <Connection pin="VREF" siteNumber="1" instrument="B" channel="0" />
  </Connections>
</PinMap>
""",
    }
}
"""What an example takes for granted, by its file."""
FAILS = {"python measure_twice.py": 1}
"""Commands of guides that show a failure, and how they end."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "station.pinmap").write_text(PIN_MAP, encoding="utf-8")
    (tmp_path / "bench.pinmap").write_text(PIN_MAP, encoding="utf-8")
    (tmp_path / "steps.py").write_text(STEPS, encoding="utf-8")
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    shutil.copy(PLUG_IN / "measurement.py", tmp_path)
    config = json.loads((PLUG_IN / "SimpleMeasurement.serviceconfig").read_text(encoding="utf-8"))
    config["services"][0]["displayName"] = "My Measurement"
    (tmp_path / "SimpleMeasurement.serviceconfig").write_text(json.dumps(config), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SESSION_FAKES_")}
    environment["SESSION_FAKES_READY_FILE"] = str(tmp_path / "ready.json")
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with ExitStack() as stays, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        yield Bench(tmp_path, environment, stays, port)


def test___documents___looked_through___have_blocks_of_each_kind() -> None:
    assert {block.place.partition(":")[0] for block in ALL} == {
        path.relative_to(HOUSE).as_posix() for path in DOCUMENTS
    }
    assert {block.language for block in ALL} == {"", "python"}


@pytest.mark.parametrize(
    "block", [block for block in ALL if not block.is_checked_elsewhere], ids=lambda b: b.place
)
def test___block_of_a_document___run___does_what_it_says(bench: Bench, block: Block) -> None:
    bench.check(block)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test___guide___followed_from_its_beginning___does_what_it_says(
    bench: Bench, path: Path
) -> None:
    bench.is_story = True

    for block in blocks_of(path):
        if not block.is_checked_elsewhere:
            bench.check(block)


def texts_of(troubles: str) -> Iterator[str]:
    """The error texts that a table begins its rows with, cut where something varies."""
    for cell in re.findall(r"^\| `(.+?)` (?:\||from|to|where|with)", troubles, re.MULTILINE):
        yield from (part.strip() for part in cell.split("…") if part.strip(" ?"))


def test___error_texts_of_the_guide___looked_for___are_said_by_somebody() -> None:
    troubles = (HOUSE / "spec/guides/troubleshooting.md").read_text(encoding="utf-8")
    sources = [
        *HOUSE.glob("*/session_*/**/*.py"),
        *Path(sessionmanagement.__path__[0]).rglob("*.py"),
    ]
    sources += Path(discovery.__path__[0]).rglob("*.py")
    said = " ".join(path.read_text(encoding="utf-8") for path in sources) + " ".join(
        dir(grpc.StatusCode)
    )
    said = re.sub(r'"\s*\n?\s*f?"', "", said)

    found = list(texts_of(troubles))

    assert len(found) > 15
    assert [text for text in found if text not in said] == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "1 / 0"),
        ("python", "def test_it():\n    assert False"),
        ("python", "print(1)\n# 2"),
        ("", "session-contract explain NO-SUCH-ID"),
        ("", "session-contract list\nsession-fakes nonsense     does nothing"),
        ("", "session-fakes run -- python no_such_file.py"),
        ("", "echo hello"),
        ("text", "never printed"),
        ("cobol", "STOP RUN."),
    ],
)
def test___block_that_is_wrong___run___is_found_out(bench: Bench, language: str, text: str) -> None:
    with pytest.raises(AssertionError):
        bench.check(Block("here:1", language, text))


def test___fences_of_several_lengths___read___nest() -> None:
    text = "a\n````markdown\n```python\nx\n```\n````\nb\n```\nnox -s tests   # all\n```\n"

    markdown, nox = blocks(text, "a.md")

    assert (markdown.place, markdown.language) == ("a.md:2", "markdown")
    assert nox == Block("a.md:8", "", "nox -s tests   # all\n")
    assert nox.commands == [["nox", "-s", "tests"]]
    assert nox.is_checked_elsewhere
