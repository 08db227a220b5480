"""Whether a registered service is still there: its process, and its port."""

from __future__ import annotations

import os
import socket
import sys

from session_fakes.discovery.services import Holder, Location, Registration

__all__ = ["has_ended", "why_dead"]

_SECONDS = 0.2
"""A refused connection answers at once; whoever takes longer is not known to be dead."""


def why_dead(registration: Registration) -> str:
    """Why a service is known to be dead; empty when it is alive, or when nobody can tell."""
    if has_ended(registration.holder):
        return f"its process {registration.holder.pid} has ended"
    if _refuses(registration.location):
        return f"{registration.location} refuses connections"
    return ""


def has_ended(holder: Holder) -> bool:
    """Whether the process of somebody is known to have ended."""
    if holder.pid is None or sys.platform == "win32":
        return False  # os.kill would end it there.
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except (OverflowError, PermissionError):
        return False
    return False


def _refuses(location: Location) -> bool:
    port = int(location.insecure_port or location.ssl_authenticated_port)
    answers = {_answer(family, address) for family, address in _addresses(location, port)}
    return "refused" in answers and answers <= {"refused", "no such family"}


def _addresses(location: Location, port: int) -> list[tuple[int, tuple[object, ...]]]:
    if location.location == "localhost":
        # gRPC tries both loopbacks whatever the hosts file says, and NI's plug-ins bind ::1 only.
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port))]
    try:
        found = socket.getaddrinfo(location.location, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [(family, address) for family, _, _, _, address in found]


def _answer(family: int, address: tuple[object, ...]) -> str:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(address)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError:
        return "no such family"  # IPv6 is switched off in many containers.
    return "served"
