"""The long runs in short, and that they notice what they are there for."""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2 as pb,
)

from long_runs import environments, fuzz, stress
from long_runs.nonsense import VALID_XML, filled, request_bytes
from long_runs.shared import RunLog, UsageError, channel_to, logged_run, pin_map_xml
from session_fakes.errors import Refusal
from session_fakes.pinmaps import read_pin_map
from session_fakes.sessions import Reservations
from session_fakes.station import FakeStation

SMALL = stress.Size(clients=12, sessions=5, turns=3)


@pytest.fixture
def pin_map(tmp_path: Path) -> Path:
    """A pin map file of as many instruments as the small stress wants."""
    path = tmp_path / "small.pinmap"
    path.write_text(pin_map_xml(SMALL.sessions), encoding="utf-8")
    return path


# Stress -------------------------------------------------------------------------------------------


def test___two_stations_at_once___stress___no_failures(pin_map: Path) -> None:
    results: list[dict[str, Any]] = []

    def run(seed: str) -> None:
        results.append(stress.repetition(seed, pin_map, threading.Event(), SMALL))

    threads = [threading.Thread(target=run, args=(f"short/{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result["failures"] for result in results] == [[], []]
    assert all(result["counts"]["OK"] > 0 for result in results)


def test___session_given_twice___stress___two_holders_are_noticed(
    pin_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Reservations.reserve

    def too_kind(self: Reservations, sessions: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401
        self.unreserve([session.name for session in sessions])
        return reserve(self, sessions, *rest, **more)

    monkeypatch.setattr(Reservations, "reserve", too_kind)
    scene = stress.Scene(FakeStation(pin_map), threading.Event())
    with scene.station:
        plans = [stress.Plan(("P0",), 0, "waits", 0.0, 0.05) for _ in range(SMALL.turns)]
        clients = [stress.Client(scene, f"client {n}", plans) for n in range(SMALL.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    assert "was given to client" in scene.failures[0]


def test___wake_up_is_lost___stress___forgotten_call_is_noticed(
    pin_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> list[Any]:
        return []

    monkeypatch.setattr(Reservations, "_woken", nobody)

    result = stress.repetition("lost", pin_map, threading.Event(), SMALL, limit=0.5)

    assert any("was forgotten for 0.5 s" in failure for failure in result["failures"])


def test___wrong_status___stress___answer_is_noticed(
    pin_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Refusal("DATA_LOSS", "whatever")

    monkeypatch.setattr(Reservations, "reserve", refuse)

    result = stress.repetition("wrong", pin_map, threading.Event(), SMALL)

    assert any("got DATA_LOSS: 'whatever'" in failure for failure in result["failures"])


def test___interrupted_log___stress_goes_on___with_its_seed_and_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "stress.jsonl"
    size = ["--stations", "1", "--clients", "3", "--sessions", "2", "--turns", "1"]
    assert stress.main([*size, "--repetitions", "1", "--seed", "7", "--log", str(log)]) == 0
    log.write_text(log.read_text(encoding="utf-8") + '{"key": "1/0", "fai', encoding="utf-8")

    assert stress.main([*size, "--repetitions", "2", "--log", str(log)]) == 0

    assert "2 repetitions of a station's stress; seed 7; failures: 0" in capsys.readouterr().out
    lines = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["seed"] == 7
    assert [json.loads(line)["key"] for line in (lines[1], lines[3])] == ["0/0", "1/0"]


def test___failure_in_the_log___stress___exit_code_one(tmp_path: Path) -> None:
    path = tmp_path / "stress.jsonl"
    log = RunLog(path, "stress", 7)
    log.add("0/0", {"failures": ["something"]})
    log.close()

    assert stress.main(["--stations", "1", "--repetitions", "1", "--log", str(path)]) == 1


def test___log_of_another_run_or_seed___open___is_refused(tmp_path: Path) -> None:
    RunLog(tmp_path / "a.jsonl", "fuzz", 1).close()

    with pytest.raises(UsageError, match="no log of stress"):
        RunLog(tmp_path / "a.jsonl", "stress", 1)
    with pytest.raises(UsageError, match="begun with --seed 1"):
        RunLog(tmp_path / "a.jsonl", "fuzz", 2)


# Fuzz ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "code"), [([], 0), (["wrong"], 1), (UsageError("no such service"), 2)]
)
def test___run___ends___has_its_exit_code(
    tmp_path: Path, failures: list[str] | UsageError, code: int
) -> None:
    logs: list[RunLog] = []

    def run(log: RunLog) -> str:
        logs.append(log)
        if isinstance(failures, UsageError):
            raise failures
        log.add("part", {"failures": failures})
        return "1 part"

    assert logged_run("fuzz", tmp_path / "a.jsonl", 1, run) == code
    with pytest.raises(ValueError, match="closed"):
        logs[0].add("late", {})


def test___run___interrupted___says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: RunLog) -> str:
        raise KeyboardInterrupt

    assert logged_run("fuzz", None, 1, run) == 130
    assert "with the same --log goes on" in capsys.readouterr().err


def test___log_that_cannot_be_written___run___is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert logged_run("fuzz", tmp_path / "no" / "folder.jsonl", 1, lambda _: "") == 2
    assert "fuzz: " in capsys.readouterr().err


def test___all_services___fuzz___no_failures() -> None:
    with FakeStation() as station:
        results = [
            fuzz.one_round(station, one.descriptor, f"short/{number}", 150)
            for number, one in enumerate(station.rpcs())
        ]

    assert [result["failures"] for result in results] == [[] for _ in results]
    assert all(result["counts"]["OK"] and result["counts"]["INTERNAL"] for result in results)


def test___bytes_that_are_no_message___call___grpc_says_internal_and_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with FakeStation() as station, channel_to(station.discovery.port) as channel:
        bare: Any = channel
        call = bare.unary_unary(f"/{station.rpcs()[0].descriptor.full_name}/RegisterService")
        with caplog.at_level(logging.DEBUG):
            error: Any = call.future(b"\xff\xff").exception(10)

    assert (error.code().name, error.details()) == fuzz.UNREADABLE
    assert caplog.text == ""
    assert station.internal_errors == []


def test___handler_fails___fuzz___is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz, "MOST_FAILURES", 1000)
    with FakeStation() as station:
        monkeypatch.setattr("session_fakes.services.session_management._names", broken)
        failures = fuzz.one_round(station, station.rpcs()[2].descriptor, "x", 200)["failures"]

    assert any("INTERNAL: " in f and "a fault of the fake" in f for f in failures)
    assert any("internal error: Traceback" in failure for failure in failures)


def test___something_on_the_console___fuzz___is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def loud(_: object) -> list[Any]:
        logging.getLogger("any").error("a traceback, say")
        return []

    monkeypatch.setattr(fuzz, "_inconsistencies", loud)
    with FakeStation() as station:
        failures = fuzz.one_round(station, station.rpcs()[0].descriptor, "x", 1)["failures"]

    assert failures == ["on the console: a traceback, say\n"]


def test___same_seed___requests___same_bytes() -> None:
    message = pb.DESCRIPTOR.message_types_by_name["RegisterSessionsRequest"]

    first, second = (
        [request_bytes(random.Random(number), message) for number in range(50)] for _ in range(2)
    )

    # A map has no order of its own, so its bytes may differ: the kinds and lengths may not.
    assert [(kind, len(data)) for kind, data in first] == [(k, len(d)) for k, d in second]
    assert {kind for kind, _ in first} == {"sensible", "odd", "mutated", "bytes"}
    assert isinstance(filled(random.Random(1), message, 0.0), pb.RegisterSessionsRequest)


@pytest.mark.parametrize("xml", VALID_XML)
def test___pin_maps_to_mutate___read___are_valid(xml: str) -> None:
    assert read_pin_map(xml)


# Environments -------------------------------------------------------------------------------------


def test___plug_in_that_is_wrong_and_stays_registered___tried___both_are_noticed(
    tmp_path: Path,
) -> None:
    config = environments.PLUG_IN.with_name("SimpleMeasurement.serviceconfig")
    (tmp_path / config.name).write_bytes(config.read_bytes())
    text = environments.PLUG_IN.read_text("utf-8").replace("2.0 * value", "3.0 * value")
    dying = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\n    main()"
    plug_in = tmp_path / "measurement.py"
    plug_in.write_text(text.replace("    main()", f"    {dying}"), "utf-8")

    tried = environments.trial(Path(sys.executable), plug_in, tmp_path)

    measured, left = tried.failures
    assert "measure ended with 0, not with 42" in measured
    assert "did not unregister" in left


def test___no_environment_can_be_made___main___ends_with_3_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    make = environments.make_environment

    def make_nowhere(_: Path, requirement: str) -> Path:
        return make(no_folder, requirement)

    monkeypatch.setattr(environments, "make_environment", make_nowhere)

    assert environments.main([]) == 3
    assert "environments: no environment with ni-measurement-plugin-sdk" in capsys.readouterr().err
