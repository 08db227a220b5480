"""The interfaces of the profiles: our protos, whatever a target's own look like.

They are compiled into a pool of their own, so that a target's Python code may bring the same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from session_contract import copying
from session_contract.subject.descriptors import load_shapes
from session_contract.subject.target import Descriptors


@dataclass(frozen=True)
class Profile:
    """Which reference server a profile is of."""

    reference: str
    proto: str
    initialize: str
    close: str

    def service(self) -> ServiceDescriptor:
        """The service of its proto."""
        return _service(self.reference, self.proto)


PROFILES: Mapping[str, Profile] = {
    "file-logger": Profile("file_logger", "json_logger.proto", "InitializeFile", "CloseFile"),
    "custom-instrument": Profile(
        "custom_instrument", "device_comm_service.proto", "Initialize", "Close"
    ),
}
"""By the name of the class."""


@lru_cache
def _service(reference: str, proto: str) -> ServiceDescriptor:
    path = copying.reference() / reference / proto
    with grpc.insecure_channel("127.0.0.1:1") as nobody:  # which a .proto does not ask
        (service,) = load_shapes(Descriptors(str(path)), nobody, 0).services
    return service


class Stub:
    """The stub of a service, with a call for each RPC, as protoc makes them."""

    service: ServiceDescriptor

    def __init__(self, channel: grpc.Channel) -> None:
        """Call through this channel."""
        on: Any = channel
        for method in self.service.methods:
            call = on.unary_unary(
                f"/{self.service.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, call)

    def request(self, rpc: str, **fields: object) -> Message:
        """The request of an RPC."""
        return GetMessageClass(self.service.methods_by_name[rpc].input_type)(**fields)


def stub_class(profile: Profile) -> type[Stub]:
    """The class of the stubs of a profile."""
    service = profile.service()
    return type(f"{service.name}Stub", (Stub,), {"service": service})
