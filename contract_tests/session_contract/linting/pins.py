"""Pin maps: which pins and instruments there are, and what is connected to what."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from xml.parsers import expat

_PINS = {"DUTPin", "SystemPin", "PinGroup", "SiteRelay", "SystemRelay", "RelayGroup"}
_TYPES = {
    "NIDCPowerInstrument": "niDCPower",
    "NIDigitalPatternInstrument": "niDigitalPattern",
    "NIScopeInstrument": "niScope",
    "NIFGenInstrument": "niFGen",
    "NIDmmInstrument": "niDMM",
    "NIDAQmxTask": "niDAQmx",
    "NIRelayDriverModule": "niRelayDriver",
}
"""Elements of instruments that have no attribute for their type."""


class PinMap:
    """A pin map.

    Attributes:
        path: Where it is.
        fault: Why it cannot be read, with its line: empty when it can.
        pins: The names that can be reserved, groups and relays included.
        instruments: The instruments and their types.
        connected: The types of the instruments that a pin is connected to.
        dangling: What connections name that is not there: the line, the kind, the name.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        """Read it."""
        self.path = path
        self.fault = ""
        self.fault_line = 1
        self.pins: set[str] = set()
        self.instruments: dict[str, str] = {}
        self.connected: dict[str, set[str]] = defaultdict(set)
        self.dangling: list[tuple[int, str, str]] = []
        self._groups: dict[str, list[str]] = defaultdict(list)
        self._group = ""
        self._connections: list[tuple[int, str, str]] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._element
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            self.fault, self.fault_line = expat.ErrorString(error.code), error.lineno
        except LookupError as error:
            self.fault = f"{error}"
        else:
            self._connect()

    def _element(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        name = attributes.get("name", "")
        if tag in _PINS:
            self.pins.add(name)
            self._group = name
        elif tag == "PinReference":
            self._groups[self._group].append(attributes.get("pin", ""))
        elif tag in _TYPES or tag == "Instrument":
            self.instruments[name] = _TYPES.get(tag) or attributes.get("instrumentTypeId", "")
        elif tag.endswith("Connection") and "pin" in attributes:
            line = self._parser.CurrentLineNumber
            self._connections.append((line, attributes["pin"], attributes.get("instrument", "")))

    def _connect(self) -> None:
        for line, pin, instrument in self._connections:
            if pin not in self.pins:
                self.dangling.append((line, "pin", pin))
            if instrument in self.instruments:
                self.connected[pin].add(self.instruments[instrument])
            elif not self._has_other_instruments():
                self.dangling.append((line, "instrument", instrument))
        for group, members in self._groups.items():
            self.connected[group].update(*(self.connected[member] for member in members))

    def _has_other_instruments(self) -> bool:
        """Whether there are none that are known: NI has kinds that nothing public describes."""
        return not self.instruments
