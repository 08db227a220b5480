"""The cells that the checks of clients go through: behaviours, and whether a session is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

import pytest

from session_contract.checks.marking import requirement
from session_contract.clients.caller import Caller
from session_contract.clients.stage import Stage
from session_spec.matrix import CLIENT_MATRIX, SERVER_MATRIX, Effect, Leaving, SdkBehavior

Cell = tuple[SdkBehavior, bool]
"""A behaviour, and whether the resource has an open session."""
CELLS: list[Cell] = list(product(SdkBehavior, (False, True)))
REFUSED: list[Cell] = [
    (behavior, is_open)
    for behavior, is_open in CELLS
    if SERVER_MATRIX[CLIENT_MATRIX[behavior].wire, is_open].effect is Effect.REFUSE
]
"""Where a correct server refuses."""
ENTERED: list[Cell] = [cell for cell in CELLS if cell not in REFUSED]
"""Where the body begins."""


def closes(cell: Cell) -> bool:
    """Whether a client has to close on leaving."""
    behavior, is_open = cell
    leaving = CLIENT_MATRIX[behavior].leaving
    return leaving is Leaving.CLOSE or (leaving is Leaving.CLOSE_IF_NEW and not is_open)


CLOSING: list[Cell] = [cell for cell in ENTERED if closes(cell)]


def wire_of(cell: Cell) -> str:
    """The requirement about what is sent."""
    return CLIENT_MATRIX[cell[0]].wire_requirement


def exit_of(cell: Cell) -> str:
    """The requirement about leaving."""
    if cell == (SdkBehavior.AUTO, True):
        return "EXIT-AUTO-ATTACHED"
    return CLIENT_MATRIX[cell[0]].exit_requirement


def cases(
    kind: str, cells: Iterable[Cell], name: str | Callable[[Cell], str], *extra: tuple[Any, ...]
) -> Iterator[Any]:
    """The parameters of a check, for each cell and each of the extras, with its requirement."""
    for cell in cells:
        wanted = name if isinstance(name, str) else name(cell)
        for more in extra or ((),):
            behavior, is_open = cell
            words = [wanted, behavior.name, "open" if is_open else "free", *map(_word, more)]
            yield pytest.param(
                cell, *more, marks=requirement(wanted, 1, kind=kind), id="-".join(words)
            )


def _word(value: object) -> str:
    return str(getattr(value, "__name__", value))


def entered(stage: Stage, cell: Cell) -> Caller:
    """A client whose block has begun, if it gets that far."""
    behavior, is_open = cell
    caller = stage.caller(is_open=is_open)
    caller.enter(behavior)
    return caller
