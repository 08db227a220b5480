"""A run as JUnit XML: one test case for each check, and one for the verdict.

The verdict has a test case of its own because it can be against the target without any check
that failed: too few were carried out, or an entry of the known failures is stale. Whoever reads
only this file sees red whenever the exit code is not 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import click

from session_contract.results.run_result import CheckResult, Outcome, RunResult, Standing, Verdict
from session_contract.results.terminal import told
from session_contract.results.verdict import name_of, scope, sentence, standings, verdict
from session_spec import Specification

_ELEMENTS: Mapping[Outcome, str] = {
    Outcome.VIOLATED: "failure",
    Outcome.INCONCLUSIVE: "error",
    Outcome.NOT_RUN: "skipped",
    Outcome.TARGET_DIED: "error",
    Outcome.KIT_ERROR: "error",
}
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no way to write."""


def junit(result: RunResult, specification: Specification) -> str:
    """The text of the file."""
    found = standings(result, specification)
    cases = [_case(check, found.get(check.requirement), result) for check in result.checks]
    cases.append(_verdict(result, specification))
    suite = ET.Element("testsuite", _attributes(name_of(result), result, cases))
    if result.began:
        # The schema wants a moment without a time zone.
        suite.set("timestamp", result.began[:19])
    suite.append(_properties(result))
    suite.extend(cases)
    root = ET.Element("testsuites", _attributes("session-contract", result, cases))
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _attributes(name: str, result: RunResult, cases: list[ET.Element]) -> dict[str, str]:
    counts = {
        plural: sum(case.find(element) is not None for case in cases)
        for plural, element in (
            ("failures", "failure"), ("errors", "error"), ("skipped", "skipped"),
        )
    }  # fmt: skip
    texts = {"name": _legal(name), "tests": str(len(cases)), "time": f"{result.seconds:.3f}"}
    return texts | {plural: str(count) for plural, count in counts.items()}


def _properties(result: RunResult) -> ET.Element:
    element = ET.Element("properties")
    facts = {
        "place": result.place,
        "held against": f"session sharing {result.spec_version}, {scope(result)}",
        "kit": result.kit_version,
        "seed": str(result.seed),
        **result.environment,
    }
    for name, value in facts.items():
        ET.SubElement(element, "property", {"name": _legal(name), "value": _legal(value)})
    return element


def _case(check: CheckResult, standing: Standing | None, result: RunResult) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": f"{result.conformance_class}.{check.requirement}",
            "name": _legal(check.check),
            "time": f"{check.seconds:.3f}",
        },
    )
    if check.outcome is Outcome.MET:
        return case
    known = check.outcome is Outcome.VIOLATED and standing is Standing.KNOWN_FAILURE
    element = "skipped" if known else _ELEMENTS[check.outcome]
    message = check.finding.sentence if check.finding else check.reason or check.outcome.value
    _add(case, element, f"known failure: {message}" if known else message, _text(check))
    return case


def _text(check: CheckResult) -> str:
    lines = list(told(check.finding)) if check.finding else [check.reason]
    if check.replay:
        lines.append(f"Again: session-contract replay {check.replay}")
    return click.unstyle("\n".join(lines))


def _verdict(result: RunResult, specification: Specification) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": "verdict", "name": _legal(scope(result)), "time": "0.000"}
    )
    its, text = verdict(result, specification), sentence(result, specification)
    if its is not Verdict.HOLDS:
        _add(case, "failure" if its is Verdict.VIOLATED else "error", text, text)
    return case


def _add(case: ET.Element, element: str, message: str, text: str) -> None:
    ET.SubElement(case, element, {"message": _legal(message)}).text = _legal(text)


def _legal(text: str) -> str:
    return _ILLEGAL.sub(lambda found: repr(found[0])[1:-1], text)
