"""NI-SCOPE's timing and triggers: when records begin, and how their samples follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_fakes.device.bench.elements import VoltageSource
from session_fakes.device.bench.nets import Net
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import scope_table as table
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

__all__ = ["ScopeTiming"]

_CHANNELS = {"5105": 8, "5110": 2, "5111": 2, "5113": 2, "5160": 4, "5170": 8, "5172": 8}
_USUAL = 2
_TRIGGERS = (table.EDGE, table.HYSTERESIS, table.DIGITAL, table.SOFTWARE, table.IMMEDIATE)
_DDC = 1002
_REFERENCE = 2


class ScopeTiming(IviSimulation):
    """The part of an oscilloscope that says when."""

    MODEL = "5172"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    SETS = table.SETS

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self._started: float | None = None
        self._software_triggers = 0
        self._records: list[float] = []
        """When each record begins whose trigger has come."""
        self._free_from = 0.0
        """When the next one may begin."""
        self._derive()

    def channel_names(self, opening: Opening) -> Sequence[str]:  # noqa: ARG002 - others use it
        """As many as the pin map says, or else its model has."""
        usual = _CHANNELS.get(self.options.model or self.MODEL, _USUAL)
        return [str(number) for number in range(self.count_channels(self.resource, usual))]

    # Configuration --------------------------------------------------------------------------------

    def attributes_changed(self, channels: str) -> None:  # noqa: ARG002 - timing has no channels
        """Keep what follows from the timing in step."""
        self._derive()

    def switch_off(self) -> None:
        """Record no more."""
        self._started = None
        self._derive()

    def _derive(self) -> None:
        points = int(self.attributes["horz_min_num_pts"])
        rate = self.attributes.number("min_sample_rate")
        self.attributes.fix("horz_record_length", points)
        self.attributes.fix("horz_sample_rate", rate)
        enabled = [c for c in self.channels.names if self.attributes.of("channel_enabled", c)]
        self.attributes.fix("enabled_channels", ",".join(enabled))

    @property
    def _points(self) -> int:
        return int(self.attributes["horz_min_num_pts"])

    @property
    def _step(self) -> float:
        return 1 / self.attributes.number("min_sample_rate")

    @property
    def _before_trigger(self) -> int:
        return round(self._points * self.attributes.number("horz_record_ref_position") / 100)

    def _check_settings(self) -> None:
        trigger = self.attributes["trigger_type"]
        if trigger not in _TRIGGERS:
            raise Refusal(
                "UNIMPLEMENTED",
                f"NI-SCOPE: the trigger type {trigger} is not simulated; EDGE, HYSTERESIS, DIGITAL,"
                " SOFTWARE and IMMEDIATE are.",
            )
        if self.attributes["acquisition_type"] == _DDC:
            raise Refusal("UNIMPLEMENTED", "NI-SCOPE: DDC acquisitions are not simulated.")

    # Triggers -------------------------------------------------------------------------------------

    @rpc("SendSoftwareTriggerEdge")
    def send_trigger(self, request: Any) -> Answer:
        """Trigger what waits for it."""
        if value_of(request, "which_trigger") != _REFERENCE:
            raise Refusal("UNIMPLEMENTED", "NI-SCOPE: only the reference trigger is simulated.")
        self._software_triggers += 1
        self.bench.stir()
        return None

    def _begins(self) -> list[float] | None:
        """When each record begins; None while a trigger has not come."""
        before = self._before_trigger * self._step
        while len(self._records) < int(self.attributes["horz_num_records"]):
            at = self._trigger_time(self._free_from + before)
            if at is None:
                return None
            self._records.append(at - before)
            self._free_from = max(at - before + self._points * self._step, at + self._holdoff)
        return self._records

    @property
    def _holdoff(self) -> float:
        return self.attributes.number("trigger_holdoff")

    @fidelity(
        "SCP-TRIGGER",
        evidence="our choice",
        rule="An edge trigger comes where the signal of its channel crosses the level, and not"
        " before, one with hysteresis only where the signal comes from beyond that; a software"
        " trigger when it is sent; one from outside never, for the bench has no such signal. With"
        " Simulate=1, or the modifier AUTO, every trigger comes at once; an acquisition takes no"
        " time",
    )
    def _trigger_time(self, earliest: float) -> float | None:
        """When a trigger comes that may come from a time on."""
        trigger = self.attributes["trigger_type"]
        delay = self.attributes.number("trigger_delay_time")
        found: float | None = None
        if trigger in (table.EDGE, table.HYSTERESIS):
            found = self._edge(earliest)
        elif trigger == table.IMMEDIATE or (
            trigger == table.SOFTWARE and self._software_triggers > len(self._records)
        ):
            found = earliest
        is_free = self.options.simulate or self.attributes["trigger_modifier"] != table.NO_MODIFIER
        if found is None and is_free:
            found = earliest
        return None if found is None else found + delay

    def _edge(self, earliest: float) -> float | None:
        try:
            (name,) = self.channels.find(str(self.attributes["trigger_source"]))
        except DriverError:
            return None  # an external one
        slope, level = self.attributes["trigger_slope"], self.attributes.number("trigger_level")
        net, gain = self._net(name), self.attributes.number("probe_attenuation", name)
        slopes = [True, False] if slope == table.EITHER else [slope != table.NEGATIVE]
        is_ac = self._is_ac(name) or self.attributes["trigger_coupling"] == table.AC
        shift = net.volts() if is_ac else 0.0
        window = self._hysteresis / gain
        places = [
            net.crossing(earliest, self._step, level / gain + shift, window, rising=rising)
            for rising in slopes
        ]
        return min((place for place in places if place is not None), default=None)

    @property
    def _hysteresis(self) -> float:
        has_window = self.attributes["trigger_type"] == table.HYSTERESIS
        return self.attributes.number("trigger_hysteresis") if has_window else 0.0

    # The signals ----------------------------------------------------------------------------------

    def _net(self, name: str) -> Net:
        net = self.bench.net(self.terminal(name))
        own = VoltageSource(ohms=self.attributes.number("input_impedance", name) or 1e6)
        return net._replace(elements=(*net.elements, own), owners=(*net.owners, ""))

    def _is_ac(self, name: str) -> bool:
        return self.attributes.of("vertical_coupling", name) == table.AC
