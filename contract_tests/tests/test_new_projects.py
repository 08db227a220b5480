"""Projects of several shapes are green before anybody edits them; so is one that was renamed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from new_projects.check import NEW_NAMES, SHAPES, commands, make, rename, run
from session_contract.linting.checking import check
from session_contract.linting.files import Project

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
CONTRACT = "session-contract run --target target.toml"
pytestmark = pytest.mark.timeout(600)  # a project is made, and much is run in it


@pytest.fixture(scope="module", params=list(SHAPES.values()), ids=list(SHAPES))
def new_project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as it was made."""
    return make(request.param, tmp_path_factory.mktemp("new"))


def test___project___its_tests_run___pass(new_project: Path) -> None:
    run(PYTEST, new_project)


def test___project___its_stubs_compared___are_what_the_proto_says(new_project: Path) -> None:
    run([sys.executable, "make_stubs.py", "--check"], new_project)


def test___project___its_style_checked___is_right(new_project: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if not ruff:
        pytest.skip("ruff is not installed here; nox -s scaffold has it")

    run([ruff, "check", "--no-cache", "."], new_project)
    run([ruff, "format", "--no-cache", "--check", "."], new_project)


def test___readme___its_checks___are_those_of_ci(new_project: Path) -> None:
    workflow = (new_project / ".github" / "workflows" / "contract.yml").read_text("utf-8")

    _, *checks = commands(new_project, "Check")
    assert checks[-1] == CONTRACT
    assert [f"run: {check}" for check in checks if f"run: {check}\n" not in workflow] == []


FOLLOWED = """
import pathlib, subprocess, sys
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    PinMapContext,
    SessionManagementClient,
)
from session_fakes.station import FakeStation

address, plug_in = sys.argv[1:]
with FakeStation("station.pinmap") as station, station.installed(), GrpcChannelPool() as pool:
    discovery = ["--discovery-address", station.discovery_address]
    server = subprocess.Popen(
        [sys.executable, "lock_service", *discovery, "--port", "0", "--ready-file", "ready"],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        assert any("Registered" in line for line in server.stdout)
        port = pathlib.Path("ready").read_text().strip().rpartition(":")[2]
        exec(address.replace("50051", port))
        manager = SessionManagementClient(grpc_channel_pool=pool)

        class Context:
            def reserve_session(self, pin):
                return manager.reserve_session(PinMapContext(station.pin_map_id, None), pin)

        exec(plug_in, {"context": Context()})
    finally:
        server.terminate()
        server.communicate()
"""
"""Has a server run, as the README of a project says, and two pieces of Python given to it."""


def test___readme___its_python___works(tmp_path: Path) -> None:
    project = make(SHAPES["locks"], tmp_path)
    readme = (project / "README.md").read_text(encoding="utf-8")

    address, plug_in = re.findall("^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)

    run([sys.executable, "-c", FOLLOWED, address, plug_in], project)


def test___project___judged___meets_the_contract(tmp_path: Path) -> None:
    project = make(SHAPES["locks"], tmp_path)
    program, *words = CONTRACT.split()

    run([str(Path(sys.executable).with_name(program)), *words, "--quick"], project)


def test___project___renamed_as_its_readme_says___passes(tmp_path: Path) -> None:
    project = make(SHAPES["locks"], tmp_path)
    (project / "lock_service" / "__pycache__").mkdir()
    (project / "lock_service" / "__pycache__" / "x.pyc").write_bytes(b"\xa7lock_service")

    rename(project, NEW_NAMES)
    run([sys.executable, *commands(project, "Rename it")[0].split()[1:]], project)

    run(PYTEST, project)
    run([sys.executable, "make_stubs.py", "--check"], project)
    left = [p for p in project.rglob("*") if "lock_service" in str(p.relative_to(project))]
    assert left == []
    assert (project / "GateKeeper.serviceconfig").exists()
    assert check(Project(project)) == []


def test___proto___changed___stubs_are_said_to_be_old(tmp_path: Path) -> None:
    project = make(SHAPES["bare and short"], tmp_path)
    proto = project / "db2" / "db2.proto"
    proto.write_text(proto.read_text("utf-8").replace("string d = 1;", "string d = 7;"), "utf-8")
    (project / "db2" / "stubs" / "gone_pb2.py").touch()
    make_stubs = [sys.executable, "make_stubs.py"]

    with pytest.raises(RuntimeError, match=r"Not what the \.proto says: db2_pb2\.py, gone_pb2\.py"):
        run([*make_stubs, "--check"], project)
    run(make_stubs, project)

    run([*make_stubs, "--check"], project)
    assert not (project / "db2" / "stubs" / "gone_pb2.py").exists()


MUCH = """
syntax = "proto3";
package much;
import "google/protobuf/empty.proto";
import "google/protobuf/timestamp.proto";
import "other.proto";
message Outer {
  message Inner { string text = 1; }
  map<string, Inner> inners = 1;
  google.protobuf.Timestamp when = 2;
  oneof either { other.Thing thing = 3; int32 number = 4; }
}
service Much {
  rpc Ask (google.protobuf.Empty) returns (Outer.Inner);
  rpc Watch (other.Thing) returns (stream Outer);
  rpc Send (stream Outer) returns (google.protobuf.Empty);
  rpc Talk (stream Outer.Inner) returns (stream Outer.Inner);
}
"""
SERVED = """
from concurrent.futures import ThreadPoolExecutor
import grpc
from google.protobuf.empty_pb2 import Empty
from db2.stubs import much_pb2, much_pb2_grpc, other_pb2

class Servicer(much_pb2_grpc.MuchServicer):
    def Ask(self, request, context):
        return much_pb2.Outer.Inner(text="asked")
    def Watch(self, request, context):
        yield much_pb2.Outer(thing=request, inners={"one": much_pb2.Outer.Inner(text="1")})
    def Talk(self, requests, context):
        yield from requests

server = grpc.server(ThreadPoolExecutor(4))
much_pb2_grpc.add_MuchServicer_to_server(Servicer(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
stub = much_pb2_grpc.MuchStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
assert stub.Ask(Empty()).text == "asked"
(seen,) = stub.Watch(other_pb2.Thing(name="it"))
assert seen.WhichOneof("either") == "thing" and seen.inners["one"].text == "1"
assert [i.text for i in stub.Talk(iter([much_pb2.Outer.Inner(text="a")]))] == ["a"]
try:
    stub.Send(iter([seen]))
except grpc.RpcError as error:
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
else:
    raise AssertionError("it is not implemented")
"""


@pytest.mark.parametrize("protobuf", ["upb", "python"])
def test___proto_that_says_much___made_into_stubs___works(tmp_path: Path, protobuf: str) -> None:
    project = make(SHAPES["bare and short"], tmp_path)
    package = project / "db2"
    (package / "much.proto").write_text(MUCH, "utf-8")
    (package / "other.proto").write_text(
        'syntax = "proto3"; package other; message Thing { string name = 1; }', "utf-8"
    )
    (project / "served.py").write_text(
        f'import os\nos.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "{protobuf}"\n{SERVED}'
    )

    run([sys.executable, "make_stubs.py"], project)

    run([sys.executable, "served.py"], project)
    types = (package / "stubs" / "much_pb2.pyi").read_text("utf-8")
    assert "from . import other_pb2 as _other_pb2" in types
