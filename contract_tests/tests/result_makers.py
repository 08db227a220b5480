"""Runs made up for tests of their files: everything in them that a reader has to be told."""

from __future__ import annotations

import math

from session_contract.results.run_result import Cell, CheckResult, Outcome, RunResult
from session_contract.subject.finding import Event, Finding
from session_contract.subject.record import Record
from session_spec import Origin, Verification, load
from session_spec.matrix import Behavior
from session_spec.model import LOST, Answer, Close, Initialize, Use

SPECIFICATION = load()
HOSTILE = "</script><script>alert('&')</script>\x1b[31m\x00\udc80"
RECORDS = [
    Record(1, "client 1", Initialize(HOSTILE, Behavior.UNSPECIFIED), Answer("OK", "a", True), 0, 1),
    Record(2, "client 2", Close("a"), LOST, 1.5, math.inf, details=HOSTILE),
    Record(3, HOSTILE, Use("a"), Answer("NOT_FOUND"), 1.6, 3.5, rpc="Write", details=HOSTILE),
    Record(4, "client 2", Use("a"), Answer("OK"), 3.0, 4.0, rpc="Read", value=HOSTILE, scope="s"),
]
FINDING = Finding(
    "USE-ORDER",
    HOSTILE,
    RECORDS,
    [f"if client 1 went first: {HOSTILE}"],
    *(3, "1 of 9", [HOSTILE]),
    events=(Event(HOSTILE, HOSTILE),),
)
MET = RunResult(
    target="acme",
    target_version="2.3.1",
    contact="team@example.com",
    place="127.0.0.1:1",
    conformance_class="server",
    claims=[],
    dialect="standard",
    spec_version="1.0",
    kit_version="1.1",
    seed=4711,
    began="2026-11-24T03:59:38+00:00",
    seconds=17.25,
    environment={"python": "3.11"},
    checks=[
        CheckResult(r.id, r.revision, f"check {n}", "matrix", Outcome.MET, executions=n)
        for r in SPECIFICATION.of_class("server")
        if r.origin is Origin.CORE and r.verification is not Verification.NOT_OBSERVABLE
        for n in range(1, 11)
    ],
    known=[],
    reached={Cell("open session", "Close", "OK"): 12, Cell("no open session", "Sing", "lost"): 3},
)
"""A run in which all of the core is met, and nothing is claimed."""


def check(name: str, outcome: Outcome, **more: object) -> CheckResult:
    """One check of a requirement."""
    return CheckResult(name, 1, f"check of {name}", "race", outcome, **more)  # type: ignore[arg-type]
