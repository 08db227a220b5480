"""Targets that are no server of sessions at all: a run must never take that for success."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from session_contract.results import verdict

if TYPE_CHECKING:
    from tests.small_runs import SmallRuns

HERE = Path(__file__).parent.as_posix()
SHAPE = '[descriptors]\nsource = "sharing.proto"\n'
PROTO = """
syntax = "proto3";
package sharing;
enum Behavior { UNSPECIFIED = 0; INITIALIZE_NEW = 1; ATTACH_TO_EXISTING = 2; }
message InitializeRequest { string resource_name = 1; Behavior initialization_behavior = 2; }
message InitializeResponse { string session_id = 1; bool new_session_initialized = 2; }
message CloseRequest { string session_id = 1; }
message CloseResponse {}
service Sharing {
  rpc Initialize (InitializeRequest) returns (InitializeResponse);
  rpc Close (CloseRequest) returns (CloseResponse);
}
"""
MOST_CALLS_WITHOUT_ANSWER = 3
"""Each takes as long as a call may: with 5 s that is well below half a minute."""


def place(text: str) -> str:
    return f'[target]\nname = "vacuous"\n{text}\n{SHAPE}'


def servicer(name: str) -> str:
    return place(f'servicer = "{name}"\nfolder = "{HERE}"')


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [
        pytest.param(place('address = "127.0.0.1:1"'), 3, "does not answer", id="nothing listens"),
        pytest.param(servicer("vacuous_servers:unimplemented"), 1, "UNIMPLEMENTED", id="empty"),
        pytest.param(servicer("vacuous_servers:empty_messages"), 1, "INIT-ID-PRESENT", id="OK"),
        pytest.param(servicer("vacuous_servers:another_service"), 1, "UNIMPLEMENTED", id="other"),
        pytest.param(
            place(f'command = ["{{python}}", "{HERE}/vacuous_servers.py", "{{port}}"]'),
            *(3, "there is no settings file"),
            id="dies at its start",
        ),
        pytest.param(servicer("sharing_server:mortal"), 3, "answers no call", id="dies half-way"),
    ],
)
def test___target_that_does_nothing___judged___never_0(
    runs: SmallRuns, target: str, code: int, told: str
) -> None:
    runs.monkeypatch.undo()
    runs.file("sharing.proto", PROTO)
    path = runs.file("target.toml", target)

    result = runs.command("run", "--target", str(path), "--seed", "1", "--quick")

    assert result.exit_code == code
    assert told in result.stdout
    assert verdict.MINIMUM


def test___target_that_never_answers___judged___3_after_few_calls(runs: SmallRuns) -> None:
    runs.monkeypatch.undo()
    runs.file("sharing.proto", PROTO)
    limits = "[limits]\ncall = 0.5\n"
    path = runs.file("target.toml", servicer("vacuous_servers:never_answers") + limits)

    result = runs.command("run", "--target", str(path), "--seed", "1")

    assert result.exit_code == 3
    calls = (runs.results / "calls.jsonl").read_text("utf-8").splitlines()
    assert len(calls) <= MOST_CALLS_WITHOUT_ANSWER
