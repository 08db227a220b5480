"""A server for log files that several clients share: one record a line, as JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from json.encoder import encode_basestring as _quoted
from pathlib import Path
from typing import Any

import click
import grpc

from ..hosting import Options, Service, answered, host, options
from ..paths import Root
from ..refusals import InvalidRequestError, SessionNotFoundError, quoted
from ..session_table import Behavior, Opened, SessionTable
from .log_file import LogFile, open_log
from .open_files import (
    FileGoneError,
    Identity,
    OpenFiles,
    identity,
    identity_of_regular,
    open_regular,
)
from .stubs import json_logger_pb2_grpc
from .stubs.json_logger_pb2 import (
    CloseFileRequest,
    CloseFileResponse,
    InitializeFileRequest,
    InitializeFileResponse,
    LogMeasurementDataRequest,
    LogMeasurementDataResponse,
)
from .taking_over import LONGEST_LINE

OPEN_FILES = 512
"""Logs that stay open while no call uses them; many systems allow a process 1024 files."""
_SUFFIXES = (".ndjson", ".log", ".txt")
_TRIES = 5
_EPOCH = datetime(1970, 1, 1)
_SECONDS = range(-62_135_596_800, 253_402_300_800)  # the years 1 to 9999
_NANOS = range(10**9)
_LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What some programs take for the end of a line, while JSON does not."""


class JsonLoggerServicer(json_logger_pb2_grpc.JsonLoggerServicer):
    """Answers the calls of clients; sessions are shared by the rules of the session table."""

    def __init__(
        self, root: Root | None = None, *, durable: bool = False, open_files: int = OPEN_FILES
    ) -> None:
        """Make a servicer without any session.

        Args:
            root: What paths of clients lead to.
            durable: Whether a record that was acknowledged survives a power failure, too.
            open_files: How many logs stay open while no call uses them.
        """
        self.table = SessionTable(LogFile.close, LogFile.is_gone)
        self._root = root or Root()
        self._durable = durable
        self._files = OpenFiles(open_files)

    @answered
    def InitializeFile(  # noqa: N802 - named by the .proto
        self, request: InitializeFileRequest, context: grpc.ServicerContext
    ) -> InitializeFileResponse:
        """Open a log, or attach to the session that has it open."""
        behavior = Behavior.of(request.initialization_behavior)
        path = self._root.resolve(request.resource_name, "The path of the log")
        opened = self._initialize(path, behavior, context.is_active)
        return InitializeFileResponse(
            session_id=opened.session_id, new_session_initialized=opened.new
        )

    @answered
    def LogMeasurementData(  # noqa: N802 - named by the .proto
        self,
        request: LogMeasurementDataRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> LogMeasurementDataResponse:
        """Append a record to the log of a session."""
        with self.table.use(request.session_id) as log:
            log.append(_line(request))
        return LogMeasurementDataResponse()

    @answered
    def CloseFile(  # noqa: N802 - named by the .proto
        self, request: CloseFileRequest, context: grpc.ServicerContext
    ) -> CloseFileResponse:
        """Close a session for everybody."""
        self.table.close(request.session_id, context.is_active)
        return CloseFileResponse()

    def _initialize(self, path: str, behavior: Behavior, waited_for: Callable[[], bool]) -> Opened:
        """Open the file that the path leads to now; if that changes meanwhile, begin anew."""
        for _ in range(_TRIES):
            file = _find(path) if behavior is Behavior.ATTACH_TO_EXISTING else _find_or_make(path)
            create = partial(open_log, path, file, self._files, waited_for, durable=self._durable)
            try:
                return self.table.initialize(file, behavior, create, waited_for)
            except FileGoneError:
                continue
        raise InvalidRequestError(
            f"{quoted(path)} is replaced again and again: end what does it, or choose another path."
        )


def _find(path: str) -> Identity:
    """Tell which file the path leads to."""
    try:
        return identity(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        raise SessionNotFoundError(
            f"{quoted(path)} has no open session to attach to, since there is no such file: "
            "initialize a new session first."
        ) from None


def _find_or_make(path: str) -> Identity:
    """Tell which file the path leads to, and make an empty one if there is none."""
    if not path.lower().endswith(_SUFFIXES):
        raise InvalidRequestError(
            f"{quoted(path)} is no path of a log: choose one with the suffix "
            f"{', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}."
        )
    try:
        return identity_of_regular(os.lstat(path), path)
    except FileNotFoundError:
        return _make(path)


def _make(path: str) -> Identity:
    try:
        descriptor, made = open_regular(path, os.O_CREAT | os.O_RDWR)
    except FileNotFoundError:
        raise InvalidRequestError(
            f"{quoted(path)} cannot be made, since its folder is missing: make the folder, or "
            "choose another path."
        ) from None
    os.close(descriptor)
    return made


def _line(request: LogMeasurementDataRequest) -> bytes:
    """The line of a record: one JSON object, also to programs with a wider idea of line ends."""
    text = (
        f'{{"timestamp":"{_timestamp(request)}",'
        f'"measurement_name":{_quoted(request.measurement_name)},'
        f'"measurement_configurations":{_object(request.measurement_configurations)},'
        f'"measurement_outputs":{_object(request.measurement_outputs)}}}'
    )
    if not text.isascii():
        text = text.translate(_LINE_ENDS)
    line = f"{text}\n".encode()
    if len(line) > LONGEST_LINE:
        raise InvalidRequestError(
            f"The record takes {len(line)} bytes, and a line of a log may have {LONGEST_LINE}: "
            "log it in several records, or log where the data is."
        )
    return line


def _object(texts: Mapping[str, str]) -> str:
    members = ",".join([f"{_quoted(name)}:{_quoted(texts[name])}" for name in sorted(texts)])
    return f"{{{members}}}"


def _timestamp(request: LogMeasurementDataRequest) -> str:
    """The client's time, or the server's if none was sent, in RFC 3339, UTC, with microseconds."""
    if not request.HasField("timestamp"):
        seconds, nanos = divmod(time.time_ns(), 10**9)
    else:
        seconds, nanos = request.timestamp.seconds, request.timestamp.nanos
    if seconds not in _SECONDS or nanos not in _NANOS:
        raise InvalidRequestError(
            f"The timestamp has {seconds} seconds and {nanos} nanoseconds: send one within the "
            "years 1 to 9999, with 0 to 999999999 nanoseconds, or none."
        )
    return f"{_date_and_time(seconds)}.{nanos // 1000:06}Z"


@lru_cache(maxsize=16)  # many records are of the same second
def _date_and_time(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


@click.command()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that relative paths start at, and that no path may lead out of; without it, they "
    "start where the server was started, and complete paths may lead anywhere.",
)
@click.option(
    "--durable", is_flag=True, help="Acknowledge a record only when it survives a power failure."
)
@click.option(
    "--open-files",
    type=click.IntRange(min=1),
    default=OPEN_FILES,
    show_default=True,
    help="How many logs stay open while no call uses them; others are opened again when needed.",
)
@options
def main(root: Path | None, durable: bool, open_files: int, **flags: Any) -> None:  # noqa: ANN401
    """Serve log files that several clients share."""
    servicer = JsonLoggerServicer(Root(root), durable=durable, open_files=open_files)
    service = Service(
        "json_logger.JsonLogger",
        partial(json_logger_pb2_grpc.add_JsonLoggerServicer_to_server, servicer),
        servicer.table.close_all,
        Path(__file__).with_name("JsonLogger.serviceconfig"),
    )
    host(service, Options(**flags))
