"""How a client finds and calls its server, and what it says when that fails."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TypeVar

import grpc
from grpc import StatusCode
from ni_measurement_plugin_sdk_service.discovery import DiscoveryClient
from ni_measurement_plugin_sdk_service.grpc.channelpool import GrpcChannelPool

__all__ = ["REMEDIES_OF_INITIALIZE", "Connection", "ServiceError"]

GRPC_SERVICE_INTERFACE_NAME = "gadget_package.GadgetService"
GRPC_SERVICE_CLASS = "gadget_class"

_DISCOVERY_LIMIT = 120.0
"""Seconds for Discovery, which may have to start the server first."""
_REMEDIES = {
    StatusCode.NOT_FOUND: "Make a new client.",
    StatusCode.UNAVAILABLE: "Does the server run, and at this address?",
    StatusCode.DEADLINE_EXCEEDED: "Is the server stuck? If it is only slow, raise timeout=.",
    StatusCode.UNIMPLEMENTED: "Does some other server answer at this address?",
}
REMEDIES_OF_INITIALIZE = {
    **_REMEDIES,
    StatusCode.NOT_FOUND: "Open it first, for example in the setup of the sequence, with "
    "INITIALIZE_SESSION_THEN_DETACH; or use AUTO.",
    StatusCode.ALREADY_EXISTS: "Share it with AUTO; or, if an earlier run left it open, close it "
    "with ATTACH_TO_SESSION_THEN_CLOSE.",
}

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")


class ServiceError(grpc.RpcError):
    """A call failed: the text names the resource and a remedy; the cause is gRPC's own."""

    def __init__(self, subject: str, code: StatusCode, details: str, remedy: str = "") -> None:
        super().__init__(subject, code, details, remedy)

    def __str__(self) -> str:
        subject, code, details, remedy = self.args
        return f"{subject}: {code.name}: {details} {remedy}".rstrip()

    def code(self) -> StatusCode:
        """The status of the call."""
        code: StatusCode = self.args[1]
        return code

    def details(self) -> str:
        """What the server said, or gRPC in its place."""
        return str(self.args[2])


class Connection:
    """Calls to the server, each within a time limit, over a channel of its own or a given one."""

    def __init__(
        self,
        resource: str,
        channel: grpc.Channel | None,
        address: str | None,
        grpc_channel_pool: GrpcChannelPool | None,
        discovery_client: DiscoveryClient | None,
        timeout: float,
    ) -> None:
        """Find the server, unless a channel or an address is given.

        Args:
            resource: What the calls are about, for errors.
            channel: A channel, which is not closed.
            address: The server, ``host:port``.
            grpc_channel_pool: Gives the channel, which is not closed then.
            discovery_client: Finds the server; by default one of its own.
            timeout: Seconds that a call may take.
        """
        self._resource = resource
        self._timeout = timeout
        self._own_channels = GrpcChannelPool()
        if channel is None:
            address = address or _find_server(discovery_client)
            channel = (grpc_channel_pool or self._own_channels).get_channel(address)
        self.channel = channel
        self.ended = False

    def call(
        self,
        rpc: grpc.UnaryUnaryMultiCallable[_Request, _Answer],
        request: _Request,
        remedies: Mapping[StatusCode, str] = _REMEDIES,
    ) -> _Answer:
        """Call the server; a failure says what it is about and what to do."""
        subject = f"{type(request).__name__.removesuffix('Request')} of {self._resource!r}"
        if self.ended:
            reason = "this client has ended: make a new one."
            raise ServiceError(subject, StatusCode.FAILED_PRECONDITION, reason)
        try:
            return rpc(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            raise ServiceError(subject, code, details, remedies.get(code, "")) from error

    def end(self) -> None:
        """Make no more calls; a channel of its own is closed."""
        self.ended = True
        self._own_channels.close()


def _find_server(discovery_client: DiscoveryClient | None) -> str:
    """Ask Discovery for the address of the server, which it starts if need be."""
    subject = f"Finding {GRPC_SERVICE_CLASS}"
    with GrpcChannelPool() as channels:
        client = discovery_client or DiscoveryClient(grpc_channel_pool=channels)
        # NI's client sets no time limit, but its call ends with its channel.
        alarm = threading.Timer(_DISCOVERY_LIMIT, channels.close)
        alarm.start()
        try:
            location = client.resolve_service(GRPC_SERVICE_INTERFACE_NAME, GRPC_SERVICE_CLASS)
        except Exception as error:  # also whatever NI's search for Discovery meets
            cause = error.details() if isinstance(error, grpc.RpcError) else error
            reason = f"Discovery did not tell where it is within {_DISCOVERY_LIMIT:g} s: {cause}"
            remedy = "Start the server, or give address=."
            raise ServiceError(subject, StatusCode.UNAVAILABLE, reason, remedy) from error
        finally:
            alarm.cancel()
            alarm.join()
    if not location.insecure_port:
        reason = f"at {location.ssl_authenticated_address} it serves with TLS."
        remedy = "Give channel=, made by grpc.secure_channel for this address."
        raise ServiceError(subject, StatusCode.FAILED_PRECONDITION, reason, remedy)
    return location.insecure_address
