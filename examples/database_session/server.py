"""The server of databases: who shares a session shares its connection and its transaction."""

# The proto gives the RPCs their names, and gRPC every one of them a context.
# ruff: noqa: ARG002, N802

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import grpc

from .database import Database
from .hosting import Options, Service, answered, host, options
from .paths import Root
from .session_table import Behavior, SessionTable
from .stubs import database_session_pb2 as messages
from .stubs import database_session_pb2_grpc as rpcs


class DatabaseSessionServicer(rpcs.DatabaseSessionServicer):
    """Lets clients share databases."""

    def __init__(self) -> None:
        """Make a servicer without any session."""
        self.table = SessionTable(Database.close)
        self._root = Root()

    @answered
    def InitializeDatabase(
        self, request: messages.InitializeDatabaseRequest, context: grpc.ServicerContext
    ) -> messages.InitializeDatabaseResponse:
        """Open a database, or attach to the session that has it open."""
        behavior = Behavior.of(request.initialization_behavior)
        path = self._root.resolve(request.database_path, "The path of the database")
        opened = self.table.initialize(path, behavior, lambda: Database(path), context.is_active)
        return messages.InitializeDatabaseResponse(
            session_id=opened.session_id, new_session_initialized=opened.new
        )

    @answered
    def Execute(
        self, request: messages.ExecuteRequest, context: grpc.ServicerContext
    ) -> messages.ExecuteResponse:
        """Run one statement, as part of the transaction."""
        with self.table.use(request.session_id) as database:
            rows = database.execute(request.statement, request.parameters)
        texts = [["" if value is None else str(value) for value in row] for row in rows]
        first = texts[0][0] if texts else ""
        return messages.ExecuteResponse(
            rows=[messages.Row(values=row) for row in texts], first_value=first
        )

    @answered
    def EndTransaction(
        self, request: messages.EndTransactionRequest, context: grpc.ServicerContext
    ) -> messages.EndTransactionResponse:
        """Keep what all clients have changed, or forget it."""
        with self.table.use(request.session_id) as database:
            database.end_transaction(commit=request.commit)
        return messages.EndTransactionResponse()

    @answered
    def CloseDatabase(
        self, request: messages.CloseDatabaseRequest, context: grpc.ServicerContext
    ) -> messages.CloseDatabaseResponse:
        """Close a session for everybody; what was not committed is forgotten."""
        self.table.close(request.session_id, context.is_active)
        return messages.CloseDatabaseResponse()


@click.command()
@options
def main(**flags: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Serve databases, which several clients share."""
    servicer = DatabaseSessionServicer()
    service = Service(
        full_name="database_session.DatabaseSession",
        add_to=lambda server: rpcs.add_DatabaseSessionServicer_to_server(servicer, server),
        release=servicer.table.close_all,
        service_config=Path(__file__).with_name("DatabaseSession.serviceconfig"),
    )
    host(service, Options(**flags))
