"""The descriptors of the drivers' RPCs, read from the installed packages without importing them.

They go into a pool of their own: the packages put theirs into the default pool of the process,
and other packages of NI's have files of the same names with other contents.
"""

from __future__ import annotations

import ast
import re
import threading
from functools import cache
from importlib import import_module
from typing import NamedTuple

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from session_fakes.device.drivers import UTILITIES, Driver, file_of
from session_fakes.errors import FakeError

__all__ = ["DriverService", "driver_service", "utilities_service"]

_LITERAL = re.compile(
    rb"AddSerializedFile\(\s*(b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\")", re.DOTALL
)
_SESSION_PROTO = "session.proto"

_lock = threading.RLock()
_pool = DescriptorPool()
"""What was read once; descriptors never change."""
_classes: dict[str, type[Message]] = {}
"""Those of messages inside of messages, by their full names."""


class DriverService(NamedTuple):
    """A gRPC service, and which of its RPCs answer with a stream."""

    descriptor: ServiceDescriptor
    streams: frozenset[str]


@cache
def driver_service(driver: Driver) -> DriverService:
    """The gRPC service of an installed driver."""
    with _lock:
        proto = _add(driver.stubs, f"{driver.stubs.rpartition('.')[0]}.")
        (service,) = proto.service
        streams = frozenset(m.name for m in service.method if m.server_streaming)
        return _kept(DriverService(_pool.FindServiceByName(driver.interface), streams))


@cache
def utilities_service() -> DriverService:
    """The device server's own service; it comes with every driver."""
    with _lock:
        _depend(_SESSION_PROTO, "")
        return _kept(DriverService(_pool.FindServiceByName(UTILITIES), frozenset()))


def _kept(service: DriverService) -> DriverService:
    """The service, after keeping the classes of the messages inside of its messages.

    Before 4.25 protobuf crashes when the class of a field's message was collected as garbage.
    """
    waiting = [kind for m in service.descriptor.methods for kind in (m.input_type, m.output_type)]
    while waiting:
        for field in waiting.pop().fields:
            kind = field.message_type
            if kind is not None and kind.full_name not in _classes:
                _classes[kind.full_name] = GetMessageClass(kind)
                waiting.append(kind)
    return service


def _add(module: str, beside: str) -> FileDescriptorProto:
    """Add what a generated module describes, and first all that it depends on."""
    data = _serialized(module)
    proto = FileDescriptorProto.FromString(data)
    for name in proto.dependency:
        _depend(name, beside)
    _pool.AddSerializedFile(data)  # type: ignore[no-untyped-call, unused-ignore]
    return proto


def _depend(name: str, beside: str) -> None:
    if _is_known(name):
        return
    module = name.removesuffix(".proto").replace("/", ".") + "_pb2"
    if name.startswith("google/"):
        _pool.AddSerializedFile(import_module(module).DESCRIPTOR.serialized_pb)  # type: ignore[no-untyped-call, unused-ignore]
        return
    _add(module if file_of(module) else beside + module, beside)


def _is_known(name: str) -> bool:
    try:
        _pool.FindFileByName(name)
    except KeyError:
        return False
    return True


def _serialized(module: str) -> bytes:
    path = file_of(module)
    if path is None:
        raise FakeError(f"{module} is not installed: pip install session-contract[drivers]")
    found = _LITERAL.search(path.read_bytes())
    if found is None:
        raise FakeError(
            f"{path} holds no descriptors as this kit knows them. Install another version of the "
            "package, or report it."
        )
    data: bytes = ast.literal_eval(found[1].decode("ascii"))
    return data
