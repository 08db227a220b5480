"""The instrument itself, simulated: what was written is read back.

For an instrument of your own, this is the file to replace: the servicer knows nothing else of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import islice

from ..refusals import InvalidRequestError, quoted
from .registers import HIGHEST, Register, RegisterMap

PORTS = 4
"""GPIO ports of an instrument."""
CHANNELS = 8
"""Channels of a port: bit 0 of a mask or a state is channel 0."""
_LISTED = 20
"""Registers that an error names, when one is asked for that is not there."""
_LIST_LENGTH = 1000
"""Characters of that list: status texts travel in a small header."""


class Instrument:
    """An instrument with registers and GPIO; each operation is atomic, from whatever thread.

    Attributes:
        name: What clients call it.
    """

    def __init__(self, name: str) -> None:
        """Make an instrument without registers, all GPIO low."""
        self.name = name
        self._lock = threading.Lock()
        self._registers: RegisterMap = {}
        self._values: dict[int, int] = {}  # by address
        self._ports = [0] * PORTS

    def set_up(self, registers: RegisterMap, *, reset: bool) -> None:
        """Take a register map; with ``reset`` forget what was written, GPIO included.

        Otherwise registers keep their values; those that are new hold their defaults.
        """
        with self._lock:
            kept = {} if reset else self._values
            self._values = {
                address: kept.get(address, default) for address, default in registers.values()
            }
            self._registers = registers
            if reset:
                self._ports = [0] * PORTS

    def read_register(self, name: str) -> int:
        """The value of a register."""
        with self._lock:
            return self._values[self._find(name).address]

    def write_register(self, name: str, value: int) -> None:
        """Give a register a value, 0 to 255."""
        with self._lock:
            address = self._find(name).address
            self._values[address] = _checked("value", value, HIGHEST)

    def read_port(self, port: int, mask: int) -> int:
        """The states of the channels in the mask; the other bits are 0."""
        _checked("port", port, PORTS - 1)
        _checked("mask", mask, HIGHEST)
        with self._lock:
            return self._ports[port] & mask

    def write_port(self, port: int, mask: int, state: int) -> None:
        """Give the channels in the mask the states of their bits; the others stay."""
        _checked("port", port, PORTS - 1)
        _checked("mask", mask, HIGHEST)
        _checked("state", state, HIGHEST)
        with self._lock:
            self._ports[port] = self._ports[port] & ~mask | state & mask

    def read_channel(self, port: int, channel: int) -> bool:
        """Whether a channel is high."""
        return self.read_port(port, _bit(channel)) != 0

    def write_channel(self, port: int, channel: int, state: bool) -> None:
        """Set a channel high or low."""
        self.write_port(port, _bit(channel), HIGHEST if state else 0)

    def _find(self, name: str) -> Register:
        register = self._registers.get(name)
        if register is None:
            listed = ", ".join(quoted(known) for known in islice(self._registers, _LISTED))
            more = ", …" if len(self._registers) > _LISTED else ""
            raise InvalidRequestError(
                f"The register map has no {quoted(name)}: it has "
                f"{listed[:_LIST_LENGTH] or 'no registers'}{more}."
            )
        return register


class Bench:
    """Instruments that no session has open: like real ones, they keep their state."""

    def __init__(self, limit: int = 10_000) -> None:
        """Make an empty bench; beyond ``limit`` it forgets what was put back longest ago."""
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: OrderedDict[str, Instrument] = OrderedDict()

    def take(self, name: str) -> Instrument:
        """The instrument of that name, as it was put back, or a new one."""
        with self._lock:
            return self._idle.pop(name, None) or Instrument(name)

    def put_back(self, instrument: Instrument) -> None:
        """Keep an instrument until it is taken again."""
        with self._lock:
            self._idle[instrument.name] = instrument
            if len(self._idle) > self._limit:
                self._idle.popitem(last=False)


def _bit(channel: int) -> int:
    return 1 << _checked("channel", channel, CHANNELS - 1)


def _checked(what: str, number: int, highest: int) -> int:
    if not 0 <= number <= highest:
        raise InvalidRequestError(f"The {what} {number} is out of range: use 0 to {highest}.")
    return number
