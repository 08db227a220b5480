"""Records the calls of a Python server or client, for ``session-contract judge``.

A server, with an interceptor; nothing else of it changes::

    recorder = Recorder("calls.jsonl", Reader(initialize="InitializeFile", close="CloseFile"))
    server = grpc.server(pool, interceptors=[recorder.of_server()])

A client, likewise::

    channel = grpc.intercept_channel(channel, recorder.of_client("client 1"))

A recording can be judged when it begins with the start of the server and has the calls of all
clients: so record the server, or all clients of it with one recorder. Only servers and clients with
threads can be recorded, not those of asyncio, and only calls without streams.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from session_contract.subject.lane import LOST_CODES
from session_contract.subject.record import Journal, Record
from session_spec.model import LOST, OK, UNKNOWN, Answer, Call, Close, Initialize, Lost, Use


@dataclass(frozen=True)
class Reader:
    """Reads the calls of the model from the messages of a service, by names of RPCs and fields.

    Every other RPC whose request has the session's field is a use; the rest is not recorded.
    """

    initialize: str = "Initialize"
    close: str = "Close"
    resource: str = "resource_name"
    behavior: str = "initialization_behavior"
    session: str = "session_id"
    """The field of the id in the answer of Initialize, and in all requests but that."""
    new: str = "new_session_initialized"

    def call(self, rpc: str, request: object) -> Call | None:
        """The call that a request makes; None when it names no session."""
        if rpc == self.initialize:
            resource: Any = getattr(request, self.resource)
            behavior: Any = getattr(request, self.behavior)
            return Initialize(str(resource), int(behavior))
        session: Any = getattr(request, self.session, None)
        if session is None:
            return None
        return Close(str(session)) if rpc == self.close else Use(str(session))

    def answer(self, call: Call, response: object) -> Answer:
        """The answer that an OK response is."""
        if not isinstance(call, Initialize):
            return Answer(OK)
        session: Any = getattr(response, self.session)
        return Answer(OK, str(session), bool(getattr(response, self.new)))


class Recorder:
    """Writes the calls that its interceptors see to one file, as they end."""

    def __init__(self, path: str | Path, reader: Reader | None = None) -> None:
        """Begin a recording.

        Args:
            path: The file, which is written anew.
            reader: Reads the messages of the service; by default by their canonical names.
        """
        self._journal = Journal(Path(path))
        self._reader = reader or Reader()

    def of_server(self) -> grpc.ServerInterceptor:
        """An interceptor for ``grpc.server``."""
        return _ServerRecorder(self)

    def of_client(self, lane: str = "") -> grpc.UnaryUnaryClientInterceptor:
        """An interceptor for ``grpc.intercept_channel``; by default the thread is the client."""
        return _ClientRecorder(self, lane)

    def close(self) -> None:
        """End the recording."""
        self._journal.close()

    def begin(self, rpc: str, request: object, lane: str) -> Callable[[object], None] | None:
        """Note that a call begins; what is returned takes its response, or what it failed with.

        None when the call names no session.
        """
        call = self._reader.call(rpc, request)
        if call is None:
            return None
        number, started = self._journal.next_number(), self._journal.now()
        client = lane or threading.current_thread().name

        def end(outcome: object) -> None:
            answer = self._answer(call, outcome)
            ended = math.inf if isinstance(answer, Lost) else self._journal.now()
            self._journal.add(Record(number, client, call, answer, started, ended, rpc))

        return end

    def _answer(self, call: Call, outcome: object) -> Answer | Lost:
        if isinstance(outcome, Answer | Lost):
            return outcome
        return self._reader.answer(call, outcome)


class _ServerRecorder(grpc.ServerInterceptor):
    """Sees each call between its arrival and its answer: whatever it did, it did meanwhile."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - a handler, or None
        handler = continuation(handler_call_details)
        if handler is None or not handler.unary_unary:
            return handler
        rpc = handler_call_details.method.rpartition("/")[2]

        def behavior(request: object, context: grpc.ServicerContext) -> object:
            end = self._recorder.begin(rpc, request, context.peer())
            if end is None:
                return handler.unary_unary(request, context)
            try:
                response = handler.unary_unary(request, context)
            except BaseException:
                end(Answer(_code(context, UNKNOWN)))
                raise
            code = _code(context, OK)
            end(response if code == OK else Answer(code))
            return response

        return grpc.unary_unary_rpc_method_handler(
            behavior, handler.request_deserializer, handler.response_serializer
        )


def _code(context: Any, default: str) -> str:  # noqa: ANN401 - grpc's stubs do not know code()
    """The status that a handler has set, by name."""
    code = context.code()
    if isinstance(code, int):
        code = next((known for known in grpc.StatusCode if known.value[0] == code), None)
    return code.name if code else default


class _ClientRecorder(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, recorder: Recorder, lane: str) -> None:
        self._recorder = recorder
        self._lane = lane

    def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Any], Any],
        client_call_details: grpc.ClientCallDetails,
        request: object,
    ) -> Any:  # noqa: ANN401 - a call
        rpc = str(client_call_details.method).rpartition("/")[2]
        end = self._recorder.begin(rpc, request, self._lane)
        call = continuation(client_call_details, request)
        if end is not None:
            call.add_done_callback(partial(_ended, end))
        return call


def _ended(end: Callable[[object], None], call: Any) -> None:  # noqa: ANN401 - a call
    end(_outcome(call))


def _outcome(call: Any) -> object:  # noqa: ANN401 - a call
    """The response of a call that ended, or the answer that its failure is."""
    code: grpc.StatusCode = call.code()
    if code in LOST_CODES:
        return LOST
    return call.result() if code is grpc.StatusCode.OK else Answer(code.name)
