"""Judges what an instrument with registers and GPIO answers: profile ``custom-instrument``.

Every register and every line of GPIO is a cell with a value, and with the requirement that a
wrong value breaks: it tells what happened to the cell last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from session_spec.examples import Event
from session_spec.model import INVALID_ARGUMENT, OK, Violation

REGISTERS: Mapping[str, int] = {"CONFIG_0": 0x5A, "CONFIG_1": 0xA5, "STATUS_0": 0x00, "EDGE": 0xFF}
"""The registers of the examples and their defaults; the checks have a map of them."""
PORTS, CHANNELS = 4, 8
_BYTE = range(256)

Cell = str
"""``CONFIG_0``, or ``port 2 channel 0``."""
Cells = Mapping[tuple[str, Cell], tuple[int, str]]
"""What each cell of each instrument holds, and what a wrong value breaks."""


@dataclass(frozen=True)
class InstrumentState:
    """The instruments, and which have an open session."""

    items: frozenset[tuple[tuple[str, Cell], tuple[int, str]]] = frozenset()
    open: frozenset[str] = frozenset()

    @property
    def cells(self) -> Cells:
        """The cells of all instruments."""
        return dict(self.items)

    def having(self, cells: Cells) -> InstrumentState:
        """The state with other cells."""
        return replace(self, items=frozenset(cells.items()))


InstrumentVerdict = list[InstrumentState] | Violation


class InstrumentModel:
    """Judges the events of instruments."""

    def initial(self) -> InstrumentState:
        """Nobody has used any."""
        return InstrumentState()

    def apply(self, state: InstrumentState, event: Event) -> InstrumentVerdict:
        """The state after this event, or the violation that it is."""
        name, *arguments = event.arguments
        if event.call == "Initialize":
            return _initialize(state, name, arguments, event.code)
        if event.call == "Close":
            return [replace(state, open=state.open - {name})]
        if event.call not in _CALLS:
            raise ValueError(f"{event.text!r} is nothing that the model of an instrument knows")
        wrong = _refusal(event.call, arguments)
        if wrong and event.code != INVALID_ARGUMENT:
            return Violation(wrong, f"INVALID_ARGUMENT is due, not {event.code}")
        if wrong:
            return [state.having(_because("DEVICE-REFUSED", state.cells, name))]
        if event.code != OK:
            return Violation(_CALLS[event.call].requirement, f"OK is due, not {event.code}")
        return _CALLS[event.call].judge(state, name, arguments, (event.outcome or ())[1:])


def _initialize(
    state: InstrumentState, name: str, arguments: list[str], code: str
) -> InstrumentVerdict:
    if "bad map" in arguments:
        if code == INVALID_ARGUMENT:
            return [state]
        return Violation("DEVICE-MAP-BAD", f"INVALID_ARGUMENT is due for such a map, not {code}")
    is_new, is_known = name not in state.open, (name, "CONFIG_0") in state.cells
    if code != OK:
        return Violation("DEVICE-DEFAULTS", f"OK is due, not {code}")
    after = replace(state, open=state.open | {name})
    if not is_new:
        return [after.having(_because("DEVICE-ATTACH-KEEPS", state.cells, name))]
    if is_known and "reset" not in arguments:
        return [after.having(_because("DEVICE-KEEPS", state.cells, name))]
    why = "DEVICE-RESET" if is_known else "DEVICE-DEFAULTS"
    return [after.having({**state.cells, **{(name, c): (v, why) for c, v in _defaults()}})]


def _defaults() -> Iterator[tuple[Cell, int]]:
    yield from REGISTERS.items()
    for port in range(PORTS):
        yield from ((line, 0) for line in _lines(port))


def _lines(port: int) -> set[Cell]:
    return {_line(port, channel) for channel in range(CHANNELS)}


def _line(port: int, channel: int) -> Cell:
    return f"port {port} channel {channel}"


def _because(
    requirement: str, cells: Cells, name: str, among: Collection[Cell] | None = None
) -> Cells:
    """The cells, where a wrong value of this instrument, or of those, breaks that requirement."""
    return {
        (whose, cell): (
            value,
            requirement if whose == name and (among is None or cell in among) else why,
        )
        for (whose, cell), (value, why) in cells.items()
    }


# What a call says that cannot be ------------------------------------------------------------------


def _refusal(call: str, arguments: list[str]) -> str:
    """The requirement by which a call has to be refused; empty when it has not."""
    if "Register" in call:
        register, *value = arguments
        if register not in REGISTERS:
            return "DEVICE-REGISTER-UNKNOWN"
        return "" if all(number(each) in _BYTE for each in value) else "DEVICE-VALUE-RANGE"
    port, second, *_ = arguments
    most = CHANNELS if "Channel" in call else len(_BYTE)
    states = arguments[2:] if "Port" in call else []
    fits = number(port) < PORTS and number(second) < most
    return "" if fits and all(number(s) in _BYTE for s in states) else "DEVICE-GPIO-RANGE"


def number(text: str) -> int:
    """A number as the examples write it: ``7``, ``0x5A``, ``high``, ``low``."""
    return {"high": 1, "low": 0}[text] if text in ("high", "low") else int(text, 0)


# What calls do ------------------------------------------------------------------------------------


def _write_register(
    state: InstrumentState, name: str, arguments: list[str], _: tuple[str, ...]
) -> InstrumentVerdict:
    register, value = arguments
    after = state.having(_because("DEVICE-READ-BACK", state.cells, name, REGISTERS))
    return [_written(after, name, {register: number(value)}, "DEVICE-READ-BACK")]


def _read_register(
    state: InstrumentState, name: str, arguments: list[str], told: tuple[str, ...]
) -> InstrumentVerdict:
    (register,) = arguments
    return _compared(state, name, register, number(told[0]), f"0x{{:02X}} in {register}")


def _write_channel(
    state: InstrumentState, name: str, arguments: list[str], _: tuple[str, ...]
) -> InstrumentVerdict:
    port, channel, level = arguments
    after = state.having(_because("DEVICE-GPIO-BACK", state.cells, name, _lines(number(port))))
    line = _line(number(port), number(channel))
    return [_written(after, name, {line: number(level)}, "DEVICE-GPIO-BACK")]


def _read_channel(
    state: InstrumentState, name: str, arguments: list[str], told: tuple[str, ...]
) -> InstrumentVerdict:
    line = _line(*map(number, arguments))
    return _compared(state, name, line, number(told[0]), f"{{}} at {line}")


def _write_port(
    state: InstrumentState, name: str, arguments: list[str], _: tuple[str, ...]
) -> InstrumentVerdict:
    port, mask, levels = map(number, arguments)
    after = state.having(_because("DEVICE-MASK-WRITE", state.cells, name, _lines(port)))
    meant = {_line(port, c): levels >> c & 1 for c in range(CHANNELS) if mask >> c & 1}
    return [_written(after, name, meant, "DEVICE-GPIO-BACK")]


def _read_port(
    state: InstrumentState, name: str, arguments: list[str], told: tuple[str, ...]
) -> InstrumentVerdict:
    port, mask = map(number, arguments)
    found = number(told[0])
    if found & ~mask:
        sentence = f"the mask is 0x{mask:02X}; 0x{found:02X} has bits beyond it"
        return Violation("DEVICE-MASK-READ", sentence)
    for channel in (c for c in range(CHANNELS) if mask >> c & 1):
        line = _line(port, channel)
        verdict = _compared(state, name, line, found >> channel & 1, f"{{}} at {line}")
        if isinstance(verdict, Violation):
            return verdict
    return [state]


def _written(
    state: InstrumentState, name: str, meant: Mapping[Cell, int], requirement: str
) -> InstrumentState:
    """The state in which these cells are written, and the same ones of others must not be."""
    cells = {
        (whose, cell): (value, "DEVICE-SEPARATE" if cell in meant and whose != name else why)
        for (whose, cell), (value, why) in state.cells.items()
    }
    return state.having({**cells, **{(name, c): (v, requirement) for c, v in meant.items()}})


def _compared(
    state: InstrumentState, name: str, cell: Cell, found: int, words: str
) -> InstrumentVerdict:
    due, requirement = state.cells[name, cell]
    if found == due:
        return [state]
    return Violation(requirement, f"{words.format(due)} is due, not {words.format(found)}")


@dataclass(frozen=True)
class _Call:
    judge: Callable[[InstrumentState, str, list[str], tuple[str, ...]], InstrumentVerdict]
    requirement: str
    """What a valid call breaks that is refused."""


_CALLS = {
    "WriteRegister": _Call(_write_register, "DEVICE-READ-BACK"),
    "ReadRegister": _Call(_read_register, "DEVICE-READ-BACK"),
    "WriteGpioChannel": _Call(_write_channel, "DEVICE-GPIO-BACK"),
    "ReadGpioChannel": _Call(_read_channel, "DEVICE-GPIO-BACK"),
    "WriteGpioPort": _Call(_write_port, "DEVICE-GPIO-BACK"),
    "ReadGpioPort": _Call(_read_port, "DEVICE-GPIO-BACK"),
}
