"""The pin maps that are registered, by id."""

from __future__ import annotations

import threading

from session_fakes.errors import Refusal, quoted
from session_fakes.fidelity import fidelity
from session_fakes.pinmaps.hints import instead
from session_fakes.pinmaps.pin_map import PinMap
from session_fakes.pinmaps.reader import read_pin_map

__all__ = ["PinMapStore"]


class PinMapStore:
    """Pin maps by id; safe under threads. XML is read outside the lock, so nobody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pin_maps: dict[str, PinMap] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that are registered, the oldest first."""
        with self._lock:
            return tuple(self._pin_maps)

    def pin_maps(self) -> tuple[PinMap, ...]:
        """The pin maps that are registered, the oldest first."""
        with self._lock:
            return tuple(self._pin_maps.values())

    def clear(self, *, but: str = "") -> None:
        """Forget all pin maps, but for the one with an id."""
        with self._lock:
            self._pin_maps = {name: one for name, one in self._pin_maps.items() if name == but}

    @fidelity(
        "MAP-CREATE",
        evidence="documented",
        rule="Create refuses an id that is known, and one that is empty or has white space",
    )
    def create(self, pin_map_id: str, xml: str) -> PinMap:
        """Register a pin map under a new id; raise Refusal for a known id or a bad one."""
        if not pin_map_id or any(character.isspace() for character in pin_map_id):
            raise Refusal(
                "INVALID_ARGUMENT",
                f"The pin map id {quoted(pin_map_id)} is empty or has white space. Choose one "
                "without, or call UpdatePinMapFromXml, which takes paths as well.",
            )
        pin_map = read_pin_map(xml)
        with self._lock:
            if self._pin_maps.setdefault(pin_map_id, pin_map) is not pin_map:
                raise Refusal(
                    "ALREADY_EXISTS",
                    f"The pin map {quoted(pin_map_id)} is registered already. Call "
                    "UpdatePinMapFromXml to replace it.",
                )
        return pin_map

    @fidelity(
        "MAP-UPDATE",
        evidence="documented",
        rule="Update registers or replaces a pin map; an invalid one changes nothing",
    )
    @fidelity(
        "MAP-UPDATE-ID",
        evidence="seen in NI's code",
        rule="The id of an update may be a path with white space; an empty one is refused by "
        "our choice, because everywhere else it means no pin map",
    )
    @fidelity(
        "MAP-UPDATE-RESERVED",
        evidence="our choice",
        rule="A pin map is replaced also while sessions of it are reserved or registered",
    )
    def update(self, pin_map_id: str, xml: str) -> PinMap:
        """Register a pin map, or replace the one under this id."""
        if not pin_map_id:
            raise Refusal(
                "INVALID_ARGUMENT",
                "The pin map id is empty: send one, such as the path of the pin map file.",
            )
        pin_map = read_pin_map(xml)
        with self._lock:
            self._pin_maps[pin_map_id] = pin_map
        return pin_map

    @fidelity(
        "MAP-ID-UNKNOWN",
        evidence="documented",
        rule="A pin map id that is not registered is NOT_FOUND",
    )
    def get(self, pin_map_id: str) -> PinMap:
        """The pin map under an id; raise Refusal for one that is not registered."""
        with self._lock:
            found = self._pin_maps.get(pin_map_id)
        if found is None:
            raise Refusal(
                "NOT_FOUND",
                f"No pin map {quoted(pin_map_id)} is registered. {instead(pin_map_id, self.ids)} "
                "Register it with UpdatePinMapFromXml.",
            )
        return found
