"""Learns what a target's messages look like: from the server itself, a .proto or a descriptor set.

All of it goes into a pool of its own, so that a foreign package never meets one of ours that has
the same name.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from session_contract.subject.reflecting import reflected
from session_contract.subject.target import Descriptors, TargetError

_GIVE = 'give a .proto: [descriptors] source = "my.proto"'
_INSTALL = 'install the kit with what it needs for that: pip install "session-contract[contract]"'


@dataclass(frozen=True)
class Shapes:
    """The services of a target, with their messages."""

    services: tuple[ServiceDescriptor, ...]
    origin: str
    """Where they are known from, in words."""


def load_shapes(descriptors: Descriptors, channel: grpc.Channel, timeout: float) -> Shapes:
    """Get the descriptors of a target.

    Args:
        descriptors: Where from.
        channel: Leads to the server, which is asked only if it has to be.
        timeout: Seconds for an answer.

    Raises:
        TargetError: They are not to be had from there.
        Unreachable: The server does not answer.
    """
    if descriptors.source == "reflection":
        return _shapes(reflected(channel, timeout), "reflection")
    path = Path(descriptors.source)
    if not path.is_file():
        raise TargetError(f"[descriptors] source: there is no file {path}; name one that is there.")
    files = _compiled(path, descriptors.include) if path.suffix == ".proto" else _read(path)
    return _shapes(files, path.name)


def _shapes(files: Mapping[str, FileDescriptorProto], origin: str) -> Shapes:
    pool = descriptor_pool.DescriptorPool()
    added: dict[str, FileDescriptor] = {}
    for name in files:
        _add(name, files, pool, added)
    names = [
        f"{file.package}.{service.name}".lstrip(".")
        for file in files.values()
        for service in file.service
    ]
    services = [pool.FindServiceByName(name) for name in names if not name.startswith("grpc.")]
    if not services:
        raise TargetError(f"There is no service in {origin}; {_GIVE} of the server.")
    return Shapes(tuple(services), origin)


def _add(
    name: str,
    files: Mapping[str, FileDescriptorProto],
    pool: descriptor_pool.DescriptorPool,
    added: dict[str, FileDescriptor],
) -> None:
    """Put a file into the pool, after those that it imports."""
    if name in added:
        return
    file = files.get(name) or _well_known(name)
    for imported in file.dependency:
        _add(imported, files, pool, added)
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except TypeError as error:
        raise TargetError(f"The descriptors of {name} contradict themselves: {error}.") from None
    added[name] = pool.FindFileByName(name)


def _well_known(name: str) -> FileDescriptorProto:
    """A file of protobuf itself, which many leave out."""
    file = FileDescriptorProto()
    if name.startswith("google/protobuf/"):
        try:
            module = import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
        except ImportError:
            pass
        else:
            module.DESCRIPTOR.CopyToProto(file)
            return file
    raise TargetError(
        f"The descriptors leave out {name}, which others of them import: make the set with "
        f"protoc --include_imports, or {_GIVE}."
    )


def _read(path: Path) -> dict[str, FileDescriptorProto]:
    """Read a descriptor set."""
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise TargetError(
            f"{path} is no descriptor set ({error}): make one with "
            f"protoc --include_imports --descriptor_set_out={path.name}, or {_GIVE}."
        ) from None
    return _by_name(files.file)


def _compiled(path: Path, include: Iterable[Path]) -> dict[str, FileDescriptorProto]:
    """Compile a .proto, in a process of its own: protoc knows no other way to say what is wrong."""
    if importlib.util.find_spec("grpc_tools") is None:
        raise TargetError(f"To read {path.name}, grpcio-tools is missing: {_INSTALL}.")
    folders = [folder.resolve() for folder in include]
    inside = [folder for folder in folders if path.resolve().is_relative_to(folder)]
    if not inside:
        folders.append(path.resolve().parent)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "set"
        flags = [f"-I{folder}" for folder in folders]
        protoc = [sys.executable, "-m", "grpc_tools.protoc", *flags, "--include_imports"]
        done = subprocess.run(
            [*protoc, f"--descriptor_set_out={result}", str(path.resolve())],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return _read(result)
    raise TargetError(
        f"protoc refuses {path.name}:\n{done.stderr.strip()}\n"
        'Folders of files that it imports: [descriptors] include = ["..."]'
    )


def _by_name(files: Iterable[FileDescriptorProto]) -> dict[str, FileDescriptorProto]:
    return {file.name: file for file in files}
