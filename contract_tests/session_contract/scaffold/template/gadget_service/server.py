"""The server: each RPC looks its session up, calls the resource and answers."""

# The proto gives the RPCs their names, and gRPC every one of them a context.
# EXAMPLE: begin
# ruff: noqa: ARG002, N802
# EXAMPLE: end
# BARE: begin
# ruff: noqa: N802
# BARE: end

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import grpc

from .hosting import Options, Service, answered, host, options
from .refusals import InvalidRequestError
from .resource import Resource, open_resource
from .session_table import Behavior, SessionTable
from .stubs import gadget_service_pb2 as messages
from .stubs import gadget_service_pb2_grpc as rpcs


class GadgetServiceServicer(rpcs.GadgetServiceServicer):
    """Lets clients share resources.

    Attributes:
        table: The open sessions; it knows the rules of sharing.
    """

    def __init__(self) -> None:
        """Make a servicer with no open session."""
        self.table = SessionTable[Resource](release=Resource.close)

    @answered
    def OpenGadget(
        self,
        request: messages.OpenGadgetRequest,
        context: grpc.ServicerContext,
    ) -> messages.OpenGadgetResponse:
        """Open the resource, or attach to the session that has it open."""
        behavior = Behavior.of(request.initialization_behavior)
        if not request.gadget_name:
            raise InvalidRequestError("The name is empty: set gadget_name.")
        opened = self.table.initialize(
            request.gadget_name,
            behavior,
            lambda: _open(request),
            context.is_active,
        )
        return messages.OpenGadgetResponse(
            session_id=opened.session_id,
            new_session_initialized=opened.new,
        )

    # YOURS: a method for each call of the proto. Inside ``use`` the session stays open.
    # EXAMPLE: begin
    @answered
    def WriteNote(
        self, request: messages.WriteNoteRequest, context: grpc.ServicerContext
    ) -> messages.WriteNoteResponse:
        """Replace the note."""
        with self.table.use(request.session_id) as resource:
            resource.write_note(request.note)
        return messages.WriteNoteResponse()

    @answered
    def ReadNote(
        self, request: messages.ReadNoteRequest, context: grpc.ServicerContext
    ) -> messages.ReadNoteResponse:
        """Tell what was written last."""
        with self.table.use(request.session_id) as resource:
            note = resource.read_note()
        return messages.ReadNoteResponse(note=note)

    # EXAMPLE: end
    @answered
    def CloseGadget(
        self,
        request: messages.CloseGadgetRequest,
        context: grpc.ServicerContext,
    ) -> messages.CloseGadgetResponse:
        """Close the session, for everybody."""
        self.table.close(request.session_id, context.is_active)
        return messages.CloseGadgetResponse()


def _open(request: messages.OpenGadgetRequest) -> Resource:
    """Open what was asked for, when its session is to be new."""
    return open_resource(
        request.gadget_name,
        request.warm_up_seconds,
    )


@click.command()
@options
def main(**flags: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Serve sessions that several clients share."""
    servicer = GadgetServiceServicer()
    service = Service(
        full_name="gadget_package.GadgetService",
        add_to=lambda server: rpcs.add_GadgetServiceServicer_to_server(
            servicer,
            server,
        ),
        release=servicer.table.close_all,
        service_config=Path(__file__).parents[1] / "GadgetService.serviceconfig",
    )
    host(service, Options(**flags))
