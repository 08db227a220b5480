"""A service from its server's side: reads requests, and writes answers, in the target's words."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError

from session_contract.subject.fields import NUMBERS
from session_contract.subject.inferring import infer_close, infer_opening, takes_session
from session_contract.subject.target import Names, TargetError
from session_spec.model import Close, Initialize

_FOREIGN = 1000
"""Added to a number that means nothing to the service, and would mean a behaviour elsewhere."""


class Words:
    """What a service calls Initialize and Close, and how it says them."""

    def __init__(
        self,
        services: Sequence[ServiceDescriptor],
        names: Names,
        answers: Mapping[str, Mapping[str, object]],
    ) -> None:
        """Infer what the target does not say; raise TargetError where that leaves a doubt."""
        self.opening = infer_opening(services, names, grpc_device=False)
        self.close = infer_close(self.opening, names)
        self.service: ServiceDescriptor = self.opening.method.containing_service
        self._behaviors = {int(number): int(b) for b, number in self.opening.numbers.items()}
        self._answers = {
            method.name: _answer(method, answers.get(method.name, {}))
            for method in self.service.methods
        }
        for rpc in answers:
            if rpc not in self._answers:
                there = ", ".join(self._answers)
                raise TargetError(f"[answers] {rpc}: {self.service.full_name} has {there}.")

    def read(self, rpc: str, request: bytes) -> Initialize | Close | None:
        """What a request says; None for one that is neither, ValueError for one that is none."""
        if rpc not in (self.opening.method.name, self.close.method.name):
            return None
        opens = rpc == self.opening.method.name
        method: MethodDescriptor = (self.opening if opens else self.close).method
        try:
            message = message_factory.GetMessageClass(method.input_type).FromString(request)
        except DecodeError:
            raise ValueError(f"the request is no {method.input_type.name}") from None
        if not opens:
            return Close(str(self.close.session.get(message) or ""))
        number = int(self.opening.behavior.get(message))
        known = self._behaviors.get(number)
        foreign = number + _FOREIGN if 0 <= number <= 2 else number
        return Initialize(
            str(self.opening.resource.get(message)), foreign if known is None else known
        )

    def initialized(self, session: str, *, new: bool) -> bytes:
        """The answer to an Initialize."""
        kind = message_factory.GetMessageClass(self.opening.method.output_type)
        message = kind.FromString(self._answers[self.opening.method.name])
        is_number = self.opening.session.field.type in NUMBERS
        self.opening.session.set(message, int(session) if is_number else session)
        self.opening.new.set(message, new)
        return bytes(message.SerializeToString())

    def takes_session(self, rpc: str) -> bool:
        """Whether a call names a session."""
        return takes_session(self.service.methods_by_name[rpc], self.opening)

    def answer(self, rpc: str) -> bytes:
        """The answer to any other call."""
        return self._answers[rpc]

    def new_id(self) -> str:
        """An id that no other session has."""
        if self.opening.session.field.type in NUMBERS:
            return str(secrets.randbelow(2**31 - 2) + 1)
        return secrets.token_hex(8)


def _answer(method: MethodDescriptor, fields: Mapping[str, object]) -> bytes:
    message = message_factory.GetMessageClass(method.output_type)()
    try:
        json_format.ParseDict(dict(fields), message)
    except json_format.ParseError as error:
        names = ", ".join(field.name for field in method.output_type.fields)
        raise TargetError(
            f"[answers] {method.name} does not fit {method.output_type.full_name}: {error}. Its "
            f"fields are {names or 'none'}."
        ) from None
    return bytes(message.SerializeToString())
