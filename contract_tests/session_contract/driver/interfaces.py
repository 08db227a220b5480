"""The interfaces of NI's drivers: which RPC opens a session, which closes it, which uses it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor import ServiceDescriptor

from session_contract.subject.finding import NotEstablished
from session_contract.subject.target import TargetError

INVALID_HANDLE = "-1074130544"
"""What the IVI drivers say to a session that is not open."""


@dataclass(frozen=True)
class DriverInterface:
    """One driver: its gRPC service, and how its sessions are opened."""

    package: str
    """The Python package of the driver, which brings the descriptors."""
    service: str
    """The full name of its gRPC service."""
    module: str
    """The module of the package with the descriptors."""
    initialize: str = "InitWithOptions"
    close: str = "Close"
    use: str = "Reset"
    """An RPC that needs nothing but a session."""
    handle: str = "vi"
    """The field with the session."""
    error: str = INVALID_HANDLE
    """The code for a session that is not open; empty where it is not known."""
    simulated: Mapping[str, object] = field(default_factory=lambda: {"option_string": "Simulate=1"})
    """Fields of the initialization, where the target file says nothing: no hardware is needed."""

    def descriptor(self) -> ServiceDescriptor:
        """The service, as the installed package describes it."""
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            raise TargetError(
                f"[target] interface {self.service} is described by the package {self.package}, "
                f"which cannot be imported: {error}. pip install session-contract[drivers]"
            ) from error
        found: ServiceDescriptor = module.DESCRIPTOR.services_by_name[
            self.service.rpartition(".")[2]
        ]
        return found


INTERFACES: Mapping[str, DriverInterface] = {
    each.service: each
    for each in (
        DriverInterface("nidmm", "nidmm_grpc.NiDmm", "nidmm.nidmm_pb2"),
        DriverInterface(
            "nidcpower",
            "nidcpower_grpc.NiDCPower",
            "nidcpower.nidcpower_pb2",
            initialize="InitializeWithIndependentChannels",
        ),
        DriverInterface("niscope", "niscope_grpc.NiScope", "niscope.niscope_pb2"),
        DriverInterface(
            "nifgen", "nifgen_grpc.NiFgen", "nifgen.nifgen_pb2", initialize="InitializeWithChannels"
        ),
        DriverInterface(
            "niswitch",
            "niswitch_grpc.NiSwitch",
            "niswitch.niswitch_pb2",
            initialize="InitWithTopology",
            # A name of a switch that is not there is refused even then.
            simulated={"resource_name": "", "topology": "2567/Independent", "simulate": True},
        ),
        DriverInterface(
            "nidigital", "nidigitalpattern_grpc.NiDigital", "nidigital.nidigitalpattern_pb2"
        ),
        DriverInterface(
            "nidaqmx",
            "nidaqmx_grpc.NiDAQmx",
            "nidaqmx._stubs.nidaqmx_pb2",
            initialize="CreateTask",
            close="ClearTask",
            use="StopTask",
            handle="task",
            error="",  # a code of its own, which nobody has seen
        ),
    )
}
"""By the name of the service."""


def of_another_kind(interface: DriverInterface) -> DriverInterface:
    """A driver whose sessions have another kind of handle, and whose package is installed.

    Raises:
        NotEstablished: None is.
    """
    for each in _installed():
        if each.handle != interface.handle:
            return each
    raise _missing("a driver of another kind")


def of_one_kind(interface: DriverInterface) -> tuple[DriverInterface, DriverInterface]:
    """Two drivers whose sessions have handles of one kind; the first is this one, if it can be.

    Raises:
        NotEstablished: There are no two of which the packages are installed.
    """
    installed = list(_installed())
    others = [each for each in installed if each.package != interface.package]
    like = [each for each in others if each.handle == interface.handle]
    pair = [interface, *like] if like else others
    if len(pair) < 2:
        raise _missing("two drivers of one kind")
    return pair[0], pair[1]


def _installed() -> Iterator[DriverInterface]:
    """The drivers whose packages are there."""
    for each in INTERFACES.values():
        with contextlib.suppress(TargetError):
            each.descriptor()
            yield each


def _missing(what: str) -> NotEstablished:
    return NotEstablished(f"The check needs {what}: pip install session-contract[drivers]")
