"""``session-contract lint``: one prepared fault each, and nothing where nothing is wrong."""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from new_projects.check import SHAPES, make
from session_contract import cli
from session_contract.linting.finding import RULES
from session_contract.linting.protos import Proto, sentences_of_stubs

HOUSE = Path(__file__).resolve().parents[2]
REFERENCES = HOUSE / "reference_impl" / "session_reference"
MEASUREMENT = """
import ni_measurement_plugin_sdk_service as nims
from lock_service import INSTRUMENT_TYPE, LockServiceSessionConstructor

service = nims.MeasurementService(service_config_path="Measure.serviceconfig")


@service.configuration("Pin", nims.DataType.IOResource, "LockPin", instrument_type=INSTRUMENT_TYPE)
def measure(pin):
    with service.context.reserve_session("LockPin") as reservation:
        reservation.initialize_session(LockServiceSessionConstructor(), INSTRUMENT_TYPE)
"""
MEASURE = json.dumps(
    {
        "services": [
            {
                "displayName": "Measure",
                "serviceClass": "acme.Measure",
                "descriptionUrl": "",
                "providedInterfaces": ["ni.measurementlink.measurement.v2.MeasurementService"],
                "path": "start.bat",
            }
        ]
    },
    indent=2,
)
MEASURED = MEASURE[MEASURE.index('"providedInterfaces') : MEASURE.index("]") + 1]
CONFIG, PROTO = "LockService.serviceconfig", "lock_service/lock_service.proto"
CONNECTION, SERVER = "lock_service/connection.py", "lock_service/server.py"
CONSTRUCTOR, TARGET = "lock_service/session_constructor.py", "target.toml"
ABORTS = """
def call(request, context):
    try:
        context.abort(5, "no")
    except Exception:
        pass
"""
DEFAULT = "def connect(client=DiscoveryClient()):\n    return client\n"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a measurement, without faults."""
    project = make(SHAPES["locks"], tmp_path_factory.mktemp("lint"))
    (project / "measurement.py").write_text(MEASUREMENT, "utf-8")
    (project / "Measure.serviceconfig").write_text(MEASURE, "utf-8")
    return project


@pytest.fixture
def copied(original: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "project"))


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command in this process: its exit code, its output, its complaint."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        cli.cli.main(["lint", *arguments], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue()


def spoil(path: Path, old: bytes, new: bytes) -> None:
    """Replace something; an empty ``old`` puts it at the beginning of a file, which may be new."""
    content = path.read_bytes() if path.exists() else b""
    assert old in content
    path.write_bytes(content.replace(old, new, 1) if old else new + content)


FAULTS = [
    ("encoding", CONFIG, b"Lock Service", b"Lock Service \xb0C"),
    ("bom", CONFIG, b"", b"\xef\xbb\xbf"),
    ("bom", "start.bat", b"", b"\xef\xbb\xbf"),
    ("script-lines", "start.sh", b"#!/bin/sh\n", b"#!/bin/sh\r\n"),
    ("config-syntax", CONFIG, b"[", b""),
    ("config-syntax", CONFIG, b'"services"', b'"service"'),
    ("config-comment", "Measure.serviceconfig", b"{", b"{ // mine\n"),
    ("config-key", CONFIG, b'"displayName"', b'"displayname"'),
    ("config-key", CONFIG, b'"serviceClass": "acme.LockServer",', b""),
    ("config-key", CONFIG, b'["lock_service.LockService"]', b"[]"),
    ("config-interfaces", CONFIG, b'["lock_service.LockService"]', b'"lock_service.LockService"'),
    (
        "config-interfaces",
        "Measure.serviceconfig",
        MEASURED.encode(),
        MEASURED.replace("Interfaces", "Interface").translate({91: None, 93: None}).encode(),
    ),
    ("config-version", CONFIG, b"1.0.0", b"1.0"),
    ("config-version", CONFIG, b"1.0.0", b"0.0.1"),
    ("config-path", CONFIG, b"start.bat", b"begin.bat"),
    ("client-service", CONNECTION, b'"acme.LockServer"', b'"acme.Other"'),
    ("client-service", CONNECTION, b'"lock_service.LockService"', b'"lock_service.Lock"'),
    ("proto-name", CONFIG, b'"lock_service.LockService"', b'"locks.LockService"'),
    ("proto-name", SERVER, b'"lock_service.LockService"', b'"LockService"'),
    ("pin-name", "measurement.py", b'reserve_session("LockPin")', b'reserve_session("Lockpin")'),
    ("pin-name", "measurement.py", b'IOResource, "LockPin"', b'IOResource, "Pin1"'),
    ("pin-type", CONSTRUCTOR, b'"LockService"', b'"LockServices"'),
    ("pin-type", "measurement.py", b"instrument_type=INSTRUMENT_TYPE", b'instrument_type="niDMM"'),
    ("pin-map", "station.pinmap", b"</PinMap>", b""),
    ("pin-map", "station.pinmap", b'instrument="Lock1"', b'instrument="Lock2"'),
    ("start-script", "start.sh", b'"$here/lock_service" "$@"', b'"$here/lock" "$@"'),
    ("start-script", "start.bat", b'"%here%lock_service" %*', b'"%here%lock.py" %*'),
    ("start-script", "run.sh", b"", b'cd "$(dirname "$0")"\npython measure.py\n'),
    ("start-script", "run.bat", b"", b"python -m lock_servce\n"),
    ("stale-stubs", PROTO, b"string lock_name = 1;", b"string lock_name = 5;"),
    ("stale-stubs", PROTO, b"  rpc ReadNote (ReadNoteRequest) returns (ReadNoteResponse);\n", b""),
    ("abort-in-try", "extra.py", b"", ABORTS.encode()),
    ("default-client", "extra.py", b"", DEFAULT.encode()),
    ("target-file", TARGET, b"", b"[limit]\ncall = 1\n"),
    ("target-file", TARGET, b"lock_service/lock_service.proto", b"lock.proto"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "old", "new"), FAULTS)
def test___fault___looked_for___is_found_where_it_is(
    copied: Path, rule: str, name: str, old: bytes, new: bytes
) -> None:
    spoil(copied / name, old, new)

    code, out, _ = run(str(copied), "--json")

    found = json.loads(out)["findings"]
    named = [each for each in found if each["rule"] == rule]
    assert code == 1
    assert named, found
    assert named[0]["file"].endswith(f"project/{name}")
    assert named[0]["line"] >= 1
    assert named[0]["fix"]
    assert named[0]["why"] == RULES[rule].why
    # A wrong gRPC name is also one that no client asks for; nothing else has two faults.
    allowed = {rule, "client-service"} if rule in ("proto-name", "config-key") else {rule}
    assert {each["rule"] for each in found} <= allowed


def test___rules___looked_at___each_has_a_fault_that_shows_it() -> None:
    assert {fault[0] for fault in FAULTS} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "name", "old", "new"), [f for f in FAULTS if RULES[f[0]].is_mended]
)
def test___fault_that_is_plain___mended___is_gone_unless_it_is_not_plain(
    copied: Path, rule: str, name: str, old: bytes, new: bytes
) -> None:
    del rule
    spoil(copied / name, old, new)
    findings = json.loads(run(str(copied), "--json")[1])["findings"]

    code, out, _ = run(str(copied), "--fix", "--json")

    assert code == int(not findings[0]["fixable"])
    assert len(json.loads(out)["mended"]) == (1 if findings[0]["fixable"] else 0)


def test___project___without_faults___nothing_is_found(original: Path) -> None:
    assert run(str(original)) == (0, "Nothing found.\n", "")


OURS = [
    *sorted({REFERENCES, *(path.parent for path in REFERENCES.glob("*/*.serviceconfig"))}),
    *sorted(path.parent for path in HOUSE.glob("examples/*/README.md")),
    HOUSE / "examples",
    HOUSE / "contract_tests" / "targets",
]


@pytest.mark.parametrize("place", OURS, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test___reference_or_example___looked_through___nothing_is_found(place: Path) -> None:
    assert run(str(place)) == (0, "Nothing found.\n", "")


def test___task_of_an_editor___given_what_is_found___knows_file_line_and_rule(
    copied: Path,
) -> None:
    tasks = json.loads((copied / ".vscode" / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    (pattern,) = (t["problemMatcher"]["pattern"] for t in tasks if t["label"] == "files")
    spoil(copied / CONFIG, b'"1.0.0"', b'"1.0"')

    _, out, _ = run(str(copied))

    (found,) = re.finditer(pattern["regexp"], out, re.MULTILINE)
    parts = [found[pattern[part]] for part in ("file", "line", "code", "message")]
    assert Path(parts[0]).name == CONFIG
    assert parts[1].isdigit()
    assert parts[2:] == ["config-version", "version is '1.0', not of the form 1.2.3 or 1.2.3.4"]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test___new_project___looked_through___nothing_is_found(shape: str, tmp_path: Path) -> None:
    assert run(str(make(shape, tmp_path))) == (0, "Nothing found.\n", "")


RIGHT = """
def abort_in_handler(context):
    try:
        work()
    except Exception:
        context.abort(5, "no")

