"""What Session Management has to answer: two independent sets, the reserved and the registered.

A call that waits is judged at the moment at which it is answered: whoever judges overlapping
calls tries their possible orders, so no clock is needed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from session_spec.class_models.station.pin_map import (
    INSTRUMENTS,
    SESSIONS,
    Fault,
    PinMaps,
    faults,
    sessions_of,
    type_of,
)
from session_spec.class_models.station.request import Request
from session_spec.model import ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND, OK, Violation

UNAVAILABLE = "UNAVAILABLE"

LONG = 60_000
"""A timeout in milliseconds that does not pass while an example lasts; shorter ones may."""


@dataclass(frozen=True)
class SessionState:
    """Which sessions are reserved, which are registered, and who is known to wait."""

    reserved: frozenset[str] = frozenset()
    registered: frozenset[str] = frozenset()
    known: frozenset[str] = SESSIONS
    """The sessions that were ever registered here, or can be; others are somebody else's."""
    queue: tuple[tuple[str, frozenset[str]], ...] = ()
    """Clients known to wait, the longest first, with the sessions that they wait for."""
    gave_up: frozenset[str] = frozenset()
    notes: frozenset[tuple[str, str]] = frozenset()
    """Of a session: the requirement that was at work on it last, to name when it is broken."""

    def noted(self, sessions: frozenset[str], requirement: str) -> SessionState:
        """This state with that requirement noted for the sessions."""
        kept = frozenset(note for note in self.notes if note[0] not in sessions)
        return replace(self, notes=kept | {(session, requirement) for session in sessions})

    def note(self, sessions: frozenset[str], otherwise: str) -> str:
        """The requirement noted for one of the sessions."""
        found = sorted(requirement for session, requirement in self.notes if session in sessions)
        return found[0] if found else otherwise

    def granted(self, sessions: frozenset[str], actor: str) -> SessionState:
        """This state with the sessions reserved for a client that waits no more."""
        kept = frozenset(note for note in self.notes if note[0] not in sessions)
        queue = tuple(waiting for waiting in self.queue if waiting[0] != actor)
        return replace(self, reserved=self.reserved | sessions, queue=queue, notes=kept)


@dataclass(frozen=True)
class Answered:
    """One session of an answer, with what the answer says of it."""

    name: str
    exists: bool = False
    channels: bool = False
    resource: str = ""
    """The resource name that the answer gave; empty when the example does not show it."""


Verdict = list[SessionState] | Violation


def manage(state: SessionState, maps: PinMaps, request: Request, *, reference: bool) -> Verdict:
    """The states after a call to Session Management, or the requirement that its answer breaks."""
    if request.call == "ReserveSessions":
        return _reserve(state, maps, request, reference)
    if request.call == "ReserveAllRegisteredSessions":
        return _reserve_all(state, request, reference)
    if request.call == "GivesUp" and not reference:
        return [state]  # NI does not say what becomes of its call: it may be answered yet
    return CALLS[request.call](state, request)


# Reserve ------------------------------------------------------------------------------------------

_RESERVE_CODES = {
    "id": (NOT_FOUND, "RES-PIN-MAP-UNKNOWN"),
    "site": (INVALID_ARGUMENT, "RES-SITE-UNKNOWN"),
    "name": (INVALID_ARGUMENT, "RES-NAME-UNKNOWN"),
}


def _reserve(state: SessionState, maps: PinMaps, request: Request, reference: bool) -> Verdict:
    found = _timeout_faults(request)
    empty = request.arguments[:1] == ("",)
    if not empty:
        found += faults(maps, request, _RESERVE_CODES)
    if found:
        return _refused(state, request, found)
    if empty:
        right = request.lost or (request.code == OK and not request.words)
        return [state] if right else Violation("RES-EMPTY-CONTEXT", "OK without sessions is due")
    wanted = sessions_of(maps.pins(request.arguments[0]) or {}, request)
    if request.code != OK:
        return _not_granted(state, request, wanted, "RES-FREE", reference)
    answered = _answered(request)
    names = [session.name for session in answered]
    if violation := _wrong_sessions(state, wanted, names, reference):
        return violation
    return _granted(state, request, answered, reference)


