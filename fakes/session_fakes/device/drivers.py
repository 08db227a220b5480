"""The drivers that are simulated: where their descriptors lie, and what kind of handle they use."""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

from session_fakes.discovery.well_known import DEVICE_SERVER_INTERFACES

__all__ = ["DRIVERS", "UTILITIES", "Driver", "file_of", "installed", "of_service"]

IVI = "ViSession"
"""All drivers but NI-DAQmx share one kind of handle, and with it one space of handles."""
TASK = "TaskHandle"


class Driver(NamedTuple):
    """A driver package, and what the device server offers for it."""

    package: str
    """Its Python package, such as ``nidmm``."""
    stubs: str
    """The module of its wheel that holds the descriptors of its RPCs."""
    handle: str = IVI

    @property
    def interface(self) -> str:
        """The full name of its gRPC service."""
        return DEVICE_SERVER_INTERFACES[self.package]

    @property
    def folder(self) -> Path | None:
        """Where its package is installed; None when it is not."""
        module = file_of(self.package)
        return module and module.parent


DRIVERS = (
    Driver("nidmm", "nidmm.nidmm_pb2"),
    Driver("nidcpower", "nidcpower.nidcpower_pb2"),
    Driver("nidigital", "nidigital.nidigitalpattern_pb2"),
    Driver("nifgen", "nifgen.nifgen_pb2"),
    Driver("nidaqmx", "nidaqmx._stubs.nidaqmx_pb2", TASK),
    Driver("niscope", "niscope.niscope_pb2"),
    Driver("niswitch", "niswitch.niswitch_pb2"),
)
UTILITIES = "nidevice_grpc.SessionUtilities"
"""The service of the device server itself."""


def installed() -> tuple[Driver, ...]:
    """The drivers whose packages are installed with what they need for gRPC."""
    return tuple(driver for driver in DRIVERS if file_of(driver.stubs) and file_of("session_pb2"))


def of_service(name: str) -> Driver | None:
    """The driver with a gRPC service of this name."""
    return next((driver for driver in DRIVERS if driver.interface == name), None)


@cache
def file_of(module: str) -> Path | None:
    """The source file of a module, found without importing it or the packages around it."""
    first, *rest = module.split(".")
    spec = PathFinder.find_spec(first)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None
