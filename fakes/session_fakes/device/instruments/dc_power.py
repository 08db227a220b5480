"""NI-DCPower: puts out voltages and currents with limits, and measures what comes of it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from session_fakes.device import faults
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import dc_power_table as table
from session_fakes.device.instruments.dc_power_measuring import DcPowerMeasuring
from session_fakes.device.instruments.ivi import channels_of
from session_fakes.device.instruments.simulation import Answer, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal
from session_fakes.fidelity import fidelity

_TRIGGER_NUMBERS = {
    1034: "start",
    1035: "source",
    1036: "measure",
    1037: "sequence_advance",
    1118: "shutdown",
}


class DcPower(DcPowerMeasuring):
    """Source-measure channels, of one instrument or of several."""

    # Running --------------------------------------------------------------------------------------

    @rpc("InitiateWithChannels", "Initiate")
    def initiate(self, request: Any) -> Answer:
        """Start to put out what is set, and whatever waits for no trigger."""
        names = self.channels.find(channels_of(request))
        for name in names:
            self._check_settings(name)
        for name in names:
            state = self._state[name]
            state.running, state.sourcing, state.has_measured = True, False, False
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

    def attributes_changed(self, channels: str) -> None:
        """Put out a new level at once, where a channel runs."""
        for name in self.channels.find(channels):
            if self._state[name].sourcing and self._state[name].running:
                self._put_out(name, self._level(name))

    # Triggers -------------------------------------------------------------------------------------

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
            state.measured.append(self._measured(name))
        else:
            self._advance(name)

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
                state.measured.extend(self._measured(name) for _ in range(count))

    def _is_triggered(self, name: str) -> bool:
        """Whether the triggers came that a channel needs to source; simulated, they always do."""
        wanted = {
            trigger
            for trigger in ("start", "source")
            if self.attributes.of(f"{trigger}_trigger_type", name) != table.NO_TRIGGER
        }
        return self.options.simulate or wanted <= self._state[name].triggers

    # Waiting --------------------------------------------------------------------------------------

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

    @rpc("WaitForEventWithChannels", "WaitForEvent", waits=True)
    def wait_for_event(self, request: Any, gone: Callable[[], bool]) -> Answer:
        """Wait until an event has come on all channels."""
        names = self.channels.find(channels_of(request))
        event = value_of(request, "event_id")
        has_come = self.bench.wait_until(
            lambda: all(self._has_come(event, name) for name in names), request.timeout, gone
        )
        if not has_come:
            raise DriverError(faults.EVENT_TIMEOUT)
        return None

    @fidelity(
        "DCP-EVENTS",
        evidence="our choice",
        rule="The source is complete once the level is put out, a measurement once something was"
        " measured since the start, a sequence only where there is one; pulses never come",
    )
    def _has_come(self, event: int, name: str) -> bool:
        state = self._state[name]
        if event == table.MEASURE_COMPLETE:
            return state.has_measured
        if event in (table.ITERATION_COMPLETE, table.ENGINE_DONE):
            return state.sourcing and self._is_sequence(name)
        return event == table.SOURCE_COMPLETE and state.sourcing

    def get_attribute(self, request: Any) -> Answer:
        """Answer the value of an attribute."""
        names = self.channels.find(channels_of(request))
        backlog = min((len(self._state[name].measured) for name in names), default=0)
        self.attributes.fix("fetch_backlog", backlog)
        return super().get_attribute(request)


SIMULATION = DcPower
