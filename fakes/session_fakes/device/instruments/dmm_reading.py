"""NI-DMM's readings: what the net of its input says, with the range and resolution that are set."""

from __future__ import annotations

import math
from array import array

from session_fakes.device.bench.elements import (
    CurrentSource,
    VoltageSource,
    operating_point,
    voltage,
)
from session_fakes.device.bench.nets import Net
from session_fakes.device.instruments import dmm_table as table
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["DmmReading"]

_VOLTS = (0.1, 1.0, 10.0, 100.0, 1000.0)
_OHMS = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
_AMPS = (0.02, 0.2, 1.0, 3.0)
_RANGES = {
    table.DC_VOLTS: _VOLTS,
    table.AC_VOLTS: _VOLTS,
    table.AC_VOLTS_DC_COUPLED: _VOLTS,
    table.WAVEFORM_VOLTAGE: _VOLTS,
    table.DC_CURRENT: _AMPS,
    table.TWO_WIRES: _OHMS,
    table.FOUR_WIRES: _OHMS,
    table.DIODE: (10.0,),
}
"""The ranges that auto range chooses from; other functions have none."""
_OVER = 1.05
"""How far a reading may be over its range."""
_SHUNT = 0.1
_LOADS = (table.DC_VOLTS, table.AC_VOLTS, table.AC_VOLTS_DC_COUPLED, table.WAVEFORM_VOLTAGE)
"""The functions in which the resistance of the input draws a current."""


class DmmReading(IviSimulation):
    """The part of a multimeter that reads."""

    def _range(self) -> float:
        """The range in use: the one that is set, or what fits what is there."""
        wanted = self.attributes.number("range")
        function = int(self.attributes["function"])
        if wanted > 0 or function not in _RANGES:
            return wanted if wanted > 0 else 1.0
        size = abs(self._value())
        ranges = _RANGES[function]
        return next((each for each in ranges if size <= each), ranges[-1])

    @property
    def _net(self) -> Net:
        """What is on its input, and for voltages the resistance of the input itself."""
        net = self.bench.net(self.terminal("0"))
        if self.attributes["function"] not in _LOADS:
            return net
        own = VoltageSource(ohms=self.attributes.number("input_resistance"))
        return Net((*net.elements, own), (*net.owners, ""), net.celsius)

    @fidelity(
        "DMM-READING",
        evidence="our choice",
        rule="A reading has the resolution that is set; one over the range is NaN, with NI's"
        " warning; a voltage is that with the load of the input's resistance; what reactive parts"
        " would decide is UNIMPLEMENTED",
    )
    def _reading(self) -> float:
        value = self._value()
        limit = self._range()
        if int(self.attributes["function"]) not in _RANGES:
            return value
        if abs(value) > limit * _OVER:
            return math.nan
        step = limit * 10 ** (0.5 - self.attributes.number("resolution_digits"))
        return round(round(self.bench.noisy(self.resource, value, step / 4) / step) * step, 12)

    def _value(self) -> float:
        """What an ideal meter would read."""
        net, function = self._net, int(self.attributes["function"])
        if function in (table.TWO_WIRES, table.FOUR_WIRES):
            return net.ohms
        if function in (table.AC_VOLTS, table.AC_VOLTS_DC_COUPLED):
            return net.ac_rms
        if function == table.TEMPERATURE:
            return net.celsius
        if function in (table.FREQUENCY, table.PERIOD):
            hertz = next((wave.frequency for wave in net.waves), 0.0)
            return hertz if function == table.FREQUENCY else 1 / hertz if hertz else math.nan
        return self._dc_value(net, function)

    def _dc_value(self, net: Net, function: int) -> float:
        if function == table.DC_VOLTS:
            return self._mean_volts(net)
        if function == table.DC_CURRENT:
            point = operating_point([*net.elements, VoltageSource(ohms=_SHUNT)])
            return -point.currents[-1]
        if function == table.DIODE:
            source = CurrentSource(self.attributes.number("current_source"), 20.0)
            return voltage([*net.elements, source])
        if function == table.WAVEFORM_VOLTAGE:
            return net.volts()
        raise self._not_simulated()

    def _mean_volts(self, net: Net) -> float:
        """Of what does not repeat, the voltage now; of what does, the mean."""
        repeats = all(wave.frequency for wave in net.waves)
        return net.volts(None if repeats else self.bench.clock.now())

    @fidelity(
        "DMM-WAVEFORM",
        evidence="our choice",
        rule="A waveform is without its mean when coupled to AC, and cut off a little above the"
        " range",
    )
    def _waveform(self, start: float, count: int) -> array[float]:
        if self.attributes["function"] != table.WAVEFORM_VOLTAGE:
            raise self._not_simulated()
        net, step = self._net, 1 / self.attributes.number("waveform_rate")
        is_ac = self.attributes["waveform_coupling"] == table.AC_COUPLED
        shift = net.volts() if is_ac else 0.0
        most = self._range() * _OVER
        found = net.samples(start, step, count)
        return array("d", [max(-most, min(most, value - shift)) for value in found])

    def _not_simulated(self) -> Refusal:
        return Refusal(
            "UNIMPLEMENTED",
            f"NI-DMM: the function {self.attributes['function']} is not simulated: the bench knows "
            "direct voltages, currents and resistances, and the RMS and frequency of signals. "
            "Answer the call with a fault (reply).",
        )
