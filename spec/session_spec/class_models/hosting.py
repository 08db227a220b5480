"""Judges how a server is hosted: its start, its registration with Discovery, and its end.

What happens is judged when it is seen; what ought to have happened, at the next ``Wait()``: an
event that stands for all the time that a server needs, the grace period included. A server that
ends without having been asked to has crashed: nothing is promised about that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from session_spec.examples import Event
from session_spec.model import OK, Violation

STOPS: Mapping[str, str] = {
    "SIGINT": "HOST-SIGNALS",
    "SIGTERM": "HOST-SIGNALS",
    "CTRL_BREAK": "HOST-SIGNALS",
    "Enter": "HOST-ENTER",
    "stdin": "HOST-STDIN-IGNORED",
}
"""The ways to ask for an orderly stop, and which reference requirement names each.

``stdin`` is the end of standard input, which asks for nothing unless the command line says so.
"""

CUT_OFF = frozenset({"UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"})
"""What a caller may get when the server's stop cuts its call off, or turns it away."""
UNANSWERED = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
"""What a server gets when Discovery is gone."""


@dataclass(frozen=True)
class HostingState:
    """What is known of the server's process and of its registration."""

    options: tuple[str, ...] = ()
    """What the command line says, as the example writes it."""
    addresses: frozenset[str] = frozenset()
    """Where it serves, ``host:port``."""
    registered: bool = False
    ready: bool = False
    """Whether the ready file is there."""
    running: frozenset[str] = frozenset()
    """The clients whose calls began before the stop and have no answer yet."""
    stop: str = ""
    """How it was asked to stop; empty while it was not."""
    grace_over: bool = False
    stdin_closed: bool = False
    discovery: bool = True
    """Whether a Discovery Service runs."""
    discovery_failed: bool = False
    """Whether Discovery was away since the server started, or when it did."""

    @property
    def serves(self) -> bool:
        """Whether the server accepts calls anywhere."""
        return bool(self.addresses)

    def option(self, name: str) -> str | None:
        """The value of a command-line option; None when it was not given."""
        given = [text.partition("=") for text in self.options]
        return next((value for known, _, value in given if known == name), None)


HostingVerdict = list[HostingState] | Violation


