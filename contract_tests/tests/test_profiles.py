"""The profiles: what they read of a log, whom they call, and that the references meet them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from session_contract.checks.marking import specification
from session_contract.profiles.interfaces import PROFILES, stub_class
from session_contract.profiles.log import Record, read_log, told
from session_contract.results.verdict import MINIMUM
from session_contract.running.classes import load_any_target
from session_contract.running.runner import Run, carry_out
from session_contract.subject.target import TargetError
from session_spec import Verification
from session_spec.requirement import CLAIMS

SERVICERS = {
    "file-logger": """
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpcs

def add(server):
    rpcs.add_JsonLoggerServicer_to_server(JsonLoggerServicer(), server)
""",
    "custom-instrument": """
from session_reference.custom_instrument.server import DeviceCommunicationServicer
from session_reference.custom_instrument.stubs import device_comm_service_pb2_grpc as rpcs

def add(server):
    rpcs.add_DeviceCommunicationServicer_to_server(DeviceCommunicationServicer(), server)
""",
}
SENT = datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=timezone.utc)
LINE = {
    "timestamp": "2024-05-06T07:08:09.000010Z",
    "measurement_name": "a",
    "measurement_configurations": {},
    "measurement_outputs": {"x": "1"},
}


def write_target(folder: Path, profile: str, rest: str = "") -> Path:
    """Write a target file for a reference servicer."""
    module = f"serves_{profile.replace('-', '_')}"
    (folder / f"{module}.py").write_text(SERVICERS[profile], encoding="utf-8")
    path = folder / "target.toml"
    place = f'servicer = "{module}:add"'
    text = f'[target]\nclass = "{profile}"\nname = "it"\nclaims = []\n{place}\n{rest}'
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("profile", PROFILES)
def test___reference_servicer___run_quickly___meets_its_profile(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write_target(tmp_path, profile)

    code = carry_out(
        Run(place={"target": str(target)}, results=tmp_path / "results", budget="quick", seed=1)
    )

    assert code == 0, capsys.readouterr().out
    checks = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))["checks"]
    assert len(checks) >= MINIMUM[profile]["core"]


def test___server_that_takes_longer_than_its_limit___judged___is_no_violation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write_target(tmp_path, "custom-instrument", "[limits]\ncall = 0.2\n")
    slow = SERVICERS["custom-instrument"].replace(
        "add_DeviceCommunicationServicer_to_server(DeviceCommunicationServicer(), server)",
        "add_DeviceCommunicationServicer_to_server(Slow(), server)",
    )
    late = (
        "class Slow(DeviceCommunicationServicer):\n    def ReadRegister(self, request, context):\n"
    )
    target.write_text(target.read_text("utf-8").replace("serves_custom", "slow_custom"), "utf-8")
    (tmp_path / "slow_custom_instrument.py").write_text(
        slow.replace("def add", f"{late}        import time; time.sleep(1)\n\ndef add"), "utf-8"
    )

    code = carry_out(
        Run(
            place={"target": str(target)},
            results=tmp_path / "results",
            budget="quick",
            seed=1,
            select="DEVICE-READ-BACK",
        )
    )

    assert code == 5
    printed = " ".join(capsys.readouterr().out.split())
    assert "ReadRegister got no answer within 0.2 s" in printed


def test___minimum_of_checks___profiles___counts_every_claim() -> None:
    for profile in PROFILES:
        assert set(MINIMUM[profile]) == {"core", *CLAIMS[profile]}
        due = {each.claim or "core" for each in specification().of_class(profile)}
        assert due == set(MINIMUM[profile])
        assert all(
            each.verification is Verification.CHECKED for each in specification().of_class(profile)
        )


OTHER_LOGGER = """
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2, json_logger_pb2_grpc as rpcs
import grpc

class Other(JsonLoggerServicer):
    def {method}(self, request, context):
        {body}

def add(server):
    rpcs.add_JsonLoggerServicer_to_server(Other(), server)
