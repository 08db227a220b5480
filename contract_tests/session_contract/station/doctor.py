"""Goes through a station step by step: is everything there that the checks need?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from session_contract.doctor import Step
from session_contract.station.opening import open_station
from session_contract.station.target import OUR_CHOICE, StationTarget


def examine(target: StationTarget, folder: Path) -> Iterator[Step]:
    """Go through a station that was described.

    Args:
        target: The station.
        folder: Its ``{tmp}``.

    Yields:
        Each step when it is done.

    Raises:
        Unreachable: It does not start, or one of its services does not answer.
    """
    with open_station(target, folder) as station:
        found = station.addresses
        yield Step("discovery", f"answers at {found.discovery}")
        yield Step("pin map", f"Discovery resolves the service to {found.pin_map}")
        yield Step("sessions", f"Discovery resolves the service to {found.session_management}")
        counted = (
            "count, too" if target.is_ours else f"are left out: --claim {OUR_CHOICE} adds them"
        )
        yield Step("our choices", f"the rules that are this kit's own choice {counted}")
