"""The files of a run: what they hold, that they can be read again, and what refuses to be read."""

from __future__ import annotations

import copy
import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from session_contract.checks.marking import specification
from session_contract.results import files
from session_contract.results.run_result import CheckResult, Outcome, RunResult, Verdict
from session_contract.results.verdict import sentence, verdict

make: Any = importlib.import_module("result_makers")
MET: RunResult = make.MET
SCHEMA = json.loads(Path(files.__file__).with_name("results.schema.json").read_text("utf-8"))


def with_checks(*checks: CheckResult, **more: Any) -> RunResult:  # noqa: ANN401 - fields
    """The run in which everything is met, and these besides."""
    return replace(MET, claims=["use"], checks=[*MET.checks, *checks], **more)


EVERYTHING = with_checks(
    make.check("USE-ORDER", Outcome.VIOLATED, finding=make.FINDING, replay="7KQ2A"),
    make.check("RACE-ONE-NEW", Outcome.VIOLATED, finding=replace(make.FINDING, records=[])),
    make.check("CLOSE-OPEN", Outcome.INCONCLUSIVE, reason=make.HOSTILE),
    make.check("CLOSE-UNKNOWN", Outcome.NOT_RUN, reason="the run ended"),
    make.check("INIT-ID-PRESENT", Outcome.KIT_ERROR, reason="ZeroDivisionError"),
    target=make.HOSTILE,
    known=["RACE-ONE-NEW", "CLOSE-FOR-ALL"],
    stale={"CLOSE-FOR-ALL": "it is met"},
    ended=Verdict.UNREACHABLE,
    complaint=make.HOSTILE,
)


def faults(data: Any, schema: Any, place: str = "results") -> list[str]:  # noqa: ANN401 - JSON
    """Where some data does not follow a schema; only what ours uses of JSON Schema."""
    if "$ref" in schema:
        return faults(data, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], place)
    if "anyOf" in schema:
        return min((faults(data, one, place) for one in schema["anyOf"]), key=len)
    found = [] if is_of_type(data, schema) else [f"{place} is {data!r}"]
    kind = type(data).__name__
    if kind == "dict":
        found += faults_inside(data, schema, place)
    if kind == "list":
        for number, item in enumerate(data):
            found += faults(item, schema.get("items", {}), f"{place}[{number}]")
    return found


def faults_inside(data: dict[str, Any], schema: Any, place: str) -> list[str]:  # noqa: ANN401 - JSON
    """Where what an object holds does not follow its schema."""
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{place} lacks {key}" for key in schema.get("required", []) if key not in data]
    for key, value in data.items():
        if key in properties or isinstance(others, dict):
            found += faults(value, properties.get(key, others), f"{place}.{key}")
        elif not others:
            found.append(f"{place} has {key}")
    return found


def is_of_type(data: Any, schema: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a value is what type, const, enum and minimum say."""
    names = schema.get("type", [])
    kinds = {
        "string": isinstance(data, str),
        "integer": isinstance(data, int) and not isinstance(data, bool),
        "number": isinstance(data, (int, float)) and not isinstance(data, bool),
        "boolean": isinstance(data, bool),
        "null": data is None,
        "array": isinstance(data, list),
        "object": isinstance(data, dict),
    }
    fits = not names or any(kinds[name] for name in ([names] if isinstance(names, str) else names))
    const, choice = schema.get("const", data), schema.get("enum", [data])
    return fits and data == const and data in choice and not data_below(data, schema)


def data_below(data: Any, schema: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a number is smaller than it may be."""
    return isinstance(data, (int, float)) and data < schema.get("minimum", data)


def as_written(result: RunResult) -> Any:  # noqa: ANN401 - JSON
    """What results.json holds of a run."""
    return json.loads(json.dumps(files.to_json(result, make.SPECIFICATION)))


@pytest.mark.parametrize("result", [MET, EVERYTHING], ids=["met", "everything"])
def test___run___written_and_read___the_same_run(tmp_path: Path, result: RunResult) -> None:
    files.write_all(result, specification(), tmp_path)

    assert files.read(tmp_path) == result
    assert files.read(tmp_path / "results.json") == result


@pytest.mark.parametrize("result", [MET, EVERYTHING], ids=["met", "everything"])
def test___results_json___held_against_its_schema___follows_it(result: RunResult) -> None:
    assert faults(as_written(result), SCHEMA) == []


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (["schema"], "session-contract/results/2", "results.schema is"),
        (["seed"], -1, "results.seed is -1"),
        (["verdict"], "FINE", "results.verdict is"),
        (["requirements", "USE-ORDER"], "well", "results.requirements.USE-ORDER is"),
        (["checks", 0, "outcome"], "passed", "results.checks[0].outcome is"),
        (["checks", 0, "seconds"], None, "results.checks[0].seconds is"),
        (["checks", 0, "more"], 1, "results.checks[0] has more"),
        (["reached", 0, "count"], "12", "results.reached[0].count is"),
    ],
)
def test___results_json___with_a_fault___does_not_follow_the_schema(
    path: list[Any], value: object, fault: str
) -> None:
    data = copy.deepcopy(as_written(EVERYTHING))
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value

    (found,) = faults(data, SCHEMA)

    assert found.startswith(fault)


