"""NI-DCPower's outputs: the channels of a session, their levels and limits, what they put out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from session_fakes.device import faults
from session_fakes.device.bench.elements import CurrentSource, Element, VoltageSource
from session_fakes.device.bench.wiring import terminal
from session_fakes.device.channels import expanded, split
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import dc_power_table as table
from session_fakes.device.instruments.ivi import IviSimulation, channels_of
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity

__all__ = ["DcPowerOutput", "Measurement"]

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
_OVERRANGE = 1.05
"""How far levels and limits may be over their ranges where overranging is enabled."""


class Measurement(NamedTuple):
    """What a channel measures at one moment."""

    volts: float
    amps: float
    at_limit: bool


class ChannelState:
    """How far a channel has come since it was initiated."""

    def __init__(self) -> None:
        self.running = False
        self.sourcing = False
        """It has put out its level, or all of its sequence."""
        self.has_measured = False
        self.triggers: set[str] = set()
        self.sequence: list[float] = []
        self.measured: deque[Measurement] = deque()


class DcPowerOutput(IviSimulation):
    """The part of source-measure channels that puts something out."""

    INITIALIZERS = frozenset({"InitializeWithChannels", "InitializeWithIndependentChannels"})
    MODEL = "4141"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._state = {name: ChannelState() for name in self.channels.names}
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

    # Resetting ------------------------------------------------------------------------------------

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
            self._state[name] = ChannelState()
            self.bench.drive(self.terminal(name), None)

    # What is put out ------------------------------------------------------------------------------

    @rpc("SetSequence")
    def set_sequence(self, request: Any) -> Answer:
        """Keep the levels that a sequence goes through."""
        for name in self.channels.find(channels_of(request)):
            self._state[name].sequence = list(request.values)
        return None

    def _levels(self, name: str) -> Sequence[float]:
        if not self._is_sequence(name):
            return [self._level(name)]
        return self._state[name].sequence * int(self.attributes.of("sequence_loop_count", name))

    def _is_sequence(self, name: str) -> bool:
        return self.attributes.of("source_mode", name) == table.SEQUENCE

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
        if self.attributes.of("compliance_limit_symmetry", name) == table.SYMMETRIC:
            return self.attributes.number(f"{quantity}_limit", name)
        high, low = (
            self.attributes.number(f"{quantity}_limit_{end}", name) for end in ("high", "low")
        )
        if high != -low:
            raise _not_simulated(f"limits from {low} to {high}, which are not symmetric,")
        return high

    def _quantity(self, name: str) -> str:
        function = self.attributes.of("output_function", name)
        if function not in (table.VOLTAGE, table.CURRENT):
            raise _not_simulated(
                f"the output function {function}", "DC_VOLTAGE and DC_CURRENT are."
            )
        return "voltage" if function == table.VOLTAGE else "current"

    # Checks ---------------------------------------------------------------------------------------

    @fidelity(
        "DCP-RANGES",
        evidence="our choice",
        rule="A level or limit above its range is the driver's error when the output is initiated,"
        " unless autorange is on; with overranging it may be 5 % above",
    )
    def _check_settings(self, name: str) -> None:
        one, other = ("voltage", "current") if self._quantity(name) == "voltage" else (
            "current", "voltage"
        )  # fmt: skip
        most = _OVERRANGE if self.attributes.of("overranging_enabled", name) else 1.0
        self._check_range(name, f"{one}_level", self._level(name), most)
        self._check_range(name, f"{other}_limit", self._limit(name, other), most)
        self._check_sequence(name)

    def _check_range(self, name: str, setting: str, value: float, most: float) -> None:
        limit = self.attributes.number(f"{setting}_range", name)
        if abs(value) > limit * most and not self.attributes.of(f"{setting}_autorange", name):
            raise DriverError(
                faults.INVALID_VALUE,
                f"{setting} of channel {quoted(name)} is {value}, its range {limit}.",
            )

    @fidelity(
        "DCP-SEQUENCE",
        evidence="our choice",
        rule="A sequence goes through all of its levels at once when it starts, as often as its"
        " loop count says; one that waits for a trigger before each step, and one without an end,"
        " are UNIMPLEMENTED",
    )
    def _check_sequence(self, name: str) -> None:
        for trigger in ("source", "sequence_advance"):
            kind = self.attributes.of(f"{trigger}_trigger_type", name)
            if self._is_sequence(name) and kind != table.NO_TRIGGER:
                raise _not_simulated(f"a sequence with a {trigger} trigger")


def _not_simulated(what: str, others: str = "") -> Refusal:
    return Refusal("UNIMPLEMENTED", f"NI-DCPower: {what} is not simulated. {others}".strip())
