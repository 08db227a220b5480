"""Clients of the JSON Logger that need nothing but gRPC: one that is right, and wrong ones.

Each wrong one is the right one with a fault.
"""

from __future__ import annotations

import itertools
import threading
import time
from types import TracebackType
from typing import Any, ClassVar

import grpc

from session_reference.file_logger.stubs import json_logger_pb2 as wire
from session_reference.file_logger.stubs.json_logger_pb2_grpc import JsonLoggerStub

WIRE = {
    "AUTO": 0,
    "INITIALIZE_SERVER_SESSION": 1,
    "ATTACH_TO_SERVER_SESSION": 2,
    "INITIALIZE_SESSION_THEN_DETACH": 1,
    "ATTACH_TO_SESSION_THEN_CLOSE": 2,
}
CLOSING = {"INITIALIZE_SERVER_SESSION", "ATTACH_TO_SESSION_THEN_CLOSE"}


class Right:
    """As the guide says, and tidy."""

    def __init__(self, resource: str, behavior: str, address: str, timeout: float) -> None:
        self.resource, self.behavior, self.timeout = resource, behavior, timeout
        self.channel = grpc.insecure_channel(address)
        self.stub = JsonLoggerStub(self.channel)
        self.closed = False
        try:
            self.session, self.new = self.initialize()
        except BaseException:
            self.close_channel()
            raise

    def close_channel(self) -> None:
        """End what was begun in vain."""
        self.channel.close()

    def initialize(self) -> tuple[str, bool]:
        """Initialize; the id and whether it is new."""
        request = wire.InitializeFileRequest(
            resource_name=self.resource,
            initialization_behavior=WIRE[self.behavior],  # type: ignore[arg-type]
        )
        answer = self.stub.InitializeFile(request, timeout=self.timeout)
        return answer.session_id, answer.new_session_initialized

    def __enter__(self) -> Right:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.behavior in CLOSING or (self.behavior == "AUTO" and self.new):
                self.close()
        except grpc.RpcError:
            if error is None:
                raise
        finally:
            self.channel.close()

    def close(self) -> None:
        """Close the session, once."""
        if not self.closed:
            self.closed = True
            self.send_close()

    def send_close(self) -> None:
        """Close the session."""
        request = wire.CloseFileRequest(session_id=self.session)
        self.stub.CloseFile(request, timeout=self.timeout)

    def use(self) -> None:
        """Log something."""
        request = wire.LogMeasurementDataRequest(session_id=self.session)
        self.stub.LogMeasurementData(request, timeout=self.timeout)


class FromTheGuide(Right):
    """As the guide says, and no more: its claims are none."""

    def __exit__(self, *_: object) -> None:
        if self.behavior in CLOSING or (self.behavior == "AUTO" and self.new):
            self.close()

    def close(self) -> None:
        """Close the session, each time."""
        self.send_close()


class BeginsWithoutSession(Right):
    """Initialize is refused, and its body runs all the same."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        try:
            return super().initialize()
        except grpc.RpcError:
            return "", False


class SendsNothing(Right):
    """Nobody hears of it."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        return "made-up", False


class OpensWhatIsMissing(Right):
    """Attaches, or else creates."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        try:
            return super().initialize()
        except grpc.RpcError:
            self.behavior = "AUTO"
            return super().initialize()


class ClosesAgain(Right):
    """Does not remember that it has closed."""

    def __exit__(self, *_: object) -> None:
        if self.behavior in CLOSING or (self.behavior == "AUTO" and self.new):
            self.send_close()


class ClosesWhatWasClosed(Right):
    """Forgets that ``close()`` was called, and not that the block was left."""

    left = False

    def __exit__(self, *_: object) -> None:
        if not self.left and (self.behavior in CLOSING or (self.behavior == "AUTO" and self.new)):
            self.left = True
            self.send_close()


class ClosesLater(Right):
    """Closes in the background, when its block is over."""

    def close(self) -> None:
        """In its own way."""
        threading.Timer(0.2, self.send_close).start()

    def __exit__(self, *_: object) -> None:
        if self.behavior in CLOSING or (self.behavior == "AUTO" and self.new):
            self.close()


class HidesTheError(Right):
    """Takes the body's exception for settled."""

    def __exit__(self, *error: Any) -> bool:  # type: ignore[override] # noqa: ANN401
        super().__exit__(*error)
        return True


class RaisesItsOwn(Right):
    """Wraps the body's exception in one of its own."""

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        super().__exit__(*error)
        if error[1] is not None:
            raise RuntimeError("The measurement failed.") from error[1]


class ComplainsForNothing(Right):
    """Leaves an attached session with an error."""

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        super().__exit__(*error)
        if not self.closed:
            raise RuntimeError("The session was not closed.")


class OpensAgain(Right):
    """Initializes again when its session is gone."""

    def use(self) -> None:
        """In its own way."""
        try:
            super().use()
        except grpc.RpcError:
            self.session, self.new = self.initialize()


class SharesOneSession(Right):
    """Keeps its session in the class: the client made last has it."""

    session: str
    kept: ClassVar[list[str]] = []

    def __init__(self, *given: Any) -> None:  # noqa: ANN401
        super().__init__(*given)
        self.kept.append(self.session)

    def send_close(self) -> None:
        """In its own way."""
        self.session = self.kept[-1]
        super().send_close()


class SharesOneResource(Right):
    """Keeps the resource that the first client was made for."""

    first: ClassVar[list[str]] = []

    def __init__(self, resource: str, *given: Any) -> None:  # noqa: ANN401
        self.first.append(resource)
        super().__init__(self.first[0], *given)


class KeepsRefusedChannels(Right):
    """Closes its channel on leaving only."""

    kept: ClassVar[list[Any]] = []

    def __init__(self, *given: Any) -> None:  # noqa: ANN401
        self.kept.append(self)
        super().__init__(*given)

    def close_channel(self) -> None:
        """Not where nothing was entered."""


class LeavesAThread(Right):
    """Has a thread look after the connection, and never ends it."""

    def __init__(self, *given: Any) -> None:  # noqa: ANN401
        super().__init__(*given)
        threading.Thread(target=threading.Event().wait, daemon=True).start()


class TriesForEver(Right):
    """Tries again as long as the server is not there."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        for _ in itertools.count():
            try:
                return super().initialize()
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                time.sleep(0.05)
        raise AssertionError


class ClosesBeforeItBegins(Right):
    """Closes what was there, and opens its own."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        session, new = super().initialize()
        if not new and self.behavior == "AUTO":
            self.session = session
            self.send_close()
            session, new = super().initialize()
        return session, new


class SaysNotFound(Right):
    """Knows one error."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        try:
            return super().initialize()
        except grpc.RpcError as error:
            raise NotFound from error


class NotFound(grpc.RpcError):
    """The one error."""

    def code(self) -> grpc.StatusCode:
        """NOT_FOUND."""
        return grpc.StatusCode.NOT_FOUND


class ClosesAtBirth(Right):
    """Closes when Initialize was refused."""

    def initialize(self) -> tuple[str, bool]:
        """In its own way."""
        try:
            return super().initialize()
        except grpc.RpcError:
            self.stub.CloseFile(wire.CloseFileRequest(session_id=self.resource), timeout=1)
            raise


class LogsTheCloseError(Right):
    """A Close that fails is nobody's business."""

    def send_close(self) -> None:
        """In its own way."""
        try:
            super().send_close()
        except grpc.RpcError:
            return
