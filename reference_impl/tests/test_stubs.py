"""The stubs say what the .proto files say; ``nox -s protos`` compares them byte by byte."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

REFERENCE = Path(__file__).parents[1] / "session_reference"
PROTOS = sorted(REFERENCE.glob("*/*.proto"))
of_each_proto = pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)


def compiled(proto: Path, folder: Path) -> FileDescriptorProto:
    """What a .proto file says today."""
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    (google,) = pytest.importorskip("grpc_tools").__path__
    target = folder / "set"
    places = [f"-I{proto.parent}", f"-I{Path(google) / '_proto'}"]
    assert protoc.main(["protoc", *places, f"--descriptor_set_out={target}", proto.name]) == 0
    (file,) = FileDescriptorSet.FromString(target.read_bytes()).file
    for message in file.message_type:
        forget_json_names(message)
    return file


def forget_json_names(message: DescriptorProto) -> None:
    """Stubs leave out what follows from the names."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        forget_json_names(nested)


def stubs(proto: Path) -> str:
    return f"session_reference.{proto.parent.name}.stubs.{proto.stem}_pb2"


@of_each_proto
def test___stubs___compared_with_the_proto___say_the_same(proto: Path, tmp_path: Path) -> None:
    descriptor = import_module(stubs(proto)).DESCRIPTOR
    assert isinstance(descriptor, FileDescriptor)

    assert FileDescriptorProto.FromString(descriptor.serialized_pb) == compiled(proto, tmp_path)


@of_each_proto
def test___stubs___looked_at___are_complete_and_import_each_other_relatively(proto: Path) -> None:
    folder = proto.parent / "stubs"

    names = {path.name for path in folder.iterdir() if path.suffix in (".py", ".pyi")}
    assert names == {
        "__init__.py",
        *(f"{proto.stem}_pb2{rest}" for rest in (".py", ".pyi", "_grpc.py", "_grpc.pyi")),
    }
    for path in folder.glob("*_pb2_grpc.py*"):
        text = path.read_text("utf-8")
        assert f"from . import {proto.stem}_pb2" in text
        assert not re.search(rf"^import {proto.stem}", text, re.MULTILINE)
