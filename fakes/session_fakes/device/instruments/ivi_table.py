"""The attributes that all drivers but NI-DAQmx have, as data."""

from __future__ import annotations

from collections.abc import Mapping

from session_fakes.device.attributes import Value

__all__ = ["IVI_DEFAULTS", "IVI_READ_ONLY"]

IVI_DEFAULTS: Mapping[str, Value] = {
    "channel_count": 1,
    "driver_setup": "",
    "instrument_firmware_revision": "1.0.0",
    "instrument_manufacturer": "National Instruments",
    "instrument_model": "",
    "io_resource_descriptor": "",
    "logical_name": "",
    "module_revision": "A",
    "serial_number": "0FAE0001",
    "simulate": False,
    "specific_driver_description": "simulated by session-contract",
    "specific_driver_major_version": 1,
    "specific_driver_minor_version": 0,
    "specific_driver_prefix": "",
    "specific_driver_revision": "1.0.0",
    "specific_driver_vendor": "session-contract, not National Instruments",
    "supported_instrument_models": "",
}
IVI_READ_ONLY = frozenset(IVI_DEFAULTS)
