"""The classes of targets: for each, how its file is read and which fixtures its checks have.

A target file says ``class = "client"``; without, it is of a server. To add a class, add its row
here, a folder of checks under its name, and its minimum of checks in ``results.verdict``.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from session_contract.subject.target import AnyTarget, TargetError
from session_contract.subject.toml_files import Section, nearest, read_toml

if TYPE_CHECKING:
    from session_contract.doctor import Step

Loader = Callable[[Section, Path], AnyTarget]
"""Makes the target of a file and of the folder that the file is in."""


@dataclass(frozen=True)
class ClassOfTargets:
    """Where the parts of a class are; they are imported when a target is of it."""

    loader: str
    """``module:function``, a Loader."""
    fixtures: str
    """The module with the fixtures of its checks."""
    checks: str
    """The folder of its checks, inside ``checks``."""
    doctor: str
    """``module:function`` that examines a target, in a folder to work in, step by step."""
    plugins: Sequence[str] = ()
    """Plugins of pytest that the fixtures build on."""

    def load(self, top: Section, here: Path) -> AnyTarget:
        """Make the target that a file describes."""
        loader: Loader = _imported(self.loader)
        return loader(top, here)

    def fixtures_module(self) -> Any:  # noqa: ANN401 - a plugin of pytest
        """The plugin of pytest with the fixtures."""
        return importlib.import_module(self.fixtures)

    def examine(self, target: AnyTarget, folder: Path) -> Iterator[Step]:
        """Go through a target; what ``session-contract doctor`` does."""
        examine: Callable[[AnyTarget, Path], Iterator[Step]] = _imported(self.doctor)
        return examine(target, folder)


def _imported(place: str) -> Any:  # noqa: ANN401 - a function
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


_SERVER = ClassOfTargets(
    loader="session_contract.subject.loading:server_target",
    fixtures="session_contract.checks.server.fixtures",
    checks="server",
    doctor="session_contract.doctor:examine",
)
CLASSES: Mapping[str, ClassOfTargets] = {
    "server": _SERVER,
    # A server in the dialect of NI's gRPC Device Server.
    "driver": ClassOfTargets(
        loader="session_contract.driver.target:driver_target",
        fixtures="session_contract.checks.driver.fixtures",
        checks="driver",
        doctor="session_contract.driver.opening:examine",
    ),
    "station": ClassOfTargets(
        loader="session_contract.station.target:station_target",
        fixtures="session_contract.checks.station.fixtures",
        checks="station",
        doctor="session_contract.station.doctor:examine",
        plugins=("pytest_grpc.plugin",),
    ),
    "sequence": ClassOfTargets(
        loader="session_contract.sequences.loading:sequence_target",
        fixtures="session_contract.checks.sequence.fixtures",
        checks="sequence",
        doctor="session_contract.sequences.examining:examine",
    ),
    "client": ClassOfTargets(
        loader="session_contract.clients.loading:client_target",
        fixtures="session_contract.checks.client.fixtures",
        checks="client",
        doctor="session_contract.clients.examining:examine",
    ),
    # Profiles: servers that were made from our examples. Their checks call by stubs.
    "file-logger": ClassOfTargets(
        loader="session_contract.profiles.target:logger_target",
        fixtures="session_contract.checks.profile_fixtures",
        checks="file_logger",
        doctor="session_contract.profiles.opening:examine",
        plugins=("pytest_grpc.plugin",),
    ),
    "custom-instrument": ClassOfTargets(
        loader="session_contract.profiles.target:instrument_target",
        fixtures="session_contract.checks.profile_fixtures",
        checks="custom_instrument",
        doctor="session_contract.profiles.opening:examine",
        plugins=("pytest_grpc.plugin",),
    ),
}


def load_any_target(path: Path) -> AnyTarget:
    """Read a target file of any class; a TargetError says what to write instead."""
    path = path.absolute()
    top = read_toml(path)
    about = top.section("target")
    name = about.text("class", "server")
    if name not in CLASSES:
        raise about.error("class", f"is {name!r}; {nearest(name, CLASSES)}", end="")
    if missing := _missing(about):
        raise about.error("needs", f"names what is not here: {missing}")
    target = CLASSES[name].load(top, path.parent)
    top.finish()
    return judgeable(target, name)


def judgeable(target: AnyTarget, name: str) -> AnyTarget:
    """A target that its checks know what to do with; ``name`` is the class it was read as."""
    if target.conformance_class == name:
        return target
    raise TargetError(
        f"A target of dialect {target.dialect} is of class {target.conformance_class}: write a "
        f'target file with [target] class = "{target.conformance_class}" and its interface.'
    )


def missing_needs(path: Path) -> str:
    """What a target file says it needs and this machine has not; empty when it has all."""
    return _missing(read_toml(path).section("target"))


def _missing(about: Section) -> str:
    absent: list[str] = []
    for need in about.texts("needs"):
        kind, _, name = need.partition(":")
        if kind not in _NEEDS or not name:
            raise about.error("needs", f"has {need!r}: write program:NAME or module:NAME")
        if not _NEEDS[kind](name):
            absent.append(f"the {kind} {name} is not installed")
    return ", ".join(absent)


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False


_NEEDS: Mapping[str, Callable[[str], object]] = {"program": shutil.which, "module": _has_module}
