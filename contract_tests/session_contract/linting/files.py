"""The files of a project, read once, without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from session_contract.linting.configs import Config
from session_contract.linting.pins import PinMap
from session_contract.linting.protos import Proto
from session_contract.linting.sources import Module, Names

_OF_OTHERS = {"__pycache__", "build", "dist", "env", "node_modules", "site-packages", "venv"}
_READ = {".serviceconfig", ".pinmap", ".proto", ".py", ".toml", ".sh", ".bat", ".cmd"}


class Project:
    """A folder, and what is in it.

    Attributes:
        root: The folder.
        notes: What could not be checked, in sentences.
    """

    def __init__(self, root: Path) -> None:
        """Look at a folder; files are read when they are asked for."""
        self.root = root
        self.notes: list[str] = []

    @cached_property
    def contents(self) -> dict[Path, bytes]:
        """The files that somebody wrote, of the kinds that are looked at."""
        return {path: path.read_bytes() for path in sorted(_walk(self.root))}

    def of(self, *suffixes: str) -> Iterator[tuple[Path, str]]:
        """Files of some kinds, as texts; what is no UTF-8 is read as far as it goes."""
        for path, content in self.contents.items():
            if path.suffix in suffixes:
                yield path, content.decode("utf-8-sig", "replace").replace("\r\n", "\n")

    @cached_property
    def configs(self) -> list[Config]:
        """The .serviceconfig files."""
        return [Config(path, text) for path, text in self.of(".serviceconfig")]

    @cached_property
    def protos(self) -> list[Proto]:
        """The .proto files."""
        return [Proto(path, text) for path, text in self.of(".proto")]

    @cached_property
    def pin_maps(self) -> list[PinMap]:
        """The pin maps."""
        files = self.contents.items()
        return [PinMap(path, content) for path, content in files if path.suffix == ".pinmap"]

    @cached_property
    def modules(self) -> list[Module]:
        """The Python files; one that is no Python is left to Python."""
        files = (Module.read(path, text) for path, text in self.of(".py"))
        return [module for module in files if module]

    @property
    def code(self) -> list[Module]:
        """The modules that run on a station: those of tests have stations of their own."""
        return [module for module in self.modules if not module.is_test]

    @cached_property
    def names(self) -> Names:
        """What names of the modules stand for."""
        return Names(self.modules)


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if not _is_of_others(here / name)]
        yield from (here / name for name in names if Path(name).suffix in _READ)


def _is_of_others(folder: Path) -> bool:
    """Whether a folder holds what nobody wrote here: an environment, a cache, a build."""
    return (
        folder.name in _OF_OTHERS or folder.name.startswith(".") or (folder / "pyvenv.cfg").exists()
    )
