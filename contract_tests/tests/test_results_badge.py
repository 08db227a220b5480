"""The badge: which words and colours a verdict gets, and that nobody is flattered."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from session_contract.results.badge import badge_json, badge_svg
from session_contract.results.run_result import Outcome, RunResult, Verdict

make: Any = importlib.import_module("result_makers")
MET: RunResult = make.MET
BAD = make.check("CLOSE-OPEN", Outcome.VIOLATED)


@pytest.mark.parametrize(
    ("result", "message", "colour"),
    [
        (MET, "server core: met", "#2e7d46"),
        (replace(MET, checks=[*MET.checks, BAD]), "server core: not met", "#b3261e"),
        (
            replace(MET, checks=[*MET.checks, BAD], known=["CLOSE-OPEN"]),
            "server core: not met, as known",
            "#9a5b00",
        ),
        (replace(MET, claims=["use"]), "server + 1 claim: not established", "#5c6474"),
        (replace(MET, claims=["use", "x"]), "server + 2 claims: not established", "#5c6474"),
        (replace(MET, ended=Verdict.UNREACHABLE), "server core: no answer", "#5c6474"),
        (replace(MET, ended=Verdict.KIT_FAILED), "server core: not established", "#5c6474"),
    ],
)
def test___verdict___badge___says_what_was_held_against_what_and_how_it_stands(
    result: RunResult, message: str, colour: str
) -> None:
    assert badge_json(result, make.SPECIFICATION) == {
        "schemaVersion": 1,
        "label": "session sharing 1.0",
        "message": message,
        "color": colour,
    }


def test___badge___drawn___says_the_same_in_both_halves_and_in_its_title() -> None:
    root = ET.fromstring(badge_svg(replace(MET, spec_version="<1>"), make.SPECIFICATION))

    texts = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert texts == [
        "session sharing <1>: server core: met",
        "session sharing <1>",
        "server core: met",
    ]
    assert root.get("aria-label") == texts[0]


def test___badge___drawn___the_halves_fill_it() -> None:
    root = ET.fromstring(badge_svg(MET, make.SPECIFICATION))
    space = "{http://www.w3.org/2000/svg}"

    left, right = root.findall(f"{space}g/{space}rect")

    assert right.get("x") == left.get("width")
    assert int(left.get("width", "")) + int(right.get("width", "")) == int(root.get("width", ""))
