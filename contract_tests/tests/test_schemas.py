"""The schemas say what the loaders say: the same keys, and no to the same files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from session_contract import schemas
from session_contract.cli import cli
from session_contract.driver.interfaces import INTERFACES
from session_contract.linting import config_rules, configs
from session_contract.running.classes import CLASSES, load_any_target
from session_contract.sequences.target import Model
from session_contract.station.target import OUR_CHOICE
from session_contract.subject.loading import DIALECTS, STOPS
from session_contract.subject.target import TargetError
from session_contract.subject.toml_files import Section, read_toml
from session_fakes.discovery import serviceconfig
from session_fakes.errors import FakeError
from session_spec.requirement import CLAIMS

HOUSE = Path(__file__).resolve().parents[2]
Validator: Any = importlib.import_module("jsonschema").Draft7Validator
TARGET: Any = json.loads(schemas.schema("target"))
CONFIG: Any = json.loads(schemas.schema("serviceconfig"))

SERVER = """
[target]
name = "mine"
version = "1"
contact = "me"
needs = ["program:python", "module:json"]
command = ["{python}", "server.py", "--ready-file", "{ready_file}"]
folder = "."
claims = ["use", "independent", "hosting"]
dialect = "standard"
known_failures = "known.toml"
[target.environment]
PORT = "{port}"
[target.start]
ready_output = 'on (?P<port>[0-9]+)'
ready_file = true
within = 10
stops = ["SIGTERM", "stdin-close"]
grace = 0.5
[descriptors]
source = "reflection"
include = ["protos"]
[service]
name = "a.B"
initialize = "Open"
[service.behaviors]
unspecified = "AUTO"
initialize_new = 1
[resource]
name = "{tmp}/{unique}"
slow = "slow"
setup = ["touch", "{name}"]
[initialize]
mode = 7
[initialize.bad]
mode = 8
[initialize.slow]
mode = 9
[[use]]
rpc = "Write"
session = "id"
request = { text = "{value}" }
writes = true
[[use]]
rpc = "Read"
answer = "text"
[limits]
call = 3
"""
AT_ADDRESS = '[target]\nname = "mine"\naddress = "[::1]:50051"\nclaims = ["lost-calls"]\n'
SERVICER = '[target]\nname = "mine"\nservicer = "my.module:add.it"\n'
CLIENT = """
[target]
class = "client"
name = "mine"
client = "my.module:Client"
folder = "src"
claims = ["errors", "tidy"]
[client]
python = "python3"
arguments = ["{resource}", 1, { make = "a:b" }]
keywords = { address = "{address}" }
then = []
close = "close"
uses = true
[client.use]
call = "read"
arguments = [1]
keywords = { name = "x" }
[descriptors]
source = "my.proto"
[service]
name = "a.B"
[discovery]
interface = "a.B"
class = "a.BService"
[resource]
name = "x-{unique}"
[answers]
Read = { value = 1 }
[limits]
hang = 30
start = 60.5
"""
PROGRAM = """
[target]
class = "client"
name = "mine"
command = ["node", "driver.js"]
environment = { A = "b" }
[client]
uses = true
[descriptors]
source = "my.proto"
"""
STUBS = PROGRAM.replace('"my.proto"', '"module:my.my_pb2"')
SEQUENCE = """
[target]
class = "sequence"
name = "mine"
folder = "."
[sequence]
pin_map = "station.pinmap"
setup = ["a.py:open"]
main = ["My Measurement"]
cleanup = ["a.py:close"]
process_setup = []
process_cleanup = []
failing = ["a.py:fail"]
model = "batch"
[[server]]
target = "server.toml"
types = ["Lock"]
interface = "a.B"
service_class = "a.BService"
[[plug_in]]
command = ["{python}", "measurement.py"]
folder = "plug_in"
"""
STATION = """
[target]
class = "station"
name = "mine"
address = "localhost:1"
claims = ["reference"]
[limits]
call = 9
"""
DRIVER = """
[target]
class = "driver"
name = "mine"
command = ["device-server", "{port}"]
interface = "nidmm_grpc.NiDmm"
discovery = true
[initialize]
option_string = "Simulate=1"
[limits]
call = 9
"""
LOGGER = """
[target]
class = "file-logger"
name = "mine"
command = ["{python}", "server.py", "{port}"]
claims = ["survives-kill"]
start = { within = 30 }
[resource]
folder = "logs"
[limits]
call = 9
"""
INSTRUMENT = LOGGER.replace("file-logger", "custom-instrument").replace('"survives-kill"', "")
GOOD = {
    "server": SERVER,
    "at address": AT_ADDRESS,
    "servicer": SERVICER,
    "client": CLIENT,
    "program": PROGRAM,
    "stubs": STUBS,
    "sequence": SEQUENCE,
    "station": STATION,
    "driver": DRIVER,
    "file-logger": LOGGER,
    "custom-instrument": INSTRUMENT,
}

WRONG = [
    (SERVER, '[target]\nname = "mine"', "[target]"),
    (SERVER, 'name = "mine"', 'name = ""'),
    (SERVER, 'name = "mine"', "name = 1"),
    (SERVER, "[target]", "[targets]\n[target]"),
    (SERVER, 'version = "1"', 'verson = "1"'),
    (SERVER, 'version = "1"', "version = 1"),
    (SERVER, 'version = "1"', 'class = "servers"'),
    (SERVER, '"module:json"', '"json"'),
    (SERVER, '"module:json"', '"module:"'),
    (SERVER, 'version = "1"', 'address = "localhost:1"'),
    (SERVER, 'version = "1"', 'client = "a:b"'),
    (SERVER, 'version = "1"', 'interface = "nidmm_grpc.NiDmm"'),
    (SERVER, '"use", ', '"usage", '),
    (SERVER, '"standard"', '"grpc-device"'),
    (SERVER, '"standard"', '"own"'),
    (SERVER, 'PORT = "{port}"', "PORT = 1"),
    (SERVER, "ready_file = true", 'ready_file = "yes"'),
    (SERVER, "within = 10", "within = 0"),
    (SERVER, "within = 10", "within = true"),
    (SERVER, "within = 10", 'within = "10 s"'),
    (SERVER, "within = 10", "until = 10"),
    (SERVER, '"SIGTERM", ', '"SIGKILL", '),
    (SERVER, '"SIGTERM", ', '"enter", '),
    (SERVER, '["protos"]', '"protos"'),
    (SERVER, '["protos"]', "[1]"),
    (SERVER, 'initialize = "Open"', 'initialise = "Open"'),
    (SERVER, 'unspecified = "AUTO"', "unspecified = true"),
    (SERVER, 'unspecified = "AUTO"', "auto = 0"),
    (SERVER, '"{tmp}/{unique}"', '"always the same"'),
    (SERVER, 'slow = "slow"', ""),
    (SERVER, 'slow = "slow"', "slow = 1"),
    (SERVER, "[initialize]\nmode = 7\n[initialize.bad]\nmode = 8", "[initialize]\nbad = 8"),
    (SERVER, 'rpc = "Read"', ""),
    (SERVER, 'rpc = "Read"', 'rpc = ""'),
    (SERVER, 'answer = "text"', 'answers = "text"'),
    (SERVER, 'request = { text = "{value}" }', ""),
    (SERVER, "call = 3", "call = -3"),
    (SERVER, "call = 3", "hang = 3"),
    (AT_ADDRESS, "[::1]:50051", "localhost"),
    (AT_ADDRESS, "[::1]:50051", "dns:///localhost:1"),
    (AT_ADDRESS, '"lost-calls"', '"restart"'),
    (AT_ADDRESS, '"lost-calls"', '"use"'),
    (AT_ADDRESS, "claims", "start = { within = 3 }\nclaims"),
    (AT_ADDRESS, "claims", 'environment = { A = "b" }\nclaims'),
    (AT_ADDRESS, 'address = "[::1]:50051"', ""),
    (SERVICER, "my.module:add.it", "my.module.add"),
    (CLIENT, "my.module:Client", "my.module.Client"),
    (CLIENT, 'folder = "src"', 'command = ["node"]'),
    (CLIENT, 'folder = "src"', 'address = "localhost:1"'),
    (CLIENT, 'folder = "src"', "start = {}"),
    (CLIENT, '"errors", ', '"use", '),
    (CLIENT, 'close = "close"', 'close = ""'),
    (CLIENT, 'arguments = ["', 'argument = ["'),
    (CLIENT, "then = []", 'then = "nothing"'),
    (CLIENT, 'call = "read"', ""),
    (CLIENT, 'source = "my.proto"', 'source = "reflection"'),
    (CLIENT, '[descriptors]\nsource = "my.proto"', ""),
    (CLIENT, 'class = "a.BService"', ""),
    (CLIENT, "x-{unique}", "x"),
    (CLIENT, 'name = "x-{unique}"', 'name = "x-{unique}"\nslow = "slow"'),
    (CLIENT, "{ value = 1 }", "1"),
    (CLIENT, "hang = 30", "call = 30"),
    (CLIENT, "[resource]", '[[use]]\nrpc = "Read"\n[resource]'),
    (PROGRAM, "uses = true", 'uses = true\nclose = "close"'),
    (PROGRAM, 'A = "b"', "A = 1"),
    (SEQUENCE, 'pin_map = "station.pinmap"', ""),
    (SEQUENCE, 'setup = ["a.py:open"]', ""),
    (SEQUENCE, 'main = ["My Measurement"]', ""),
    (SEQUENCE, 'main = ["My Measurement"]', "main = []"),
    (SEQUENCE, '"batch"', '"batches"'),
    (SEQUENCE, 'target = "server.toml"', ""),
    (SEQUENCE, 'types = ["Lock"]', '[[server]]\ntarget = "server.toml"'),
    (SEQUENCE, 'command = ["{python}", "measurement.py"]', ""),
    (SEQUENCE, 'folder = "."', "claims = []"),
    (STATION, "localhost:1", "localhost"),
    (STATION, "reference", "restart"),
    (STATION, "[limits]", '[service]\nname = "a.B"\n[limits]'),
    (STATION, 'address = "localhost:1"', 'servicer = "a:b"'),
    (LOGGER, '"survives-kill"', '"use"'),
    (LOGGER, 'folder = "logs"', 'name = "{unique}"'),
    (LOGGER, "call = 9", "hang = 9"),
    (LOGGER, "[resource]", "[initialize]\n[resource]"),
    (INSTRUMENT, "claims = []", 'claims = ["survives-kill"]'),
    (DRIVER, "nidmm_grpc.NiDmm", "nidmm"),
    (DRIVER, 'interface = "nidmm_grpc.NiDmm"', ""),
    (DRIVER, "discovery = true", "claims = []"),
    (DRIVER, "discovery = true", 'dialect = "standard"'),
    (DRIVER, "[limits]", '[resource]\nname = "{unique}"\n[limits]'),
]
"""Good files with one thing changed, which makes them wrong; the schema has to say so, too."""
BEYOND = [
    (SERVER, "(?P<port>[0-9]+)", "("),
    (SERVER, ', "--ready-file", "{ready_file}"', ""),
    (SERVER, 'text = "{value}"', 'text = "value"'),
    (CLIENT, 'make = "a:b"', 'make = "b"'),
    (SEQUENCE, "station.pinmap", "missing.pinmap"),
    (SEQUENCE, "server.toml", "missing.toml"),
    (SERVER, "program:python", "program:no-such-program"),
]
"""What only the loader sees: texts inside of texts, and files."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the files name."""
    (tmp_path / "station.pinmap").touch()
    (tmp_path / "server.toml").write_text(AT_ADDRESS, encoding="utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "target.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(text: str, folder: Path, schema: Any = TARGET) -> list[str]:  # noqa: ANN401 - JSON
    """What the schema finds in a file."""
    data = read_toml(written(folder, text)).data
    return [fault.message for fault in Validator(schema).iter_errors(data)]


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


@pytest.mark.parametrize("name", schemas.NAMES)
def test___schema___looked_at___is_one(name: str) -> None:
    data = json.loads(schemas.schema(name))

    importlib.import_module("jsonschema").validators.validator_for(data).check_schema(data)


@pytest.mark.parametrize("name", GOOD)
def test___good_file___loaded_and_validated___is_good(name: str, folder: Path) -> None:
    load_any_target(written(folder, GOOD[name]))

    assert faults(GOOD[name], folder) == []


@pytest.mark.parametrize(("text", "old", "new"), WRONG)
def test___wrong_file___loaded_and_validated___is_refused(
    text: str, old: str, new: str, folder: Path
) -> None:
    wrong = changed(text, old, new)

    with pytest.raises(TargetError):
        load_any_target(written(folder, wrong))
    assert faults(wrong, folder)


@pytest.mark.parametrize(("text", "old", "new"), BEYOND)
def test___file_that_is_wrong_inside_of_texts___validated___is_left_to_the_loader(
    text: str, old: str, new: str, folder: Path
) -> None:
    wrong = changed(text, old, new)

    with pytest.raises(TargetError):
        load_any_target(written(folder, wrong))
    assert faults(wrong, folder) == []


TARGETS = [
    path
    for pattern in ("contract_tests/targets/**/*.toml", "examples/*/*target.toml")
    for path in sorted(HOUSE.glob(pattern))
]


@pytest.mark.parametrize("path", TARGETS, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test___target_of_ours___validated___is_good(path: Path) -> None:
    found = [fault.message for fault in Validator(TARGET).iter_errors(read_toml(path).data)]

    assert found == []


# The keys


COMMAND_INSTEAD = 'address = "localhost:1"', 'command = ["x", "{port}"]'


def asked(monkeypatch: pytest.MonkeyPatch, text: str, folder: Path) -> dict[str, set[str]]:
    """The keys that the loader asks for, by the table that they stand in."""
    sections: list[Section] = []
    begin = Section.__init__

    def remembered(self: Section, file: str, name: str, data: Mapping[str, Any]) -> None:
        begin(self, file, name, data)
        if Path(file).name == "target.toml":
            sections.append(self)

    monkeypatch.setattr(Section, "__init__", remembered)
    load_any_target(written(folder, text))
    keys: dict[str, set[str]] = {}
    for section in sections:
        name, known = vars(section)["_name"], vars(section)["_known"]
        keys.setdefault(name.strip("[]"), set()).update(known)
    return keys


def promised(name: str, table: str) -> set[str]:
    """The keys that the schema has for a table in a file of a class."""
    parts = table.split(".") if table else []
    places = [at(TARGET, parts), at(TARGET["definitions"][name], parts)]
    keys = set(places[0]["properties"])
    for place in places:
        if allowed := place.get("propertyNames"):
            keys &= set(allowed["enum"])
    return keys


def at(schema: Any, parts: list[str]) -> Any:  # noqa: ANN401 - JSON
    """The part of a schema that is about a table; empty where it says nothing of it."""
    for part in parts:
        schema = resolved(schema).get("properties", {}).get(part, {})
        schema = schema.get("items", schema)
    return resolved(schema)


def resolved(schema: Any) -> Any:  # noqa: ANN401 - JSON
    reference = schema.get("$ref", "")
    return TARGET["definitions"][reference.rpartition("/")[2]] if reference else schema


@pytest.mark.parametrize("name", CLASSES)
def test___schema___its_keys___are_those_that_the_loader_asks_for(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = asked(monkeypatch, GOOD[name], folder)
    others = {"station": changed(STATION, *COMMAND_INSTEAD), "client": PROGRAM}
    for table, more in asked(monkeypatch, others.get(name, GOOD[name]), folder).items():
        keys.setdefault(table, set()).update(more)

    if name in ("station", "driver"):
        keys["target"].remove("servicer")  # which is asked for to be refused
    assert {table: promised(name, table) for table in keys} == keys


def test___loader_with_one_more_key___compared___differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = Section.texts

    def one_more(self: Section, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        texts(self, f"{key}_too")
        return texts(self, key, default)

    monkeypatch.setattr(Section, "texts", one_more)

    keys = asked(monkeypatch, SERVER, folder)

    assert {table for table in keys if promised("server", table) != keys[table]} == {
        "target", "target.start", "descriptors", "resource",
    }  # fmt: skip


def words(*path: str) -> set[str]:
    """The texts that the schema knows somewhere."""
    place = TARGET
    for key in path:
        place = place[key]
    return set(place["enum"])


def test___schema___its_words___are_those_of_the_loader() -> None:
    about = ("properties", "target", "properties")
    ours = ("properties", "target", "properties", "claims", "items")

    assert words(*about, "class") == set(CLASSES)
    assert words(*about, "interface") == set(INTERFACES)
    assert words(*about, "dialect") == set(DIALECTS) - {"grpc-device"}  # that is another class
    assert words("properties", "sequence", "properties", "model") == set(get_args(Model))
    assert words("definitions", "start", "properties", "stops", "items") == set(STOPS)
    for name in ("server", "client", "file-logger"):
        assert words("definitions", name, *ours) == set(CLAIMS[name])
    assert words("definitions", "station", *ours) == {OUR_CHOICE}


# .serviceconfig files

SERVICE = {
    "displayName": "Mine",
    "serviceClass": "a.B",
    "version": "1.2.3.4",
    "descriptionUrl": "",
    "providedInterfaces": ["a.B"],
    "path": "start.bat",
    "annotations": {"a": "b", "c": ["d"]},
    "of_tomorrow": 1,
}
WRONG_SERVICES: list[dict[str, Any]] = [
    {"displayName": None},
    {"displayName": " "},
    {"serviceClass": 1},
    {"serviceClass": None},
    {"version": "1.2"},
    {"version": "v1.2.3"},
    {"version": "01.2.3"},
    {"version": "0.0.1"},
    {"version": 1},
    {"descriptionUrl": 1},
    {"providedInterfaces": None},
    {"providedInterfaces": []},
    {"providedInterfaces": "a.B"},
    {"providedInterfaces": [""]},
    {"providedInterfaces": None, "providedInterface": ""},
    {"providedInterface": ["a.B"]},
    {"path": 1},
    {"annotations": []},
]
"""What is changed in a good service; None: left out."""


def config(folder: Path, change: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    service = {**SERVICE, **change}
    data = {"services": [{k: v for k, v in service.items() if v is not None}]}
    path = folder / "Mine.serviceconfig"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path, data


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"version": ""},
        {"version": "1.2.3"},
        {"providedInterfaces": None, "providedInterface": "a.B"},
        {"version": None, "descriptionUrl": None, "annotations": None, "path": None},
    ],
)
def test___good_config___read_and_validated___is_good(tmp_path: Path, change: Any) -> None:  # noqa: ANN401
    path, data = config(tmp_path, change)

    assert serviceconfig.read_serviceconfig(path)
    assert Validator(CONFIG).is_valid(data)


@pytest.mark.parametrize("change", WRONG_SERVICES, ids=str)
def test___wrong_config___read_and_validated___is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path, data = config(tmp_path, change)

    with pytest.raises(FakeError):
        serviceconfig.read_serviceconfig(path)
    assert not Validator(CONFIG).is_valid(data)


@pytest.mark.parametrize("data", [{}, {"services": []}, {"services": {}}, {"services": [1]}, []])
def test___config_without_services___read_and_validated___is_refused(
    tmp_path: Path, data: object
) -> None:
    path = tmp_path / "Mine.serviceconfig"
    path.write_text(json.dumps(data), encoding="utf-8")

    with pytest.raises(FakeError):
        serviceconfig.read_serviceconfig(path)
    assert not Validator(CONFIG).is_valid(data)


def test___schema_of_configs___its_keys___are_those_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: set[str] = set()

    class Remembering(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as of dict
            asked_for.add(key)
            return super().get(key, default)

    reader: Any = vars(serviceconfig)["_Reader"]
    members: Callable[[object, object], dict[str, Any]] = reader.__dict__["_members"]

    def remembered(self: object, at: object) -> Remembering:
        return Remembering(members(self, at))

    monkeypatch.setattr(reader, "_members", remembered)
    serviceconfig.read_serviceconfig(config(tmp_path, {})[0])

    keys = set(CONFIG["properties"]["services"]["items"]["properties"])
    assert keys | {"services"} == asked_for
    assert keys == vars(config_rules)["_KEYS"]


CONFIGS = sorted(
    path
    for path in HOUSE.rglob("*.serviceconfig")
    if not {".nox", ".venv"} & set(path.relative_to(HOUSE).parts)
)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test___config_of_ours___validated___is_good(path: Path) -> None:
    services = configs.Config(path, path.read_text(encoding="utf-8")).services
    data = {"services": [service.data for service in services]}

    assert [fault.message for fault in Validator(CONFIG).iter_errors(data)] == []


# The command


def lines_of(*arguments: str) -> Iterator[str]:
    done = CliRunner().invoke(cli, ["schema", *arguments])
    assert done.exit_code == 0, done.output
    yield from done.output.splitlines()


@pytest.mark.parametrize("name", schemas.NAMES)
def test___schema___asked_for___is_printed(name: str) -> None:
    assert json.loads("\n".join(lines_of(name))) == json.loads(schemas.schema(name))


def test___schema___written___is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "target.schema.json"

    assert list(lines_of("target", "-o", str(path))) == []

    assert path.read_text(encoding="utf-8") == schemas.schema("target")


@pytest.mark.parametrize("arguments", [["nothing"], [], ["target", "-o", "no/such/folder/x"]])
def test___schema_that_cannot_be_had___asked_for___wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["schema", *arguments]).exit_code == 2
