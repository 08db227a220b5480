"""What a check came to, as data: for ``results.json``, and between the processes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from session_contract.results.run_result import CheckResult, Outcome
from session_contract.subject.finding import Event, Finding
from session_contract.subject.record import from_json as record_from_json


def check_to_json(check: CheckResult) -> dict[str, Any]:
    """A check as data that JSON can hold."""
    finding: dict[str, Any] | None = None
    if check.finding:
        records = [record.to_json() for record in check.finding.records]
        events = [vars(event) for event in check.finding.events]
        finding = {**vars(check.finding), "records": records, "events": events}
    return {**vars(check), "outcome": check.outcome.value, "finding": finding}


def check_from_json(data: Mapping[str, Any]) -> CheckResult:
    """The check that was written as this."""
    given: dict[str, Any] = {**data, "outcome": Outcome(data["outcome"])}
    if data["finding"]:
        given["finding"] = _finding_from(data["finding"])
    return CheckResult(**given)


def _finding_from(data: Mapping[str, Any]) -> Finding:
    records = [record_from_json(record) for record in data["records"]]
    events = tuple(Event(**event) for event in data["events"])
    given: dict[str, Any] = {**data, "records": records, "events": events}
    return Finding(**given)
