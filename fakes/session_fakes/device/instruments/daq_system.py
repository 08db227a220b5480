"""NI-DAQmx without a task: the version of the driver, its errors, its devices."""

from __future__ import annotations

from typing import Any

from session_fakes.device import faults
from session_fakes.device.bench import Bench
from session_fakes.device.drivers import Driver
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, listed, quoted

__all__ = ["DaqSystem", "attribute_of"]

_VERSION = {
    "NIDAQ_MAJOR_VERSION": 23,
    "NIDAQ_MINOR_VERSION": 8,
    "NIDAQ_UPDATE_VERSION": 0,
}
"""Before 24.5 packages count for themselves what a read of all samples brings."""


class DaqSystem:
    """What answers the RPCs that name no task."""

    def __init__(self, bench: Bench, driver: Driver) -> None:
        self.bench = bench
        self.driver = driver

    def remember(self, code: int, text: str) -> None:
        """Nobody asks for the last error."""

    @rpc("GetSystemInfoAttributeUInt32")
    def get_version(self, request: Any) -> Answer:
        """Answer a part of the driver's version."""
        return (_VERSION[attribute_of(request)],)

    @rpc("GetSystemInfoAttributeString")
    def get_names(self, request: Any) -> Answer:
        """Answer the devices that the pin maps name; saved tasks and the like there are none."""
        name = attribute_of(request)
        if name != "DEV_NAMES":
            return ("",)
        found = self.bench.wiring.devices()
        if not found:
            raise Refusal("UNIMPLEMENTED", "NI-DAQmx: no pin map says which devices there are.")
        return (", ".join(sorted(found)),)

    @rpc("GetErrorString")
    def get_error_string(self, request: Any) -> Answer:
        """Answer the text of a code."""
        return (faults.text_of(request.error_code),)

    @rpc("SelfTestDevice", "ResetDevice")
    def check_device_named(self, request: Any) -> Answer:
        """Say that a device is well, or bring it back to its defaults."""
        name = self.check_device(request.device_name)
        if request.DESCRIPTOR.name == "ResetDeviceRequest":
            self.bench.undrive(name)
        return None

    def check_device(self, name: str) -> str:
        """The name of a device in lower case; refuse one that no pin map has."""
        device = name.strip().casefold()
        known = self.bench.wiring.devices()
        if not device or (self.bench.wiring.knows_instruments() and device not in known):
            raise DriverError(
                -200220, f"No pin map has a task on {quoted(name)}: {listed(sorted(known))}."
            )
        return device


def attribute_of(request: Any) -> str:
    """The name of the attribute that a request is about, such as ``AI_MAX``."""
    number = value_of(request, "attribute")
    kinds = request.DESCRIPTOR.fields_by_name["attribute"].enum_type.values_by_number
    if number not in kinds or not number:
        raise DriverError(-200197, f"Property: {number:#x}.")
    return str(kinds[number].name).rpartition("ATTRIBUTE_")[2]
