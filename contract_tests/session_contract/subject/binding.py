"""Says the calls of the model in the words of a target, and reads its answers."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError

from session_contract.subject.fields import NUMBERS, Path
from session_contract.subject.inferring import (
    OnSession,
    Opening,
    infer_close,
    infer_opening,
    infer_use,
)
from session_contract.subject.target import Target, TargetError
from session_contract.subject.templates import changed, filled
from session_spec.matrix import Behavior
from session_spec.model import OK, Answer, Call, Close, Initialize

_MADE_UP = 1_000_000_000
"""Where ids begin that nobody was given, for servers that count: far from what they reach."""


class Binding:
    """A target's words: its RPCs, their fields, and the numbers of the behaviours."""

    def __init__(self, target: Target, services: Sequence[ServiceDescriptor]) -> None:
        """Infer what the target does not say; raise TargetError where that leaves a doubt."""
        grpc_device = target.dialect == "grpc-device"
        self.opening = infer_opening(services, target.names, grpc_device=grpc_device)
        self.close = infer_close(self.opening, target.names)
        self.uses = [infer_use(self.opening, use) for use in target.uses]
        self._configuration = target.configuration
        self._requests = [use.request for use in target.uses]
        self._check(target)

    @property
    def service(self) -> str:
        """The full name of the service."""
        return str(self.opening.method.containing_service.full_name)

    @property
    def numeric_ids(self) -> bool:
        """Whether ids are numbers on the wire; 0 is then the empty one."""
        return self.opening.session.field.type in NUMBERS

    @property
    def has_configuration(self) -> bool:
        """Whether Initialize takes anything besides the resource and the behaviour."""
        return len(self.opening.method.input_type.fields) > 2

    def method(self, call: Call, use: int = 0) -> str:
        """The full gRPC name of the RPC."""
        method = self._rpc(call, use).method
        return f"/{method.containing_service.full_name}/{method.name}"

    def request(
        self, call: Call, configuration: Mapping[str, object], use: int, value: str
    ) -> bytes:
        """The request, serialized; a TargetError when a field of it does not fit."""
        if isinstance(call, Initialize):
            return self._initialize(call, {**self._configuration, **configuration})
        rpc = self._rpc(call, use)
        fields: Mapping[str, object] = {} if isinstance(call, Close) else self._requests[use]
        message = _filled(rpc.method, filled(fields, {"value": value}), "[[use]] request")
        self._name_session(rpc.session, message, call.session)
        return bytes(message.SerializeToString())

    def answer(self, call: Call, response: bytes, use: int) -> tuple[Answer, str]:
        """The answer of an OK call, and what a use read; ValueError when it cannot be parsed."""
        rpc = self._rpc(call, use)
        try:
            message = _message_class(rpc.method.output_type).FromString(response)
        except DecodeError:
            raise ValueError(f"the answer is no {rpc.method.output_type.name}") from None
        if isinstance(rpc, Opening):
            session = str(rpc.session.get(message) or "")
            return Answer(OK, session, bool(rpc.new.get(message))), ""
        return Answer(OK), _text(rpc.answer.get(message)) if rpc.answer else ""

    def _rpc(self, call: Call, use: int) -> Opening | OnSession:
        if isinstance(call, Initialize):
            return self.opening
        return self.close if isinstance(call, Close) else self.uses[use]

    def _initialize(self, call: Initialize, configuration: Mapping[str, object]) -> bytes:
        message = _filled(self.opening.method, configuration, "[initialize]")
        self.opening.resource.set(message, call.resource)
        number = self.opening.numbers.get(call.behavior)  # type: ignore[call-overload]
        if number is None:
            return bytes(message.SerializeToString()) + self._unknown(call.behavior)
        self.opening.behavior.set(message, number)
        return bytes(message.SerializeToString())

    def _unknown(self, behavior: int) -> bytes:
        """The field with a behaviour that nobody knows, for a server with any idea of enums."""
        path = self.opening.behavior
        enum = path.field.enum_type
        known = {v.number for v in enum.values} if enum else set(self.opening.numbers.values())
        number = behavior if behavior not in known else behavior + max(known) + 1
        data = _varint(number % 2**64)
        for step in reversed(path.steps):
            inner = data if step is path.field else _varint(len(data)) + data
            data = _varint(step.number << 3 | (0 if step is path.field else 2)) + inner
        return data

    def _name_session(self, path: Path, message: Any, session: str) -> None:  # noqa: ANN401
        """Put an id into a request; where ids are numbers, any text that is none becomes one."""
        if not self.numeric_ids:
            path.set(message, session)
            return
        made_up = _MADE_UP + zlib.crc32(session.encode()) % 2**30 if session else 0
        try:
            number = int(session)
            path.set(message, number if str(number) == session else made_up)
        except ValueError:
            path.set(message, made_up)

    def _check(self, target: Target) -> None:
        """Try each request once, so that what does not fit is told before a check begins."""
        self.request(Initialize("resource", Behavior.UNSPECIFIED), {}, 0, "")
        _filled(self.opening.method, target.bad_configuration, "[initialize.bad]")
        _filled(self.opening.method, target.slow_configuration, "[initialize.slow]")
        for rpc, request in zip(self.uses, self._requests, strict=True):
            _filled(rpc.method, filled(request, {"value": "1"}), "[[use]] request")


def _filled(method: MethodDescriptor, fields: Mapping[str, object], where: str) -> Any:  # noqa: ANN401
    """A request with these fields."""
    message = _message_class(method.input_type)()
    if not fields:
        return message
    try:
        return json_format.ParseDict(changed(fields, _as_json), message)
    except json_format.ParseError as error:
        raise TargetError(
            f"{where} does not fit {method.input_type.full_name}: {error}. Its fields are "
            f"{', '.join(field.name for field in method.input_type.fields)}."
        ) from None


def _message_class(descriptor: Any) -> Any:  # noqa: ANN401 - classes made at run time
    return message_factory.GetMessageClass(descriptor)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_json(leaf: object) -> object:
    """What TOML can say and JSON cannot: moments."""
    return leaf.astimezone().isoformat() if isinstance(leaf, datetime) else leaf


def _varint(number: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, the lowest first."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])
