"""The wrong stations and device servers: the fakes with other handlers, or another repository."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

from selftest.wrong import Wrong

_TESTS = Path(__file__).resolve().parents[1] / "tests"
_TARGET = """\
[target]
class = "{kind}"
name = "wrong"
command = ["{{python}}", "{file}", "{name}"]
{more}
[target.start]
within = 60
ready_output = "Discovery on (?P<address>.+)"
"""
_MORE = {
    "station": 'claims = ["reference"]',
    "driver": 'interface = "nidmm_grpc.NiDmm"\ndiscovery = true',
}


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _TESTS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)  # where its dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


def _target(kind: str, file: str, name: str, folder: Path) -> str:
    del folder
    path = (_TESTS / f"{file}.py").as_posix()
    return _TARGET.format(kind=kind, file=path, name=name, more=_MORE[kind])


def _all_of(kind: str, file: str) -> list[Wrong]:
    return [
        Wrong(
            name=f"{kind}: {name}",
            conformance_class=kind,
            requirement=case.requirement,
            words=case.words,
            target=partial(_target, kind, file, name),
            origin=f"{file}.py: {name}",
        )
        for name, case in _load(file).WRONG.items()
    ]


WRONG = [*_all_of("station", "wrong_stations"), *_all_of("driver", "wrong_devices")]
