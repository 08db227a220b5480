"""Opens a station for a run: finds it at its address, or starts it by its command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from session_contract.station.resolving import find
from session_contract.station.station import Station
from session_contract.station.target import StationTarget
from session_contract.subject.placing import place


@contextmanager
def open_station(
    target: StationTarget, folder: Path, calls: Path | None = None
) -> Generator[Station, None, None]:
    """Put a station before the checks; at the end, what was started is ended.

    Args:
        target: What its user says of it.
        folder: A folder of this run, the ``{tmp}`` of the target.
        calls: The file to write to what was called.

    Raises:
        TargetError: What the target file says cannot be.
        Unreachable: The station does not start, or does not answer.
    """
    with closing(place(target, folder)) as host:
        station = Station(target, find(host.address, target.limits.call), calls)
        with closing(station):
            yield station
