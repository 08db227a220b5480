"""The channels of NI-Digital by all the names that they have: numbers, pins, groups, sites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from session_fakes.device import faults
from session_fakes.device.channels import ChannelNames, split
from session_fakes.device.faults import DriverError
from session_fakes.errors import listed, quoted
from session_fakes.pinmaps import PinMap

__all__ = ["SYSTEM_SITE", "DigitalChannels", "PinAt"]

SYSTEM_SITE = -1
_SITE = re.compile(r"(?:site)?(\d+)", re.IGNORECASE)


class PinAt(NamedTuple):
    """A pin at a site, and the channel that it is on. A channel without pin has the name ''."""

    channel: str
    pin: str = ""
    site: int = SYSTEM_SITE


class DigitalChannels(ChannelNames):
    """The channels of a session; with a pin map loaded, the pins on them as well."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.pin_map: PinMap | None = None
        self.pins: tuple[str, ...] = ()
        """In the order of the pin map."""
        self.disabled: set[int] = set()
        """Sites that are not enabled."""
        self._on_pin: dict[str, list[PinAt]] = {}

    def load(self, pin_map: PinMap) -> None:
        """Know the pins of a pin map that are on channels of the session."""
        by_key = {name.casefold(): name for name in self.names}
        self.pin_map = pin_map
        self.pins = tuple(pin.name for pin in pin_map.pins)
        for one in pin_map.connections:
            channel = by_key.get(f"{one.instrument}/{one.channel}".casefold())
            if channel:
                place = PinAt(channel, one.terminal, one.site)
                self._on_pin.setdefault(one.terminal, []).append(place)
        if not self._on_pin:
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"The pin map has no pin on any channel of {listed(self.names[:1])} and the others"
                " of this session.",
            )

    @property
    def sites(self) -> list[int]:
        """Those that are enabled."""
        known = self.pin_map.sites if self.pin_map else ()
        return [site for site in known if site not in self.disabled]

    def sites_of(self, text: str) -> list[int]:
        """The sites of a list such as ``site0,site1``, whether enabled or not; all when empty."""
        if self.pin_map is None:
            raise DriverError(faults.INVALID_PARAMETER, "No pin map is loaded.")
        if not text:
            return list(self.pin_map.sites)
        found = [_SITE.fullmatch(item) for item in split(text)]
        numbers = [int(each[1]) if each else SYSTEM_SITE for each in found]
        if not all(number in self.pin_map.site_set for number in numbers):
            raise DriverError(
                faults.INVALID_PARAMETER,
                f"{quoted(text)}: the pin map has the sites {list(self.pin_map.sites)}.",
            )
        return list(dict.fromkeys(numbers))

    def places(self, text: str) -> list[PinAt]:
        """The channels of a list with the pins on them, each once, in the order of the list."""
        if not text:
            return [place for pin in self.pins for place in self._pin(pin, None)] or [
                PinAt(name) for name in self.names
            ]
        found: dict[PinAt, None] = {}
        for item in split(text):
            found.update(dict.fromkeys(self._item(item)))
        return list(found)

    def _item(self, item: str) -> list[PinAt]:
        prefix, _, rest = item.partition("/")
        at_site = _SITE.fullmatch(prefix) if rest else None
        if at_site and self.pin_map and prefix.casefold().startswith("site"):
            (site,) = self.sites_of(prefix)
            return self._terminal(rest, site)
        if self.pin_map and item in self.pin_map.names:
            return self._terminal(item, None)
        return [PinAt(name) for name in super().find(item)]

    def _terminal(self, name: str, site: int | None) -> list[PinAt]:
        if self.pin_map is None or name not in self.pin_map.names:
            raise DriverError(
                faults.UNKNOWN_CHANNEL, f"The pin map has no pin or group {quoted(name)}."
            )
        pins = self.pin_map.expanded(name)
        return [place for pin in pins for place in self._pin(pin, site)]

    def _pin(self, name: str, site: int | None) -> list[PinAt]:
        wanted = self.sites if site is None else [site]
        return [
            place
            for place in self._on_pin.get(name, ())
            if place.site in wanted or place.site == SYSTEM_SITE
        ]

    def find(self, text: str) -> tuple[str, ...]:
        """The channels of a list, each once; all of them for an empty text."""
        if not text:
            return self.names
        return tuple(dict.fromkeys(place.channel for place in self.places(text)))
