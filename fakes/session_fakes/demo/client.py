"""The client of the notebook: NI's five behaviours, on three of the server and a close."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import (
    SessionInformation,
    SessionInitializationBehavior,
)

from session_fakes.demo.server import INTERFACE

__all__ = ["INSTRUMENT_TYPE", "NotebookClient", "NotebookConstructor"]

INSTRUMENT_TYPE = "Notebook"
"""The instrumentTypeId of notebooks in a pin map."""
_SECONDS = 10.0
_BEHAVIORS = {
    SessionInitializationBehavior.AUTO: (0, None),
    SessionInitializationBehavior.INITIALIZE_SERVER_SESSION: (1, True),
    SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION: (2, False),
    SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH: (1, False),
    SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE: (2, True),
}
"""What is sent to the server, and whether the session is closed at the end; None: if it is new."""


class NotebookClient:
    """A session of a notebook, shared with everybody who names the same one."""

    def __init__(self, name: str, behavior: SessionInitializationBehavior, who: str) -> None:
        """Find the server and initialize the session; ``who`` is for its list of calls."""
        self._who = who
        self._pool = GrpcChannelPool()
        try:
            discovery = DiscoveryClient(grpc_channel_pool=self._pool)
            address = discovery.resolve_service(INTERFACE).insecure_address
            self._channel = self._pool.get_channel(address)
            sent, closes = _BEHAVIORS[behavior]
            session = self._call("Initialize", resource_name=name, initialization_behavior=sent)
        except BaseException:
            self._pool.close()
            raise
        self.session_id = str(session["session_id"])
        self.new_session = bool(session["new_session_initialized"])
        self._closes = self.new_session if closes is None else closes

    def __enter__(self) -> NotebookClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._pool:
            if self._closes:
                self._call("Close", session_id=self.session_id)

    def write(self, line: str) -> None:
        """Write a line into the notebook."""
        self._call("Write", session_id=self.session_id, line=line)

    def _call(self, method: str, **fields: object) -> dict[str, Any]:
        rpc: Any = self._channel.unary_unary(
            f"/{INTERFACE}/{method}", Struct.SerializeToString, Struct.FromString
        )
        request = ParseDict({"who": self._who, **fields}, Struct())
        answer: dict[str, Any] = MessageToDict(rpc(request, timeout=_SECONDS))
        return answer


class NotebookConstructor:
    """Makes a client for each session that was reserved."""

    def __init__(
        self,
        who: str,
        behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
    ) -> None:
        """Keep what the clients are made with."""
        self._who, self._behavior = who, behavior

    def __call__(self, session_info: SessionInformation) -> NotebookClient:
        """Initialize the session of the notebook that was reserved."""
        return NotebookClient(session_info.resource_name, self._behavior, self._who)