def _wrong_sessions(
    state: SessionState, wanted: frozenset[str], names: list[str], reference: bool
) -> Violation | None:
    held = wanted & state.reserved
    if held:
        part = reference and bool(names) and not held & set(names)
        requirement = "RES-ALL-OR-NOTHING" if part else "RES-HELD"
        sentence = f"{' '.join(sorted(held))} is reserved, so UNAVAILABLE is due"
        return Violation(requirement, sentence)
    if not reference:
        # Whether the pins of a custom instrument share a session is told by the reference alone.
        names = [
            n for place, n in enumerate(names) if n not in INSTRUMENTS or n not in names[:place]
        ]
    if len(names) < len(wanted):
        return Violation("RES-FREE", f"{len(wanted)} sessions are due, not {len(names)}")
    if len(names) > len(wanted):
        twice = any(names.count(name) > 1 for name in INSTRUMENTS)
        requirement = "RES-INSTRUMENT" if twice else "RES-CHANNEL-GROUP"
        return Violation(requirement, f"{len(wanted)} sessions are due, not {len(names)}")
    if frozenset(names) != wanted:
        return Violation("RES-NAME-STABLE", f"the name is always {' '.join(sorted(wanted))}")
    return None


def _timeout_faults(request: Request) -> list[Fault]:
    if _timeout(request) >= -1:
        return []
    return [Fault(INVALID_ARGUMENT, "RES-TIMEOUT-INVALID", "the timeout is below -1")]


def _timeout(request: Request) -> int:
    return int(request.named.get("timeout", "0"))


def _refused(state: SessionState, request: Request, found: list[Fault]) -> Verdict:
    """Judge a request that is wrong; of several faults any may be answered."""
    if request.lost:
        return [state]
    answered = [fault for fault in found if fault.code == request.code]
    if not answered:
        return request.violates(found[0].requirement, found[0].rule, found[0].code)
    nameless = [fault for fault in answered if not _says_what(fault, request)]
    if nameless == answered:
        return Violation(nameless[0].requirement, f"the text has to name {nameless[0].subject}")
    return [state]


def _says_what(fault: Fault, request: Request) -> bool:
    return fault.requirement != "RES-SITE-UNKNOWN" or fault.subject in request.words


def _not_granted(
    state: SessionState,
    request: Request,
    wanted: frozenset[str],
    requirement: str,
    reference: bool,
) -> Verdict:
    """Judge anything but OK: no answer yet, a timeout that has passed, or a wrong refusal."""
    held = wanted & state.reserved
    if request.lost:
        takes = not held and request.actor not in state.gave_up
        return [state, state.granted(wanted, request.actor)] if takes else [state]
    if not held and request.code == UNAVAILABLE and _set_aside(state, request.actor, wanted):
        return [state]
    if not held:
        return request.violates(state.note(wanted, requirement), "all its sessions are free", OK)
    names = " ".join(sorted(held))
    if request.code != UNAVAILABLE:
        return request.violates("RES-HELD", f"{names} stays reserved", UNAVAILABLE)
    if not -1 < _timeout(request) < LONG:
        return Violation("RES-WAITS", f"{names} is reserved, but the call may wait for longer")
    return _timed_out(state, wanted - held, reference)


def _set_aside(state: SessionState, actor: str, wanted: frozenset[str]) -> bool:
    """Whether another call waits for one of these sessions: they may be kept for it."""
    return any(waiting != actor and names & wanted for waiting, names in state.queue)


def _timed_out(state: SessionState, free: frozenset[str], reference: bool) -> list[SessionState]:
    """The states after a refusal in time: whether it keeps what was free, NI does not say."""
    kept = replace(state, reserved=state.reserved | free)
    none = state.noted(free, "RES-ALL-OR-NOTHING")
    return [none] if reference or not free else [none, kept]


def _granted(
    state: SessionState, request: Request, answered: list[Answered], reference: bool
) -> Verdict:
    """Judge the sessions of an answer that is otherwise right."""
    for session in answered:
        judged = session.name in state.known
        if judged and session.exists != (session.name in state.registered):
            is_not = "is" if session.name in state.registered else "is not"
            return Violation("REG-EXISTS", f"{session.name} {is_not} registered")
        due = INSTRUMENTS.get(session.name, "")
        if due and session.resource not in ("", due):
            sentence = f"{session.name} is instrument {due}, not {session.resource}"
            return Violation("RES-RESOURCE-NAME", sentence)
    sessions = frozenset(session.name for session in answered)
    ahead = _ahead(state, request.actor, sessions)
    if reference and ahead:
        return Violation("RES-FIFO", f"client {ahead} has waited for longer")
    return [state.granted(sessions, request.actor)]


def _ahead(state: SessionState, actor: str, sessions: frozenset[str]) -> str:
    """The client that waited before this one and could have had one of these sessions."""
    for waiting, wanted in state.queue:
        if waiting == actor:
            return ""
        if wanted & sessions and not wanted & state.reserved:
            return waiting
    return ""


def _answered(request: Request) -> list[Answered]:
    """Read ``X exists channels P`` as the sessions X and P."""
    found: list[Answered] = []
    for word in request.words:
        if word == "exists":
            found[-1] = replace(found[-1], exists=True)
        elif word == "channels":
            found[-1] = replace(found[-1], channels=True)
        elif word.startswith("resource="):
            found[-1] = replace(found[-1], resource=word.removeprefix("resource="))
        else:
            found.append(Answered(word))
    return found


