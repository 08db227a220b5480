"""Every rule of sharing has a requirement, and the other way round."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_spec import load, rules

SPECIFICATION = load()


def test___rules_of_the_project___compared___all_are_carried() -> None:
    assert rules.faults(SPECIFICATION) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("[CLOSE-UNKNOWN]", "", "no requirement carries 'Close of a session that was closed"),
        ("[CLOSE-UNKNOWN]", "[CLOSE-OPEN]", "CLOSE-UNKNOWN carries no rule"),
        ("[RACE-ORDER]", "[RACE-ORDERS] [RACE-ORDER]", "there is no requirement RACE-ORDERS"),
    ],
)
def test___spoiled_rules___compared___fault_is_found(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    text = rules.PATH.read_text(encoding="utf-8")
    path = tmp_path / "rules.md"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")

    assert any(problem in finding.problem for finding in rules.faults(SPECIFICATION, path))


def test___page___rendered___has_every_rule_and_their_number() -> None:
    page = rules.render()

    told = rules.read()
    assert page.startswith(f"# The rules of sharing\n\n{len(told)} rules, carried by ")
    assert all(rule.text in page for rule in told)
