"""The services that a client knows: of a .proto, a descriptor set, or its Python stubs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from session_contract.clients.loading import PYTHON_STUBS
from session_contract.clients.target import ClientTarget, PythonClient
from session_contract.subject.descriptors import load_shapes
from session_contract.subject.target import Descriptors, TargetError

_WITHIN = 60.0
_DUMP = """
import importlib, sys
from google.protobuf import descriptor_pb2
sys.path.insert(0, sys.argv[2])
files, todo = {}, [importlib.import_module(sys.argv[1]).DESCRIPTOR]
while todo:
    file = todo.pop()
    if file.name not in files:
        files[file.name] = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(files[file.name])
        todo += file.dependencies
every = descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString()
open(sys.argv[3], "wb").write(every)
"""
"""Writes the descriptors of a module of stubs, with those that it imports."""


def services_of(target: ClientTarget) -> Sequence[ServiceDescriptor]:
    """The services in the descriptors of a target; a TargetError when they are not to be had."""
    source = target.descriptors.source
    # No server is asked: the channel is never used.
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        if not source.startswith(PYTHON_STUBS):
            return load_shapes(target.descriptors, channel, 1).services
        with tempfile.TemporaryDirectory(prefix="contract-") as folder:
            path = Path(folder) / "stubs.binpb"
            _dump(source.removeprefix(PYTHON_STUBS), target, path)
            return load_shapes(Descriptors(str(path)), channel, 1).services


def _dump(module: str, target: ClientTarget, path: Path) -> None:
    """Write the descriptors of stubs, by the Python that has them: its pool is no one else's."""
    driver = target.driver
    python = driver.python if isinstance(driver, PythonClient) else sys.executable
    folder = str(driver.folder.resolve())
    try:
        done = subprocess.run(
            [python, "-c", _DUMP, module, folder, str(path)],
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"[client] python: {python} cannot be run: {error}.") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        raise TargetError(
            f"[descriptors] source: the stubs {module} cannot be read by {python}: "
            f"{' '.join(said)}. Name a module with a DESCRIPTOR, such as my_package.my_pb2."
        )
