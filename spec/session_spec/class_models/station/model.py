"""Judges the events of station examples: what Discovery, Pin Map and Session Management answer.

Each service has a module of its own; this one puts them side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from session_spec.class_models.station import discovery, pin_map, sessions
from session_spec.class_models.station.discovery import DiscoveryState
from session_spec.class_models.station.pin_map import PinMaps
from session_spec.class_models.station.request import read_request
from session_spec.class_models.station.sessions import SessionState
from session_spec.examples import Event
from session_spec.model import Violation

_MAY_WAIT = ("ReserveSessions", "ReserveAllRegisteredSessions")


@dataclass(frozen=True)
class StationState:
    """What the three services of a station know."""

    discovery: DiscoveryState = field(default_factory=DiscoveryState)
    pin_maps: PinMaps = field(default_factory=PinMaps)
    sessions: SessionState = field(default_factory=SessionState)


@dataclass(frozen=True)
class StationModel:
    """Says what a station may answer; with ``reference``, what the fakes of this kit may."""

    reference: bool = False

    def initial(self) -> StationState:
        """A station on which nothing is registered."""
        return StationState()

    def apply(self, state: StationState, event: Event) -> Sequence[StationState] | Violation:
        """The states after this event, or the violation that it is."""
        request = read_request(event)
        if request.lost and request.call not in _MAY_WAIT:
            raise ValueError(f"{event.text!r}: only {' and '.join(_MAY_WAIT)} can be under way")
        if request.call in discovery.CALLS:
            discovered = discovery.discover(state.discovery, request, reference=self.reference)
            if isinstance(discovered, Violation):
                return discovered
            return [replace(state, discovery=after) for after in discovered]
        if request.call in pin_map.CALLS:
            asked = pin_map.ask_pin_map(state.pin_maps, request)
            if isinstance(asked, Violation):
                return asked
            return [replace(state, pin_maps=after) for after in asked]
        if request.call not in (*_MAY_WAIT, *sessions.CALLS):
            raise ValueError(f"{event.text!r} is no call that the station model knows")
        managed = sessions.manage(state.sessions, state.pin_maps, request, reference=self.reference)
        if isinstance(managed, Violation):
            return managed
        return [replace(state, sessions=after) for after in managed]
