"""A server whose every name is its own is judged without a line of code."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from session_contract.running.runner import Run, carry_out
from session_reference import custom_instrument

renamed: Any = importlib.import_module("renamed_servers")
HERE = Path(__file__).parent
MAP = Path(str(custom_instrument.__file__)).with_name("register_map.csv")
OLD_WORDS = re.compile("session|resource|behavior|initiali|measure|register|gpio", re.IGNORECASE)
LEDGER_TARGET = f"""
[target]
name = "ledgers"
servicer = "renamed_servers:add_ledgers"
folder = {json.dumps(str(HERE))}
claims = ["use", "strict-input"]

[descriptors]
source = "renamed.proto"

[resource]
name = "{{tmp}}/{{unique}}.ndjson"

[[use]]
rpc = "Scribble"
request = {{ headline = "{{value}}" }}
"""
ROBOT_TARGET = f"""
[target]
name = "robots"
servicer = "renamed_servers:add_robots"
folder = {json.dumps(str(HERE))}
claims = ["use", "strict-input", "attach-ignores-configuration"]

[descriptors]
source = "renamed.proto"

[initialize]
tongue = "LATIN"
memories = {json.dumps(MAP.as_posix())}

[initialize.bad]
tongue = "MUTE"
memories = "no-such-map.csv"

[[use]]
rpc = "Remember"
request = {{ what = "USER_DATA_0", weight = "{{value}}" }}
writes = true

[[use]]
rpc = "Recall"
request = {{ what = "USER_DATA_0" }}
answer = "weight"
"""
MAPPED = """
[service]
initialize = "Wake"
resource = "who"
behavior = "mood"
close = "Sleep"
behaviors = { unspecified = "MOOD_A", initialize_new = "MOOD_B", attach_to_existing = "MOOD_C" }
"""


def run(folder: Path, text: str) -> int:
    """Judge a target quickly; return the exit code."""
    target = folder / "target.toml"
    target.write_text(text, encoding="utf-8")
    results = folder / "results"
    return carry_out(Run(place={"target": str(target)}, results=results, budget="quick", seed=3))


@pytest.mark.parametrize("names", [renamed.LEDGER, renamed.ROBOT], ids=["logger", "instrument"])
def test___proto___renamed___has_none_of_the_usual_words(
    tmp_path: Path, names: dict[str, str]
) -> None:
    text = renamed.write_proto(tmp_path, names).read_text(encoding="utf-8")

    assert not OLD_WORDS.search(text)


def test___everything_of_the_logger_renamed___judged___is_inferred_and_meets_the_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed.write_proto(tmp_path, renamed.LEDGER)

    assert run(tmp_path, LEDGER_TARGET) == 0, capsys.readouterr().out


def test___names_that_leave_a_doubt___judged___asks_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed.write_proto(tmp_path, renamed.ROBOT)

    code = run(tmp_path, ROBOT_TARGET)

    captured = capsys.readouterr()
    assert code == 2
    assert "No RPC is like Initialize" in captured.err
    assert "Write under [service]" in captured.err
    assert "Robots.Robots/Wake" in captured.err


def test___everything_of_the_instrument_renamed___mapped_by_the_file___meets_the_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed.write_proto(tmp_path, renamed.ROBOT)

    assert run(tmp_path, ROBOT_TARGET + MAPPED) == 0, "".join(capsys.readouterr())
