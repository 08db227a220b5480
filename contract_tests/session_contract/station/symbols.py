"""What the names in the specification's examples stand for at one station.

``C`` is a service class and ``M`` a pin map that nobody has used before, ``id1`` a registration id
that was answered, ``X`` the session of a custom instrument, ``P`` that of a channel group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb

from session_contract.station.pin_maps import DC_POWER, PinMapNames
from session_spec.class_models.station.pin_map import DCPOWER, type_of

OTHER = "Other"
"""How the symbols of somebody else's sessions begin."""
_MORE = ("Y", "Q", "Y2", "Q2", "Y3", "Q3")
"""Sessions that no example knows: names that a station should not have answered."""


class Symbols:
    """Names of one kind, both ways."""

    def __init__(self, make: Callable[[str], str]) -> None:
        """Make names that are new by this function of the symbol."""
        self._make = make
        self._meant = {"": ""}
        self._symbols = {"": ""}

    def meant(self, symbol: str) -> str:
        """What a symbol stands for."""
        if symbol not in self._meant:
            self.bind(symbol, self._make(symbol))
        return self._meant[symbol]

    def bind(self, symbol: str, actual: str) -> None:
        """Let a symbol stand for what was answered, unless it has another meaning."""
        self._meant.setdefault(symbol, actual)
        self._symbols.setdefault(actual, symbol)

    def known(self, symbol: str) -> bool:
        """Whether it stands for something already."""
        return symbol in self._meant

    def symbol(self, actual: str) -> str | None:
        """The symbol for a name; None when it has none."""
        return self._symbols.get(actual)

    def facts(self, what: str) -> list[str]:
        """What the symbols stand for, for a reader of the report."""
        return [f"{symbol} is {what} {actual}" for symbol, actual in self._meant.items() if symbol]


class Sessions:
    """The sessions of a check: their symbols, and what was last answered of each."""

    def __init__(self, names: PinMapNames, fresh: Callable[[], str]) -> None:
        """Know the sessions of the instruments with these names; ``fresh`` makes further names."""
        self._names = names
        self._fresh = fresh
        self._symbols = Symbols(self._made_up)
        self._known: dict[str, dict[str, pb.SessionInformation]] = {}
        """By symbol and name."""
        self._others = 0

    def facts(self) -> list[str]:
        """What the symbols stand for."""
        return self._symbols.facts("session")

    # From symbols to messages ---------------------------------------------------------------------

    def messages(self, symbols: Iterable[str]) -> list[pb.SessionInformation]:
        """The sessions that symbols stand for, as they were answered; else made up."""
        return [each for symbol in symbols for each in self._of(symbol)]

    def _of(self, symbol: str) -> list[pb.SessionInformation]:
        if symbol not in self._known:
            self._known[symbol] = {self._symbols.meant(symbol): self._information(symbol)}
        return list(self._known[symbol].values())

    def _information(self, symbol: str) -> pb.SessionInformation:
        """A session that somebody has opened, whatever the pin maps say."""
        information = pb.SessionInformation(
            resource_name=f"resource of {self._symbols.meant(symbol)}",
            instrument_type_id=DC_POWER
            if type_of(symbol) == DCPOWER
            else self._names.instrument_type,
            channel_list="1",
        )
        information.session.name = self._symbols.meant(symbol)
        information.channel_mappings.add(pin_or_relay_name="A", site=0, channel="1")
        return information

    def _type_of(self, symbol: str) -> str:
        return DC_POWER if type_of(symbol) == DCPOWER else self._names.instrument_type

    def _made_up(self, symbol: str) -> str:
        return f"contract session {symbol} {self._fresh()}"

    # From messages to symbols ---------------------------------------------------------------------

    def symbol(self, information: pb.SessionInformation) -> str:
        """The symbol of a session that was answered; it may be new."""
        name = information.session.name
        if not name:
            return '""'
        symbol = self._symbols.symbol(name) or self._new(information)
        self._symbols.bind(symbol, name)
        self._known.setdefault(symbol, {})[name] = information
        return symbol

    def _new(self, information: pb.SessionInformation) -> str:
        usual = self.instrument(information.instrument_type_id, information.resource_name)
        if not usual:
            self._others += 1
            return f"{OTHER}{self._others}"
        if usual not in self._known or (usual == "X" and self._other_pins(information)):
            return usual
        return next(each for each in _MORE if not self._symbols.known(each))

    def _other_pins(self, information: pb.SessionInformation) -> bool:
        """Whether a session of the custom instrument has other pins than those that are known.

        It is one more X then: whether all pins of an instrument are one session, NI does not say.
        """
        pins = _pins(information)
        return all(pins.isdisjoint(_pins(known)) for known in self._known["X"].values())

    def instrument(self, type_id: str, resource_name: str) -> str:
        """The usual symbol of the session of an instrument; empty for somebody else's."""
        if type_id == self._names.instrument_type:
            return "X"
        is_ours = type_id == DC_POWER and self._names.dc_power in resource_name
        return "P" if is_ours else ""


def _pins(information: pb.SessionInformation) -> set[str]:
    return {mapping.pin_or_relay_name for mapping in information.channel_mappings}
