"""The room of the fakes: its package is imported at every start of pytest, so it is light."""

from __future__ import annotations

import subprocess
import sys


def test___session_fakes___imported___loads_no_grpc() -> None:
    probe = "import sys, session_fakes; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0