def _reserve_all(state: SessionState, request: Request, reference: bool) -> Verdict:
    if found := _timeout_faults(request):
        return _refused(state, request, found)
    wanted_type = request.named.get("type", "")
    wanted = frozenset(s for s in state.registered if not wanted_type or type_of(s) == wanted_type)
    due = "REG-RESERVE-ALL" if wanted else "REG-RESERVE-ALL-EMPTY"
    if request.code == UNAVAILABLE and not wanted_type and -1 < _timeout(request) < LONG:
        # A session that somebody else has registered may be reserved.
        return _timed_out(state, wanted - state.reserved, reference)
    if request.code != OK:
        return _not_granted(state, request, wanted, due, reference)
    answered = _answered(request)
    names = sorted(session.name for session in answered if session.name in state.known)
    others = frozenset(session.name for session in answered) - state.known
    held = wanted & state.reserved
    again = (held & set(names)) | (others & state.reserved)
    if again or (held and held == wanted and not others):
        return Violation("RES-HELD", f"{' '.join(sorted(again | held))} is reserved")
    # While some are reserved, whether the others are answered is not said.
    if names != sorted(wanted - held):
        listed = " ".join(sorted(wanted)) or "nothing"
        return Violation(due, f"{listed} is registered; it answered {' '.join(names) or 'nothing'}")
    if any(session.channels for session in answered):
        return Violation("REG-RESERVE-ALL-CHANNELS", "the answer lists channels")
    return _granted(state, request, answered, reference)


# Unreserve, register, unregister ------------------------------------------------------------------


def _unreserve(state: SessionState, request: Request) -> Verdict:
    names = frozenset(request.names())
    dropped = frozenset(s for s, requirement in state.notes if requirement == "RES-DROPPED")
    noted = state.noted(names - dropped, "RES-UNRESERVE")
    freed = replace(noted, reserved=state.reserved - names)
    if request.code == OK:
        return [freed]
    if names <= state.reserved:
        if not names:
            return request.violates("RES-UNRESERVE-EMPTY", "there is nothing to unreserve", OK)
        independent = any(note == (s, "REG-INDEPENDENT") for note in state.notes for s in names)
        requirement = "REG-INDEPENDENT" if independent else "RES-UNRESERVE"
        return request.violates(requirement, f"{' '.join(sorted(names))} is reserved", OK)
    return [state, freed]


def _register(state: SessionState, request: Request) -> Verdict:
    names = request.names()
    known = replace(state, known=state.known | set(names))
    added = replace(known, registered=state.registered | set(names))
    if "" in names:
        rule = "a session has no name"
        return request.refused_with(state, INVALID_ARGUMENT, "REG-NAME-EMPTY", rule)
    if twice := state.registered & set(names):
        rule = f"{' '.join(sorted(twice))} is registered"
        verdict = request.refused_with(state, ALREADY_EXISTS, "REG-DUPLICATE", rule)
        # Whether the names that were not registered are now is not said: both.
        return verdict if isinstance(verdict, Violation) else list({known, added})
    if request.code != OK:
        return request.violates("REG-ANY", f"{' '.join(names)} is not registered", OK)
    return [added]


def _unregister(state: SessionState, request: Request) -> Verdict:
    names = frozenset(request.names())
    removed = replace(state, registered=state.registered - names)
    if request.code != OK and names <= state.registered:
        return request.violates("REG-INDEPENDENT", f"{' '.join(sorted(names))} is registered", OK)
    if request.code != OK:
        return [state, removed]
    return [removed.noted(names & state.reserved, "REG-INDEPENDENT")]


# Not calls: what is known of clients that wait ----------------------------------------------------


def _waits(state: SessionState, request: Request) -> Verdict:
    client = request.arguments[0]
    return [replace(state, queue=(*state.queue, (client, frozenset(request.names(1)))))]


def _gives_up(state: SessionState, request: Request) -> Verdict:
    client = request.arguments[0]
    wanted = frozenset(s for waiting, names in state.queue for s in names if waiting == client)
    queue = tuple(waiting for waiting in state.queue if waiting[0] != client)
    left = state.noted(wanted, "RES-DROPPED")
    return [replace(left, queue=queue, gave_up=state.gave_up | {client})]


CALLS: Mapping[str, Callable[[SessionState, Request], Verdict]] = {
    "UnreserveSessions": _unreserve,
    "RegisterSessions": _register,
    "UnregisterSessions": _unregister,
    "Waits": _waits,
    "GivesUp": _gives_up,
}
"""What needs no pin map, by the names that the examples use."""
