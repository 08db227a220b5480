"""The wrong test sequences: the small ones of the tests, each with one fault."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from selftest.small_servers import PROTO
from selftest.wrong import Wrong

_FOLDER = Path(__file__).resolve().parents[1] / "tests"
_SERVER = """\
[target]
name = "sharing"
servicer = "{servicer}"
folder = "{folder}"
[descriptors]
source = "sharing.proto"
"""
_SEQUENCE = """\
[target]
class = "sequence"
name = "a sequence"
folder = "{folder}"
[sequence]
pin_map = "bench.pinmap"
model = "{model}"
{groups}
[[server]]
target = "server.toml"
interface = "sharing.Sharing"
service_class = "sharing"
"""
_RIGHT = {"setup": ["create"], "main": ["use", "use"], "cleanup": ["destroy"]}


def _load() -> Any:  # noqa: ANN401 - a module of the tests
    path = _FOLDER / "wrong_sequences.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _target(groups: Mapping[str, list[str]], model: str, servicer: str, folder: Path) -> str:
    """Write what a small sequence needs, and return its target file."""
    where = _FOLDER.as_posix()
    (folder / "sharing.proto").write_text(PROTO, encoding="utf-8")
    (folder / "bench.pinmap").write_text(_wrong.PIN_MAP, encoding="utf-8")
    server = _SERVER.format(servicer=servicer, folder=where)
    (folder / "server.toml").write_text(server, encoding="utf-8")
    lines = [
        f"{group} = {json.dumps([f'small_sequences.py:{step}' for step in steps])}"
        for group, steps in groups.items()
    ]
    return _SEQUENCE.format(folder=where, model=model, groups="\n".join(lines))


_wrong = _load()
WRONG = [
    Wrong(
        name=f"sequence: {each.name}",
        conformance_class="sequence",
        requirement=each.requirement,
        words=each.words,
        target=partial(_target, {**_RIGHT, **each.steps}, each.model, each.servicer),
        origin=f"{_FOLDER.name}/wrong_sequences.py: {each.name}",
    )
    for each in _wrong.WRONG
]
