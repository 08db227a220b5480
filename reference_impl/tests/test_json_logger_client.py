"""The client of the JSON Logger against our server."""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

from session_reference.file_logger import JsonLoggerClient, JsonLoggerError
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2, json_logger_pb2_grpc

LIMIT = 30.0
Open = Callable[..., JsonLoggerClient]


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    """A channel to a server of this process."""
    servicer = JsonLoggerServicer()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        json_logger_pb2_grpc.add_JsonLoggerServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as made:
            yield made
        server.stop(None).wait(LIMIT)
        servicer.table.close_all()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the log of a test is."""
    return tmp_path / "run 1.ndjson"


@pytest.fixture
def open_log(channel: grpc.Channel, log: Path) -> Open:
    """Makes a client of that log."""

    def make(
        behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
    ) -> JsonLoggerClient:
        return JsonLoggerClient(log, behavior, channel=channel, timeout=LIMIT)

    return make


def records(log: Path) -> list[dict[str, Any]]:
    """What was logged."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n")[:-1]]


def test___record___logged___is_in_the_file_with_values_as_text(open_log: Open, log: Path) -> None:
    with open_log() as client:
        client.log_data("Größe", {"range": 10, "on": True}, {"value": 3.3, "unit": "V"})

    (record,) = records(log)
    assert record["measurement_name"] == "Größe"
    assert record["measurement_configurations"] == {"range": "10", "on": "True"}
    assert record["measurement_outputs"] == {"value": "3.3", "unit": "V"}


@pytest.mark.parametrize(
    ("when", "written"),
    [
        (datetime(2024, 2, 29, 12, 0, 0, 1, timezone.utc), "2024-02-29T12:00:00.000001Z"),
        (
            datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2024-02-29T06:30:00.000000Z",
        ),
        (datetime(1, 1, 1, tzinfo=timezone.utc), "0001-01-01T00:00:00.000000Z"),
        (
            datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc),
            "9999-12-31T23:59:59.999999Z",
        ),
    ],
)
def test___timestamp___logged___is_kept_to_the_microsecond(
    open_log: Open, log: Path, when: datetime, written: str
) -> None:
    with open_log() as client:
        client.log_data("name", {}, {}, when)

    assert records(log)[0]["timestamp"] == written


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process is fixed here")
def test___timestamp_without_time_zone___logged___is_local_time(
    open_log: Open, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "XYZ-3")
    if sys.platform != "win32":
        time.tzset()
    try:
        with open_log() as client:
            client.log_data("name", {}, {}, datetime(2024, 1, 1, 3))
    finally:
        monkeypatch.undo()
        if sys.platform != "win32":
            time.tzset()

    assert records(log)[0]["timestamp"] == "2024-01-01T00:00:00.000000Z"


def test___no_timestamp___logged___is_the_time_of_the_server(open_log: Open, log: Path) -> None:
    before = datetime.now(timezone.utc)

    with open_log() as client:
        client.log_data("name", {}, {})

    text = records(log)[0]["timestamp"].replace("Z", "+00:00")
    assert before <= datetime.fromisoformat(text) <= datetime.now(timezone.utc)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(),
    values=st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats())),
)
def test___any_text___logged___is_read_back(
    open_log: Open, log: Path, name: str, values: dict[str, Any]
) -> None:
    with open_log() as client:
        client.log_data(name, values, {})

    record = records(log)[-1]
    assert record["measurement_name"] == name
    assert record["measurement_configurations"] == {k: str(v) for k, v in values.items()}


def test___large_record___logged___is_whole(open_log: Open, log: Path) -> None:
    with open_log() as client:
        client.log_data("large", {}, {"wave": "x" * 1_000_000})

    assert len(records(log)[0]["measurement_outputs"]["wave"]) == 1_000_000


def test___one_client___used_by_many_threads___loses_nothing(open_log: Open, log: Path) -> None:
    with open_log() as client, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(client.log_data, str(n), {}, {}) for n in range(200)]:
            done.result(LIMIT)

    assert sorted(record["measurement_name"] for record in records(log)) == sorted(
        str(n) for n in range(200)
    )


def test___sequence___setup_main_cleanup___shares_one_session(open_log: Open, log: Path) -> None:
    with open_log(SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH) as setup:
        opened = setup.session_id
    for step in ("first", "second"):
        with open_log() as main:
            assert (main.session_id, main.new_session) == (opened, False)
            main.log_data(step, {}, {})
    with open_log(SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE) as cleanup:
        assert cleanup.session_id == opened

    assert [record["measurement_name"] for record in records(log)] == ["first", "second"]
    with pytest.raises(JsonLoggerError, match="Open it first") as raised:
        open_log(SessionInitializationBehavior.ATTACH_TO_SERVER_SESSION)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert str(log) in str(raised.value)


def test___session_closed_by_somebody___used___names_log_and_remedy(
    open_log: Open, log: Path
) -> None:
    with open_log(SessionInitializationBehavior.INITIALIZE_SESSION_THEN_DETACH) as client:
        with open_log(SessionInitializationBehavior.ATTACH_TO_SESSION_THEN_CLOSE):
            pass
        with pytest.raises(JsonLoggerError) as raised:
            client.log_data("name", {}, {})

    text = str(raised.value)
    assert text.startswith(f"LogMeasurementData of {str(log)!r}: NOT_FOUND: ")
    assert client.session_id in text
    assert text.endswith("Make a new client.")


def test___wrong_path___opened___says_what_the_server_says(
    channel: grpc.Channel, tmp_path: Path
) -> None:
    with pytest.raises(JsonLoggerError, match=r"\.ndjson") as raised:
        JsonLoggerClient(tmp_path / "run.csv", channel=channel)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test___rpcs_of_the_service___counted___each_has_a_method_and_a_docstring() -> None:
    (service,) = json_logger_pb2.DESCRIPTOR.services_by_name.values()
    methods = {"InitializeFile": "__init__", "LogMeasurementData": "log_data", "CloseFile": "close"}

    assert {method.name for method in service.methods} == set(methods)
    assert all(inspect.getdoc(getattr(JsonLoggerClient, name)) for name in methods.values())