"""
TAKES_NONE = ("LogMeasurementData", 'context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room")')
NEVER_CLOSES = ("CloseFile", "return json_logger_pb2.CloseFileResponse()")


@pytest.mark.parametrize(
    ("other", "check", "count"),
    [
        pytest.param(TAKES_NONE, "log_at_once", 3, id="takes no record"),
        pytest.param(TAKES_NONE, "log_while", 1, id="takes no record until it is closed"),
        pytest.param(NEVER_CLOSES, "log_while", 1, id="never closes"),
    ],
)
def test___logger_that_shows_nothing___judged_under_load___nothing_is_established(
    other: tuple[str, str],
    check: str,
    count: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    method, body = other
    module = f"other_logger_{method}_{count}"
    text = OTHER_LOGGER.format(method=method, body=body)
    (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
    target = tmp_path / "target.toml"
    place = f'servicer = "{module}:add"'
    text = f'[target]\nclass = "file-logger"\nname = "it"\nclaims = []\n{place}\n'
    target.write_text(text, encoding="utf-8")

    code = carry_out(
        Run(
            place={"target": str(target)},
            results=tmp_path / "results",
            budget="quick",
            seed=1,
            select=f"many_clients and {check}",
        )
    )

    checks = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))["checks"]
    came_to = [each["outcome"] for each in checks if check in each["check"]]
    assert came_to == ["inconclusive"] * count
    assert code == 5, capsys.readouterr().out


def test___folder_that_is_not_there___opened___target_error_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write_target(tmp_path, "file-logger", '[resource]\nfolder = "nowhere"\n')

    code = carry_out(
        Run(place={"target": str(target)}, results=tmp_path / "results", budget="quick", seed=1)
    )

    captured = capsys.readouterr()
    assert code == 2
    assert "[resource] folder: there is no folder" in captured.out + captured.err


@pytest.mark.parametrize("claim", ["hosting", "survives"])
def test___claim_of_another_class___loaded___refused(tmp_path: Path, claim: str) -> None:
    path = write_target(tmp_path, "file-logger")
    text = path.read_text(encoding="utf-8").replace("claims = []", f'claims = ["{claim}"]')
    path.write_text(text, encoding="utf-8")

    with pytest.raises(TargetError, match="claims"):
        load_any_target(path)


def test___stub_of_a_profile___its_calls___are_those_of_the_proto() -> None:
    stub = stub_class(PROFILES["file-logger"])

    names = [method.name for method in stub.service.methods]
    assert stub.__name__ == "JsonLoggerStub"
    assert names == ["InitializeFile", "LogMeasurementData", "CloseFile"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b'{"old": "a"}\n', [{"old": "a"}]),
        (b'{"old": "a"}', [None]),
        (b'{"old": "a"}\n{"old"', [{"old": "a"}, None]),
        (b'{"old": "a"}\n\n', [{"old": "a"}, None]),
        (b"[1]\n", [None]),
        (b"\xff\n", [None]),
        (b'{"a": 1}{"b": 2}\n', [None]),
    ],
)
def test___log___read___lines_that_are_no_record_are_none(
    tmp_path: Path, content: bytes, found: list[object]
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(content)

    assert list(read_log(path)) == found


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"timestamp": "2024-05-06T07:08:09.000010+00:00"}, ""),
        ({"more": 1}, ""),
        ({"timestamp": "2024-05-06T07:08:09.000011Z"}, "time"),
        ({"timestamp": "2024-05-06T07:08:09.00001Z"}, "time"),
        ({"timestamp": "2024-05-06T07:08:09.000010"}, "time"),
        ({"timestamp": "2024-05-06T09:08:09.000010+02:00"}, "time"),
        ({"timestamp": 1714979289}, "time"),
        ({"measurement_name": "b"}, "fields"),
        ({"measurement_configurations": None}, "fields"),
        ({"measurement_outputs": {"x": 1}}, "fields"),
    ],
)
def test___line_of_a_record___compared___the_fault_is_told(
    changes: dict[str, object], fault: str
) -> None:
    record = Record("a", outputs={"x": "1"}, moment=SENT)

    assert record.fault({**LINE, **changes}) == fault


@pytest.mark.parametrize(("hours", "fault"), [(0, ""), (1, "time"), (-1, "time")])
def test___line_without_a_time_of_the_client___compared___has_the_time_of_the_call(
    hours: int, fault: str
) -> None:
    record = Record("a", outputs={"x": "1"}, at=SENT.timestamp() + hours * 3600)
    early = {**LINE, "timestamp": "1970-01-01T00:00:00.000000Z"}

    if hours >= 0:  # the end of what is allowed is now
        assert record.fault(LINE) == fault
    assert record.fault(early) == "time"


def test___lines___told___in_the_words_of_the_examples() -> None:
    records = {"a": Record("a", outputs={"x": "1"}, moment=SENT), "b@T": Record("b", moment=SENT)}
    lines = [LINE, None, {"old": "old1"}, {**LINE, "measurement_name": "b"}, {"x": 1}]

    assert told(iter(lines), records) == ["a", "torn", "old1", "b@T~fields", "unknown"]
