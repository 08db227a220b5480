"""What the READMEs of the folders show is run, and what they list is there."""

# ruff: noqa: ANN401 - the fixture of conftest.py has no type to import

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionManagementClient,
)

import session_reference
from session_fakes.station import FakeStation

PACKAGE = Path(session_reference.__file__).parent
LIMIT = 60.0
PIN_MAP = """<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="{resource}" instrumentTypeId="{type}"><Channel id="0" /></Instrument>
  </Instruments>
  <Pins><DUTPin name="{pin}" /></Pins>
  <Sites><Site siteNumber="0" /></Sites>
  <Connections>
    <Connection pin="{pin}" siteNumber="0" instrument="{resource}" channel="0" />
  </Connections>
</PinMap>
"""


class Folder(NamedTuple):
    """A folder and what its examples are about."""

    name: str
    wheel: str
    port: str
    path: str
    pin: str
    type: str

    @property
    def place(self) -> Path:
        """Where it is."""
        return PACKAGE / self.name

    @property
    def readme(self) -> str:
        """Its README."""
        return (self.place / "README.md").read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """The blocks of code of its README."""
        found = re.findall(r"^```(\w*)\n(.*?)^```$", self.readme, re.DOTALL | re.MULTILINE)
        return [code for kind, code in found if kind == language]


LOGGER = Folder(
    "file_logger", "json_logger_client", "50051", "/data/run.ndjson", "LogPin", "JsonLoggerService"
)
INSTRUMENT = Folder(
    "custom_instrument",
    "device_communication_client",
    "50052",
    "/maps/register_map.csv",
    "DevicePin",
    "DeviceCommunicationService",
)
FOLDERS = [LOGGER, INSTRUMENT]


def adapted(code: str, folder: Folder, path: Path) -> str:
    """An example with the name that the client has here, and a path that exists."""
    code = code.replace(folder.wheel, f"session_reference.{folder.name}")
    return code.replace(f'"{folder.path}"', repr(str(path)))


@pytest.fixture(params=FOLDERS, ids=[folder.name for folder in FOLDERS])
def folder(request: pytest.FixtureRequest) -> Folder:
    """One folder, then the other."""
    chosen: Folder = request.param
    return chosen


@pytest.fixture
def path(folder: Folder, tmp_path: Path) -> Path:
    """What the examples give as path."""
    if folder is INSTRUMENT:
        return Path(shutil.copy(folder.place / "register_map.csv", tmp_path))
    return tmp_path / "run.ndjson"


def expect_record(path: Path, shown: str) -> None:
    """The line that the README shows stands in the log, but for its time."""
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert line[line.index("measurement_name") :] == shown.strip()[shown.index("measurement_n") :]
    assert json.loads(line)["timestamp"].endswith("Z")


def test___first_example___run___does_what_the_readme_shows(
    folder: Folder, path: Path, servers: Any
) -> None:
    (command,) = folder.blocks("")
    flags = command.split()[1:]
    assert flags[-1] == folder.port
    server = servers.run(sys.executable, folder.place, *flags[:-1], "0")
    code = adapted(folder.blocks("python")[0], folder, path)
    code = code.replace(f"localhost:{folder.port}", server.wait_address())

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=False
    )

    assert done.returncode == 0, done.stderr
    if folder is LOGGER:
        expect_record(path, folder.blocks("json")[0])
    else:
        assert [done.stdout] == folder.blocks("text")


def test___plug_in_example___run_with_a_reservation___works(
    folder: Folder, path: Path, servers: Any, tmp_path: Path
) -> None:
    pin_map = tmp_path / "station.pinmap"
    resource = path if folder is LOGGER else "Dut"
    pin_map.write_text(
        PIN_MAP.format(resource=resource, type=folder.type, pin=folder.pin), encoding="utf-8"
    )

    with FakeStation(pin_map) as station, station.installed(), GrpcChannelPool() as pool:
        server = servers.run(
            sys.executable, folder.place, "--discovery-address", station.discovery_address
        )
        server.wait_line("Registered")
        manager = SessionManagementClient(grpc_channel_pool=pool)

        class Context:
            def reserve_session(self, pin: str) -> Any:
                return manager.reserve_session(PinMapContext(station.pin_map_id, None), pin)

        code = adapted(folder.blocks("python")[1], folder, path)
        exec(code, {"context": Context()})

    if folder is LOGGER:
        assert path.read_text(encoding="utf-8").count("\n") == 1


def test___files___compared_with_the_table___are_all_listed(folder: Folder) -> None:
    table = folder.readme[folder.readme.index("## Files") : folder.readme.index("In a copy")]
    cells = "".join(re.findall(r"^\| (.+?) \|", table, re.MULTILINE))
    listed = set(re.findall(r"`(.+?)`", cells))
    there = {p.name for p in folder.place.iterdir() if not p.name.startswith((".", "__pyc"))}

    assert listed == there - {"README.md"}


def test___flags___compared_with_the_help___exist_and_are_all_named(folder: Folder) -> None:
    def flags_of(name: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, PACKAGE / name, "--help"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )
        return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", done.stdout, re.MULTILINE))

    common = (flags_of(LOGGER.name) & flags_of(INSTRUMENT.name)) - {"--root"}

    named = set(re.findall(r"^\| `(--[a-z-]+)", folder.readme, re.MULTILINE))
    assert named == flags_of(folder.name) - common


def test___both_readmes___compared___say_the_same_of_the_behaviours() -> None:
    logger, instrument = (
        folder.readme[folder.readme.index("## The five") : folder.readme.index("Errors are")]
        for folder in FOLDERS
    )

    assert logger == instrument
