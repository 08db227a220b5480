"""The server of hardware locks: who shares a session shares the lock, all others are kept out."""

# The proto gives the RPCs their names, and gRPC every one of them a context.
# ruff: noqa: ARG002, N802

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import grpc

from .hosting import Options, Service, answered, host, options
from .lock_file import LockFile
from .refusals import InvalidRequestError
from .session_table import Behavior, SessionTable
from .stubs import hardware_lock_pb2 as messages
from .stubs import hardware_lock_pb2_grpc as rpcs


class HardwareLockServicer(rpcs.HardwareLockServicer):
    """Lets clients share locks."""

    def __init__(self, folder: Path) -> None:
        """Make a servicer without any session; ``folder`` is where the files of locks are."""
        self._folder = folder
        self.table = SessionTable(LockFile.release)

    @answered
    def AcquireLock(
        self, request: messages.AcquireLockRequest, context: grpc.ServicerContext
    ) -> messages.AcquireLockResponse:
        """Take a lock, or attach to the session that has it."""
        behavior, waited_for = Behavior.of(request.initialization_behavior), context.is_active
        if not request.lock_name:
            raise InvalidRequestError("The name of the lock is empty: say what it protects.")
        opened = self.table.initialize(
            request.lock_name, behavior, lambda: self._take(request, waited_for), waited_for
        )
        return messages.AcquireLockResponse(
            session_id=opened.session_id, new_session_initialized=opened.new
        )

    @answered
    def SetPurpose(
        self, request: messages.SetPurposeRequest, context: grpc.ServicerContext
    ) -> messages.SetPurposeResponse:
        """Say what the lock is held for from now on."""
        with self.table.use(request.session_id) as lock:
            lock.describe(request.purpose)
        return messages.SetPurposeResponse()

    @answered
    def Describe(
        self, request: messages.DescribeRequest, context: grpc.ServicerContext
    ) -> messages.DescribeResponse:
        """Ask what the lock is held for."""
        with self.table.use(request.session_id) as lock:
            return messages.DescribeResponse(purpose=lock.purpose)

    @answered
    def ReleaseLock(
        self, request: messages.ReleaseLockRequest, context: grpc.ServicerContext
    ) -> messages.ReleaseLockResponse:
        """Give a lock back, for everybody who shares it."""
        self.table.close(request.session_id, context.is_active)
        return messages.ReleaseLockResponse()

    def _take(
        self, request: messages.AcquireLockRequest, waited_for: Callable[[], bool]
    ) -> LockFile:
        if request.wait_ms > 60_000:
            raise InvalidRequestError("wait_ms is more than a minute: ask again later instead.")
        name = hashlib.sha256(request.lock_name.encode()).hexdigest()
        lock = LockFile(self._folder / f"{name}.lock", request.purpose)
        try:
            lock.take(request.wait_ms / 1000, waited_for)
        except BaseException:
            lock.release()
            raise
        return lock


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--folder", type=_FOLDER, default=tempfile.gettempdir(), help="Where the locks are.")
@options
def main(folder: Path, **flags: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Serve locks on hardware, which several clients share."""
    servicer = HardwareLockServicer(folder)
    service = Service(
        full_name="hardware_lock.HardwareLock",
        add_to=lambda server: rpcs.add_HardwareLockServicer_to_server(servicer, server),
        release=servicer.table.close_all,
        service_config=Path(__file__).with_name("HardwareLock.serviceconfig"),
    )
    host(service, Options(**flags))
