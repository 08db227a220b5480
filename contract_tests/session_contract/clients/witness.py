"""The witness: a real gRPC server that serves a client's own interface, and sees all it does.

It answers as the matrix of the specification says, unless it is told to refuse, or not to answer.
Each client of a check gets a gate of its own, which is a server on a port of its own: so the calls
of one are never taken for those of another, and no connection is shared.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from session_contract.clients.trace import LOST, Trace
from session_contract.clients.words import Words
from session_contract.subject.record import Journal, Record
from session_spec import model
from session_spec.matrix import SERVER_MATRIX, Behavior, Effect
from session_spec.model import NOT_FOUND, OK, Answer, Close, Initialize

_OPTIONS = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
_WORKERS = 8
_HEALTH = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""What a service that is healthy answers."""


@dataclass
class Shared:
    """A resource, and its session if one is open; several gates can lead to it."""

    resource: str
    session: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Forget the session, as a server that was started again has."""
        with self.lock:
            self.session = ""


class Gate:
    """A server for one client."""

    def __init__(
        self, name: str, words: Words, shared: Shared, trace: Trace, journal: Journal, scope: str
    ) -> None:
        """Serve on a free port of loopback.

        Args:
            name: Of the client that it is for.
            words: How calls are said.
            shared: The resource that all its Initialize calls are taken to be for.
            trace: Where what it sees is noted.
            journal: Where the calls are kept.
            scope: The check that they belong to.
        """
        self.initialize_fails = ""
        """The code that each Initialize is refused with; LOST for no answer."""
        self.close_fails = ""
        """Likewise each Close, which does not close then."""
        self.answers_get_lost = False
        """Whether something on the way loses the answers to Initialize."""
        self.others: dict[str, int] = {}
        """How often it was called otherwise, by the full name of the RPC."""
        self._name = name
        self._words = words
        self._shared = shared
        self._trace = trace
        self._journal = journal
        self._scope = scope
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="witness")
        self._server = grpc.server(self._pool, handlers=[_Handler(self)], options=_OPTIONS)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it at once; whoever waits for an answer gets none."""
        self._server.stop(0).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # What it answers --------------------------------------------------------------------------

    def handler(self, method: str) -> grpc.RpcMethodHandler[Any, Any] | None:
        """How a call of this RPC is answered; None when there is no such RPC."""
        service, _, rpc = method.lstrip("/").partition("/")
        if method == _HEALTH:
            return _other(_SERVING, False, False)
        found = self._words.service.methods_by_name.get(rpc)
        if service != self._words.service.full_name or found is None:
            self._note_other(method)
            return None
        if rpc == self._words.opening.method.name:
            return grpc.unary_unary_rpc_method_handler(self._initialize)
        if rpc == self._words.close.method.name:
            return grpc.unary_unary_rpc_method_handler(self._close)
        self._note_other(method)
        if self._words.takes_session(rpc) and not self._shared.session:
            return grpc.unary_unary_rpc_method_handler(self._refuse_use)
        return _other(self._words.answer(rpc), found.client_streaming, found.server_streaming)

    def _note_other(self, method: str) -> None:
        self.others[method] = self.others.get(method, 0) + 1

    def _initialize(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        call = self._read(self._words.opening.method.name, data, context)
        assert isinstance(call, Initialize)
        with self._recorded(call) as note:
            if fails := self.initialize_fails:
                self._trace.initialize(call.resource, call.behavior, fails)
                note(Answer(fails))
                self._fail(fails, context)
            answer = self._initialized(call)
            self._trace.initialize(call.resource, call.behavior, *self._told(answer))
            note(answer)
            if answer.code != OK:
                self._fail(answer.code, context)
            return self._words.initialized(answer.session, new=answer.new)

    def _told(self, answer: Answer) -> Sequence[str]:
        """The words of an answer."""
        if self.answers_get_lost:
            return (LOST,)
        ids = [answer.session] if answer.session else []
        return (answer.code, *ids, *(["new"] if answer.new else []))

    def _initialized(self, call: Initialize) -> Answer:
        """The answer that the matrix gives, carried out."""
        if call.behavior not in tuple(Behavior):
            return Answer(model.INVALID_ARGUMENT)
        shared = self._shared
        with shared.lock:
            cell = SERVER_MATRIX[Behavior(call.behavior), bool(shared.session)]
            if cell.effect is Effect.CREATE:
                shared.session = self._words.new_id()
            if cell.effect is Effect.REFUSE:
                return Answer(cell.code)
            self._trace.name(shared.session)
            return Answer(OK, shared.session, cell.effect is Effect.CREATE)

    def _close(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        call = self._read(self._words.close.method.name, data, context)
        assert isinstance(call, Close)
        with self._recorded(call) as note:
            code = self.close_fails or self._closed(call)
            self._trace.close(call.session, code)
            note(Answer(code))
            if code != OK:
                self._fail(code, context)
            return self._words.answer(self._words.close.method.name)

    def _closed(self, call: Close) -> str:
        with self._shared.lock:
            if not call.session or call.session != self._shared.session:
                return NOT_FOUND
            self._shared.session = ""
            return OK

    def _read(
        self, rpc: str, data: bytes, context: grpc.ServicerContext
    ) -> Initialize | Close | None:
        try:
            return self._words.read(rpc, data)
        except ValueError as error:
            self._note_other(f"{rpc}: {error}")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    def _refuse_use(self, _: bytes, context: grpc.ServicerContext) -> None:
        self._fail(NOT_FOUND, context)

    def _fail(self, code: str, context: grpc.ServicerContext) -> None:
        """Answer with this code, or not at all while the caller waits."""
        if code == LOST:
            gone = threading.Event()
            if context.add_callback(
                gone.set
            ):  # as it is when the caller gives up, or the gate ends
                gone.wait()
            context.abort(grpc.StatusCode.UNAVAILABLE, "The witness has ended.")
        context.abort(grpc.StatusCode[code], f"The witness answers {code}.")

    @contextmanager
    def _recorded(
        self, call: Initialize | Close
    ) -> Generator[Callable[[Answer], None], None, None]:
        """Keep a call in the journal, with the answer that is noted."""
        journal, number, started = self._journal, self._journal.next_number(), self._journal.now()
        answers: list[Answer] = []
        try:
            yield answers.append
        finally:
            answer = answers[0] if answers else Answer(model.UNKNOWN)
            is_lost = answer.code == LOST
            ended = math.inf if is_lost else journal.now()
            known = model.LOST if is_lost else answer
            journal.add(Record(number, self._name, call, known, started, ended, scope=self._scope))


class _Handler(grpc.GenericRpcHandler):
    """Leads each call to the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """How a call is answered."""
        return self._gate.handler(handler_call_details.method)


def _other(answer: bytes, asks: bool, answers: bool) -> grpc.RpcMethodHandler[Any, Any]:
    """Answer a call that is neither Initialize nor Close: with one message, or no message at all.

    Args:
        answer: The message.
        asks: Whether requests are a stream.
        answers: Whether answers are a stream; it is empty.
    """

    def one(_: Any, __: grpc.ServicerContext) -> bytes:  # noqa: ANN401 - one request, or several
        return answer

    def none(_: Any, __: grpc.ServicerContext) -> Iterator[bytes]:  # noqa: ANN401 - likewise
        return iter(())

    if asks and answers:
        return grpc.stream_stream_rpc_method_handler(none)
    if asks:
        return grpc.stream_unary_rpc_method_handler(one)
    if answers:
        return grpc.unary_stream_rpc_method_handler(none)
    return grpc.unary_unary_rpc_method_handler(one)
