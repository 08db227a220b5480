"""Makes a ``SequenceTarget`` of the file that describes it."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from session_contract.sequences.target import Model, PlugIn, SequenceServer, SequenceTarget
from session_contract.subject.loading import identity, load_target
from session_contract.subject.toml_files import Section, nearest

_GROUPS = ("setup", "main", "cleanup", "process_setup", "process_cleanup", "failing")


def sequence_target(top: Section, here: Path) -> SequenceTarget:
    """The sequence that a target file describes."""
    about, steps = top.section("target"), top.section("sequence")
    known_failures = about.text("known_failures")
    target = SequenceTarget(
        identity=identity(about),
        here=here,
        folder=here / about.text("folder", "."),
        pin_map=here / _needed(steps, "pin_map", "the pin map of the sequence"),
        servers=[_server(section, here) for section in top.sections("server")],
        **{group: steps.texts(group) for group in _GROUPS},  # type: ignore[arg-type]
        model=_model(steps),
        plug_ins=[_plug_in(section, here) for section in top.sections("plug_in")],
        known_failures=here / known_failures if known_failures else None,
    )
    about.finish()
    steps.finish()
    _check(top, steps, target)
    return target


def _server(section: Section, here: Path) -> SequenceServer:
    file = _needed(section, "target", "the target file of the server")
    server = SequenceServer(
        load_target(here / file),
        section.texts("types"),
        section.text("interface"),
        section.text("service_class"),
    )
    section.finish()
    return server


def _plug_in(section: Section, here: Path) -> PlugIn:
    argv, folder = section.texts("command"), here / section.text("folder", ".")
    section.finish()
    if not argv:
        raise section.error("command", "is missing: say what starts the plug-in")
    return PlugIn(argv, folder)


def _model(steps: Section) -> Model:
    model = steps.text("model", "single")
    if model not in get_args(Model):
        raise steps.error("model", f"is {model!r}; {nearest(model, get_args(Model))}", end="")
    return cast("Model", model)


def _needed(section: Section, key: str, what: str) -> str:
    text = section.text(key)
    if not text:
        raise section.error(key, f"is missing: name {what}")
    return text


def _check(top: Section, steps: Section, target: SequenceTarget) -> None:
    if not target.servers:
        raise top.error("server", "is missing: write [[server]] with the target file of the server")
    if not (target.setup or target.process_setup):
        raise steps.error("setup", "is missing: name the steps that open the sessions")
    if not target.main:
        raise steps.error(
            "main", "is missing: name the steps, or plug-ins, that share the sessions"
        )
    several = len(target.servers) > 1
    if several and not all(server.types for server in target.servers):
        raise top.error("server", "is there several times: give each its types in the pin map")
    if not target.pin_map.is_file():
        raise steps.error("pin_map", f"names {target.pin_map}, which is not there")
