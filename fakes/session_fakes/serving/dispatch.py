"""From a gRPC call to a handler and back: the one place where a refusal becomes a status."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from session_fakes.clock import Clock
from session_fakes.errors import Refusal, quoted
from session_fakes.serving.calls import CallLog
from session_fakes.serving.faults import Faults, Patience

_FOR_EVER = 1e9
"""A time remaining beyond this many seconds is how gRPC says that there is no deadline."""


class Caller(NamedTuple):
    """Who makes a call: the context that gRPC gives, the peer, the metadata it sent."""

    context: grpc.ServicerContext
    peer: str
    metadata: tuple[tuple[str, str | bytes], ...]

    def tag(self, key: str) -> str:
        """The text of a metadata entry; empty when there is none."""
        for name, value in self.metadata:
            if name == key:
                return str(value)
        return ""


class Stream(NamedTuple):
    """The answers of an RPC that answers with a stream, each made when its time has come."""

    messages: Iterator[Message]


Handler = Callable[[Any, Caller], "Message | Stream"]


class _Outcome(NamedTuple):
    """How a call ended: with a response, or with a status that is not OK."""

    code: str
    text: str
    response: Message | None
    fault: str | None
    trailer: tuple[tuple[str, str], ...] = ()
    stream: Stream | None = None


class Service(NamedTuple):
    """One gRPC service of a fake: its descriptor, and a handler for each RPC that it implements."""

    descriptor: ServiceDescriptor
    handlers: Mapping[str, Handler]
    streams: frozenset[str] = frozenset()
    """The RPCs that answer with a stream."""

    @property
    def method_names(self) -> list[str]:
        """All its RPCs as full names, implemented or not."""
        return [f"{self.descriptor.full_name}/{m.name}" for m in self.descriptor.methods]


@dataclass
class Dispatcher:
    """Answers the calls of all services of a station, one after the other or side by side."""

    clock: Clock
    calls: CallLog
    faults: Faults
    internal_errors: list[str] = field(default_factory=list[str])
    """Tracebacks of handlers that failed in a way nobody foresaw: faults of the fakes."""
    _unanswered: dict[int, str] = field(default_factory=dict[int, str])
    """The calls that a handler works on, by thread."""

    def unanswered(self, service: Service) -> list[str]:
        """The calls of a service that a handler works on now, as full names."""
        names = set(service.method_names)
        return sorted(name for name in list(self._unanswered.values()) if name in names)

    def method_handlers(self, service: Service) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """What answers the calls of a service, by the names of its RPCs."""
        return {m.name: self._method_handler(service, m) for m in service.descriptor.methods}

    def serve(self, service: Service, server: grpc.Server) -> None:
        """Let a gRPC server answer the calls of a service."""
        name = service.descriptor.full_name
        methods = self.method_handlers(service)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        if hasattr(server, "add_registered_method_handlers"):
            # Newer gRPC finds these without asking the generic handler, as generated code does.
            server.add_registered_method_handlers(name, methods)

    def _method_handler(
        self, service: Service, method: MethodDescriptor
    ) -> grpc.RpcMethodHandler[Any, Any]:
        request_class: Any = GetMessageClass(method.input_type)
        response_class: type[Message] = GetMessageClass(method.output_type)
        handler = service.handlers.get(method.name) or _not_implemented(method)
        answer = self._answering(method, handler)
        if method.name in service.streams:
            return grpc.unary_stream_rpc_method_handler(
                _as_stream(answer, response_class),
                request_deserializer=_reader(request_class),
                response_serializer=response_class.SerializeToString,
            )

        def answer_once(request: Message, context: grpc.ServicerContext) -> Message | None:
            return answer(request, context).response

        return grpc.unary_unary_rpc_method_handler(
            answer_once,
            request_deserializer=_reader(request_class),
            response_serializer=response_class.SerializeToString,
        )

    def _answering(
        self, method: MethodDescriptor, handler: Handler
    ) -> Callable[[Message, grpc.ServicerContext], _Outcome]:
        service, name = method.containing_service.full_name, method.name
        full_name = f"{service}/{name}"
        response_class: type[Message] = GetMessageClass(method.output_type)

        def answer(request: Message, context: grpc.ServicerContext) -> _Outcome:
            started = self.clock.now()
            metadata = tuple(context.invocation_metadata())
            caller = Caller(context, context.peer(), metadata)
            remaining = context.time_remaining()
            thread = threading.get_ident()
            self._unanswered[thread] = full_name
            outcome = self._outcome(full_name, handler, response_class, request, caller)
            del self._unanswered[thread]
            self.calls.record(
                service,
                name,
                request,
                outcome.response,
                outcome.code,
                outcome.text,
                metadata,
                caller.peer,
                started,
                self.clock.now() - started,
                remaining if remaining < _FOR_EVER else None,
                outcome.fault,
            )
            if outcome.code != "OK":
                if outcome.trailer:
                    context.set_trailing_metadata(outcome.trailer)
                context.abort(grpc.StatusCode[outcome.code], outcome.text)
            return outcome

        return answer

    def _outcome(
        self,
        full_name: str,
        handler: Handler,
        response_class: type[Message],
        request: Message,
        caller: Caller,
    ) -> _Outcome:
        fault: str | None = None
        response: Message | Stream | None = None
        try:
            met = self.faults.match(full_name, request)
            if met:
                fault = met[0].words
                response = met[1](self._patience(caller))
            if response is None:
                response = handler(request, caller)
            if isinstance(response, Stream):
                return _Outcome("OK", "", None, fault, stream=response)
            if type(response) is not response_class:
                response = _translated(response, response_class, full_name)
        except Refusal as refusal:
            return _Outcome(refusal.code, refusal.text, None, fault, refusal.trailer)
        except Exception as error:
            # Whatever it is: the caller is told, and the traceback is kept for a report.
            if isinstance(error, UnicodeDecodeError) and _came_with(request, error):
                return _Outcome("INTERNAL", "Exception deserializing request!", None, fault)
            self.internal_errors.append(traceback.format_exc())
            text = f"a fault of the fake, please report it: {quoted(repr(error))}"
            return _Outcome("INTERNAL", text, None, fault)
        return _Outcome("OK", "", response, fault)

    def _patience(self, caller: Caller) -> Patience:
        patience = Patience(self.clock)
        if not caller.context.add_callback(patience.gone.set):
            patience.gone.set()
        return patience


def _translated(response: Message | None, response_class: type[Message], full_name: str) -> Message:
    """The same message as another class of it; what is another message is refused.

    A test makes its replies with the classes of a driver's package, which are not those in use.
    """
    if response is None or response.DESCRIPTOR.full_name != response_class.DESCRIPTOR.full_name:
        # gRPC would send it, and the client would decode nonsense.
        raise Refusal("INTERNAL", f"{full_name} answers no {type(response).__name__}")
    return response_class.FromString(response.SerializeToString())


def _as_stream(
    answer: Callable[[Message, grpc.ServicerContext], _Outcome], response_class: type[Message]
) -> Callable[[Message, grpc.ServicerContext], Iterator[Message]]:
    """A stream of answers. NI's clients wait for its metadata, and go on when they have come."""

    def answer_all(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        outcome = answer(request, context)
        context.send_initial_metadata(())
        if outcome.stream is None:  # the one answer of a fault
            yield outcome.response or response_class()
        else:
            yield from outcome.stream.messages

    return answer_all


def _reader(request_class: Any) -> Callable[[bytes], Message | None]:  # noqa: ANN401 - no type fits
    def read(data: bytes) -> Message | None:
        try:
            message: Message = request_class.FromString(data)
        except DecodeError:
            # None makes gRPC answer as for an error, INTERNAL, but without a traceback in the log.
            return None
        return message

    return read


def _came_with(request: Message, error: UnicodeDecodeError) -> bool:
    """Whether a text that is no UTF-8 is the caller's.

    Older protobuf does not look at the texts of a map on arrival, only when they are used.
    """
    return bytes(error.object) in request.SerializeToString()


def _not_implemented(method: MethodDescriptor) -> Handler:
    def refuse(_: object, __: Caller) -> NoReturn:
        raise Refusal(
            "UNIMPLEMENTED", f"{method.full_name} is not simulated; FIDELITY.md lists what is"
        )

    return refuse