@dataclass(frozen=True)
class HostingModel:
    """Judges the events of the hosting claim and, on request, of the reference servers."""

    reference: bool = False

    def initial(self) -> HostingState:
        """No server runs; Discovery does."""
        return HostingState()

    def apply(self, state: HostingState, event: Event) -> HostingVerdict:
        """The state after this event, or the violation that it is."""
        match event.call, event.arguments:
            case "Begin" | "Call" | "Answer", ():
                return self._call(state, event)
            case "Stop", (way,) if way in STOPS:
                return [replace(state, stop=way, grace_over=bool(state.stop))]
            case "Exit", (code,):
                return self._exit(state, int(code))
            case "Wait", ():
                return self._wait(state)
            case "DiscoveryLost" | "DiscoveryBack" | "StdinClosed" | "Start", _:
                return [_surroundings(state, event)]
            case _:
                return self._step(state, event)

    def _is(self, state: HostingState, discovery: str) -> bool:
        """Whether this is a reference server that was started with that Discovery option."""
        return self.reference and state.option("discovery") == discovery

    # The server's own steps -----------------------------------------------------------------------

    def _step(self, state: HostingState, event: Event) -> HostingVerdict:
        match event.call, event.arguments:
            case "Serve", (address,):
                return self._serve(state, address)
            case "Register", (address,):
                return self._register(state, address, granted=_granted(event))
            case "Unregister", ():
                # With Discovery gone there is nothing left to take back.
                taken_back = _granted(event) or event.code in UNANSWERED
                return [replace(state, registered=state.registered and not taken_back)]
            case "Ready", (address,):
                return self._ready(state, address)
            case _:
                raise ValueError(f"{event.text!r} is nothing that the hosting model knows")

    def _serve(self, state: HostingState, address: str) -> HostingVerdict:
        host, port = _split(address)
        if self.reference and not _is_loopback(host) and host != state.option("host"):
            return Violation("HOST-LOOPBACK", f"{host} is no loopback address, and nobody asked")
        wanted = state.option("port")
        if self._is(state, "off") and wanted not in (None, "0", port):
            sentence = f"port {wanted} was asked for; it serves on {port}"
            return Violation("HOST-WITHOUT-DISCOVERY", sentence)
        return [replace(state, addresses=state.addresses | {address})]

    def _register(self, state: HostingState, address: str, *, granted: bool) -> HostingVerdict:
        if self._is(state, "off"):
            return Violation("HOST-WITHOUT-DISCOVERY", "it calls Discovery although that is off")
        if _split(address)[1] not in {_split(served)[1] for served in state.addresses}:
            return Violation("HOST-SERVE-FIRST", f"it registers {address} before it serves there")
        return [replace(state, registered=granted)]

    def _ready(self, state: HostingState, address: str) -> HostingVerdict:
        if self.reference and address not in state.addresses:
            sentence = f"the ready file names {address} before the server serves there"
            return Violation("HOST-WITHOUT-DISCOVERY", sentence)
        return [replace(state, ready=True)]

    # Calls ----------------------------------------------------------------------------------------

    def _call(self, state: HostingState, event: Event) -> HostingVerdict:
        if event.call == "Begin":
            # A call that comes after the stop may be turned away.
            began = frozenset[str]() if state.stop else {event.actor}
            return [replace(state, running=state.running | began)]
        if state.stop:
            runs = event.call == "Answer" and event.actor in state.running
            if runs and not state.grace_over and event.code in CUT_OFF:
                return _cut_off(event.actor)
        elif event.code == "UNAVAILABLE" and (violation := self._found_nobody(state)):
            return violation
        if event.call == "Call":
            return [state]
        return [replace(state, running=state.running - {event.actor})]

    def _found_nobody(self, state: HostingState) -> Violation | None:
        """Why a server that nobody has stopped owes an answer, if it does."""
        if violation := self._gives_up(state):
            return violation
        if state.registered:
            return Violation("HOST-SERVE-FIRST", "it is registered, yet a call finds no server")
        return None

    # Time, and the end ----------------------------------------------------------------------------

    def _wait(self, state: HostingState) -> HostingVerdict:
        if state.stop:
            if state.running and not state.grace_over:
                return [replace(state, grace_over=True)]
            requirement = STOPS[state.stop] if self.reference else "HOST-EXIT-CODE"
            return Violation(requirement, f"it still runs after {state.stop}")
        return self._start_undone(state) or [state]

    def _start_undone(self, state: HostingState) -> Violation | None:
        if self._is(state, "off"):
            done = state.serves and state.ready
            sentence = "without Discovery it has to serve and to write its ready file"
            return None if done else Violation("HOST-WITHOUT-DISCOVERY", sentence)
        optional = self._is(state, "optional")
        if state.discovery_failed:
            done = state.serves and (state.registered or not state.discovery)
            sentence = "it has to serve without Discovery, and to register when that is back"
            excused = done or not optional
            return None if excused else Violation("HOST-DISCOVERY-OPTIONAL", sentence)
        if state.registered:
            return None
        return Violation("HOST-REGISTERS", "it has had the time to register, and did not")

    def _exit(self, state: HostingState, code: int) -> HostingVerdict:
        if not state.stop:
            return self._gives_up(state) or [_ended(state)]
        if state.running and not state.grace_over:
            return _cut_off(*state.running)
        if state.registered:
            return Violation("HOST-UNREGISTERS", "it ends and is still registered")
        if code != 0:
            return Violation("HOST-EXIT-CODE", f"0 is due after an orderly stop, not {code}")
        return [_ended(state)]

    def _gives_up(self, state: HostingState) -> Violation | None:
        """Why a reference server has no excuse for serving no more, if it has none."""
        if self.reference and state.stdin_closed:
            return Violation("HOST-STDIN-IGNORED", "standard input was closed, and it stopped")
        if self._is(state, "optional") and state.discovery_failed:
            return Violation("HOST-DISCOVERY-OPTIONAL", "Discovery was away, and it stopped")
        return None


def _surroundings(state: HostingState, event: Event) -> HostingState:
    """Something happened to the server, not by it."""
    if event.call == "Start":
        away = not state.discovery
        return HostingState(event.arguments, discovery=state.discovery, discovery_failed=away)
    if event.call == "StdinClosed":
        asked = state.option("stop-on-stdin-close") is not None
        return replace(state, stdin_closed=True, stop="stdin" if asked else state.stop)
    if event.call == "DiscoveryBack":
        return replace(state, discovery=True)
    return replace(state, discovery=False, discovery_failed=True, registered=False)


def _ended(state: HostingState) -> HostingState:
    return HostingState(discovery=state.discovery)


def _cut_off(*clients: str) -> Violation:
    names = ", ".join(sorted(clients))
    return Violation("HOST-CALLS-FINISH", f"the running call of {names} was cut off by the stop")


def _granted(event: Event) -> bool:
    return event.code == OK


def _split(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host, port


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ip_address(host.strip("[]")).is_loopback
