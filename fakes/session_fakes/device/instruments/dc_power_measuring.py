"""NI-DCPower's measurements: voltages, currents, and whether a channel is at its limit."""

from __future__ import annotations

from array import array
from typing import Any

from session_fakes.device import faults
from session_fakes.device.bench.elements import CurrentSource, VoltageSource
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.dc_power_output import DcPowerOutput, Measurement
from session_fakes.device.instruments.ivi import channels_of
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["DcPowerMeasuring"]

_SHARE_OF_RANGE = 1e-6
"""The noise of readings."""
_VOLTAGE_MEASUREMENT = 1
_CONSTANT_VOLTAGE, _CONSTANT_CURRENT = 0, 1


class DcPowerMeasuring(DcPowerOutput):
    """The part of source-measure channels that measures."""

    @rpc("Measure")
    def measure(self, request: Any) -> Answer:
        """Answer the voltage or the current of a channel."""
        (name,) = self._one(request)
        found = self._measured(name)
        is_voltage = value_of(request, "measurement_type") == _VOLTAGE_MEASUREMENT
        return (found.volts if is_voltage else found.amps,)

    @rpc("MeasureMultiple")
    def measure_multiple(self, request: Any) -> Answer:
        """Answer the voltages and currents of channels."""
        names = self.channels.find(channels_of(request))
        found = [self._measured(name) for name in names]
        return array("d", [each.volts for each in found]), array("d", [each.amps for each in found])

    @rpc("QueryInCompliance")
    def query_in_compliance(self, request: Any) -> Answer:
        """Answer whether a channel is at its limit."""
        (name,) = self._one(request)
        return (self._look(name).at_limit,)

    @rpc("QueryOutputState")
    def query_output_state(self, request: Any) -> Answer:
        """Answer whether a channel regulates its voltage, or its current."""
        (name,) = self._one(request)
        regulates_voltage = (self._quantity(name) == "voltage") != self._look(name).at_limit
        state = _CONSTANT_VOLTAGE if regulates_voltage else _CONSTANT_CURRENT
        is_on = self.bench.output(self.terminal(name)) is not None
        return (is_on and value_of(request, "output_state") == state,)

    def _one(self, request: Any) -> tuple[str, ...]:
        names = self.channels.find(channels_of(request))
        if len(names) != 1:
            raise DriverError(faults.UNKNOWN_CHANNEL, "Name one channel.")
        return names

    def _measured(self, name: str) -> Measurement:
        """Measure; from then on the channel has."""
        found = self._look(name)
        self._state[name].has_measured = True
        return found

    @fidelity(
        "DCP-COMPLIANCE",
        evidence="documented",
        rule="QueryInCompliance is true at the limit, where the current limit came before the"
        " voltage level or the voltage limit before the current level, and false as long as the"
        " level is held: in NI's words a channel is in compliance when it operates at its limit",
    )
    def _look(self, name: str) -> Measurement:
        node = self.terminal(name)
        net = self.bench.net(node)
        volts, amps = net.volts(), net.current_of(node)
        self._check_protection(name, volts)
        output = self.bench.output(node)
        if isinstance(output, VoltageSource):
            at_limit = abs(amps) >= output.limit
        else:
            at_limit = isinstance(output, CurrentSource) and abs(volts) >= output.limit
        return Measurement(
            self._noisy(name, volts, "voltage"), self._noisy(name, amps, "current"), at_limit
        )

    def _check_protection(self, name: str, volts: float) -> None:
        limit = self.attributes.number("ovp_limit", name)
        if self.attributes.of("ovp_enabled", name) and abs(volts) > limit:
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-DCPower: {volts:g} V is over the limit {limit:g} V of the overvoltage "
                "protection, and what it does then is not simulated.",
            )

    def _noisy(self, name: str, value: float, quantity: str) -> float:
        setting = "level" if self._quantity(name) == quantity else "limit"
        limit = self.attributes.number(f"{quantity}_{setting}_range", name)
        return self.bench.noisy(f"{self.terminal(name)} {quantity}", value, limit * _SHARE_OF_RANGE)
