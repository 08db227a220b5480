"""The page of what was measured, from the figures of one run of ``nox -s bench -- --write``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import curves

RESULTS = Path(__file__).parents[2] / "contract_tests" / "benchmarks" / "results.json"
_ABOUT = (
    "Figures of one run of `nox -s bench`: the references beside bare gRPC echoes of the same "
    "messages, in paired and interleaved rounds. Each is the median of the rounds, with the "
    "quartiles; there were {rounds} rounds. A pair of calls is held against one call of the echo, "
    "so that 0.5 is the most."
)
_HEAD = ["| | measured | quartiles | aim | |", "| --- | --- | --- | --- | --- |"]


def render() -> str:
    """The page as Markdown."""
    results = _read()
    lines = [
        "# Measured speed",
        "",
        _ABOUT.format(**results),
        "",
        *(f"- {name}: {text}" for name, text in results["machine"].items()),
    ]
    for part in dict.fromkeys(figure["part"] for figure in results["figures"]):
        lines += ["", f"## {part}", "", *_HEAD]
        lines += [_row(figure) for figure in results["figures"] if figure["part"] == part]
    for curve in results["curves"]:
        lines += ["", f"## {curve['title']}", "", f"![{curve['title']}]({_name(curve)})"]
    return "\n".join(lines) + "\n"


def pictures() -> dict[str, str]:
    """The curves as SVG, by the names of their files."""
    return {
        _name(curve): curves.draw(curve["lines"], curve["x"], curve["y"])
        for curve in _read()["curves"]
    }


def _read() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def _name(curve: dict[str, Any]) -> str:
    return f"speed-{curve['name']}.svg"


def _row(figure: dict[str, Any]) -> str:
    median, low, high = (f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
                         for value in figure["spread"])  # fmt: skip
    unit = "" if figure["unit"] == "ratio" else f" {figure['unit']}"
    what = f"{figure['what']} ({figure['detail']})" if figure["detail"] else figure["what"]
    return f"| {what} | {median}{unit} | {low} to {high} | {figure['aim']} | {figure['verdict']} |"
