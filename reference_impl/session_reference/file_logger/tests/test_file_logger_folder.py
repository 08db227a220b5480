"""The server of this folder, wherever the folder lies and whatever it is called."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import grpc
import pytest

FOLDER = Path(__file__).resolve().parents[1]


class Logger(NamedTuple):
    """A server in this process, and what speaks to it."""

    messages: ModuleType
    stub: Any

    def initialize(self, path: Path, behavior: int = 0) -> Any:  # noqa: ANN401 - a message
        """Open a log, or attach to it."""
        request = self.messages.InitializeFileRequest(
            resource_name=str(path), initialization_behavior=behavior
        )
        return self.stub.InitializeFile(request)

    def log(self, session_id: str, name: str) -> None:
        """Append a record."""
        request = self.messages.LogMeasurementDataRequest(
            session_id=session_id, measurement_name=name, measurement_outputs={"volts": "1.5"}
        )
        self.stub.LogMeasurementData(request)

    def close(self, session_id: str) -> None:
        """Close a session."""
        self.stub.CloseFile(self.messages.CloseFileRequest(session_id=session_id))


@pytest.fixture
def logger() -> Iterator[Logger]:
    server_module = runpy.run_path(str(FOLDER / "__main__.py"))["load"]("tested_file_logger")
    stubs = f"{server_module.__package__}.stubs.json_logger_pb2"
    rpcs = import_module(f"{stubs}_grpc")
    servicer = server_module.JsonLoggerServicer()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        rpcs.add_JsonLoggerServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Logger(import_module(stubs), rpcs.JsonLoggerStub(channel))
        server.stop(0).wait()
        servicer.table.close_all()


def test___log___shared_by_two___has_the_records_of_both(logger: Logger, tmp_path: Path) -> None:
    path = tmp_path / "results.ndjson"
    first, second = logger.initialize(path, 1), logger.initialize(path, 2)

    logger.log(first.session_id, "one")
    logger.log(second.session_id, "two")

    assert (first.new_session_initialized, second.new_session_initialized) == (True, False)
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [record["measurement_name"] for record in records] == ["one", "two"]
    assert records[0]["measurement_outputs"] == {"volts": "1.5"}


@pytest.mark.parametrize(
    ("is_open", "behavior", "code"), [(True, 1, "ALREADY_EXISTS"), (False, 2, "NOT_FOUND")]
)
def test___log___initialized_against_the_rules___is_refused(
    logger: Logger, tmp_path: Path, is_open: bool, behavior: int, code: str
) -> None:
    if is_open:
        logger.initialize(tmp_path / "results.log")

    with pytest.raises(grpc.RpcError) as refused:
        logger.initialize(tmp_path / "results.log", behavior)

    assert refused.value.code().name == code


def test___session___closed___is_closed_for_everybody(logger: Logger, tmp_path: Path) -> None:
    session = logger.initialize(tmp_path / "results.log")

    logger.close(session.session_id)

    for call in (partial(logger.log, name="late"), logger.close):
        with pytest.raises(grpc.RpcError) as refused:
            call(session.session_id)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert logger.initialize(tmp_path / "results.log", 1).session_id != session.session_id