def test___results_json___every_key___is_described_by_the_schema() -> None:
    assert set(as_written(MET)) == set(SCHEMA["properties"]) == set(SCHEMA["required"])


def test___results_json___says_standings_verdict_and_sentence() -> None:
    written = as_written(EVERYTHING)

    assert written["schema"] == files.SCHEMA
    assert written["verdict"] == "KIT_FAILED"
    assert written["requirements"]["RACE-ONE-NEW"] == "known failure"
    assert written["sentence"] == sentence(EVERYTHING, make.SPECIFICATION)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "holds no results of a run: Expecting"),
        ("[]", "its schema is None, and this session-contract reads"),
        ('{"schema": "session-contract/results/2"}', "Run the suite again"),
        ('{"schema": "session-contract/results/1"}', "KeyError: 'target'"),
    ],
)
def test___no_results___read___says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"results.json holds no results of a run: .*") as error:
        files.read(path)

    assert said in str(error.value)


def test___no_file___read___says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: .*\. Name the results.json of a run"):
        files.read(tmp_path)


def test___folder_that_cannot_be_written___write_all___is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"results\.json"):
        files.write_all(MET, specification(), tmp_path / "missing")


def test___run___written___all_files_are_there(tmp_path: Path) -> None:
    files.write_all(EVERYTHING, specification(), tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {
        *("results.json", "junit.xml", "badge.json", "badge.svg", "index.html"),
    }
    assert "<!doctype html>" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "badge.json").read_text("utf-8"))["schemaVersion"] == 1
    ET.parse(tmp_path / "badge.svg")


def suite_of(result: RunResult, folder: Path) -> ET.Element:
    """The test suite that junit.xml holds of a run."""
    files.write_all(result, specification(), folder)
    suite = ET.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    return suite


def elements(suite: ET.Element) -> dict[str, str]:
    """The element that each test case without success has."""
    return {str(case.get("classname")): case[0].tag for case in suite.iter("testcase") if len(case)}


def test___run_that_holds___junit___has_a_case_for_each_check_and_the_verdict(
    tmp_path: Path,
) -> None:
    suite = suite_of(MET, tmp_path)

    assert verdict(MET, make.SPECIFICATION) is Verdict.HOLDS
    assert elements(suite) == {}
    assert len(suite.findall("testcase")) == len(MET.checks) + 1 == int(suite.get("tests", ""))
    assert suite.get("name") == "acme 2.3.1"
    assert suite.get("timestamp") == "2026-11-24T03:59:38"
    assert suite.find("properties/property[@name='seed']") is not None


def test___run_with_everything___junit___has_the_element_of_each_outcome(tmp_path: Path) -> None:
    suite = suite_of(EVERYTHING, tmp_path)

    assert elements(suite) == {
        "server.USE-ORDER": "failure",
        "server.RACE-ONE-NEW": "skipped",
        "server.CLOSE-OPEN": "error",
        "server.CLOSE-UNKNOWN": "skipped",
        "server.INIT-ID-PRESENT": "error",
        "verdict": "error",
    }
    counts = {name: suite.get(name) for name in ("failures", "errors", "skipped")}
    assert counts == {"failures": "1", "errors": "3", "skipped": "2"}


def test___finding___junit___tells_it_in_full(tmp_path: Path) -> None:
    suite = suite_of(EVERYTHING, tmp_path)

    failure = suite.find("testcase/failure")
    known = suite.find("testcase[@classname='server.RACE-ONE-NEW']/skipped")

    assert failure is not None
    assert known is not None
    assert "Violated in 1 of 9:" in (failure.text or "")
    assert "Write Use(a) -> NOT_FOUND" in (failure.text or "")
    assert "Again: session-contract replay 7KQ2A" in (failure.text or "")
    assert known.get("message", "").startswith("known failure: ")


def test___stale_entry_alone___junit___is_red(tmp_path: Path) -> None:
    stale = replace(MET, known=["CLOSE-OPEN"], stale={"CLOSE-OPEN": "it is met"})

    assert elements(suite_of(stale, tmp_path)) == {"verdict": "failure"}


def test___too_few_checks___junit___is_red(tmp_path: Path) -> None:
    assert elements(suite_of(replace(MET, checks=[]), tmp_path)) == {"verdict": "error"}
