"""What the files of the examples say of each other agrees: pins, types, names, sizes."""

from __future__ import annotations

import ast
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from ni_measurement_plugin_sdk_service import session_management

from session_contract import copying
from session_reference import custom_instrument, file_logger
from session_reference.custom_instrument.registers import read_register_map

EXAMPLES = Path(__file__).resolve().parents[1]
PLUG_INS = sorted(path.parent for path in EXAMPLES.glob("*/measurement.py"))
CODE_MODULES = sorted(EXAMPLES.glob("teststand_sequence/*.py"))
ADAPTATIONS = sorted(path.parent for path in EXAMPLES.glob("*/server.py"))
NAMESPACE = {"": "http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"}
TYPES = {
    "INSTRUMENT_TYPE": custom_instrument.INSTRUMENT_TYPE,
    "JSON_LOGGER_INSTRUMENT_TYPE": file_logger.JSON_LOGGER_INSTRUMENT_TYPE,
    **{name: value for name, value in vars(session_management).items() if "TYPE_NI" in name},
}
TYPES_OF_ELEMENTS = {
    "NIDCPowerInstrument": session_management.INSTRUMENT_TYPE_NI_DCPOWER,
    "NIDmmInstrument": session_management.INSTRUMENT_TYPE_NI_DMM,
}
MOST_LINES = 150


class Pin(NamedTuple):
    """A pin, and the type of the instrument that it is connected to."""

    name: str
    type: str


def pins_of_plug_in(source: str) -> set[Pin]:
    """The defaults of the parameters that are pins."""
    found: set[Pin] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".configuration"):
            _, kind, default, *_ = (ast.unparse(argument) for argument in node.args)
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if kind.endswith("IOResource"):
                found.add(Pin(ast.literal_eval(default), TYPES[keywords["instrument_type"]]))
    return found


def pins_of_map(xml: str) -> set[Pin]:
    """The pins that are connected, with the types of their instruments."""
    root = ET.fromstring(xml)
    pins = {pin.get("name") for pin in root.iterfind("Pins/*", NAMESPACE)}
    types = {
        element.get("name"): element.get("instrumentTypeId")
        or TYPES_OF_ELEMENTS[element.tag.partition("}")[2]]
        for element in root.iterfind("Instruments/*", NAMESPACE)
    }
    connections = root.iterfind("Connections/Connection", NAMESPACE)
    return {
        Pin(str(each.get("pin")), types[each.get("instrument")])
        for each in connections
        if each.get("pin") in pins
    }


def services(folder: Path) -> Iterator[dict[str, object]]:
    """What the ``.serviceconfig`` files of an example say."""
    for path in folder.glob("*.serviceconfig"):
        yield from json.loads(path.read_text(encoding="utf-8"))["services"]


MAPS = {path: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("pin_maps/*.pinmap")}


@pytest.mark.parametrize("folder", PLUG_INS, ids=lambda folder: folder.name)
def test___plug_in___its_pins___are_together_in_a_pin_map_with_their_types(folder: Path) -> None:
    pins = pins_of_plug_in((folder / "measurement.py").read_text(encoding="utf-8"))

    assert pins
    assert any(pins <= pins_of_map(xml) for xml in MAPS.values()), pins


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"CustomInstrumentPin" siteNumber', '"CustomInstrumentPins" siteNumber'),
        ('DUTPin name="CustomInstrumentPin"', 'DUTPin name="Pin"'),
        ("DeviceCommunicationService", "DeviceCommunication"),
    ],
)
def test___pin_map_with_another_name___compared___does_not_agree(old: str, new: str) -> None:
    pins = pins_of_plug_in((EXAMPLES / "simple_measurement/measurement.py").read_text("utf-8"))
    xml = (EXAMPLES / "pin_maps/custom_instrument.pinmap").read_text("utf-8")
    assert old in xml

    assert pins <= pins_of_map(xml)
    assert not pins <= pins_of_map(xml.replace(old, new))


def test___pin_maps___compared_with_the_plug_ins___have_no_other_pins() -> None:
    sources = [(folder / "measurement.py").read_text(encoding="utf-8") for folder in PLUG_INS]

    used = set[Pin]().union(*map(pins_of_plug_in, sources))
    assert set[Pin]().union(*map(pins_of_map, MAPS.values())) == used


