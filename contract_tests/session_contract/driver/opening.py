"""Opens a device server for a run: finds it, or starts it, perhaps by way of a Discovery."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from session_contract.doctor import Step
from session_contract.driver.server import DeviceServer
from session_contract.driver.target import DriverTarget
from session_contract.station.resolving import find_service
from session_contract.subject.finding import NotEstablished
from session_contract.subject.placing import place

_CLASS = "ni.measurementlink.v1.grpcdeviceserver"
"""The service class of NI's device server."""


@contextmanager
def open_device_server(
    target: DriverTarget, folder: Path, calls: Path | None = None
) -> Generator[DeviceServer, None, None]:
    """Put a device server before the checks; at the end, what was started is ended.

    Raises:
        TargetError: The driver's package is not installed, or there is no such command.
        Unreachable: It does not start, or does not answer.
    """
    with closing(place(target, folder)) as host:
        address = host.address
        if target.by_discovery:
            name = target.interface.service
            address = find_service(address, name, _CLASS, target.limits.call)
        with closing(DeviceServer(target, address, calls)) as server:
            yield server


def examine(target: DriverTarget, folder: Path) -> Iterator[Step]:
    """Go through a device server: does it answer, and does a session open?"""
    with open_device_server(target, folder) as server:
        yield Step("device server", f"is at {server.address}")
        yield _initialized(server)
        server.end_check()


def _initialized(server: DeviceServer) -> Step:
    try:
        opened = server.client("doctor").initialize(server.fresh(), 1)
    except NotEstablished as late:
        return Step("initialize", str(late), failed=True)
    said = f"{server.target.interface.initialize}: {opened.code} {opened.details}".strip()
    remedy = "" if opened.session else "; say in [initialize] what the driver needs"
    return Step("initialize", f"{said}{remedy}", failed=not opened.session)
