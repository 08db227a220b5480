"""A run as lines of text: what a reader finds in a failure, and in which order."""

from __future__ import annotations

import math
from dataclasses import replace

import click
import pytest

from session_contract.results import terminal
from session_contract.results.causes import CAUSES
from session_contract.results.run_result import CheckResult, Outcome, RunResult
from session_contract.results.text_timeline import call_text, printable, short_names, timeline
from session_contract.subject.finding import Event, Finding
from session_contract.subject.record import Record
from session_spec import load
from session_spec.matrix import Behavior
from session_spec.model import LOST, Answer, Close, Initialize, Use

SPECIFICATION = load()
LONG = "contract-0a1b2c3d-17"
ONE = Record(
    1,
    "client 1",
    Initialize(LONG, Behavior.UNSPECIFIED),
    Answer("OK", "7228fb-1234-5678", new=True),
    0.0,
    0.002,
    "InitializeFile",
)
TWO = replace(
    ONE,
    number=2,
    lane="client 3",
    answer=Answer("OK", "8ea17b-1234-5678", new=True),
    started=0.001,
    ended=0.003,
)
FINDING = Finding(
    "RACE-ONE-CREATOR",
    f"two calls created a session of {LONG}",
    [ONE, TWO],
    ["if client 1 went first: 7228fb-1234-5678 is due; it answered 8ea17b-1234-5678"],
    34,
    "8 of 300 histories",
    ["the server printed \x1b[31mboom"],
)
CHECK = CheckResult(
    "RACE-ONE-CREATOR", 1, "auto_auto", "race", Outcome.VIOLATED, finding=FINDING, replay="7KQ2A"
)
CALL = "InitializeFile Initialize(R, UNSPECIFIED) -> OK"
CAUSE = [
    "  Often the cause: the server looks the session up and stores it in two steps, with the lock",
    "    released in between.",
]
RESULT = RunResult(
    target="acme",
    target_version="2.3.1",
    contact="",
    place="127.0.0.1:1",
    conformance_class="server",
    claims=["use"],
    dialect="standard",
    spec_version="1.0",
    kit_version="1.1",
    seed=4711,
    began="",
    seconds=1,
    environment={"python": "3.11", "SESSION_CONTRACT_X": "\x1b[0m"},
    known=["CLOSE-OPEN"],
    checks=[CHECK, CheckResult("CLOSE-OPEN", 1, "c", "matrix", Outcome.INCONCLUSIVE, reason="why")],
)


def test___violation___told___requirement_calls_reasons_cause_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_ascii(text: str) -> bool:
        return text.isascii()

    monkeypatch.setattr(terminal, "can_show", only_ascii)

    lines = [click.unstyle(line) for line in terminal.violation([CHECK], SPECIFICATION)]

    assert lines == [
        "x RACE-ONE-CREATOR  Of many UNSPECIFIED at once, one creates and all share",
        "  revision 1, core, MUST",
        "  Violated in 8 of 300 histories: two calls created a session of R.",
        "",
        f"    client 1  |--------------------|            {CALL} 7228fb new",
        f"    client 3            |--------------------|  {CALL} 8ea17b new",
        "              0.0 ms                    3.0 ms",
        "",
        "  No order of these calls is allowed:",
        "    if client 1 went first: 7228fb is due; it answered 8ea17b",
        "  34 other calls are left out; they change nothing about this.",
        r"  Observed: the server printed \x1b[31mboom",
        *CAUSE,
        "  Text:   session-contract explain RACE-ONE-CREATOR",
        "  Again:  session-contract replay 7KQ2A",
    ]


def test___finding_with_events___told___who_did_what_in_lines() -> None:
    events = [Event("plug-in", "Enter(AUTO)"), Event("server", "Close(s1) -> OK\x1b[2J")]
    finding = Finding("EXIT-ATTACH", "it closed what it attached to", events=events)

    lines = list(terminal.told(finding))

    assert lines[1:5] == [
        "",
        "  plug-in  Enter(AUTO)",
        r"  server   Close(s1) -> OK\x1b[2J",
        "",
    ]


def test___header___told___everything_that_can_change_the_outcome() -> None:
    text = "\n".join(terminal.header(RESULT))

    for fact in ("acme 2.3.1", "127.0.0.1:1", "claims use", "1.0", "1.1", "4711", "CLOSE-OPEN"):
        assert fact in text
    assert r"SESSION_CONTRACT_X  \x1b[0m" in text


def test___requirements___told___each_with_its_standing_by_area() -> None:
    lines = [click.unstyle(line) for line in terminal.requirements(RESULT, SPECIFICATION)]

    (row,) = [line for line in lines if "RACE-ONE-CREATOR" in line]
    assert row.endswith("one creates and all share  violated  (1 check)")
    assert "Claim restart: not claimed" in lines
    assert [line for line in lines if "USE-CLOSED" in line and "not run" in line]


def test___check_without_verdict___told___says_why() -> None:
    lines = list(terminal.failures(RESULT, SPECIFICATION))

    assert "CLOSE-OPEN: inconclusive: why" in lines


def test___requirement_violated_by_two_checks___told___once() -> None:
    both = replace(RESULT, checks=[CHECK, replace(CHECK, check="new_auto", replay="OTHER")])

    lines = list(terminal.failures(both, SPECIFICATION))

    assert sum("RACE-ONE-CREATOR  Of many" in line for line in lines) == 1
    assert "  Found by 1 more: new auto" in lines


def test___calls_one_after_the_other___drawn___without_bars() -> None:
    closed = Record(2, "client 10", Close("7228fb-1234-5678"), Answer("NOT_FOUND"), 0.01, 0.02)

    assert list(timeline([ONE, closed])) == [
        "client 1   InitializeFile Initialize(R, UNSPECIFIED) -> OK 7228fb new",
        "client 10  Close(7228fb) -> NOT_FOUND",
    ]


def test___lost_call___drawn___without_an_end() -> None:
    lost = Record(2, "client 2", Use("s"), LOST, 0.001, math.inf, details="cancelled")

    first, second, _ = timeline([ONE, lost])

    assert first.startswith("client 1  |------------------------------|  Init")
    assert second.startswith(
        "client 2                  |---------------  Use(s) -> lost (cancelled)"
    )


def test___refusal___written___with_its_text_on_one_line() -> None:
    refused = replace(ONE, answer=Answer("INTERNAL"), details="no\nway", rpc="")

    assert call_text(refused, {}) == rf'Initialize({LONG}, UNSPECIFIED) -> INTERNAL "no\nway"'
    assert call_text(replace(refused, call=Initialize("", 7), details=""), {}) == (
        'Initialize("", 7) -> INTERNAL'
    )


def test___several_resources_and_ids_alike___shortened___still_differ() -> None:
    other = replace(ONE, call=Initialize("Q", 0), answer=Answer("OK", "7228fb-1234-5679"))

    names = short_names([ONE, other])

    assert names[LONG] == "R1"
    assert len({names["7228fb-1234-5678"], names["7228fb-1234-5679"]}) == 2


def test___text_that_is_long_or_controls_a_terminal___printable___is_tame() -> None:
    assert printable("a\x1b]0;b\x07") == r"a\x1b]0;b\x07"
    assert len(printable("x" * 1000)) == 120


def test___causes___looked_at___are_of_requirements() -> None:
    assert [name for name in CAUSES if name not in SPECIFICATION] == []
