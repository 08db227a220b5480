"""Stubs, beside the .proto that they were made of."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding
from session_contract.linting.protos import Proto, sentences_of_stubs
from session_contract.linting.sources import Module


def stale_stubs(project: Project) -> Iterator[Finding]:
    """Stubs that say something else than their .proto."""
    for proto in project.protos:
        module = _stubs_of(proto, project)
        content = _descriptor(module) if module else b""
        if not module or not content:
            continue
        stubs = sentences_of_stubs(content)
        remedy = f"make {module.path.relative_to(project.root)} anew"
        for sentence, line in proto.sentences.items():
            if sentence not in stubs:
                fault = f"the stubs do not have: {sentence}"
                yield Finding(RULES["stale-stubs"], proto.path, line, fault, remedy)
                break
        else:
            if gone := sorted(stubs - set(proto.sentences)):
                fault = f"the stubs still have: {gone[0]}"
                yield Finding(RULES["stale-stubs"], proto.path, 1, fault, remedy)


def _stubs_of(proto: Proto, project: Project) -> Module | None:
    """The stubs of a .proto: of several with its name each has those that lie nearest."""
    named = [each for each in project.protos if each.path.name == proto.path.name]
    for module in project.modules:
        if module.path.name == f"{proto.path.stem}_pb2.py":
            nearest = max(named, key=lambda each: _shared(each.path, module.path))
            if nearest is proto:
                return module
    return None


def _shared(one: Path, other: Path) -> int:
    return len(Path(os.path.commonpath([one, other])).parts)


def _descriptor(module: Module) -> bytes:
    """The descriptor that a stub adds to the pool."""
    for call in module.calls("AddSerializedFile"):
        if call.args and isinstance(call.args[0], ast.Constant):
            value = call.args[0].value
            return value if isinstance(value, bytes) else b""
    return b""
