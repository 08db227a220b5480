"""The page of the last soak that was kept, from ``nox -s soak -- --write``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "contract_tests" / "soaking" / "results.json"
_ABOUT = (
    "What one run of `nox -s soak` has seen. Clients of both reference servers initialize, use and "
    "close at random while servers are killed, connections are cut and the disk is full; every "
    "answer is judged by the model, and every record that was acknowledged is looked up. On a "
    "station reservations are stressed meanwhile, and plug-ins are killed; another one is killed, "
    "too, and both servers have to register with it again."
)


def render() -> str:
    """The page as Markdown."""
    results: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    lines = ["# Proven endurance", "", _ABOUT]
    for title, row in results.items():
        lines += ["", f"## {title[0].upper()}{title[1:]}", "", "| | |", "| --- | --- |"]
        lines += [f"| {what} | {_shown(value)} |" for what, value in row.items()]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
