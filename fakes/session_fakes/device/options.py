"""The option string of a session: ``Simulate=1,DriverSetup=Model:4081;BoardType:PXIe``."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Options", "read_options"]

_ITEM = re.compile(r"\s*(\w+)\s*=\s*([^,]*)")
_TRUE = {"1", "true", "vi_true"}


class Options(NamedTuple):
    """What the options of a session say, as far as it matters to a simulation."""

    simulate: bool = False
    driver_setup: str = ""
    model: str = ""
    board_type: str = ""


def read_options(text: str) -> Options:
    """Read an option string; items may stand in any order, with any spaces and letter case."""
    items = {key.casefold(): value.strip() for key, value in _ITEM.findall(text)}
    setup = items.get("driversetup", "")
    parts = dict(part.split(":", 1) for part in setup.split(";") if ":" in part)
    facts = {key.strip().casefold(): value.strip() for key, value in parts.items()}
    return Options(
        items.get("simulate", "").casefold() in _TRUE,
        setup,
        facts.get("model", ""),
        facts.get("boardtype", ""),
    )
