"""The page of the kill matrix: which wrong implementations prove that a check can fail."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

MATRIX = Path(__file__).parents[2] / "contract_tests" / "kill_matrix.json"
_SHOWN = 3
"""Wrong implementations that are named beside a requirement."""


def render() -> str:
    """The page as Markdown."""
    matrix: dict[str, Any] = json.loads(MATRIX.read_text(encoding="utf-8"))
    rows, proved = matrix["rows"], matrix["proved"]
    found = sum(row["outcome"] == "killed" for row in rows)
    lines = [
        "# Kill matrix",
        "",
        _told(len(rows), found, len(proved)),
        "",
        "| Class | Wrong implementations |",
        "| --- | --- |",
        *(f"| {kind} | {count} |" for kind, count in _by_class(rows)),
        "",
        "## By requirement",
        "",
        "| Requirement | Found by its check |",
        "| --- | --- |",
        *(f"| [{name}] | {_named(wrong)} |" for name, wrong in proved.items()),
    ]
    return "\n".join(lines) + "\n"


def _told(wrong: int, found: int, proved: int) -> str:
    return (
        "A check that cannot fail is worth nothing. So each check has to find something wrong: "
        f"{wrong} wrong implementations, many of them a reference with one line changed, are "
        f"judged by `nox -s selftest`, and {found} are found by the check of their requirement, "
        f"with the expected words. {proved} requirements are proved in that way."
    )


def _by_class(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return Counter(str(row["conformance_class"]) for row in rows).most_common()


def _named(wrong: list[str]) -> str:
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return ", ".join(f"`{name.replace('|', '/')}`" for name in wrong[:_SHOWN]) + more
