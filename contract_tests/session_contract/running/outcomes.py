"""What a check came to: from the exception that ended it to its results, and between processes."""

from __future__ import annotations

import base64
import hashlib
import json
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from session_contract.results.as_json import check_from_json, check_to_json
from session_contract.results.run_result import Cell, CheckResult, Outcome
from session_contract.subject.finding import NotEstablished, TargetDied, Violated
from session_contract.subject.target import TargetError, Unreachable
from session_spec import Specification

RESULTS = "contract_results"
"""The attribute of a report that carries the results of its check."""


@dataclass(frozen=True)
class Results:
    """The results of one check, and what they mean for the run."""

    checks: tuple[CheckResult, ...]
    wrong_usage: str = ""
    """Set when the target file cannot be used: no check can be run."""
    trace: str = ""
    """Set when the kit failed."""


@dataclass
class Share:
    """What one process of a run tells the others at its end."""

    planned: dict[str, CheckResult] = field(default_factory=dict[str, CheckResult])
    """By the id of the test: what a check comes to that is not run."""
    reached: Counter[Cell] = field(default_factory=Counter[Cell])


def replay_id(node: str, seed: int) -> str:
    """A short name for a check of a run."""
    digest = hashlib.sha256(f"{node} {seed}".encode()).digest()
    return base64.b32encode(digest).decode()[:5]


def results_of(
    planned: CheckResult, error: BaseException | None, specification: Specification
) -> Results:
    """What a check came to that ended with this exception, or with none."""
    match error:
        case None:
            return Results((replace(planned, outcome=Outcome.MET, reason=""),))
        case Violated():
            return Results(_violated(planned, error, specification))
        case NotEstablished():
            return _without_verdict(planned, Outcome.INCONCLUSIVE, str(error))
        case TargetDied() | Unreachable():
            return _without_verdict(planned, Outcome.TARGET_DIED, str(error))
        case TargetError():
            text = f"the target file cannot be used: {error}"
            return Results(
                (replace(planned, outcome=Outcome.NOT_RUN, reason=text),), wrong_usage=str(error)
            )
        case pytest.skip.Exception():
            return _without_verdict(planned, Outcome.INCONCLUSIVE, str(error))
        case _:
            return _kit_error(planned, error)


def _without_verdict(planned: CheckResult, outcome: Outcome, reason: str) -> Results:
    return Results((replace(planned, outcome=outcome, reason=reason),))


def _violated(
    planned: CheckResult, error: Violated, specification: Specification
) -> tuple[CheckResult, ...]:
    """A violation counts for the requirement that it names; the check of another has no verdict."""
    named = error.finding.requirement
    violated = replace(planned, outcome=Outcome.VIOLATED, finding=error.finding, reason="")
    if named == planned.requirement or named not in specification:
        return (violated,)
    reason = f"{named} is violated, so that this check could not come to its point"
    return (
        replace(violated, requirement=named, revision=specification[named].revision),
        replace(planned, outcome=Outcome.INCONCLUSIVE, reason=reason),
    )


def _kit_error(planned: CheckResult, error: BaseException) -> Results:
    text = "".join(traceback.format_exception(error))
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return Results((replace(planned, outcome=Outcome.KIT_ERROR, reason=reason),), trace=text)


def pack(results: Results) -> str:
    """The results of a check as text, for the process that started this one."""
    return json.dumps({**vars(results), "checks": [check_to_json(c) for c in results.checks]})


def unpack(text: str) -> Results:
    """The opposite of ``pack``."""
    data = json.loads(text)
    checks = tuple(check_from_json(check) for check in data["checks"])
    return Results(checks, data["wrong_usage"], data["trace"])


def pack_share(share: Share) -> str:
    """What a process tells at its end, as text."""
    planned = {node: check_to_json(check) for node, check in share.planned.items()}
    reached = [[*vars(cell).values(), count] for cell, count in share.reached.items()]
    return json.dumps({"planned": planned, "reached": reached})


def unpack_share(text: str) -> Share:
    """The opposite of ``pack_share``."""
    data = json.loads(text)
    planned = {node: check_from_json(check) for node, check in data["planned"].items()}
    return Share(planned, Counter({Cell(*cell): count for *cell, count in data["reached"]}))
