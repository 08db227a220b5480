"""What the Pin Map service has to answer, told for one small pin map.

Examples register it whole (``valid``) or without its pin B (``without B``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from session_spec.class_models.station.request import Request
from session_spec.model import INVALID_ARGUMENT, NOT_FOUND, OK, Violation

SITES = frozenset({"0", "1"})
CUSTOM, DCPOWER = "custom", "dcpower"

_WHOLE = {"A": "X", "B": "X", "C": "P", "D": "P"}
CONTENTS: Mapping[str, Mapping[str, str]] = {
    "valid": _WHOLE,
    "without B": {pin: session for pin, session in _WHOLE.items() if pin != "B"},
}
"""The pin maps of the examples: each pin with the session that it needs."""

SESSIONS = frozenset(_WHOLE.values())
"""The sessions behind the pins of the examples."""

INSTRUMENTS: Mapping[str, str] = {"X": "instrument1"}
"""The name in the pin map of the custom instrument behind a session."""


def type_of(session: str) -> str:
    """The instrument type of a session; one that is in no pin map is custom."""
    return DCPOWER if session == "P" else CUSTOM


@dataclass(frozen=True)
class PinMaps:
    """The content of each registered pin map, and which were registered more than once."""

    contents: frozenset[tuple[str, str]] = frozenset()
    replaced: frozenset[str] = frozenset()

    def pins(self, identity: str) -> Mapping[str, str] | None:
        """The pins of a pin map with their sessions; None when it is not registered."""
        return next(
            (CONTENTS[content] for known, content in self.contents if known == identity), None
        )

    def updated(self, identity: str, content: str) -> PinMaps:
        """These pin maps with that one registered, or replaced."""
        others = frozenset(pair for pair in self.contents if pair[0] != identity)
        again = self.replaced | {identity} if others != self.contents else self.replaced
        return PinMaps(others | {(identity, content)}, again)


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a request: the code that is due, and whose requirement it is."""

    code: str
    requirement: str
    rule: str
    subject: str = ""
    """The site or the pin that is wrong."""


Verdict = list[PinMaps] | Violation


def faults(maps: PinMaps, request: Request, codes: Mapping[str, tuple[str, str]]) -> list[Fault]:
    """What is wrong with the pin map id, the sites and the names; ``codes`` says whose rules."""
    identity = next(iter(request.arguments), "")
    pins = maps.pins(identity)
    if pins is None:
        return [Fault(*codes["id"], f"there is no pin map {identity}")]
    sites = [
        Fault(*codes["site"], f"{identity} has no site {site}", site)
        for site in request.named.get("sites", "").split()
        if site not in SITES
    ]
    names = [
        Fault(*codes["name"], f"{identity} has no pin {name or 'with an empty name'}", name)
        for name in request.names(1)
        if name not in pins
    ]
    return sites + names


def sessions_of(pins: Mapping[str, str], request: Request) -> frozenset[str]:
    """The sessions that the named pins need, or all pins, of the wanted instrument type."""
    names = request.names(1) or tuple(pins)
    wanted = request.named.get("type", "")
    return frozenset(pins[n] for n in names if not wanted or type_of(pins[n]) == wanted)


def ask_pin_map(maps: PinMaps, request: Request) -> Verdict:
    """The states after a call to the Pin Map service, or the requirement that its answer breaks."""
    return CALLS[request.call](maps, request)


def _update(maps: PinMaps, request: Request) -> Verdict:
    identity, content = request.arguments
    if content == "invalid":
        rule = "the text is no pin map"
        refused = request.refused_with(maps, INVALID_ARGUMENT, "PIN-XML-INVALID", rule)
        gone = replace(maps, contents=frozenset(c for c in maps.contents if c[0] != identity))
        # Whether a refused update leaves the old pin map is not said: both.
        return refused if isinstance(refused, Violation) else list({maps, gone})
    if content not in CONTENTS:
        raise ValueError(f"{content!r} is none of {', '.join(CONTENTS)}, invalid")
    if request.code != OK:
        known = maps.pins(identity) is not None
        requirement = _AGAIN if known else _FIRST
        return request.violates(requirement, f"the pin map {identity} is valid", OK)
    return [maps.updated(identity, content)]


_FIRST, _AGAIN = "PIN-UPDATE-ANY-ID", "PIN-UPDATE-REPLACES"
_QUERY_CODES = {
    "id": (NOT_FOUND, "PIN-UNKNOWN-ID"),
    "site": (NOT_FOUND, "PIN-SITE-UNKNOWN"),
    "name": (INVALID_ARGUMENT, "PIN-NAME-UNKNOWN"),
}


def _query(maps: PinMaps, request: Request) -> Verdict:
    found = faults(maps, request, _QUERY_CODES)
    if any(fault.code == request.code for fault in found):
        return [maps]
    if found:
        return request.violates(_broken(maps, request, found[0]), found[0].rule, found[0].code)
    pins = maps.pins(request.arguments[0]) or {}
    due = sorted(sessions_of(pins, request))
    if (request.code, sorted(request.words)) == (OK, due):
        return [maps]
    requirement = _AGAIN if request.arguments[0] in maps.replaced else _FIRST
    return Violation(requirement, f"OK with {' '.join(due)} is due, as registered last")


def _broken(maps: PinMaps, request: Request, fault: Fault) -> str:
    """A name that only an earlier text had is a matter of the update, not of the query."""
    stale = request.arguments[0] in maps.replaced and fault.subject in _WHOLE
    return _AGAIN if stale and request.code == OK else fault.requirement


CALLS: Mapping[str, Callable[[PinMaps, Request], Verdict]] = {
    "UpdatePinMap": _update,
    "QueryResources": _query,
}
"""The calls of the Pin Map service, by the names that the examples use."""
