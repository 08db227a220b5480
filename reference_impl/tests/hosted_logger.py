"""A small server to try the hosting with: a log that writes nothing.

A call of LogMeasurementData ends when everybody has closed the FIFO that it names.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import click
import grpc

from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpcs
from session_reference.hosting import Options, Service, answered, host, options
from session_reference.refusals import SessionNotFoundError


class HostedLogger(rpcs.JsonLoggerServicer):
    """Answers each call, some of them late."""

    def __init__(self) -> None:
        """Begin with no call running."""
        self._running = 0
        self._changed = threading.Condition()

    def release(self) -> None:
        """Wait for the calls that run, as a server does that closes its sessions."""
        print("releasing", flush=True)
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
        print("released", flush=True)

    def _count(self, change: int) -> None:
        with self._changed:
            self._running += change
            self._changed.notify_all()

    @answered
    def InitializeFile(  # noqa: N802 - the name of the RPC
        self, request: messages.InitializeFileRequest, context: grpc.ServicerContext
    ) -> messages.InitializeFileResponse:
        """Name a session after its file."""
        del context
        return messages.InitializeFileResponse(session_id=request.resource_name)

    @answered
    def LogMeasurementData(  # noqa: N802 - the name of the RPC
        self, request: messages.LogMeasurementDataRequest, context: grpc.ServicerContext
    ) -> messages.LogMeasurementDataResponse:
        """Wait for the end of the FIFO."""
        del context
        self._count(1)
        Path(request.measurement_name).read_bytes()
        self._count(-1)
        return messages.LogMeasurementDataResponse()

    @answered
    def CloseFile(  # noqa: N802 - the name of the RPC
        self, request: messages.CloseFileRequest, context: grpc.ServicerContext
    ) -> messages.CloseFileResponse:
        """Know no session."""
        del context
        raise SessionNotFoundError(f"No session {request.session_id}.")


@click.command()
@options
def main(**flags: Any) -> None:  # noqa: ANN401 - click's
    """Serve, with the .serviceconfig beside this file."""
    servicer = HostedLogger()
    host(
        Service(
            full_name="json_logger.JsonLogger",
            add_to=lambda server: rpcs.add_JsonLoggerServicer_to_server(servicer, server),
            release=servicer.release,
            service_config=Path(__file__).with_name("hosted_logger.serviceconfig"),
        ),
        Options(**flags),
    )


if __name__ == "__main__":
    sys.exit(main())
