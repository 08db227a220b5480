"""What happened between two looks at a station, as events: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from session_fakes.cli import text

State = dict[str, Any]
Rows = list[dict[str, Any]]


class Event(NamedTuple):
    """One event: its kind, a text of it, and the data."""

    kind: str
    text: str
    data: dict[str, Any]


def events(before: State, after: State) -> Iterator[Event]:
    """What happened, calls first: they are the cause of the rest."""
    yield from _calls(before, after)
    yield from _services(before["services"], after["services"])
    yield from _changes("reserved", "released", _held(before), _held(after), _session)
    yield from _changes("registered", "unregistered", _open(before), _open(after), _session)
    yield from _changes("waiting", "waits no more", _waits(before), _waits(after), _waiting)


def _calls(before: State, after: State) -> Iterator[Event]:
    seen = before["calls"]["last"]
    new = [call for call in after["calls"]["calls"] if call["seq"] > seen]
    missed = after["calls"]["last"] - seen - len(new)
    if missed > 0:
        yield Event("calls", f"{missed} more; all of them: session-fakes calls", {"more": missed})
    for call in new:
        yield Event("call", text.call_line(call).strip(), call)


def _services(before: Rows, after: Rows) -> Iterator[Event]:
    yield from _changes("service", "service gone", _keyed(before), _keyed(after), _service)


def _keyed(services: Rows) -> dict[object, dict[str, Any]]:
    keys = ("service_class", "location", "port", "version", "since")
    return {tuple(service[key] for key in keys): service for service in services}


def _held(state: State) -> dict[object, dict[str, Any]]:
    sessions = [session for session in state["sessions"] if session["reserved"]]
    return {(s["name"], s["holder"], s["since"]): s for s in sessions}


def _open(state: State) -> dict[object, dict[str, Any]]:
    return {s["name"]: s for s in state["sessions"] if s["registered"]}


def _waits(state: State) -> dict[object, dict[str, Any]]:
    return {(w["holder"], tuple(w["wanted"]), w["since"]): w for w in state["waiting"]}


def _changes(
    came: str,
    went: str,
    before: dict[object, dict[str, Any]],
    after: dict[object, dict[str, Any]],
    words: Callable[[dict[str, Any]], str],
) -> Iterator[Event]:
    for key in before.keys() - after.keys():
        yield Event(went, words(before[key]), before[key])
    for key in after.keys() - before.keys():
        yield Event(came, words(after[key]), after[key])


def _service(row: dict[str, Any]) -> str:
    return f"{row['display_name']} ({row['service_class']}) at {text.address(row)}"


def _session(row: dict[str, Any]) -> str:
    return f"{row['name']} by {row['holder']}" if row["reserved"] else str(row["name"])


def _waiting(row: dict[str, Any]) -> str:
    return f"{row['holder']} for {', '.join(row['wanted'])}"
