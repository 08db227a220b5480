"""The calls that checks make: each lane is a client of its own, with a channel of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import grpc

from session_contract.subject.record import Journal, Record
from session_spec.model import LOST, Answer, Call, Close, Initialize, Lost, Use

LOST_CODES = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNAVAILABLE,
}
"""After these a caller cannot know whether the call took effect."""


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
        return self.begin(
            Initialize(resource, behavior), configuration=configuration, timeout=timeout
        ).result()

    def close_session(self, session: str, *, timeout: float | None = None) -> Record:
        """Close a session and wait for the answer."""
        return self.begin(Close(session), timeout=timeout).result()

    def use(
        self, session: str, *, use: int = 0, value: str = "1", timeout: float | None = None
    ) -> Record:
        """Use a session and wait for the answer."""
        return self.begin(Use(session), use=use, value=value, timeout=timeout).result()

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
        method = self._wire.method(call, use)
        request = self._wire.request(call, configuration or {}, use, value)
        number, started = self._journal.next_number(), self._journal.now()
        life = self._journal.life
        future: Any = self._rpc(method).future(request, timeout=timeout or self._timeout)
        arrivals: list[float] = []

        def arrived(_: object) -> None:
            arrivals.append(self._journal.now())

        future.add_done_callback(arrived)

        def wait() -> tuple[Record, float]:
            answer, details, read = self._outcome(call, future, use)
            # The callback may come a moment after the result: a later time is never wrong.
            moment = arrivals[0] if arrivals else self._journal.now()
            ended = math.inf if isinstance(answer, Lost) else moment
            rpc = method.rpartition("/")[2]
            record = Record(
                number, self.name, call, answer, started, ended, rpc, details, read,
                self._scope, life,
            )  # fmt: skip
            self._journal.add(record)
            return record, moment

        return Pending(wait, future.cancel)

    def hang_up(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _rpc(self, method: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        if method not in self._rpcs:
            self._rpcs[method] = self._channel.unary_unary(method)
        return self._rpcs[method]

    def _outcome(self, call: Call, future: Any, use: int) -> tuple[Answer | Lost, str, str]:  # noqa: ANN401
        try:
            response: bytes = future.result()
        except grpc.FutureCancelledError:
            return LOST, "cancelled", ""
        except grpc.RpcError:
            code: grpc.StatusCode = future.code()
            details: str = future.details() or ""
            if code in LOST_CODES:
                return LOST, f"{code.name}: {details}", ""
            return Answer(code.name), details, ""
        try:
            answer, read = self._wire.answer(call, response, use)
        except ValueError as error:
            # It said OK, and nothing that can be read: the model judges that.
            return Answer("OK"), str(error), ""
        return answer, "", read
