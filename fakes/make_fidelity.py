"""Writes FIDELITY.md: each rule that the fakes keep, on what evidence, and which test holds it.

``python fakes/make_fidelity.py`` writes the file anew, with ``--check`` it only compares.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import session_fakes
from session_fakes.device.covered import covered
from session_fakes.device.drivers import DRIVERS, installed
from session_fakes.device.instruments import simulation_of
from session_fakes.fidelity import MARKS, Evidence, Mark

HERE = Path(__file__).resolve().parent
TARGET = HERE / "FIDELITY.md"
_SKIPPED = ("session_fakes.bootstrap.path", "session_fakes.pytest_plugin", "session_fakes.demo.")
"""What is no ordinary module: what goes on a plug-in's path, pytest's entry, programs of a demo."""

_HEAD = """\
# How faithful the fakes are

This page is generated from marks in the code (`python fakes/make_fidelity.py`); a test compares.

NI's Discovery, Pin Map and Session Management services are closed. What is known of them is what
NI's protos and documentation say (*documented*), what NI's tests assert (*tested by NI*), and
what NI's published clients and samples do or need (*seen in NI's code*). Where all are silent the
fakes do the strictest thing that makes sense, and say so: *our choice*. No rule of this page was
compared with NI's services running on a station: that is *unverified*.

For the simulated instruments, NI's drivers over the NI gRPC Device Server, *tested by NI* means
what NI's tests of that server assert, and *seen in NI's code* its published source: so much is
known of how sessions are shared. Measured values are plausible and nothing more, and so are the
texts and many of the codes of drivers' errors: no instrument and no driver was run.

The rules whose names begin with TS are those of TestStand, for the sequences that
`session_fakes.teststand` runs. *Documented* means TestStand's manual there; no TestStand was run.

## What this is not for

- Not for judging NI's services or hardware: a test that is green here can still fail on a station.
- Not for timing: the fakes answer in well under a millisecond, instruments do not.
- Not for what is not listed: an RPC without a handler answers UNIMPLEMENTED.
- Not for security: the fakes listen on loopback, without encryption, and believe their clients.
"""


_DEVICES = "## The RPCs of the drivers"
_VERSIONS_AT = 2
_ABOUT_DEVICES = """\
A *simulated* RPC does something on the bench, or keeps what it is told and answers it when asked.
A *passive* one does nothing, and nobody can notice. All others answer UNIMPLEMENTED, with a text
that says how to answer them; NI's packages show a text of their own for that code, so look at
`session-fakes calls`. Never does a read or a fetch answer zeros because nothing is known.
NI-VISA over the device server is not simulated: all of its RPCs are UNIMPLEMENTED. So are
drivers that NI has no Python package for."""


def load_marks() -> dict[str, Mark]:
    """All marks, after importing every module of the package."""
    for module in pkgutil.walk_packages(session_fakes.__path__, "session_fakes."):
        if not module.name.startswith(_SKIPPED) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return MARKS


def tests_by_rule() -> dict[str, list[str]]:
    """The tests that say they hold a rule, as ``file::name``."""
    found: dict[str, list[str]] = {}
    for path in sorted((HERE / "tests").glob("test_*.py")):
        for name, rules in _holders(ast.parse(path.read_text(encoding="utf-8"))):
            for rule in rules:
                found.setdefault(rule, []).append(f"{path.name}::{name}")
    return found


def _holders(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "holds":
                yield node.name, [a.value for a in call.args if isinstance(a, ast.Constant)]  # type: ignore[misc]


def rpc_rows() -> Iterator[tuple[str, str, bool]]:
    """Each RPC of the three services: service, name, whether it is implemented."""
    from session_fakes.station import FakeStation

    for service in FakeStation().rpcs():
        for method in service.descriptor.methods:
            yield service.descriptor.name, method.name, method.name in service.handlers


def device_section() -> list[str]:
    """How the RPCs of the drivers are answered; as it stands on the page where it cannot be told.

    Other versions of the drivers' packages have other RPCs: the page says of which it speaks.
    """
    told = _device_section() if len(installed()) == len(DRIVERS) else []
    written = _written_section()
    if not told or (written and _versions() != written[_VERSIONS_AT]):
        return written or told
    return told


def _written_section() -> list[str]:
    lines = TARGET.read_text(encoding="utf-8").splitlines() if TARGET.exists() else []
    if _DEVICES not in lines:
        return []
    begin = lines.index(_DEVICES)
    return lines[begin : next(n for n in range(begin + 1, len(lines)) if lines[n][:3] == "## ") - 1]


def _versions() -> str:
    counted = ", ".join(f"{each.package} {version(each.package)}" for each in DRIVERS)
    return f"Counted with {counted}."


def _device_section() -> list[str]:
    lines = [_DEVICES, "", _versions(), "", *_ABOUT_DEVICES.splitlines(), ""]
    lines += ["| Driver | RPCs | simulated | passive | UNIMPLEMENTED |", "| --- |" + " --- |" * 4]
    named: list[str] = []
    for driver in DRIVERS:
        kinds = covered(driver)
        passive = [name for name, kind in kinds.items() if kind == "passive"]
        simulated = [n for n, kind in kinds.items() if kind not in ("passive", "UNIMPLEMENTED")]
        rest = len(kinds) - len(simulated) - len(passive)
        lines.append(
            f"| {driver.package} | {len(kinds)} | {len(simulated)} | {len(passive)} | {rest} |"
        )
        named += ["", f"**{driver.package}**, simulated: {', '.join(simulated)}."]
        reasons = simulation_of(driver).PASSIVE
        named += [f"Passive: {', '.join(f'{n} ({reasons[n]})' for n in passive)}."] * bool(passive)
    return [*lines, *named]


def render() -> str:
    """The whole page."""
    tests = tests_by_rule()
    lines = [_HEAD, "## The RPCs", "", "| Service | RPC | Answer |", "| --- | --- | --- |"]
    for service, name, implemented in rpc_rows():
        answer = "implemented" if implemented else "UNIMPLEMENTED"
        lines.append(f"| {service} | {name} | {answer} |")
    lines += ["", "Every RPC can be made to fail, to be slow, to hang or to answer something else."]
    lines += ["", *device_section()]
    for evidence in get_args(Evidence):
        marks = sorted((m for m in load_marks().values() if m.evidence == evidence), key=_by_name)
        lines += ["", f"## Rules: {evidence} ({len(marks)})", ""]
        lines += ["| Rule | What the fakes do | Held by |", "| --- | --- | --- |"]
        for mark in marks:
            held = "<br>".join(f"`{test}`" for test in tests.get(mark.name, [])[:3])
            lines.append(f"| `{mark.name}` | {mark.rule} | {held} |")
    return "\n".join(lines) + "\n"


def _by_name(mark: Mark) -> str:
    return mark.name


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; 1 when it is stale."""
    page = render()
    if "--check" in arguments:
        fresh = TARGET.exists() and TARGET.read_text(encoding="utf-8") == page
        print("FIDELITY.md is up to date" if fresh else "FIDELITY.md is stale: make it anew")
        return 0 if fresh else 1
    TARGET.write_text(page, encoding="utf-8", newline="\n")
    print(f"wrote {TARGET.name}: {len(MARKS)} rules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
