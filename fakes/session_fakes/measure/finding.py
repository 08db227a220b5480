"""Which of the registered services a measurement's name means."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from session_fakes.discovery.versions import version_order
from session_fakes.errors import FakeError, listed, quoted

Row = Mapping[str, Any]
"""A registered service, as the station shows it."""

_INTERFACE = ".MeasurementService"


def find(services: Sequence[Row], name: str) -> list[Row]:
    """The registrations of the one measurement with this service class or display name.

    Raises:
        FakeError: There is none, with the nearest; or there are several of this display name.
    """
    measurements = [s for s in services if any(_INTERFACE in i for i in s["interfaces"])]
    found = [s for s in measurements if s["service_class"] == name]
    found = found or [s for s in measurements if s["display_name"] == name]
    classes = sorted({s["service_class"] for s in found})
    if len(classes) > 1:
        raise FakeError(
            f"Several measurements are called {quoted(name)}. Say which class: {listed(classes)}."
        )
    if not found:
        raise FakeError(_nothing_called(name, measurements))
    return found


def newest(found: Sequence[Row]) -> Row:
    """What Discovery answers for one class: the newest of the latest version, dead or not."""
    return max(found, key=lambda service: (version_order(service["version"]), service["since"]))


def _nothing_called(name: str, measurements: Sequence[Row]) -> str:
    known = [s["display_name"] for s in measurements]
    if not known:
        return "No measurement is registered. Start one: session-fakes run -- python FILE"
    names = [*known, *(s["service_class"] for s in measurements)]
    folded = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f" Did you mean {quoted(folded[near[0]])}?" if near else ""
    return f"No measurement {quoted(name)} is registered.{hint} There are: {listed(known)}."
