"""NI-DCPower: puts out voltages and currents with limits, and measures what comes of it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from session_fakes.device import faults
from session_fakes.device.bench.elements import CurrentSource, Element, VoltageSource
from session_fakes.device.bench.wiring import terminal
from session_fakes.device.channels import expanded, split
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import dc_power_table as table
from session_fakes.device.instruments.ivi import IviSimulation, channels_of
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity

_CHANNELS = {
    "4130": 2,
    "4132": 1,
    "4135": 1,
    "4137": 1,
    "4138": 1,
    "4139": 1,
    "4147": 4,
    "4163": 24,
}
_USUAL = 4
_SHARE_OF_RANGE = 1e-6
"""The noise of readings."""
_TRIGGER_NUMBERS = {
    1034: "start",
    1035: "source",
    1036: "measure",
    1037: "sequence_advance",
    1118: "shutdown",
}
_VOLTAGE_MEASUREMENT = 1
_CONSTANT_VOLTAGE, _CONSTANT_CURRENT = 0, 1


class _Measurement(NamedTuple):
    volts: float
    amps: float
    at_limit: bool


class _Channel:
    """How far a channel has come since it was initiated."""

    def __init__(self) -> None:
        self.running = False
        self.sourcing = False
        """It has put out its level, or all of its sequence."""
        self.triggers: set[str] = set()
        self.sequence: list[float] = []
        self.measured: deque[_Measurement] = deque()


class DcPower(IviSimulation):
    """Source-measure channels, of one instrument or of several."""

    INITIALIZERS = frozenset({"InitializeWithChannels", "InitializeWithIndependentChannels"})
    MODEL = "4141"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._state = {name: _Channel() for name in self.channels.names}
        if opening.request.reset:
            self._reset(self.channels.names)

    # Channels -------------------------------------------------------------------------------------

    def instruments(self) -> list[str]:
        """The instruments that the resource names."""
        return list(dict.fromkeys(item.partition("/")[0] for item in split(self.resource)))

    @fidelity(
        "DCP-CHANNEL-NAMES",
        evidence="seen in NI's code",
        rule="Channels of an independent session are named Instrument/channel, found in any letter"
        " case, and by their bare number when there is one instrument",
    )
    def channel_names(self, opening: Opening) -> Sequence[str]:
        """The channels that the resource names, all of an instrument named without any."""
        given = getattr(opening.request, "channels", None)
        if given is not None and "/" not in self.resource:
            return expanded(given) or [str(n) for n in range(self._count(self.resource))]
        found: dict[str, None] = {}
        for item in expanded(self.resource):
            name, slash, _ = item.partition("/")
            numbers = [item] if slash else [f"{name}/{n}" for n in range(self._count(name))]
            found.update(dict.fromkeys(numbers))
        return list(found)

    def _count(self, instrument: str) -> int:
        return self.count_channels(instrument, _CHANNELS.get(self.options.model, _USUAL))

    def terminal(self, channel: str) -> str:
        """The place on the bench of a channel."""
        return terminal("" if "/" in channel else self.resource, channel)

    # Output ---------------------------------------------------------------------------------------

    @rpc("InitiateWithChannels", "Initiate")
    def initiate(self, request: Any) -> Answer:
        """Start to put out what is set, and whatever waits for no trigger."""
        names = self.channels.find(channels_of(request))
        for name in names:
            self._check_settings(name)
        for name in names:
            state = self._state[name]
            state.running, state.sourcing = True, False
            state.triggers.clear()
            state.measured.clear()
            self._advance(name)
        return None

    @rpc("AbortWithChannels", "Abort")
    def abort(self, request: Any) -> Answer:
        """Stop; outputs stay as they are, and what is set from now on waits for the next start."""
        for name in self.channels.find(channels_of(request)):
            self._state[name].running = False
        return None

    @rpc("CommitWithChannels", "Commit")
    def commit(self, request: Any) -> Answer:
        """Check what is set."""
        for name in self.channels.find(channels_of(request)):
            self._check_settings(name)
        return None

    @rpc("ResetWithChannels")
    def reset_channels(self, request: Any) -> Answer:
        """Bring channels back to their defaults, outputs off."""
        channels = channels_of(request)
        self.attributes.reset(channels)
        self._reset(self.channels.find(channels))
        return None

    def switch_off(self) -> None:
        """Switch all outputs of the session off."""
        self._reset(self.channels.names)

    def _reset(self, names: Sequence[str]) -> None:
        for name in names:
            self._state[name] = _Channel()
            self.bench.drive(self.terminal(name), None)

    @rpc("SetSequence")
    def set_sequence(self, request: Any) -> Answer:
        """Keep the levels that a sequence goes through."""
        for name in self.channels.find(channels_of(request)):
            self._state[name].sequence = list(request.values)
        return None

    @rpc("SendSoftwareEdgeTriggerWithChannels", "SendSoftwareEdgeTrigger")
    def send_trigger(self, request: Any) -> Answer:
        """Trigger channels that wait for it."""
        trigger = _TRIGGER_NUMBERS.get(value_of(request, "trigger"))
        if trigger is None:
            raise Refusal("UNIMPLEMENTED", "NI-DCPower: pulses are not simulated.")
        for name in self.channels.find(channels_of(request)):
            self._trigger(name, trigger)
        self.bench.stir()
        return None

    def _trigger(self, name: str, trigger: str) -> None:
        state = self._state[name]
        state.triggers.add(trigger)
        if trigger == "shutdown":
            state.running = False
            self.bench.drive(self.terminal(name), None)
        elif trigger == "measure" and state.running:
            state.measured.append(self._measurement(name))
        else:
            self._advance(name)

    def attributes_changed(self, channels: str) -> None:
        """Put out a new level at once, where a channel runs."""
        for name in self.channels.find(channels):
            if self._state[name].sourcing and self._state[name].running:
                self._put_out(name, self._level(name))

    def _advance(self, name: str) -> None:
        """Put out the level or the sequence, unless a trigger is still to come."""
        state = self._state[name]
        if not state.running or state.sourcing or not self._is_triggered(name):
            return
        state.sourcing = True
        for level in self._levels(name):
            self._put_out(name, level)
            if self.attributes.of("measure_when", name) == table.AFTER_SOURCE:
                count = int(self.attributes.of("measure_record_length", name))
                state.measured.extend(self._measurement(name) for _ in range(count))

    def _is_triggered(self, name: str) -> bool:
        """Whether the triggers came that a channel needs to source; simulated, they always do."""
        wanted = {
            trigger
            for trigger in ("start", "source")
            if self.attributes.of(f"{trigger}_trigger_type", name) != table.NO_TRIGGER
        }
        return self.options.simulate or wanted <= self._state[name].triggers

    def _levels(self, name: str) -> Sequence[float]:
        if self.attributes.of("source_mode", name) != table.SEQUENCE:
            return [self._level(name)]
        loops = int(self.attributes.of("sequence_loop_count", name))
        is_finite = self.attributes.of("sequence_loop_count_is_finite", name)
        return self._state[name].sequence * (loops if is_finite else 1)

    def _level(self, name: str) -> float:
        return self.attributes.number(f"{self._quantity(name)}_level", name)

    def _put_out(self, name: str, level: float) -> None:
        is_on = self.attributes.of("output_enabled", name) and self.attributes.of(
            "output_connected", name
        )
        self.bench.drive(self.terminal(name), self._element(name, level) if is_on else None)

    def _element(self, name: str, level: float) -> Element:
        if self._quantity(name) == "current":
            return CurrentSource(level, self._limit(name, "voltage"))
        ohms = max(0.0, self.attributes.number("output_resistance", name))
        return VoltageSource(level, ohms, self._limit(name, "current"))

    def _limit(self, name: str, quantity: str) -> float:
        is_symmetric = self.attributes.of("compliance_limit_symmetry", name) == 0
        return self.attributes.number(f"{quantity}_limit{'' if is_symmetric else '_high'}", name)

    def _quantity(self, name: str) -> str:
        function = self.attributes.of("output_function", name)
        if function not in (table.VOLTAGE, table.CURRENT):
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-DCPower: the output function {function} is not simulated; DC_VOLTAGE and "
                "DC_CURRENT are.",
            )
        return "voltage" if function == table.VOLTAGE else "current"

    @fidelity(
        "DCP-RANGES",
        evidence="our choice",
        rule="A level or limit above its range is the driver's error when the output is initiated,"
        " unless autorange is on",
    )
    def _check_settings(self, name: str) -> None:
        one, other = ("voltage", "current") if self._quantity(name) == "voltage" else (
            "current", "voltage"
        )  # fmt: skip
        for setting in (f"{one}_level", f"{other}_limit"):
            value = abs(self.attributes.number(setting, name))
            limit = self.attributes.number(f"{setting}_range", name)
            if value > limit and not self.attributes.of(f"{setting}_autorange", name):
                raise DriverError(
                    faults.INVALID_VALUE,
                    f"{setting} of channel {quoted(name)} is {value}, its range {limit}.",
                )

    # Measurement ----------------------------------------------------------------------------------

    @rpc("Measure")
    def measure(self, request: Any) -> Answer:
        """Answer the voltage or the current of a channel."""
        (name,) = self._one(request)
        found = self._measurement(name)
        is_voltage = value_of(request, "measurement_type") == _VOLTAGE_MEASUREMENT
        return (found.volts if is_voltage else found.amps,)

    @rpc("MeasureMultiple")
    def measure_multiple(self, request: Any) -> Answer:
        """Answer the voltages and currents of channels."""
        names = self.channels.find(channels_of(request))
        found = [self._measurement(name) for name in names]
        return array("d", [each.volts for each in found]), array("d", [each.amps for each in found])

    @rpc("FetchMultiple", waits=True)
    def fetch_multiple(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Answer what a channel has measured by itself; wait until it is enough."""
        (name,) = self._one(request)
        measured = self._state[name].measured
        is_enough = self.bench.wait_until(
            lambda: len(measured) >= request.count, request.timeout, gone
        )
        if not is_enough:
            raise DriverError(faults.EVENT_TIMEOUT)
        found = [measured.popleft() for _ in range(request.count)]
        return {
            "voltage_measurements": array("d", [each.volts for each in found]),
            "current_measurements": array("d", [each.amps for each in found]),
            "in_compliance": [each.at_limit for each in found],
            "actual_count": len(found),
        }

    @rpc("QueryInCompliance")
    def query_in_compliance(self, request: Any) -> Answer:
        """Answer whether a channel is at its limit."""
        (name,) = self._one(request)
        return (self._measurement(name).at_limit,)

    @rpc("QueryOutputState")
    def query_output_state(self, request: Any) -> Answer:
        """Answer whether a channel regulates its voltage, or its current."""
        (name,) = self._one(request)
        regulates_voltage = (self._quantity(name) == "voltage") != self._measurement(name).at_limit
        state = _CONSTANT_VOLTAGE if regulates_voltage else _CONSTANT_CURRENT
        is_on = self.bench.output(self.terminal(name)) is not None
        return (is_on and value_of(request, "output_state") == state,)

    @rpc("WaitForEventWithChannels", "WaitForEvent", waits=True)
    def wait_for_event(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Wait until channels have put out what was set."""
        names = self.channels.find(channels_of(request))
        has_come = self.bench.wait_until(
            lambda: all(self._state[name].sourcing for name in names), request.timeout, gone
        )
        if not has_come:
            raise DriverError(faults.EVENT_TIMEOUT)
        return None

    def get_attribute(self, request: Any) -> Answer:
        """Answer the value of an attribute."""
        names = self.channels.find(channels_of(request))
        backlog = min((len(self._state[name].measured) for name in names), default=0)
        self.attributes.fix("fetch_backlog", backlog)
        return super().get_attribute(request)

    def _one(self, request: Any) -> tuple[str, ...]:
        names = self.channels.find(channels_of(request))
        if len(names) != 1:
            raise DriverError(faults.UNKNOWN_CHANNEL, "Name one channel.")
        return names

    @fidelity(
        "DCP-COMPLIANCE",
        evidence="documented",
        rule="QueryInCompliance is true at the limit, where the current limit came before the"
        " voltage level or the voltage limit before the current level, and false as long as the"
        " level is held: in NI's words a channel is in compliance when it operates at its limit",
    )
    def _measurement(self, name: str) -> _Measurement:
        node = self.terminal(name)
        net = self.bench.net(node)
        volts, amps = net.point().volts, net.current_of(node)
        output = self.bench.output(node)
        if isinstance(output, VoltageSource):
            at_limit = abs(amps) >= output.limit
        else:
            at_limit = isinstance(output, CurrentSource) and abs(volts) >= output.limit
        return _Measurement(
            self._noisy(name, volts, "voltage"), self._noisy(name, amps, "current"), at_limit
        )

    def _noisy(self, name: str, value: float, quantity: str) -> float:
        setting = "level" if self._quantity(name) == quantity else "limit"
        limit = self.attributes.number(f"{quantity}_{setting}_range", name)
        return self.bench.noisy(f"{self.terminal(name)} {quantity}", value, limit * _SHARE_OF_RANGE)


SIMULATION = DcPower
