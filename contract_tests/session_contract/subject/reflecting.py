"""Asks a server for its descriptors by gRPC reflection, version 1 or the older v1alpha.

A client of our own: the package of grpcio needs another protobuf than a plug-in may have, and
speaks v1alpha only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import grpc
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from session_contract.subject.target import TargetError, Unreachable

_PROTO = """
name: "kit/reflection.proto" package: "kit" syntax: "proto3"
message_type { name: "Request"
  field { name: "file_by_filename" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL
    oneof_index: 0 }
  field { name: "file_containing_symbol" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL
    oneof_index: 0 }
  field { name: "list_services" number: 7 type: TYPE_STRING label: LABEL_OPTIONAL
    oneof_index: 0 }
  oneof_decl { name: "question" } }
message_type { name: "Response"
  field { name: "files" number: 4 type: TYPE_MESSAGE type_name: ".kit.Files"
    label: LABEL_OPTIONAL }
  field { name: "services" number: 6 type: TYPE_MESSAGE type_name: ".kit.Services"
    label: LABEL_OPTIONAL }
  field { name: "error" number: 7 type: TYPE_MESSAGE type_name: ".kit.Error"
    label: LABEL_OPTIONAL } }
message_type { name: "Files"
  field { name: "file" number: 1 type: TYPE_BYTES label: LABEL_REPEATED } }
message_type { name: "Services"
  field { name: "service" number: 1 type: TYPE_MESSAGE type_name: ".kit.Service"
    label: LABEL_REPEATED } }
message_type { name: "Service"
  field { name: "name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Error"
  field { name: "message" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
"""
"""What we need of the messages of reflection, which are the same in both versions."""

_METHODS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
_GIVE = 'give its .proto: [descriptors] source = "my.proto", or --proto my.proto'

Ask = Callable[[str, str], Any]


def reflected(channel: grpc.Channel, timeout: float) -> dict[str, FileDescriptorProto]:
    """Ask for all files of all services of the server, by their names.

    Raises:
        TargetError: The server offers no reflection, or answers nonsense.
        Unreachable: It does not answer.
    """
    files: dict[str, FileDescriptorProto] = {}
    try:
        ask, listed = _find_version(channel, timeout)
        for service in listed.services.service:
            if not service.name.startswith("grpc."):
                _take(ask("file_containing_symbol", service.name), files)
        _complete(ask, files)
    except grpc.RpcError as error:
        raise Unreachable(f"The server does not answer reflection: {_said(error)}.") from None
    except DecodeError:
        raise TargetError(f"The server's reflection cannot be read; {_GIVE}.") from None
    return files


def _find_version(channel: grpc.Channel, timeout: float) -> tuple[Ask, Any]:
    """The way to ask this server, and the list of its services."""
    request, response = _messages()
    for method in _METHODS:
        ask = _asker(channel, method, request, response, timeout)
        try:
            return ask, ask("list_services", "*")
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
    raise TargetError(f"The server offers no reflection; {_GIVE}.")


def _messages() -> tuple[Any, Any]:
    pool = descriptor_pool.DescriptorPool()
    file = text_format.Parse(_PROTO, FileDescriptorProto())
    pool.AddSerializedFile(file.SerializeToString())
    request, response = (pool.FindMessageTypeByName(f"kit.{n}") for n in ("Request", "Response"))
    return message_factory.GetMessageClass(request), message_factory.GetMessageClass(response)


def _asker(
    channel: grpc.Channel,
    method: str,
    request: Any,  # noqa: ANN401 - message classes are made at run time
    response: Any,  # noqa: ANN401
    timeout: float,
) -> Ask:
    stream = cast("Any", channel).stream_stream(method)

    def ask(question: str, about: str) -> Any:  # noqa: ANN401
        asked = request(**{question: about}).SerializeToString()
        call = stream(iter([asked]), timeout=timeout)
        answer = next(call, None)
        call.cancel()
        if answer is None:
            raise TargetError(f"The server's reflection ends without an answer; {_GIVE}.")
        return response.FromString(answer)

    return ask


def _take(answer: Any, files: dict[str, FileDescriptorProto]) -> None:  # noqa: ANN401
    """Keep the files of an answer; one that has none changes nothing."""
    for content in answer.files.file:
        file = FileDescriptorProto.FromString(content)
        files.setdefault(file.name, file)


def _complete(ask: Ask, files: dict[str, FileDescriptorProto]) -> None:
    """Ask for what is imported and did not come along; what is not to be had is left out."""
    asked: set[str] = set()
    while missing := {d for f in files.values() for d in f.dependency} - set(files) - asked:
        for name in sorted(missing):
            _take(ask("file_by_filename", name), files)
        asked |= missing


def _said(error: grpc.RpcError) -> str:
    code: grpc.StatusCode = error.code()
    return f"{code.name} {error.details() or ''}".strip()
