"""The channels of an NI-DAQmx task: physical names, lines, and what is measured on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from session_fakes.device.attributes import Value
from session_fakes.device.bench.nets import Net
from session_fakes.device.bench.wiring import terminal
from session_fakes.device.channels import expanded, split
from session_fakes.device.faults import DriverError
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, quoted

__all__ = ["Channel", "analog_channels", "line_channels"]

INPUT, OUTPUT, LINES_IN, LINES_OUT = 10100, 10102, 10151, 10153
VOLTS, OHMS, RTD, THERMOCOUPLE = 10322, 10278, 10301, 10303
_IN_PORT = 8
"""Lines of a port that is named as a whole."""
_CELSIUS, _FAHRENHEIT, _KELVIN = 10143, 10144, 10325
_DEFAULT_UNITS = {VOLTS: 10348, OHMS: 10384}
_RANGES = (0.2, 1.0, 5.0, 10.0)
_ONE_CHANNEL = 1
"""For all lines."""


@dataclass
class Channel:
    """A virtual channel of a task."""

    name: str
    kind: int
    """As the attribute ChanType has it."""
    nodes: tuple[str, ...]
    """The places on the bench: one, or one for each line."""
    places: tuple[int, ...] = (0,)
    """The bit of each line in a number."""
    facts: dict[str, Value] = field(default_factory=dict[str, Value])
    """Its attributes that are known, or set."""

    @property
    def limit(self) -> float:
        """The end of the range that is used for its limits."""
        low, high = abs(float(self.facts["AI_MIN"])), abs(float(self.facts["AI_MAX"]))
        return next((each for each in _RANGES if max(low, high) <= each), _RANGES[-1])

    def value(self, net: Net, volts: float) -> float:
        """What it measures on a net that has a voltage now."""
        kind = self.facts.get("AI_MEAS_TYPE")
        if kind == VOLTS:
            return max(-self.limit, min(self.limit, volts))
        if kind == OHMS:
            return net.ohms
        return _TEMPERATURES[int(self.facts["AI_TEMP_UNITS"])](net.celsius)


_TEMPERATURES: Mapping[int, Callable[[float], float]] = {
    _CELSIUS: lambda celsius: celsius,
    _FAHRENHEIT: lambda celsius: celsius * 9 / 5 + 32,
    _KELVIN: lambda celsius: celsius + 273.15,
}


def analog_channels(request: Any, kind: int, measured: int = 0) -> list[Channel]:
    """The channels that a request adds to a task, analog ones."""
    physical = expanded(request.physical_channel)
    prefix = "AI" if kind == INPUT else "AO"
    facts: dict[str, Value] = {
        f"{prefix}_MIN": request.min_val,
        f"{prefix}_MAX": request.max_val,
        "CHAN_TYPE": kind,
        "AI_MEAS_TYPE" if kind == INPUT else "AO_OUTPUT_TYPE": measured or VOLTS,
        **_units(request, prefix, measured or VOLTS),
    }
    if "terminal_config" in request.DESCRIPTOR.fields_by_name:
        facts["AI_TERM_CFG"] = value_of(request, "terminal_config")
    if not request.min_val < request.max_val or not math.isfinite(request.max_val):
        raise DriverError(-200077, "The minimum value is not less than the maximum value.")
    names = _names(request.name_to_assign_to_channel, physical)
    return [
        Channel(name, kind, (_node(each, prefix),), facts=facts | {"PHYSICAL_CHAN_NAME": each})
        for name, each in zip(names, physical, strict=True)
    ]


def _units(request: Any, prefix: str, measured: int) -> dict[str, Value]:
    units = value_of(request, "units")
    if measured in (RTD, THERMOCOUPLE):
        if units not in _TEMPERATURES:
            raise Refusal("UNIMPLEMENTED", f"NI-DAQmx: the unit {units} is not simulated.")
        return {f"{prefix}_TEMP_UNITS": units}
    if units != _DEFAULT_UNITS[measured]:
        raise Refusal("UNIMPLEMENTED", "NI-DAQmx: custom scales and units are not simulated.")
    return {f"{prefix}_{'VOLTAGE' if measured == VOLTS else 'RESISTANCE'}_UNITS": units}


def _node(physical: str, prefix: str) -> str:
    device, _, rest = physical.partition("/")
    if not device or not rest.casefold().startswith(prefix.casefold()):
        raise DriverError(-200430, f"{quoted(physical)} is no {prefix} channel of a device.")
    return terminal("", physical)


def _names(given: str, physical: list[str]) -> list[str]:
    if not physical:
        raise DriverError(-200461, "No physical channel is named.")
    names = split(given)
    if not names:
        return physical
    if len(names) == 1 and len(physical) > 1:
        return [f"{names[0]}{number}" for number in range(len(physical))]
    if len(names) != len(physical):
        raise DriverError(-200461, f"{len(names)} names for {len(physical)} channels.")
    return names


def line_channels(request: Any, kind: int) -> list[Channel]:
    """The channels that a request adds to a task, of digital lines."""
    lines = [line for item in expanded(request.lines) for line in _lines(item)]
    if not lines:
        raise DriverError(-200461, "No line is named.")
    if value_of(request, "line_grouping") == _ONE_CHANNEL:
        name = request.name_to_assign_to_lines or _short(request.lines)
        return [_of_lines(name, kind, lines, request.lines)]
    names = _names(request.name_to_assign_to_lines, lines)
    return [_of_lines(name, kind, [line], line) for name, line in zip(names, lines, strict=True)]


def _of_lines(name: str, kind: int, lines: list[str], physical: str) -> Channel:
    ports = {line.rpartition("/")[0].casefold() for line in lines}
    numbers = tuple(int(line.casefold().rpartition("line")[2]) for line in lines)
    # In one port a line has the bit of its number; over several ports they are counted.
    places = numbers if len(ports) == 1 else tuple(range(len(lines)))
    count = "DI_NUM_LINES" if kind == LINES_IN else "DO_NUM_LINES"
    facts: dict[str, Value] = {
        "CHAN_TYPE": kind,
        "PHYSICAL_CHAN_NAME": physical,
        count: len(lines),
    }
    return Channel(name, kind, tuple(terminal("", line) for line in lines), places, facts)


def _short(lines: str) -> str:
    """How NI names a channel of several lines."""
    first, *others = expanded(lines)
    return f"{first}..." if others else first


def _lines(item: str) -> list[str]:
    parts = item.split("/")
    if len(parts) == 2 and parts[1].casefold().startswith("port"):
        return [f"{item}/line{number}" for number in range(_IN_PORT)]
    if len(parts) != 3 or not parts[2].casefold().startswith("line"):
        raise DriverError(-200430, f"{quoted(item)} is no digital line of a device.")
    if not parts[2][4:].isdecimal():
        raise DriverError(-200430, f"{quoted(item)} has no number.")
    return [item]
