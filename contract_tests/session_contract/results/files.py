"""The results of a run as files: for programs, for CI, for a README, and for people.

``results.json`` holds all of it, in the form that ``results.schema.json`` beside this module
describes; the other files are made of the same run and can be made again from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from session_contract.results.as_json import check_from_json, check_to_json
from session_contract.results.badge import badge_json, badge_svg
from session_contract.results.junit import junit
from session_contract.results.page import page
from session_contract.results.run_result import Cell, RunResult, Verdict
from session_contract.results.verdict import sentence, standings, verdict
from session_spec import Specification

SCHEMA = "session-contract/results/1"
"""What ``results.json`` is. The number rises when a reader of the old form would go wrong."""
RESULTS = "results.json"


def write_all(result: RunResult, specification: Specification, folder: Path) -> None:
    """Write everything that is kept of a run into its folder; an OSError when it cannot be."""
    texts = {
        RESULTS: json.dumps(to_json(result, specification), indent=2) + "\n",
        "junit.xml": junit(result, specification),
        "badge.json": json.dumps(badge_json(result, specification), indent=2) + "\n",
        "badge.svg": badge_svg(result, specification),
        "index.html": page(result, specification),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")


def to_json(result: RunResult, specification: Specification) -> dict[str, Any]:
    """A run as data: what was given and found, how each requirement stands, the verdict."""
    found = standings(result, specification)
    facts = {**vars(result), "ended": result.ended.name if result.ended else None}
    facts["checks"] = [check_to_json(check) for check in result.checks]
    facts["reached"] = [{**vars(cell), "count": n} for cell, n in result.reached.items()]
    facts["requirements"] = {name: standing.value for name, standing in found.items()}
    facts["verdict"] = verdict(result, specification).name
    return {"schema": SCHEMA, **facts, "sentence": sentence(result, specification)}


def read(path: Path) -> RunResult:
    """Read the results of a run, of its file or its folder.

    Raises:
        ValueError: They cannot be read; the text says what to do.
    """
    path = path / RESULTS if path.is_dir() else path
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        remedy = "Name the results.json of a run, or its folder."
        raise ValueError(f"{path} cannot be read: {error.strerror}. {remedy}") from None
    except ValueError as error:
        raise ValueError(f"{path} holds no results of a run: {error}") from None


def from_json(data: Any) -> RunResult:  # noqa: ANN401 - whatever a file holds
    """The run that was written as this; a ValueError says why it is none."""
    try:
        schema = data["schema"]
    except (KeyError, TypeError):
        schema = None
    if schema != SCHEMA:
        raise ValueError(
            f"its schema is {schema!r}, and this session-contract reads {SCHEMA!r}. "
            "Run the suite again, or read it with the version that wrote it."
        )
    try:
        return _run(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _run(data: Mapping[str, Any]) -> RunResult:
    given = {field.name: data[field.name] for field in fields(RunResult)}
    given["checks"] = [check_from_json(check) for check in data["checks"]]
    given["reached"] = {
        Cell(cell["state"], cell["call"], cell["answer"]): cell["count"] for cell in data["reached"]
    }
    given["ended"] = Verdict[data["ended"]] if data["ended"] else None
    return RunResult(**given)
