"""The witness: passes all calls on to a server, and notes those that open, use and close sessions.

It stands before the server wherever the calls come from, a code module in this process or a
plug-in in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from session_contract.sequences.seen import CallSeen
from session_contract.subject.binding import Binding
from session_contract.subject.inferring import session_field, takes_session
from session_spec.model import OK

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", -1),
]
_WORKERS = 64
_FOR_EVER = 1e9
"""A time remaining beyond this many seconds is how gRPC says that there is no deadline."""

Answer = Callable[[bytes, grpc.ServicerContext], bytes]
Reading = Callable[[Any], tuple[str, ...]]
"""The arguments of a call, read from its request."""


class Witness:
    """A server that stands before another one."""

    def __init__(self, address: str, words: Binding, now: Callable[[], float]) -> None:
        """Stand before the server at this address.

        Args:
            address: Of the server.
            words: What its calls mean.
            now: The clock that times of calls are told by.
        """
        self.calls: list[CallSeen] = []
        """What was seen, by the end of the calls."""
        self.refuses_use = ""
        """The code that the next use of a session is refused with, instead of being passed on."""
        self._now = now
        self._numbers = {
            number: behavior.name for behavior, number in words.opening.numbers.items()
        }
        self._words = words
        self._channel = grpc.insecure_channel(address, _OPTIONS)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="witness")
        handler = _Handler(self._known(), self._pass_stream)
        self._server = grpc.server(self._pool, handlers=[handler], options=_OPTIONS)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """End it at once."""
        self._server.stop(0).wait()
        self._channel.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def open_sessions(self) -> dict[str, str]:
        """The ids of the sessions that were created and not closed, with their resources."""
        found: dict[str, str] = {}
        for seen in list(self.calls):
            if seen.call == "Initialize" and seen.outcome[0] == OK and "new" in seen.outcome[2:]:
                found[seen.outcome[1]] = seen.arguments[0]
            elif seen.call == "Close" and seen.outcome[0] == OK:
                found.pop(seen.arguments[0], None)
        return found

    # The calls that are noted -----------------------------------------------------------------

    def _known(self) -> dict[str, Answer]:
        """How each RPC that concerns sessions is answered, by its full name."""
        opening, close = self._words.opening, self._words.close
        known = {
            _path(opening.method): self._noting("Initialize", opening.method, self._initialize),
            _path(close.method): self._noting("Close", close.method, _naming(close.session)),
        }
        for method in opening.method.containing_service.methods:
            if _path(method) not in known and takes_session(method, opening):
                session = session_field(method, opening, "", "session")
                known[_path(method)] = self._noting("Use", method, _naming(session))
        return known

    def _initialize(self, message: Any) -> tuple[str, ...]:  # noqa: ANN401 - a message
        opening = self._words.opening
        number = opening.behavior.get(message)
        return str(opening.resource.get(message)), self._numbers.get(number, str(number))

    def _noting(self, call: str, method: MethodDescriptor, reading: Reading) -> Answer:
        request_class: Any = GetMessageClass(method.input_type)
        channel: Any = self._channel
        forward = channel.unary_unary(_path(method))

        def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                arguments = reading(request_class.FromString(data))
            except DecodeError:
                context.abort(grpc.StatusCode.INTERNAL, "Exception deserializing request!")
            started, response = self._now(), b""
            outcome: tuple[str, ...] = ("UNKNOWN",)
            try:
                if refusal := self._refusal(call):
                    outcome = (refusal,)
                    text = "The kit lets this call fail, to see what its caller does then."
                    context.abort(grpc.StatusCode[refusal], text)
                response = _passed_on(forward, data, context)
                outcome = self._read_answer(call, response)
            except grpc.RpcError as error:
                outcome = (_code(error).name,)
                _abort_like(error, context)
            finally:
                self.calls.append(CallSeen(started, self._now(), call, arguments, outcome))
            return response

        return answer

    def _refusal(self, call: str) -> str:
        """The code to refuse this call with; empty when it is passed on."""
        refusal = self.refuses_use if call == "Use" else ""
        if refusal:
            self.refuses_use = ""
        return refusal

    def _read_answer(self, call: str, response: bytes) -> tuple[str, ...]:
        if call != "Initialize":
            return (OK,)
        opening = self._words.opening
        message = GetMessageClass(opening.method.output_type).FromString(response)
        session = str(opening.session.get(message) or "") or '""'
        return (OK, session, "new") if opening.new.get(message) else (OK, session)

    # All others -------------------------------------------------------------------------------

    def _pass_stream(self, method: str) -> Callable[..., Iterator[bytes]]:
        channel: Any = self._channel
        forward = channel.stream_stream(method)

        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            call = forward(requests, timeout=_left(context), metadata=_metadata(context))
            context.add_callback(call.cancel)
            try:
                yield from call
            except grpc.RpcError as error:
                _abort_like(error, context)

        return answer


class _Handler(grpc.GenericRpcHandler):
    def __init__(
        self, known: dict[str, Answer], other: Callable[[str], Callable[..., Iterator[bytes]]]
    ) -> None:
        self._known, self._other = known, other

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401
        """How a call is answered; on the wire, streams of one message are plain calls."""
        name = str(handler_call_details.method)
        handler: Any = grpc.unary_unary_rpc_method_handler
        if name not in self._known:
            handler = grpc.stream_stream_rpc_method_handler
            return handler(self._other(name))
        return handler(self._known[name])


def _naming(path: Any) -> Reading:  # noqa: ANN401 - a way to a field
    return lambda message: (str(path.get(message) or "") or '""',)


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _passed_on(forward: Any, data: bytes, context: grpc.ServicerContext) -> bytes:  # noqa: ANN401
    future = forward.future(data, timeout=_left(context), metadata=_metadata(context))
    context.add_callback(future.cancel)
    try:
        return bytes(future.result())
    except grpc.FutureCancelledError:
        context.abort(grpc.StatusCode.CANCELLED, "The caller has given up.")


def _left(context: grpc.ServicerContext) -> float | None:
    remaining = context.time_remaining()
    return remaining if remaining < _FOR_EVER else None


def _metadata(context: grpc.ServicerContext) -> list[tuple[str, str | bytes]]:
    sent = [(entry[0], entry[1]) for entry in context.invocation_metadata()]
    return [(key, value) for key, value in sent if not key.startswith(("user-agent", "grpc-", ":"))]


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN


def _abort_like(error: grpc.RpcError, context: grpc.ServicerContext) -> None:
    assert isinstance(error, grpc.Call)
    trailing: Any = error.trailing_metadata() or ()
    context.set_trailing_metadata(trailing)
    context.abort(_code(error), error.details() or "")
