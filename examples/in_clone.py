"""Starts the server of an adaptation in the clone, with the core of the reference servers.

What an adaptation imports, ``.hosting`` or ``.session_table``, lies beside it in a copy that
``session-contract copy`` makes. In the clone there is one core for all.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

CORE = Path(__file__).resolve().parents[1] / "reference_impl" / "session_reference"


def main(folder: Path) -> None:
    """Run the server of a folder with the flags of the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # at a stop, gRPC tells of its farewells
    spec = ModuleSpec("hosted", None, is_package=True)
    spec.submodule_search_locations = [str(folder), str(CORE)]
    sys.modules["hosted"] = module_from_spec(spec)
    import_module("hosted.server").main()
