"""The room of the reference implementations: people copy from it, so it stands on its own."""

from __future__ import annotations

import subprocess
import sys


def test___session_reference___imported___loads_nothing_of_the_kit() -> None:
    probe = (
        "import sys, session_reference;"
        "sys.exit(any(m.partition('.')[0] in ('session_spec', 'session_contract', 'session_fakes')"
        " for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0
