"""The state of a station as data for JSON: what the page, the live view and the commands show."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_fakes.serving import RecordedCall
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
        "services": [_aged(asdict(view), now) for view in station.services()],
        "sessions": [_aged(asdict(view), now) for view in station.sessions()],
        "waiting": [_aged(asdict(view), now) for view in station.waiting()],
        "faults": faults(station),
        "calls": calls(station, total(station) - _LAST_CALLS),
    }


def faults(station: FakeStation) -> list[dict[str, Any]]:
    """The armed faults, the newest first."""
    return [
        {"method": fault.pattern, "does": fault.words, "hits": fault.hits, "text": str(fault)}
        for fault in station.faults
    ]


def calls(station: FakeStation, since: int) -> dict[str, Any]:
    """The calls after the one with this number, in short."""
    last = total(station)
    # After a reset the numbers begin again: who asks for what is no more, gets all there is.
    after = since if since <= last else 0
    return {
        "calls": [_brief(call) for call in station.calls.since(after)],
        "last": last,
        "dropped": station.calls.dropped,
    }


def full_calls(station: FakeStation, since: int) -> dict[str, Any]:
    """The same with requests and responses."""
    last = total(station)
    after = since if since <= last else 0
    found = [call.as_dict() for call in station.calls.since(after)]
    return {"calls": found, "last": last, "dropped": station.calls.dropped}


def total(station: FakeStation) -> int:
    """How many calls were answered so far, those included that the log has dropped."""
    return len(station.calls) + station.calls.dropped


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
