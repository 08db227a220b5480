"""The simulated instruments, one module for each driver."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from session_fakes.device.drivers import Driver
from session_fakes.device.instruments.simulation import Opening, Simulation

__all__ = ["Opening", "Simulation", "simulation_of"]

_MODULES = {
    "nidmm": "dmm",
    "nidaqmx": "daq",
    "nidcpower": "dc_power",
    "nidigital": "digital",
    "nifgen": "generator",
    "niscope": "scope",
    "niswitch": "switch",
}


@cache
def simulation_of(driver: Driver) -> type[Simulation]:
    """The class of a driver's instruments; its module is loaded when first asked for."""
    module = import_module(f"session_fakes.device.instruments.{_MODULES[driver.package]}")
    found: type[Simulation] = module.SIMULATION
    return found
