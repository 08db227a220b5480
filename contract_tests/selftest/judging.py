"""Runs the suite on wrong implementations, and holds what it says against what it has to say."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selftest.wrong import Wrong
from session_contract.checks.marking import specification
from session_contract.results.run_result import Verdict
from session_contract.running.runner import Run, carry_out
from session_spec import Verification

KILLED = "killed"


@dataclass(frozen=True)
class Row:
    """What the suite makes of a wrong implementation; a line of the kill matrix."""

    wrong: str
    conformance_class: str
    origin: str
    requirement: str
    words: str
    outcome: str
    """``killed``: its requirement is violated, in these words. Else what happened instead."""
    violated: list[str]
    """All requirements that are violated, but for others that show by chance alone."""


def judge(wrong: Wrong) -> Row:
    """Run all checks of its requirement on a wrong implementation, and those beside."""
    own = " and ".join(filter(None, [wrong.requirement, wrong.checks]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = folder / "target.toml"
        target.write_text(wrong.target(folder), encoding="utf-8")
        run = Run(
            place={"target": str(target)},
            results=folder / "results",
            budget=wrong.budget,
            seed=1,
            select=" or ".join(filter(None, [own, wrong.beside])),
        )
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = carry_out(run)
        written = folder / "results" / "results.json"
        checks: list[dict[str, Any]] = []
        if written.exists():
            checks = json.loads(written.read_text("utf-8"))["checks"]
    found = [check for check in checks if check["outcome"] == "violated"]
    return Row(
        wrong=wrong.name,
        conformance_class=wrong.conformance_class,
        origin=wrong.origin,
        requirement=wrong.requirement,
        words=wrong.words,
        outcome=_outcome(wrong, code, found, said.getvalue()),
        violated=_violated(wrong, found),
    )


def _outcome(wrong: Wrong, code: int, found: list[dict[str, Any]], said: str) -> str:
    if wrong.is_refused:
        is_told = code == Verdict.USAGE and wrong.words in said
        return KILLED if is_told else f"exit code {code}: {said.strip()[-300:]}"
    due = [check for check in found if check["requirement"] == wrong.requirement]
    if wrong.words and any(wrong.words in _told(check) for check in due):
        return KILLED
    if due:
        return f"in other words: {_told(due[0])}"
    others = sorted({check["requirement"] for check in found})
    return f"survived, exit code {code}; violated: {', '.join(others) or 'none'}"


def _told(check: Mapping[str, Any]) -> str:
    finding = check["finding"]
    return "\n".join([finding["sentence"], *finding["facts"]])


def _violated(wrong: Wrong, found: Iterable[Mapping[str, Any]]) -> list[str]:
    names = {str(check["requirement"]) for check in found}
    if wrong.is_refused:
        names.add(wrong.requirement)
    return sorted(
        name
        for name in names
        if name == wrong.requirement or specification()[name].verification is Verification.CHECKED
    )


def to_json(rows: Iterable[Row]) -> dict[str, Any]:
    """The kill matrix, as it is committed."""
    ordered = sorted(rows, key=lambda row: (row.conformance_class, row.requirement, row.wrong))
    proved: dict[str, list[str]] = {}
    for row in ordered:
        if row.outcome == KILLED:
            proved.setdefault(row.requirement, []).append(row.wrong)
    return {
        "about": "Wrong implementations, and the requirement by whose check each is found. "
        "Made by nox -s selftest -- --write.",
        "format": 1,
        "rows": [asdict(row) for row in ordered],
        "proved": proved,
    }
