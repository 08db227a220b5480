"""How each RPC of a driver is answered: what FIDELITY.md lists, and a test goes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from session_fakes.device.descriptors import driver_service
from session_fakes.device.drivers import Driver
from session_fakes.device.instruments import simulation_of

__all__ = ["Answered", "covered"]

Answered = Literal["opens", "closes", "simulated", "passive", "UNIMPLEMENTED"]


def covered(driver: Driver) -> Mapping[str, Answered]:
    """How each RPC of an installed driver is answered, in the order of its proto."""
    methods = driver_service(driver).descriptor.methods
    return {method.name: _answered(driver, method.name) for method in methods}


def _answered(driver: Driver, name: str) -> Answered:
    kind = simulation_of(driver)
    if name in kind.INITIALIZERS:
        return "opens"
    if name == kind.CLOSER:
        return "closes"
    found = kind.answers(name)
    if found is None:
        return "UNIMPLEMENTED"
    return "passive" if found.passive else "simulated"
