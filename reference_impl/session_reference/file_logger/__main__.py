"""Starts the server: ``python FOLDER``, whatever the folder is called and wherever it lies.

The folder is loaded as a package under a name of its own, so that its modules find each other, and
what they share with other servers: beside them in a copy, one folder up where both servers live.
"""

from __future__ import annotations

import os
import signal
import sys


def _end(number: int, frame: object) -> None:
    """End at once, and in order: until the server takes over there is nothing to tidy up."""
    del number, frame
    os._exit(0)


if __name__ == "__main__":
    for each in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), _end)

# ruff: noqa: E402 - to import all the rest takes a while, in which somebody may press Ctrl-C
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parent


def load(name: str) -> ModuleType:
    """Load ``server.py`` of this folder, as part of a package with this name."""
    if not (FOLDER / "hosting").is_dir():
        _make_package(name, FOLDER.parent)
        name += ".service"
    _make_package(name, FOLDER)
    return import_module(f"{name}.server")


def _make_package(name: str, folder: Path) -> None:
    """Let a folder be a package, without its ``__init__.py``, which is for clients."""
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = module_from_spec(spec)


def main() -> None:
    """Run the server with the flags of the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # at a stop, gRPC tells of its farewells
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != FOLDER]
    load("hosted").main()


if __name__ == "__main__":
    main()
