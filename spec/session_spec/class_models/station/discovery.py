"""What Discovery has to answer: registrations, and which of them a client is sent to.

Pure, like :mod:`session_spec.model`: a registration is a row, a resolve is a choice among rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from session_spec.class_models.station.request import Request
from session_spec.model import FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, OK, Violation

NO_VERSION = "0.0.1"
"""What a registration without a version counts as; nobody may give it."""

_REQUIRED = ("name", "interface", "class", "location")
_LARGEST_PORT = 65535


@dataclass(frozen=True)
class Registration:
    """One registered instance of a service."""

    id: str
    service_class: str
    version: str
    interfaces: tuple[str, ...]
    port: str


@dataclass(frozen=True)
class DiscoveryState:
    """The registrations, the oldest first, and what became of earlier ones."""

    registrations: tuple[Registration, ...] = ()
    ended: frozenset[tuple[str, str]] = frozenset()
    """Ports where nothing is registered any more, with the requirement by which that is so."""
    classes: frozenset[str] = frozenset()
    """The service classes that were registered here; others may be those of somebody else."""

    def without(self, rows: Sequence[Registration], requirement: str) -> DiscoveryState:
        """This state with those registrations ended by a requirement."""
        kept = tuple(r for r in self.registrations if r not in rows)
        ended = self.ended | {(r.port, requirement) for r in rows}
        return replace(self, registrations=kept, ended=ended)

    def why_not(self, port: str, otherwise: str) -> str:
        """The requirement by which nothing at this port is answered."""
        return next((why for ended, why in sorted(self.ended) if ended == port), otherwise)

    def matching(self, interface: str, wanted: Mapping[str, str]) -> tuple[Registration, ...]:
        """The registrations of an interface, and of the class and version if they are wanted."""
        return tuple(
            r
            for r in self.registrations
            if (not interface or interface in r.interfaces)
            and r.service_class == (wanted.get("class") or r.service_class)
            and r.version == (wanted.get("version") or r.version)
        )


Verdict = list[DiscoveryState] | Violation


def discover(state: DiscoveryState, request: Request, *, reference: bool) -> Verdict:
    """The states after a call to Discovery, or the requirement that its answer breaks."""
    return CALLS[request.call](state, request, reference)


def _register(state: DiscoveryState, request: Request, reference: bool) -> Verdict:
    given = request.named
    if empty := [field for field in _REQUIRED if given.get(field) == ""]:
        rule = f"the {empty[0]} is empty"
        return request.refused_with(state, INVALID_ARGUMENT, "DISC-REGISTER-EMPTY", rule)
    port = given.get("port", "")
    if not (port.isdigit() and 0 < int(port) <= _LARGEST_PORT):
        rule = f"{port or 'nothing'} is no port"
        return request.refused_with(state, INVALID_ARGUMENT, "DISC-REGISTER-PORT", rule)
    version = given.get("version", "")
    service = (given["class"], version or NO_VERSION)
    twins = [r for r in state.registrations if (r.service_class, r.version) == service]
    if request.code == OK:
        return _registered(state, request, service, twins)
    if version == NO_VERSION or (twins and not reference):
        return [state]
    requirement = "DISC-VERSION-PARTS" if version.count(".") > 2 else "DISC-REGISTRATION-ID"
    rule = "nothing is wrong with the registration"
    return request.violates("DISC-NEWEST" if twins else requirement, rule, OK)


def _registered(
    state: DiscoveryState, request: Request, service: tuple[str, str], twins: list[Registration]
) -> Verdict:
    identity = next(iter(request.words), "")
    if not identity or any(identity == r.id for r in state.registrations):
        return Violation("DISC-REGISTRATION-ID", "an id that is not empty and not taken is due")
    given = request.named
    row = Registration(identity, *service, tuple(given["interface"].split()), given["port"])
    rows, classes = (*state.registrations, row), state.classes | {row.service_class}
    added = replace(state, registrations=rows, classes=classes)
    # Whether the new one stands beside the old one or in its place is not said: both.
    return [added, added.without(twins, "DISC-NEWEST")] if twins else [added]


def _unregister(state: DiscoveryState, request: Request, _reference: bool) -> Verdict:
    row = next((r for r in state.registrations if (r.id,) == request.arguments), None)
    if row is None:
        return [state]
    if request.code != OK:
        return request.violates("DISC-UNREGISTER", f"{row.id} is registered", OK)
    return [state.without([row], "DISC-UNREGISTER")]


def _resolve(state: DiscoveryState, request: Request, reference: bool) -> Verdict:
    interface = next(iter(request.arguments), "")
    if not interface:
        rule = "the interface is empty"
        return request.refused_with(state, INVALID_ARGUMENT, "DISC-RESOLVE-EMPTY", rule)
    rows = state.matching(interface, request.named)
    if not rows:
        requirement = state.why_not(_answered_port(request), "DISC-RESOLVE-UNKNOWN")
        return request.refused_with(state, NOT_FOUND, requirement, "no registration matches")
    classes = {r.service_class for r in rows}
    if len(classes) > 1:
        rule = f"{len(classes)} service classes match"
        return request.refused_with(state, FAILED_PRECONDITION, "DISC-RESOLVE-AMBIGUOUS", rule)
    if request.code != OK:
        return request.violates("DISC-RESOLVE-FOUND", "a registration matches", OK)
    return _sent_to(state, rows, _answered_port(request), reference)


def _answered_port(request: Request) -> str:
    return " ".join(request.words).removeprefix("port=")


def _sent_to(
    state: DiscoveryState, rows: tuple[Registration, ...], port: str, reference: bool
) -> Verdict:
    """Judge the choice among rows of one service class: the latest version, the newest row."""
    if all(r.port != port for r in rows):
        requirement = state.why_not(port, "DISC-RESOLVE-FOUND")
        return Violation(requirement, f"nothing that matches is registered at port {port}")
    by_number = _of_latest(rows, _numbers)
    latest = {r.port for r in by_number}
    if port not in latest | {r.port for r in _of_latest(rows, str)}:
        return Violation("DISC-VERSION-LATEST", f"port {port} has not the latest version")
    if reference and port not in latest:
        return Violation("DISC-VERSION-ORDER", f"port {port} is latest by letters, not by numbers")
    if reference and port != by_number[-1].port:
        return Violation("DISC-NEWEST", f"{by_number[-1].id} was registered later")
    return [state]


def _of_latest(
    rows: tuple[Registration, ...], key: Callable[[str], tuple[int, ...] | str]
) -> list[Registration]:
    latest = max((r.version for r in rows), key=key)
    return [r for r in rows if r.version == latest]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _enumerate(state: DiscoveryState, request: Request, _reference: bool) -> Verdict:
    rows = state.matching(next(iter(request.arguments), ""), request.named)
    classes = sorted({r.service_class for r in rows})
    if request.code == OK and sorted(w for w in request.words if w in state.classes) == classes:
        return [state]
    listed = " ".join(classes) or "nothing"
    return Violation("DISC-ENUMERATE", f"OK with {listed} is due, each service class once")


CALLS: Mapping[str, Callable[[DiscoveryState, Request, bool], Verdict]] = {
    "RegisterService": _register,
    "UnregisterService": _unregister,
    "ResolveService": _resolve,
    "EnumerateServices": _enumerate,
}
"""The calls of Discovery, by the names that the examples use."""
