"""What a request to the control service does: one function each, without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from session_fakes.control import snapshot
from session_fakes.errors import FakeError, quoted

if TYPE_CHECKING:
    from session_fakes.network.relay import Relay
    from session_fakes.station import FakeStation

LONGEST_WAIT = 20.0
"""Seconds that a request may wait for the next call; clients ask again."""


@dataclass(frozen=True)
class Controlled:
    """A station under control, and the wish that it stop."""

    station: FakeStation
    stop: threading.Event = field(default_factory=threading.Event)


Body = Mapping[str, Any]


class Action(NamedTuple):
    """What a route does, and whether it changes anything: such a one wants POST."""

    changes: bool
    run: Callable[[Controlled, Body], dict[str, Any]]


def _state(control: Controlled, _: Body) -> dict[str, Any]:
    return snapshot.snapshot(control.station)


def _calls(control: Controlled, body: Body) -> dict[str, Any]:
    station, since = control.station, int(_number(body, "since", 0))
    _await_call(control, since, min(_number(body, "wait", 0), LONGEST_WAIT))
    listed = snapshot.full_calls if _number(body, "full", 0) else snapshot.calls
    return listed(station, since)


def _await_call(control: Controlled, since: int, seconds: float) -> None:
    station = control.station

    def news() -> bool:
        return station.calls.last_seq != since or control.stop.is_set()

    if seconds > 0 and not news():
        try:
            station.calls.wait_until(news, seconds, "a call")
        except FakeError:
            return


def _faults(control: Controlled, _: Body) -> dict[str, Any]:
    return {"faults": snapshot.faults(control.station)}


def _add_fault(control: Controlled, body: Body) -> dict[str, Any]:
    times = int(_number(body, "times", 0)) or None
    fault = control.station.faults.on(_text(body, "method"), times=times)
    does = _text(body, "does")
    if does == "fail":
        fault.fail(_text(body, "code"), str(body.get("text") or "injected"))
    elif does == "delay":
        fault.delay(_number(body, "seconds"))
    elif does == "hang":
        fault.hang()
    else:
        raise FakeError(f"A fault does fail, delay or hang, not {quoted(does)}.")
    return {"fault": str(fault)}


def _clear_faults(control: Controlled, _: Body) -> dict[str, Any]:
    count = len(snapshot.faults(control.station))
    control.station.faults.clear()
    control.station.network.heal()
    return {"cleared": count}


def _stop_service(control: Controlled, body: Body) -> dict[str, Any]:
    server = control.station.network.service(_text(body, "service"))
    server.stop()
    return {"stopped": server.name}


def _restart_service(control: Controlled, body: Body) -> dict[str, Any]:
    server = control.station.network.service(_text(body, "service"))
    fresh = body.get("fresh") is True
    server.restart(fresh=fresh)
    return {"restarted": server.name, "address": server.address, "fresh": fresh}


def _relay(control: Controlled, body: Body) -> dict[str, Any]:
    network, does = control.station.network, _text(body, "does")
    wanted = [_text(body, "service")] if body.get("service") else network.services
    names = [network.service(name).name for name in wanted]
    if does == "heal":
        names = [name for name in names if name in network.relays()]
    for name in names:
        _tell(network.relay(name), does, str(body.get("what") or ""))
    return {"relays": {name: relay.state for name, relay in network.relays().items()}}


def _tell(relay: Relay, does: str, what: Any) -> None:  # noqa: ANN401 - the relay checks it
    if does == "cut" and what:
        relay.cut_before(what)
    elif does == "stall":
        relay.stall(what or None)
    elif does in ("cut", "refuse", "heal"):
        getattr(relay, does)()
    elif does != "pass":
        raise FakeError(f"A relay does pass, cut, stall, refuse or heal, not {quoted(does)}.")


def _advance(control: Controlled, body: Body) -> dict[str, Any]:
    seconds = _number(body, "seconds")
    if seconds < 0:
        raise FakeError("The clock does not go back.")
    control.station.clock.advance(seconds)
    return {"advanced": seconds, "now": control.station.clock.now()}


def _release(control: Controlled, body: Body) -> dict[str, Any]:
    name = _text(body, "name")
    holder = next((s.holder for s in control.station.sessions() if s.name == name), "")
    if not control.station.release(name):
        reserved = [quoted(s.name) for s in control.station.sessions() if s.reserved]
        held = f"Reserved: {', '.join(reserved[:8])}." if reserved else "Nothing is reserved."
        raise FakeError(f"No session {quoted(name)} is reserved. {held}")
    return {"released": name, "holder": holder}


def _reset(control: Controlled, _: Body) -> dict[str, Any]:
    control.station.reset()
    return {"reset": True}


def _load_pin_map(control: Controlled, body: Body) -> dict[str, Any]:
    return {"pin_map_id": control.station.load_pin_map(_text(body, "path"))}


def _sites(control: Controlled, body: Body) -> dict[str, Any]:
    return {"sites": list(control.station.sites_of(_text(body, "pin_map_id")))}


def _environment(control: Controlled, _: Body) -> dict[str, Any]:
    return {"environment": control.station.environment({})}


def _stop(control: Controlled, _: Body) -> dict[str, Any]:
    control.stop.set()
    return {"stopping": True}


ACTIONS: Mapping[str, Action] = {
    "/state": Action(False, _state),
    "/calls": Action(False, _calls),
    "/faults": Action(False, _faults),
    "/environment": Action(False, _environment),
    "/sites": Action(False, _sites),
    "/faults/add": Action(True, _add_fault),
    "/faults/clear": Action(True, _clear_faults),
    "/services/stop": Action(True, _stop_service),
    "/services/restart": Action(True, _restart_service),
    "/relays": Action(True, _relay),
    "/clock/advance": Action(True, _advance),
    "/release": Action(True, _release),
    "/reset": Action(True, _reset),
    "/pin-map": Action(True, _load_pin_map),
    "/stop": Action(True, _stop),
}


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise FakeError(f"The request lacks the text {key!r}.")
    return value


def _number(body: Body, key: str, default: float | None = None) -> float:
    value = body.get(key, default)
    try:
        number = float(value) if isinstance(value, (int, float, str)) else None
    except ValueError:
        number = None
    if number is None or not abs(number) < 1e9:
        raise FakeError(f"The request needs a number {key!r}, not {quoted(str(value))}.")
    return number
