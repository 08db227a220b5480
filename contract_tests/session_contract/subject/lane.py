"""The calls that checks make: each lane is a client of its own, with a channel of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import grpc

from session_contract.subject.record import Journal, Record
from session_spec.model import LOST, Answer, Call, Close, Initialize, Lost, Use

LOST_CODES = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNAVAILABLE,
}
"""After these a caller cannot know whether the call took effect."""

_Outcome = tuple[Answer | Lost, str, str]
"""The answer, the text of a status or of a loss, and what a use read."""


class Wire(Protocol):
    """Translates the calls of the model into those of a target: see ``binding``."""

    def method(self, call: Call, use: int = 0) -> str:
        """The full gRPC name of the RPC, for the use with that number in the target file."""
        ...

    def request(
        self, call: Call, configuration: Mapping[str, object], use: int, value: str
    ) -> bytes:
        """The request, serialized."""
        ...

    def answer(self, call: Call, response: bytes, use: int) -> tuple[Answer, str]:
        """The answer of an OK call, and what a use read; raise ValueError when it is none."""
        ...


class Pending:
    """A call that was sent; ``result`` waits for what comes of it."""

    def __init__(
        self, wait: Callable[[], tuple[Record, float]], cancel: Callable[[], object]
    ) -> None:
        self._wait = wait
        self.cancel = cancel
        self.heard = math.inf
        """When its caller knew what came of it, also that its answer was lost."""

    def result(self) -> Record:
        """Wait for the end of the call, and return its record."""
        record, self.heard = self._wait()
        return record


class _Sent(NamedTuple):
    """A call that is made, and what is known of it before its answer."""

    call: Call
    use: int
    method: str
    request: bytes
    number: int
    started: float
    life: int


class Lane:
    """A client of the target."""

    def __init__(
        self,
        name: str,
        channel: grpc.Channel,
        wire: Wire,
        journal: Journal,
        *,
        timeout: float,
        scope: str = "",
    ) -> None:
        """Make a client; it owns its channel."""
        self.name = name
        self._channel = channel
        self._wire = wire
        self._journal = journal
        self._timeout = timeout
        self._scope = scope
        self._rpcs: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    def initialize(
        self,
        resource: str,
        behavior: int,
        *,
        configuration: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> Record:
        """Initialize a resource and wait for the answer."""
        call = Initialize(resource, behavior)
        return self.ask(call, configuration=configuration, timeout=timeout)

    def close_session(self, session: str, *, timeout: float | None = None) -> Record:
        """Close a session and wait for the answer."""
        return self.ask(Close(session), timeout=timeout)

    def use(
        self, session: str, *, use: int = 0, value: str = "1", timeout: float | None = None
    ) -> Record:
        """Use a session and wait for the answer."""
        return self.ask(Use(session), use=use, value=value, timeout=timeout)

    def ask(
        self,
        call: Call,
        *,
        configuration: Mapping[str, object] | None = None,
        use: int = 0,
        value: str = "1",
        timeout: float | None = None,
    ) -> Record:
        """Make a call and wait for its answer; see ``begin`` for what it takes.

        gRPC makes a thread for a call that it does not wait for, and hands each answer from thread
        to thread: this way takes half the time.
        """
        sent = self._sent(call, configuration or {}, use, value)
        rpc = self._rpc(sent.method)
        answer = self._outcome(sent, partial(rpc, sent.request, timeout=timeout or self._timeout))
        return self._noted(sent, answer, self._journal.now())

    def begin(
        self,
        call: Call,
        *,
        configuration: Mapping[str, object] | None = None,
        use: int = 0,
        value: str = "1",
        timeout: float | None = None,
    ) -> Pending:
        """Send a call; others may be made before its answer is there.

        Args:
            call: What is asked, in the words of the model.
            configuration: Further fields of Initialize, over those of the target.
            use: Which of the target's uses.
            value: What that use writes; a digit fits any field.
            timeout: Seconds after which the call is lost; by default those of the target.
        """
        sent = self._sent(call, configuration or {}, use, value)
        rpc: Any = self._rpc(sent.method)
        future = rpc.future(sent.request, timeout=timeout or self._timeout)
        arrivals: list[float] = []

        def arrived(_: object) -> None:
            arrivals.append(self._journal.now())

        future.add_done_callback(arrived)

        def wait() -> tuple[Record, float]:
            answer = self._outcome(sent, future.result)
            # The callback may come a moment after the result: a later time is never wrong.
            moment = arrivals[0] if arrivals else self._journal.now()
            return self._noted(sent, answer, moment), moment

        return Pending(wait, future.cancel)

    def hang_up(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _rpc(self, method: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        if method not in self._rpcs:
            self._rpcs[method] = self._channel.unary_unary(method)
        return self._rpcs[method]

    def _sent(self, call: Call, configuration: Mapping[str, object], use: int, value: str) -> _Sent:
        method = self._wire.method(call, use)
        request = self._wire.request(call, configuration, use, value)
        journal = self._journal
        number, started = journal.next_number(), journal.now()
        return _Sent(call, use, method, request, number, started, journal.life)

    def _outcome(self, sent: _Sent, result: Callable[[], bytes]) -> _Outcome:
        """What came of a call, by what waiting for its result returns or raises."""
        try:
            response = result()
        except grpc.FutureCancelledError:
            return LOST, "cancelled", ""
        except grpc.RpcError as error:
            # What gRPC raises has these, and its stubs do not say so.
            failed: Any = error
            code: grpc.StatusCode = failed.code()
            details: str = failed.details() or ""
            if code in LOST_CODES:
                return LOST, f"{code.name}: {details}", ""
            return Answer(code.name), details, ""
        try:
            answer, read = self._wire.answer(sent.call, response, sent.use)
        except ValueError as error:
            # It said OK, and nothing that can be read: the model judges that.
            return Answer("OK"), str(error), ""
        return answer, "", read

    def _noted(self, sent: _Sent, outcome: _Outcome, moment: float) -> Record:
        """The record of a call that ended at this moment, which the journal keeps."""
        answer, details, read = outcome
        ended = math.inf if isinstance(answer, Lost) else moment
        rpc = sent.method.rpartition("/")[2]
        record = Record(
            sent.number, self.name, sent.call, answer, sent.started, ended, rpc, details, read,
            self._scope, sent.life,
        )  # fmt: skip
        self._journal.add(record)
        return record
