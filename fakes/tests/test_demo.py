"""The demo: it shows what it says, and would say so if it did not."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from session_fakes.cli.app import cli
from session_fakes.demo.server import Notebook

HOUSE = Path(__file__).resolve().parents[2]
ATTACHED = {"session_id": "session 1", "new_session_initialized": False}


def request(behavior: int) -> dict[str, Any]:
    return {"resource_name": "book", "initialization_behavior": behavior, "who": "test"}


@pytest.mark.parametrize(
    ("is_open", "behavior", "answer"),
    [
        (False, 0, {"session_id": "session 1", "new_session_initialized": True}),
        (False, 1, {"session_id": "session 1", "new_session_initialized": True}),
        (False, 2, "NOT_FOUND"),
        (True, 0, ATTACHED),
        (True, 1, "ALREADY_EXISTS"),
        (True, 2, ATTACHED),
    ],
)
def test___notebook___initialized___keeps_to_the_table(
    is_open: bool, behavior: int, answer: dict[str, Any] | str
) -> None:
    notebook = Notebook()
    if is_open:
        notebook.initialize(request(0))

    if isinstance(answer, str):
        with pytest.raises(LookupError, match=answer):
            notebook.initialize(request(behavior))
    else:
        assert notebook.initialize(request(behavior)) == answer


def test___notebook___closed___is_closed_for_everybody_and_opens_anew() -> None:
    notebook = Notebook()
    notebook.initialize(request(0))
    on_session = {"session_id": "session 1", "line": "a line", "who": "test"}

    notebook.close(on_session)

    for call in (notebook.close, notebook.write):
        with pytest.raises(LookupError, match="NOT_FOUND"):
            call(on_session)
    assert notebook.initialize(request(1))["session_id"] == "session 2"


def test___demo___run___shows_one_session_of_two_plug_ins(tmp_path: Path) -> None:
    svg = tmp_path / "demo.svg"

    done = CliRunner().invoke(cli, ["demo", "--svg", str(svg)])

    assert done.exit_code == 0, done.output
    assert "Voltage  attaches to lab book      session 1" in done.output
    assert "Current  attaches to lab book      session 1" in done.output
    assert "Both plug-ins used session 1" in done.output
    assert str(svg) in done.output
    assert ET.parse(svg).getroot().tag.endswith("svg")
    shown = HOUSE / "spec/guides/pictures/demo.svg"  # at the entrance of the site
    drawn, kept = (
        re.findall(r"<title>(?:\d )?(\D+)", path.read_text("utf-8")) for path in (svg, shown)
    )
    assert drawn == kept
    assert "Main: Voltage: Done in " in drawn


def test___demo___of_a_service_that_does_not_share___says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialize = Notebook.initialize

    def private(self: Notebook, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["initialization_behavior"] == 0:
            asked["resource_name"] = f"{asked['resource_name']} of {asked['who']}"
        return initialize(self, asked)

    monkeypatch.setattr(Notebook, "initialize", private)

    done = CliRunner().invoke(cli, ["demo", "--json", "--svg", str(tmp_path / "demo.svg")])

    assert done.exit_code == 1
    assert json.loads(done.output)["shared"] is False
