"""A client of GadgetService, for measurement plug-ins and TestStand code modules.

It stands on its own: it needs the stubs beside it, gRPC, and NI's SDK of 2.3 or later.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType

import grpc
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

from .connection import REMEDIES_OF_INITIALIZE, Connection, ServiceError
from .stubs import gadget_service_pb2 as wire
from .stubs import gadget_service_pb2_grpc as rpcs

__all__ = [
    "GadgetServiceClient",
    "ServiceError",
]

_EITHER = wire.SESSION_INITIALIZATION_BEHAVIOR_UNSPECIFIED
_NEW = wire.SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW
_OPEN = wire.SESSION_INITIALIZATION_BEHAVIOR_ATTACH_TO_EXISTING
_BEHAVIORS = {
    SessionInitializationBehavior.AUTO: (_EITHER, None),
    SessionInitializationBehavior.INITIALIZE_SERVER_SESSION: (_NEW, True),
    SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION: (_OPEN, False),
    SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH: (_NEW, False),
    SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE: (_OPEN, True),
}
"""What is sent to the server, and whether the session is closed at the end; None: if it is new."""


class GadgetServiceClient:
    """A session of a resource, shared with everybody who names the same one.

    It is initialized when the client is made. When the ``with`` block ends, by an exception or not,
    the session is closed or left open, and the client has ended:

    ==============================  ====================  ===================
    initialization behavior         the session is to be  at the end it is
    ==============================  ====================  ===================
    AUTO                            new or open           closed if it is new
    INITIALIZE_SERVER_SESSION       new                   closed
    ATTACH_TO_SERVER_SESSION        open                  left open
    INITIALIZE_SESSION_THEN_DETACH  new                   left open
    ATTACH_TO_SESSION_THEN_CLOSE    open                  closed
    ==============================  ====================  ===================

    An error of that close is raised, or only logged if the block raised one of its own. Methods
    may be called from any thread.
    """

    def __init__(
        self,
        gadget_name: str,
        initialization_behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        *,
        warm_up_seconds: float = 0.0,
        discovery_client: DiscoveryClient | None = None,
        address: str | None = None,
        channel: grpc.Channel | None = None,
        grpc_channel_pool: GrpcChannelPool | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Find the server and initialize the session.

        Args:
            gadget_name: What is shared; names are compared letter by letter.
            initialization_behavior: What the session is to be, and what becomes of it at the end.
            warm_up_seconds: An example: how long opening takes, if the session is new.
            discovery_client: Finds the server if neither a channel nor an address is given; by
                default one of this client's own.
            address: The server, ``host:port``, without TLS.
            channel: A channel to the server, for TLS for example. It is not closed.
            grpc_channel_pool: Gives the channel to an address or a server found. It is not closed.
            timeout: Seconds that a call may take.

        Raises:
            ServiceError: The server was not found, or refused.
        """
        behavior, closes = _BEHAVIORS[SessionInitializationBehavior(initialization_behavior)]
        request = wire.OpenGadgetRequest(
            gadget_name=gadget_name,
            initialization_behavior=behavior,
            warm_up_seconds=warm_up_seconds,
        )
        self._lock = threading.Lock()
        self._connection = Connection(
            gadget_name,
            channel,
            address,
            grpc_channel_pool,
            discovery_client,
            timeout,
        )
        try:
            self._stub = rpcs.GadgetServiceStub(self._connection.channel)
            self._session = self._connection.call(
                self._stub.OpenGadget,
                request,
                REMEDIES_OF_INITIALIZE,
            )
        except BaseException:
            self._connection.end()
            raise
        self._closes = self.new_session if closes is None else closes

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self._session.session_id

    @property
    def new_session(self) -> bool:
        """Whether this client opened the session; otherwise it was open before."""
        return self._session.new_session_initialized

    def __enter__(self) -> GadgetServiceClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._closes:
                self.close()
        except Exception:
            if error is None:
                raise
            logging.getLogger(__name__).exception("The block failed; then this did, too.")
        finally:
            self._connection.end()

    def close(self) -> None:
        """Close the session for everybody, whatever the initialization behavior, and end.

        When the client has ended, by a close or with its block, another close does nothing.

        Raises:
            ServiceError: Somebody else had closed the session (NOT_FOUND), or the call
                failed and it may still be open.
        """
        with self._lock:
            if self._connection.ended:
                return
            try:
                self._connection.call(
                    self._stub.CloseGadget,
                    wire.CloseGadgetRequest(session_id=self.session_id),
                )
            finally:
                self._connection.end()

    # YOURS: a method for each call of the proto.
    # EXAMPLE: begin
    def write_note(self, note: str) -> None:
        """Replace the note.

        Raises:
            ServiceError: The session was closed (NOT_FOUND); so with every call below.
        """
        request = wire.WriteNoteRequest(session_id=self.session_id, note=note)
        self._connection.call(self._stub.WriteNote, request)

    def read_note(self) -> str:
        """Tell what was written last, by whoever shares the session."""
        request = wire.ReadNoteRequest(session_id=self.session_id)
        return self._connection.call(self._stub.ReadNote, request).note

    # EXAMPLE: end
