"""A client of the custom instrument, for measurement plug-ins and TestStand code modules.

It stands on its own: it needs the stubs beside it, gRPC, and NI's SDK of 2.3 or later.
"""

from __future__ import annotations

import logging
import os
import threading
from types import TracebackType

import grpc
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

from .connection import REMEDIES_OF_INITIALIZE, Connection, DeviceCommunicationError
from .stubs import device_comm_service_pb2 as wire
from .stubs.device_comm_service_pb2 import Protocol
from .stubs.device_comm_service_pb2_grpc import DeviceCommunicationStub

__all__ = ["DeviceCommunicationClient", "DeviceCommunicationError", "Protocol"]

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


class DeviceCommunicationClient:
    """A session of an instrument, shared with everybody who names the same instrument.

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
        resource_name: str,
        protocol: Protocol.ValueType,
        register_map_path: str | os.PathLike[str],
        reset: bool = False,
        initialization_behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        *,
        discovery_client: DiscoveryClient | None = None,
        address: str | None = None,
        channel: grpc.Channel | None = None,
        grpc_channel_pool: GrpcChannelPool | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Find the server and initialize the session.

        Args:
            resource_name: The instrument; names are compared letter by letter.
            protocol: ``Protocol.SPI``, ``I2C`` or ``UART``. Like the register map and the reset it
                counts when the session is new, and is ignored when it was open.
            register_map_path: The complete path of a CSV file: Register Name, Register Address,
                Default Data.
            reset: Start with the defaults of the register map and all GPIO low, not with what the
                last session of the instrument left.
            initialization_behavior: What the session is to be, and what becomes of it at the end.
            discovery_client: Finds the server if neither a channel nor an address is given; by
                default one of this client's own.
            address: The server, ``host:port``, without TLS.
            channel: A channel to the server, for TLS for example. It is not closed.
            grpc_channel_pool: Gives the channel to an address or a server found. It is not closed.
            timeout: Seconds that a call may take.

        Raises:
            DeviceCommunicationError: The server was not found, or refused.
        """
        behavior, closes = _BEHAVIORS[SessionInitializationBehavior(initialization_behavior)]
        request = wire.InitializeRequest(
            resource_name=resource_name,
            protocol=protocol,
            reset=reset,
            register_map_path=os.fspath(register_map_path),
            initialization_behavior=behavior,
        )
        self._lock = threading.Lock()
        self._connection = Connection(
            resource_name, channel, address, grpc_channel_pool, discovery_client, timeout
        )
        try:
            self._stub = DeviceCommunicationStub(self._connection.channel)
            self._session = self._connection.call(
                self._stub.Initialize, request, REMEDIES_OF_INITIALIZE
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

    def __enter__(self) -> DeviceCommunicationClient:
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
            DeviceCommunicationError: Somebody else had closed the session (NOT_FOUND), or the call
                failed and it may still be open.
        """
        with self._lock:
            if self._connection.ended:
                return
            try:
                self._connection.call(
                    self._stub.Close, wire.CloseRequest(session_id=self.session_id)
                )
            finally:
                self._connection.end()

    def read_register(self, register_name: str) -> int:
        """Read a register: 0 to 255.

        Args:
            register_name: A name of the register map, letter by letter.

        Raises:
            DeviceCommunicationError: No such register (INVALID_ARGUMENT), or the session was closed
                (NOT_FOUND); so with every call below.
        """
        request = wire.ReadRegisterRequest(session_id=self.session_id, register_name=register_name)
        return self._connection.call(self._stub.ReadRegister, request).value

    def write_register(self, register_name: str, value: int) -> None:
        """Write a register.

        Args:
            register_name: A name of the register map, letter by letter.
            value: 0 to 255.
        """
        request = wire.WriteRegisterRequest(
            session_id=self.session_id, register_name=register_name, value=value
        )
        self._connection.call(self._stub.WriteRegister, request)

    def read_gpio_channel(self, port: int, channel: int) -> bool:
        """Read one channel of a port: True is high.

        Args:
            port: 0 to 3.
            channel: 0 to 7.
        """
        request = wire.ReadGpioChannelRequest(
            session_id=self.session_id, port=port, channel=channel
        )
        return self._connection.call(self._stub.ReadGpioChannel, request).state

    def write_gpio_channel(self, port: int, channel: int, state: bool) -> None:
        """Write one channel of a port, and leave the others as they are.

        Args:
            port: 0 to 3.
            channel: 0 to 7.
            state: True is high.
        """
        request = wire.WriteGpioChannelRequest(
            session_id=self.session_id, port=port, channel=channel, state=state
        )
        self._connection.call(self._stub.WriteGpioChannel, request)

    def read_gpio_port(self, port: int, mask: int) -> int:
        """Read the channels of a port that the mask names: 0 to 255, the other bits are 0.

        Args:
            port: 0 to 3.
            mask: 0 to 255; bit 0 is channel 0.
        """
        request = wire.ReadGpioPortRequest(session_id=self.session_id, port=port, mask=mask)
        return self._connection.call(self._stub.ReadGpioPort, request).state

    def write_gpio_port(self, port: int, mask: int, state: int) -> None:
        """Write the channels of a port that the mask names, and leave the others as they are.

        Args:
            port: 0 to 3.
            mask: 0 to 255; bit 0 is channel 0.
            state: 0 to 255; a bit of 1 is high.
        """
        request = wire.WriteGpioPortRequest(
            session_id=self.session_id, port=port, mask=mask, state=state
        )
        self._connection.call(self._stub.WriteGpioPort, request)
