"""The server of network streams: who shares a session shares its connection to an instrument."""

# The proto gives the RPCs their names, and gRPC every one of them a context.
# ruff: noqa: ARG002, N802

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import grpc

from . import scpi_simulator
from .connection import Connection
from .hosting import Options, Service, answered, host, options
from .refusals import InvalidRequestError
from .session_table import Behavior, SessionTable
from .stubs import network_stream_pb2 as messages
from .stubs import network_stream_pb2_grpc as rpcs


class NetworkStreamServicer(rpcs.NetworkStreamServicer):
    """Lets clients share connections."""

    def __init__(self, *, simulate: bool = False) -> None:
        """Make a servicer without any session, for instruments that are there or simulated."""
        self.table = SessionTable(Connection.close, lambda connection: connection.is_broken)
        self._simulate = simulate

    @answered
    def OpenConnection(
        self, request: messages.OpenConnectionRequest, context: grpc.ServicerContext
    ) -> messages.OpenConnectionResponse:
        """Connect to an instrument, or attach to the session that is connected."""
        behavior = Behavior.of(request.initialization_behavior)
        if not request.resource_name:
            raise InvalidRequestError("The resource name is empty: give HOST:PORT.")
        opened = self.table.initialize(
            request.resource_name, behavior, lambda: self._connect(request), context.is_active
        )
        return messages.OpenConnectionResponse(
            session_id=opened.session_id, new_session_initialized=opened.new
        )

    @answered
    def Send(
        self, request: messages.SendRequest, context: grpc.ServicerContext
    ) -> messages.SendResponse:
        """Send a command that has no answer."""
        with self.table.use(request.session_id) as connection:
            connection.send(request.command, is_query=False)
        return messages.SendResponse()

    @answered
    def Query(
        self, request: messages.QueryRequest, context: grpc.ServicerContext
    ) -> messages.QueryResponse:
        """Send a query and wait for its answer."""
        with self.table.use(request.session_id) as connection:
            return messages.QueryResponse(answer=connection.send(request.query, is_query=True))

    @answered
    def CloseConnection(
        self, request: messages.CloseConnectionRequest, context: grpc.ServicerContext
    ) -> messages.CloseConnectionResponse:
        """Close a connection for everybody."""
        self.table.close(request.session_id, context.is_active)
        return messages.CloseConnectionResponse()

    def _connect(self, request: messages.OpenConnectionRequest) -> Connection:
        if request.timeout_ms > 60_000:
            raise InvalidRequestError("timeout_ms is more than a minute: choose a shorter one.")
        name = request.resource_name
        address = scpi_simulator.start(name) if self._simulate else name
        return Connection(address, (request.timeout_ms or 2000) / 1000)


@click.command()
@click.option("--simulate", is_flag=True, help="Simulate an instrument for each session.")
@options
def main(simulate: bool, **flags: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Serve connections to instruments, which several clients share."""
    servicer = NetworkStreamServicer(simulate=simulate)
    service = Service(
        full_name="network_stream.NetworkStream",
        add_to=lambda server: rpcs.add_NetworkStreamServicer_to_server(servicer, server),
        release=servicer.table.close_all,
        service_config=Path(__file__).with_name("NetworkStream.serviceconfig"),
    )
    host(service, Options(**flags))