def narrow(context):
    try:
        context.abort(5, "no")
    except KeyError:
        pass

def raised_again(context):
    try:
        context.abort(5, "no")
    except Exception:
        raise

def only_defined(context):
    try:
        def inner():
            context.abort(5, "no")
    except Exception:
        pass

def made_in_the_body(client=None):
    return client or DiscoveryClient()

client.resolve_service("nidmm_grpc.NiDmm", "ni.measurementlink.v1.grpcdeviceserver")
"""


@pytest.mark.parametrize("code", [RIGHT, "this is no Python"])
def test___code_that_is_right___looked_through___nothing_is_found(copied: Path, code: str) -> None:
    (copied / "extra.py").write_text(code, "utf-8")

    assert run(str(copied))[0] == 0


@pytest.mark.parametrize(
    "script", ["cd server\npython main.py\n", "echo python main.py\n", "python -m pip install x\n"]
)
def test___script_that_is_right___looked_through___nothing_is_found(
    copied: Path, script: str
) -> None:
    (copied / "more.sh").write_text(script, "utf-8")

    assert run(str(copied))[0] == 0


def test___proto_of_the_same_name_elsewhere___looked_through___needs_no_stubs(copied: Path) -> None:
    other = copied / "other" / "lock_service.proto"
    other.parent.mkdir()
    other.write_text('syntax = "proto3"; message Other {}', "utf-8")

    assert run(str(copied))[0] == 0


def test___finding___printed___says_place_reason_and_fix_and_can_be_ignored(copied: Path) -> None:
    (copied / "extra.py").write_text(ABORTS, "utf-8")

    code, out, _ = run(str(copied))

    assert code == 1
    assert re.search(r"project/extra\.py:4: \[abort-in-try\] ", out)
    assert "    why: " in out
    assert "    fix: " in out
    assert out.endswith("1 finding.\n")
    assert run(str(copied), "--ignore", "abort-in-try")[0] == 0


def test___rules___asked_for___are_explained() -> None:
    code, out, _ = run("--rules")

    assert code == 0
    assert all(f"{rule.id}: {rule.title}" in out for rule in RULES.values())
    assert [each["id"] for each in json.loads(run("--rules", "--json")[1])] == list(RULES)


@pytest.mark.parametrize("arguments", [["no such folder"], [".", "--ignore", "no-such-rule"]])
def test___wrong_usage___exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("*/*.proto")), ids=lambda p: p.stem)
def test___proto___read___says_what_its_descriptor_says(path: Path) -> None:
    from importlib import import_module

    stubs = import_module(f"session_reference.{path.parent.name}.stubs.{path.stem}_pb2")

    sentences = set(Proto(path, path.read_text("utf-8")).sentences)

    assert sentences == sentences_of_stubs(stubs.DESCRIPTOR.serialized_pb)
