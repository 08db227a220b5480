"""Listening on both loopback addresses: clients say ``localhost`` and take either."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time

from session_fakes.errors import FakeError, quoted

_TRIES = 20
_PAUSE = 0.01
_BACKLOG = 128
_HOSTS = {"localhost": ("::1", "127.0.0.1"), "127.0.0.1": ("127.0.0.1",), "[::1]": ("::1",)}
"""NI's plug-ins listen on ``::1`` alone, whatever ``localhost`` is said to be."""


def has_ipv6_loopback() -> bool:
    """Whether this machine can listen on ``::1``; many containers cannot."""
    if not socket.has_ipv6:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def places(address: str) -> list[tuple[str, int]]:
    """The hosts and ports that an address of this machine may mean, in the order to try them.

    Raises:
        FakeError: It is no address, or not of this machine.
    """
    host, _, port = address.rpartition(":")
    if host not in _HOSTS or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 0xFFFF:
        raise FakeError(
            f"{quoted(address)} is no address that a relay leads to: give one of this machine with "
            "its port, such as localhost:50051."
        )
    return [(name, int(port)) for name in _HOSTS[host]]


def listen(port: int = 0) -> list[socket.socket]:
    """Sockets that listen on one port of each loopback address; 0 for any that is free.

    Raises:
        FakeError: Another program has the port.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            return _listen(port)
        # Whoever looks for a free port has this one for a moment only.
        time.sleep(_PAUSE)
    raise FakeError(
        f"The relay cannot listen on port {port} of localhost: another program has it. "
        "Choose another port, or 0 for any."
    )


def _listen(port: int) -> list[socket.socket]:
    first = _listener(socket.AF_INET, "127.0.0.1", port)
    if not has_ipv6_loopback():
        return [first]
    try:
        return [first, _listener(socket.AF_INET6, "::1", first.getsockname()[1])]
    except OSError:
        first.close()
        raise


def _listener(family: int, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Else connections of before keep the port for a minute. Windows means theft by it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