@pytest.mark.parametrize("folder", PLUG_INS, ids=lambda folder: folder.name)
def test___plug_in___its_folder___has_the_form_of_nis_projects(folder: Path) -> None:
    (config,) = services(folder)
    source = (folder / "measurement.py").read_text(encoding="utf-8")
    (named,) = re.findall(r'"(\w+\.serviceconfig)"', source)
    script = (folder / "start.sh").read_text(encoding="utf-8")

    assert (folder / named).exists()
    assert (folder / str(config["path"])).exists()
    assert (folder / "start.sh").stat().st_mode & 0o111
    assert b"\r\n" in (folder / "start.bat").read_bytes()
    assert "measurement.py" in script
    assert {".env.simulation", "pyproject.toml", "README.md"} <= {p.name for p in folder.iterdir()}
    assert str(config["displayName"]) in (folder / "README.md").read_text(encoding="utf-8")


def test___services___of_all_examples___are_told_apart() -> None:
    configs = [config for folder in EXAMPLES.iterdir() for config in services(folder)]

    for key in ("serviceClass", "displayName"):
        names = [config[key] for config in configs]
        assert sorted(set(map(str, names))) == sorted(map(str, names))


@pytest.mark.parametrize("path", [*(f / "measurement.py" for f in PLUG_INS), *CODE_MODULES],
                         ids=lambda path: path.relative_to(EXAMPLES).as_posix())  # fmt: skip
def test___file_for_a_real_station___read___knows_nothing_of_the_fakes(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert not re.search("session_fakes|session_contract|session_reference|fake", source)


def test___register_map___read_by_the_server___has_the_register_of_the_measurement() -> None:
    registers = read_register_map(str(EXAMPLES / "register_map" / "register_map.csv"))
    source = (EXAMPLES / "simple_measurement/measurement.py").read_text(encoding="utf-8")

    assert re.findall(r'"Register name", \S+ "(\w+)"', source)[0] in registers


@pytest.mark.parametrize("folder", ADAPTATIONS, ids=lambda folder: folder.name)
def test___adaptation___its_own_code___is_short(folder: Path) -> None:
    own = folder.glob("*.py")
    helpers = {"__main__.py", "hold.py", "scpi_simulator.py"}  # of the clone, and of the contract
    lines = [
        line
        for path in own
        if path.name not in helpers
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]

    assert 50 < len(lines) < MOST_LINES


@pytest.mark.parametrize("folder", ADAPTATIONS, ids=lambda folder: folder.name)
def test___adaptation___its_names___agree(folder: Path) -> None:
    (config,) = services(folder)
    (proto,) = folder.glob("*.proto")
    text = proto.read_text(encoding="utf-8")
    package = re.findall(r"^package (\w+);", text, re.MULTILINE)[0]
    service = re.findall(r"^service (\w+)", text, re.MULTILINE)[0]
    server = (folder / "server.py").read_text(encoding="utf-8")

    assert config["providedInterface"] == f"{package}.{service}"
    assert f'full_name="{package}.{service}"' in server
    assert {f"{name}.serviceconfig" for name in re.findall(r'"(\w+)\.serviceconfig"', server)} == {
        path.name for path in folder.glob("*.serviceconfig")
    }
    for rpc in re.findall(r"^  rpc (\w+)", text, re.MULTILINE):
        assert f"def {rpc}(" in server


@pytest.mark.parametrize("folder", ADAPTATIONS, ids=lambda folder: folder.name)
def test___adaptation___copied___has_the_core_and_its_starters(
    folder: Path, tmp_path: Path
) -> None:
    copying.copy(str(folder), tmp_path / "mine")

    there = {path.relative_to(tmp_path / "mine").as_posix() for path in tmp_path.rglob("*.*")}
    core = {"session_table.py", "refusals.py", "hosting/service.py"}
    assert core | {"start.sh", "start.bat", "server.py"} <= there
    for name in ("__main__.py", "start.sh", "start.bat"):  # those of the clone are others
        starter = (tmp_path / "mine" / name).read_bytes()
        assert starter == (Path(file_logger.__file__).parent / name).read_bytes()
        assert starter != (folder / name).read_bytes()
