"""The command ``judge``: its verdicts on recordings, and its exit codes."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from session_contract import cli
from session_contract.subject.record import Record
from session_spec.matrix import Behavior
from session_spec.model import Answer, Call, Close, Initialize, Use


def run(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        cli.cli.main(["judge", *arguments], prog_name="session-contract")
    return int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue()


def recording(tmp_path: Path, *records: Record, name: str = "calls.jsonl") -> str:
    path = tmp_path / name
    path.write_text("".join(json.dumps(r.to_json()) + "\n" for r in records), encoding="utf-8")
    return str(path)


def call(number: int, call: Call, answer: Answer, began: float, ended: float) -> Record:
    return Record(number, f"client {number}", call, answer, began, ended, scope="")


AUTO = Initialize("R", Behavior.UNSPECIFIED)
FIRST = call(1, AUTO, Answer("OK", "7228fb01", new=True), 0.0, 0.002)
ATTACHED = call(2, AUTO, Answer("OK", "7228fb01"), 0.001, 0.003)
SECOND = call(2, AUTO, Answer("OK", "8ea17b02", new=True), 0.001, 0.003)


def test___calls_with_an_order___judged___holds(tmp_path: Path) -> None:
    code, said, _ = run(recording(tmp_path, FIRST, ATTACHED))

    assert code == 0
    assert "some order of its 2 calls explains all answers" in said


def test___two_creators___judged___violated_and_explained(tmp_path: Path) -> None:
    code, said, _ = run(recording(tmp_path, FIRST, SECOND))

    assert code == 1
    assert "RACE-ONE-CREATOR is violated in 2 calls" in said
    assert "client 1  |" in said
    assert "Initialize(R, UNSPECIFIED) -> OK 7228fb new" in said
    assert "if client 1 went first, then client 2: " in said
    assert "in two steps" in said


def test___two_creators___the_server_was_started_again_in_between___holds(tmp_path: Path) -> None:
    code, said, _ = run(recording(tmp_path, FIRST, replace(SECOND, life=2)))

    assert code == 0
    assert "calls.jsonl (server started 2 times): some order of its 1 calls" in said


def test___several_files___judged___the_worst_counts(tmp_path: Path) -> None:
    good = recording(tmp_path, FIRST)
    bad = recording(tmp_path, FIRST, SECOND, name="bad.jsonl")
    empty = recording(tmp_path, name="empty.jsonl")

    assert run(good, bad, empty)[0] == 1
    assert run(good, empty)[0] == 5


def test___nothing_recorded___judged___not_established(tmp_path: Path) -> None:
    code, said, _ = run(recording(tmp_path))

    assert code == 5
    assert "no call is recorded" in said


def test___too_many_orders___judged___not_established(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from session_contract.commands import judge
    from session_contract.races import Inconclusive

    def give_up(*_: object) -> Inconclusive:
        return Inconclusive(2)

    monkeypatch.setattr(judge, "judge_history", give_up)

    assert run(recording(tmp_path, FIRST, ATTACHED))[0] == 5


def test___claim___judged___its_rules_count(tmp_path: Path) -> None:
    used = call(2, Use("made-up"), Answer("INTERNAL"), 0.01, 0.02)
    path = recording(tmp_path, used)

    assert run(path)[0] == 0
    code, said, _ = run(path, "--claim", "use")
    assert (code, "USE-CLOSED" in said) == (1, True)


def test___dialect___judged___its_rules_count(tmp_path: Path) -> None:
    path = recording(tmp_path, call(1, Close("made-up"), Answer("UNKNOWN"), 0.0, 0.1))

    assert run(path)[0] == 1
    assert run(path, "--dialect", "grpc-device")[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"number": 1}\n', "line 1: not a call of a journal"),
        ("[]\n", "line 1: not a call of a journal"),
        ("\n{", "line 2: "),
        ("\x00", "line 1: "),
    ],
)
def test___no_recording___judged___says_which_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text(text, encoding="utf-8")

    code, said, complaint = run(str(path))

    assert (code, said) == (2, "")
    assert told in complaint


def test___bytes___judged___refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"\xff\xfe")

    assert run(str(path))[0] == 2


def test___no_file___judged___refused(tmp_path: Path) -> None:
    code, _, complaint = run(str(tmp_path / "none.jsonl"))

    assert code == 2
    assert "none.jsonl cannot be read: No such file" in complaint
