"""The soak in short, and that it notices what it is there for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from long_runs.shared import pin_map_xml
from session_contract.subject.record import Record
from session_spec.model import Answer, Call, Close, Initialize, Use
from soaking import mortal, soak
from soaking.clients import Scene
from soaking.servers import Server
from soaking.tally import MOST_DESCRIPTORS, MOST_MEMORY, MOST_THREADS, Held, Tally

SOAK = Path(soak.__file__)
FAULTS = [
    "clients that gave up", "clock jumps", "connections cut", "connections stalled",
    "custom_instrument killed", "custom_instrument stood still", "disk full",
    "file_logger killed", "file_logger stood still", "log read-only",
    "plug-ins killed that held a session", "station killed",
]  # fmt: skip


@pytest.mark.timeout(300)
def test___a_soak_of_twenty_seconds___finds_nothing_wrong() -> None:
    done = subprocess.run(
        [sys.executable, str(SOAK), "--minutes", "0.25", "--seed", "7"],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.strip().rsplit(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert int(told["calls"]) > 200
    assert int(told["acknowledged"]) > 20
    assert int(told["lost"]) == 0
    assert sum(fault in told for fault in FAULTS) > 4
    assert int(told["station killed"]) > 0


def scene(tmp_path: Path, *lines: str) -> Scene:
    """A round of the file logger that is over, with a log of these lines."""
    log = tmp_path / "a.log"
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Scene(cast("Server", _Logger()), [str(log)], Tally(), "1")


class _Logger:
    kind = "file_logger"


def record(number: int, call: Call, answer: Answer, life: int = 1) -> Record:
    return Record(number, "a", call, answer, float(number), number + 0.5, life=life)


@pytest.mark.parametrize(
    ("lines", "complaint", "lost"),
    [
        ([], "acknowledged, and 0 times in the log: one", 1),
        (['{"measurement_name": "one"}'] * 2, "acknowledged, and 2 times in the log: one", 0),
        (['{"measurement_name": "one"}', "{"], "line 2 is no record", 0),
        (
            ['{"measurement_name": "one"}', '{"measurement_name": "no"}'],
            "refused, and yet in the log: no",
            0,
        ),
        (['{"measurement_name": "one"}', '{"measurement_name": "lost call"}'], "", 0),
    ],
)
def test___a_log___looked_up___holds_what_was_acknowledged_and_nothing_refused(
    tmp_path: Path, lines: list[str], complaint: str, lost: int
) -> None:
    over = scene(tmp_path, *lines)
    over.acknowledged.append("one")
    over.refused.append("no")

    soak.look_up(over, over.tally)

    assert any(complaint in wrong for wrong in over.tally.wrong) if complaint else True
    assert len(over.tally.wrong) == bool(complaint)
    assert over.tally.lost == lost


def test___answers_of_two_lives___judged___each_begins_with_nothing_open(tmp_path: Path) -> None:
    over = scene(tmp_path)
    over.records += [
        record(1, Initialize("R", 1), Answer("OK", "s1", True)),
        record(2, Use("s1"), Answer("OK")),
        record(3, Use("s1"), Answer("NOT_FOUND"), life=2),
    ]
    soak.judge(over, over.tally)
    assert over.tally.wrong == []

    over.records.append(record(4, Close("s1"), Answer("OK"), life=2))
    soak.judge(over, over.tally)

    assert len(over.tally.wrong) == 1
    assert over.tally.judged == 7


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"threads": MOST_THREADS}, "threads"),
        ({"descriptors": MOST_DESCRIPTORS}, "descriptors"),
        ({"memory": MOST_MEMORY}, "bytes"),
    ],
)
def test___a_process_that_holds_more___watched___is_told_beyond_the_limit(
    more: dict[str, int], words: str
) -> None:
    tally, before = Tally(), Held(10, 10, 10)
    allowed: dict[str, Any] = {name: 10 + most for name, most in more.items()}
    beyond = {name: most + 1 for name, most in allowed.items()}

    tally.watch("x", before, replace(before, **allowed))
    assert tally.wrong == []
    tally.watch("x", before, replace(before, **beyond))

    assert len(tally.wrong) == 1
    assert words in tally.wrong[0]


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is told by /proc")
def test___a_server_that_printed_a_traceback___stopped___is_told(tmp_path: Path) -> None:
    server = Server("custom_instrument", tmp_path)
    server.kill()
    assert server.life.number == 2
    assert Held.by(server.life.process.pid)
    with server.said.open("a", encoding="utf-8") as said:
        said.write("Traceback (most recent call last):\n  boom\n")

    assert "custom_instrument printed a traceback" in server.stop()
    assert Held.by(server.life.process.pid) is None


def test___a_station_that_came_back___looked_at___has_to_know_each_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin_map, tally = tmp_path / "soak.pinmap", Tally()
    pin_map.write_text(pin_map_xml(1), encoding="utf-8")
    station = mortal.MortalStation(pin_map, tmp_path, tally)
    servers = [
        Server("custom_instrument", tmp_path, station.address),
        Server("file_logger", tmp_path),
    ]
    try:
        station.kill(0)
        station.start()
        station.look_for(servers[:1])
        assert tally.wrong == []

        monkeypatch.setattr(mortal, "_TO_REGISTER", 0)
        station.look_for(servers)
        assert [wrong.partition(" serves on ")[0] for wrong in tally.wrong] == ["file_logger"]
    finally:
        assert [server.stop() for server in servers] == ["", ""]
        station.stop()
    assert len(tally.wrong) == tally.faults["station killed"] == 1
