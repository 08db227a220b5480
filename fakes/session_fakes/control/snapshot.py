"""The state of a station as data for JSON: what the page, the live view and the commands show."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from session_fakes.serving.calls import RecordedCall

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

_LAST_CALLS = 30


def snapshot(station: FakeStation) -> dict[str, Any]:
    """Everything but the whole call log."""
    now = station.clock.now()
    return {
        "station": {
            "discovery": station.discovery_address,
            "pin_map_id": station.pin_map_id,
            "pid": os.getpid(),
            "now": now,
            "internal_errors": len(station.internal_errors),
        },
        "services": [_aged(view._asdict(), now) for view in station.services()],
        "sessions": [_aged(view._asdict(), now) for view in station.sessions()],
        "waiting": [_aged(view._asdict(), now) for view in station.waiting()],
        "faults": faults(station),
        "calls": calls(station, station.calls.last_seq - _LAST_CALLS),
    }


def faults(station: FakeStation) -> list[dict[str, Any]]:
    """The armed faults, the newest first, and services that are stopped or behind a bad relay."""
    of_services = [
        {"method": trouble.service, "does": trouble.what, "hits": None, "text": str(trouble)}
        for trouble in station.network.troubles()
    ]
    of_calls = [
        {"method": fault.pattern, "does": fault.words, "hits": fault.hits, "text": str(fault)}
        for fault in station.faults
    ]
    return of_services + of_calls


def calls(station: FakeStation, since: int) -> dict[str, Any]:
    """The calls after the one with this number, in short."""
    return _calls(station, since, _brief)


def full_calls(station: FakeStation, since: int) -> dict[str, Any]:
    """The same with requests and responses."""
    return _calls(station, since, RecordedCall.as_dict)


def _calls(
    station: FakeStation, since: int, told: Callable[[RecordedCall], dict[str, Any]]
) -> dict[str, Any]:
    log, last = station.calls, station.calls.last_seq
    # Those that came after the number was read are for the next time.
    found = [told(call) for call in log.since(since) if call.seq <= last]
    return {"calls": found, "last": last, "count": len(log) + log.dropped, "dropped": log.dropped}


def _brief(call: RecordedCall) -> dict[str, Any]:
    return {
        "seq": call.seq,
        "service": call.service,
        "method": call.method,
        "code": call.code,
        "details": call.details,
        "started": call.started,
        "elapsed": call.elapsed,
        "peer": call.peer,
        "fault": call.fault,
    }


def _aged(data: dict[str, Any], now: float) -> dict[str, Any]:
    since = data.get("since")
    return {**data, "age": None if since is None else max(0.0, now - since)}
