"""What the documents show is run: each block of Python, and each command of ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(HOUSE / name for name in ("README.md", "fakes/README.md", "spec/README.md")),
    *sorted(HOUSE.glob("spec/guides/*.md")),
]
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
READY = {"run": "is registered after", "up": "Station ready"}
"""The commands that stay, and what they say when others can go on."""
PATIENCE = 60


class Block(NamedTuple):
    """A fenced block of code."""

    place: str
    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The commands of a terminal; what stands two blanks behind one explains it."""
        lines = [re.split(r"\s{2,}", line.strip())[0] for line in self.text.splitlines()]
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def is_checked_elsewhere(self) -> bool:
        """Examples of the specification, and sessions of nox, which would run this test again."""
        if self.language:
            return self.language == "example"
        return all(command[0] == "nox" or "noxfile.py" in command for command in self.commands)


def blocks(text: str, name: str) -> Iterator[Block]:
    """The blocks of a document; one may hold others when its fence is longer."""
    for found in re.finditer(r"^(`{3,})(\w*)\n(.*?)^\1$", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{name}:{line}", found[2], found[3])


ALL = [
    block
    for path in DOCUMENTS
    for block in blocks(path.read_text(encoding="utf-8"), path.relative_to(HOUSE).as_posix())
]


@dataclass
class Bench:
    """A folder with a pin map and a plug-in, and what is started in it."""

    folder: Path
    environment: dict[str, str]

    def check(self, block: Block) -> None:
        """Run a block; AssertionError says what did not go well."""
        if block.language == "python":
            self._python(block.text)
            return
        assert block.language == "", f"{block.place}: nobody knows how to run {block.language}"
        with ExitStack() as station:
            running = False
            for command in block.commands:
                assert command[0] in ("session-fakes", "session-contract"), f"not ours: {command}"
                if command[1] in READY:
                    station.enter_context(self.started(command))
                    running = True
                    continue
                if command[0] == "session-fakes" and not running:
                    station.enter_context(self.started(shlex.split(RUN)))
                    running = True
                self._succeeds(command)

    def _python(self, text: str) -> None:
        (self.folder / "test_block.py").write_text(text, encoding="utf-8")
        pytest_ = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in text else []
        printed = self._succeeds(["python", *pytest_, "test_block.py"])
        for promised in re.findall(r"^print\(.*\n# (.*)", text, re.MULTILINE):
            assert promised.partition("…")[0] in printed

    def _succeeds(self, command: list[str]) -> str:
        done = subprocess.run(
            self._found(command),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _found(self, command: list[str]) -> list[str]:
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program is not None, f"{command[0]} is not installed"
        return [program, *command[1:]]

    @contextmanager
    def started(self, command: list[str]) -> Generator[None, None, None]:
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
                assert any(READY[command[1]] in line for line in process.stdout), f"{command} ended"
                yield
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "station.pinmap").write_text(PIN_MAP, encoding="utf-8")
    shutil.copy(PLUG_IN / "measurement.py", tmp_path)
    config = json.loads((PLUG_IN / "SimpleMeasurement.serviceconfig").read_text(encoding="utf-8"))
    config["services"][0]["displayName"] = "My Measurement"
    (tmp_path / "SimpleMeasurement.serviceconfig").write_text(json.dumps(config), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SESSION_FAKES_")}
    environment["SESSION_FAKES_READY_FILE"] = str(tmp_path / "ready.json")
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return Bench(tmp_path, environment)


def test___documents___looked_through___have_blocks_of_each_kind() -> None:
    assert {block.place.partition(":")[0] for block in ALL} == {
        path.relative_to(HOUSE).as_posix() for path in DOCUMENTS
    }
    assert {block.language for block in ALL} == {"", "python", "example"}


@pytest.mark.parametrize(
    "block", [block for block in ALL if not block.is_checked_elsewhere], ids=lambda b: b.place
)
def test___block_of_a_document___run___does_what_it_says(bench: Bench, block: Block) -> None:
    bench.check(block)


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
