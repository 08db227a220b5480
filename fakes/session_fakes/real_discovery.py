"""Notices NI's own Discovery on this machine, so that nobody is led away from it unawares.

NI's Discovery exists on Windows alone, where a key file says its port while it runs. That part
follows NI's published client and is *unverified* on Windows. NI's client asks whether the service
runs by trying to delete the key file; here it is only read.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from session_fakes.errors import FakeError

__all__ = ["BESIDE_NI", "is_running", "key_file", "refuse_beside"]

BESIDE_NI = "SESSION_FAKES_BESIDE_NI"
"""The variable that allows a fake station beside NI's services."""

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_CLUSTER = ("NIDiscovery_ClusterId", "ClusterId")
_PATIENCE = 0.5


def refuse_beside(*, beside_ni: bool = False, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse to lead NI's clients to a fake station where NI's own Discovery runs, unless told.

    Args:
        beside_ni: Whether the user wants that.
        environ: Where the user can say so, too; it also names the cluster of NI's Discovery.

    Raises:
        FakeError: NI's Discovery runs here.
    """
    if beside_ni or environ.get(BESIDE_NI, "").lower() in _YES:
        return
    path = key_file(environ)
    if path is not None and is_running(path):
        raise FakeError(
            f"NI's own Discovery runs on this machine (its key file is {path}): clients led to a "
            "fake station would not find its services and hardware. If that is what you want, say "
            f"--beside-ni (in Python beside_ni=True) or set {BESIDE_NI}=1; else stop NI's services "
            "first."
        )


def key_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where NI's Discovery says its port; None where there is no software of NI's."""
    data = _public_data()
    return None if data is None else data / "MeasurementLink" / "Discovery" / "v1" / _name(environ)


def _name(environ: Mapping[str, str]) -> str:
    preferred, other = (environ.get(name) for name in _CLUSTER)
    cluster = preferred or other
    return "DiscoveryService.json" if cluster is None else f"DiscoveryService_{cluster}.json"


def _public_data() -> Path | None:
    if sys.platform == "win32":
        import winreg

        try:
            software = r"SOFTWARE\National Instruments\Common\Installer"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, software) as key:
                return Path(winreg.QueryValueEx(key, "NIPUBAPPDATADIR")[0])
        except OSError:
            return None
    return None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), _PATIENCE):
            return True
    except (OSError, OverflowError):
        return False


def is_running(
    key_file: Path,
    *,
    read: Callable[[Path], bytes] = Path.read_bytes,
    answers: Callable[[int], bool] = _answers,
) -> bool:
    """Whether the Discovery of this key file runs.

    A file that cannot be opened is held by the service. One that can be is left over, as a rule;
    then the port in it tells.
    """
    try:
        port = _port(read(key_file))
    except PermissionError:
        return True
    except OSError:
        return False
    return port is not None and answers(port)


def _port(data: bytes) -> int | None:
    try:
        found: Any = json.loads(data.decode("utf-8-sig"))
        return int(found["InsecurePort"])
    except (ValueError, TypeError, KeyError):
        return None
