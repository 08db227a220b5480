"""What a failing run prints, word for word: one message for each kind of check.

They are in ``messages``, with a ``#`` for what is another each time. After a change that is meant,
``SESSION_CONTRACT_WRITE_MESSAGES=1`` writes them anew; read what changed before you commit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from selftest.catalogue import WRONG
from session_contract.checks.marking import KINDS
from session_contract.results.run_result import CheckResult, Outcome
from session_contract.results.terminal import violation
from session_contract.running.runner import Run, carry_out
from session_contract.subject.finding import Finding
from session_contract.subject.record import Record
from session_spec import load
from session_spec.matrix import Behavior
from session_spec.model import LOST, Answer, Close, Initialize

MESSAGES = Path(__file__).parent / "messages"
BY_NAME = {wrong.name: wrong for wrong in WRONG}
_NEVER_CREATES = "custom_instrument: UNSPECIFIED never creates"
SEEN: Mapping[str, tuple[str, str]] = {
    "example": (_NEVER_CREATES, "test_examples"),
    "matrix": (_NEVER_CREATES, "test_matrix"),
    "stateful": (_NEVER_CREATES, "test_stateful"),
    "input": ("small server: empty name is a name", ""),
    "attach": ("small server: attach resets", ""),
    "restart": ("small server: counts anew", ""),
    "hosting": ("file_logger: stays registered", ""),
    "refused": ("small client: ClosesAtBirth", ""),
    "leaks": ("small client: LeavesAThread", ""),
    "run": ("sequence: never registers", ""),
    "interrupted": ("sequence: setup takes what a killed run left", ""),
    "failing": ("sequence: no cleanup after a failure", ""),
    "together": ("sequence: main without reservation, at once", ""),
}
"""By kind: the wrong implementation that is judged, and which checks of its requirement."""
R = "contract-0a1b2c3d-17"
A, B = "7228fb-1234-5678", "8ea17b-1234-5678"


def _made(number: int, lane: str, began: float, ended: float, session: str) -> Record:
    answer = Answer("OK", session, new=True)
    call = Initialize(R, Behavior.UNSPECIFIED)
    return Record(number, lane, call, answer, began, ended, "Initialize")


MADE: Mapping[str, Finding] = {
    "race": Finding(
        "RACE-ONE-CREATOR",
        "no order of these calls is allowed: Initialize of client 1 answered OK, Initialize of "
        "client 2 answered OK",
        [_made(1, "client 1", 0.0, 0.004, A), _made(2, "client 2", 0.001, 0.005, B)],
        [f"if client 1 went first, then client 2: {A} is due; it answered {B} and created it"],
        2,
        "5 of 55 histories",
        ["The round: UNSPECIFIED | UNSPECIFIED"],
    ),
    "lost": Finding(
        "LOST-CLOSE",
        f"whether the lost call happened or not, no order is allowed: Close of {A} answered OK",
        [
            _made(1, "witness", 0.0, 0.001, A),
            Record(2, "who gives up", Close(A), LOST, 0.002, float("inf"), "Close"),
            Record(3, "witness", Close(A), Answer("OK"), 0.1, 0.101, "Close"),
        ],
    ),
    "slow": Finding(
        "SLOW-INDEPENDENT",
        "Initialize of another resource waited 0.40 s, until the slow one was open",
        [_made(1, "client of the slow one", 0.0, 0.4, A), _made(2, "client", 0.001, 0.4, B)],
        seen="8 of 8 times",
    ),
}
"""By kind, for what comes out another way each time: a finding that is told."""


def test___kinds_of_checks___each___has_its_message() -> None:
    assert {*SEEN, *MADE} == set(KINDS)
    assert {path.stem for path in MESSAGES.glob("*.txt")} == set(KINDS)


@pytest.mark.parametrize("kind", SEEN)
def test___wrong_implementation___judged___the_message_is_as_written(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, only = SEEN[kind]
    wrong = BY_NAME[name]
    (tmp_path / "target.toml").write_text(wrong.target(tmp_path), encoding="utf-8")
    select = " and ".join(filter(None, [wrong.requirement, wrong.checks, only]))

    carry_out(
        Run(
            place={"target": str(tmp_path / "target.toml")},
            results=tmp_path / "results",
            budget=wrong.budget,
            seed=1,
            select=select,
        )
    )

    printed = capsys.readouterr().out
    found = re.search(
        rf"^\S+ {wrong.requirement}  .*?replay \w+$", printed, re.DOTALL | re.MULTILINE
    )
    assert found, printed
    compare(kind, found[0])


@pytest.mark.parametrize("kind", MADE)
def test___finding___told___the_message_is_as_written(kind: str) -> None:
    finding = MADE[kind]
    check = CheckResult(
        finding.requirement, 1, "a_check", kind, Outcome.VIOLATED, finding=finding, replay="7KQ2A"
    )

    compare(kind, "\n".join(violation([check], load())))


def compare(kind: str, message: str) -> None:
    """Compare a message with the one that is written down, or write it."""
    path = MESSAGES / f"{kind}.txt"
    text = f"{_steady(message)}\n"
    if os.environ.get("SESSION_CONTRACT_WRITE_MESSAGES"):
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def _steady(text: str) -> str:
    """A message without what is another each time: ids, numbers, folders, colours, line breaks."""
    text = re.sub(r"\x1b\[\d+m", "", text)
    text = re.sub(r"replay \w+", "replay #", text)
    text = re.sub(r"\b(?=[0-9a-f-]*[0-9])[0-9a-f]{6,}(-[0-9a-f]+)*\b", "#", text)
    text = re.sub(r"\d+(\.\d+)?", "#", text)
    return "\n".join(line.rstrip() for line in text.splitlines())
