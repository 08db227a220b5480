"""How an unmodified plug-in process finds the fake station: by its environment alone.

The folder ``path`` goes to the front of ``PYTHONPATH``; Python imports the one file in it at its
start, before the plug-in. Children of the process inherit the environment and find the station.
``python -I``, ``-E`` and ``-S`` and frozen programs pass it by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from session_fakes.bootstrap.path.sitecustomize import DISCOVERY, REPORT
from session_fakes.errors import FakeError, quoted

__all__ = [
    "DISCOVERY",
    "FOLDER",
    "REPORT",
    "BootstrappedProcess",
    "checked_address",
    "environment_for",
    "read_report",
]

FOLDER = Path(__file__).parent / "path"
"""What goes on PYTHONPATH: a folder with one importable file."""

_DEVICE_SERVER = "MEASUREMENT_PLUGIN_GRPC_DEVICE_SERVER_ADDRESS"
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def environment_for(
    discovery_address: str,
    *,
    base: Mapping[str, str] = os.environ,
    device_address: str | None = None,
    report: str | os.PathLike[str] | None = None,
) -> dict[str, str]:
    """Tell a process by its environment where the fake Discovery is.

    Args:
        discovery_address: Where the fake Discovery listens, ``host:port``.
        base: The environment to start from; it is not changed.
        device_address: Where drivers find the device server, ``host:port`` or as a URL. Without
            it, they ask Discovery, and what the user has set stays.
        report: A file to which each process that was reached adds lines; see `read_report`.

    Returns:
        A whole environment, for ``subprocess.Popen(env=…)``.
    """
    environment = dict(base)
    environment[DISCOVERY] = checked_address(discovery_address)
    environment["PYTHONPATH"] = _with_our_folder(environment.get("PYTHONPATH", ""))
    environment.setdefault("GRPC_VERBOSITY", "ERROR")
    environment.pop(REPORT, None)
    if report is not None:
        environment[REPORT] = str(Path(report).absolute())
    if device_address is not None:
        environment[_DEVICE_SERVER] = _url(device_address)
    if any(name.lower() in _PROXIES for name in environment):
        _keep_loopback_from_proxies(environment)
    return environment


def checked_address(address: str) -> str:
    """The address itself, if it is one: ``host:port``."""
    if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}", address, re.ASCII):
        raise FakeError(
            f"{quoted(address)} is no address of a Discovery: give host:port, e.g. localhost:50051"
        )
    return address


def _with_our_folder(python_path: str) -> str:
    places = python_path.split(os.pathsep) if python_path else []
    return os.pathsep.join([str(FOLDER), *(place for place in places if place != str(FOLDER))])


def _url(address: str) -> str:
    return address if "://" in address else f"http://{address}"


def _keep_loopback_from_proxies(environment: dict[str, str]) -> None:
    """Add the loopback names to the lists of hosts without a proxy, in every spelling there is.

    gRPC reads ``no_grpc_proxy`` or else ``no_proxy``; others read ``NO_PROXY`` only when that is
    absent, so a new ``no_proxy`` starts with what ``NO_PROXY`` says.
    """
    names = {name for name in environment if name.lower() in ("no_proxy", "no_grpc_proxy")}
    if os.name != "nt" or not names:  # names of variables have no case on Windows
        environment.setdefault("no_proxy", environment.get("NO_PROXY", ""))
        names.add("no_proxy")
    for name in names:
        hosts = [host for host in re.split(r"[,\s]+", environment[name]) if host]
        environment[name] = ",".join([*hosts, *(each for each in _LOOPBACK if each not in hosts)])


class BootstrappedProcess(NamedTuple):
    """A process that the bootstrap reached, by its own account."""

    pid: int
    python: str
    executable: str
    patched: tuple[str, ...] = ()
    """What was replaced, by name: nothing as long as it did not import NI's SDK."""
    errors: tuple[str, ...] = ()


def read_report(path: str | os.PathLike[str]) -> tuple[BootstrappedProcess, ...]:
    """Read what the processes wrote that the bootstrap reached, in the order of their start."""
    import json  # slow to import, needed for diagnosis alone

    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return ()
    by_pid: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        entry = json.loads(line)
        by_pid.setdefault(entry["pid"], []).append(entry)
    return tuple(_process(entries) for entries in by_pid.values())


def _process(entries: list[dict[str, Any]]) -> BootstrappedProcess:
    first = entries[0]
    return BootstrappedProcess(
        pid=first["pid"],
        python=first["python"],
        executable=first["executable"],
        patched=tuple(entry["patched"] for entry in entries if "patched" in entry),
        errors=tuple(entry["error"] for entry in entries if "error" in entry),
    )
