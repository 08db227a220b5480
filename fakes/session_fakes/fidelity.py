"""Marks that say how faithful a fake is: which rule, on what evidence, held by which test.

A mark stands at the function that implements the rule; a test says with ``holds`` which rules it
holds. The table FIDELITY.md is made from both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar, get_args

Evidence = Literal["documented", "tested by NI", "seen in NI's code", "our choice"]
F = TypeVar("F", bound=Callable[..., object])


class Mark(NamedTuple):
    """One rule that a fake keeps."""

    name: str
    evidence: Evidence
    rule: str
    place: str
    """Module and function that implement it."""


MARKS: dict[str, Mark] = {}
"""Every mark of the modules that were imported, by name. Written at import, never later."""


def fidelity(name: str, *, evidence: Evidence, rule: str) -> Callable[[F], F]:
    """Mark a function as the one that implements a rule."""
    if evidence not in get_args(Evidence):
        raise ValueError(f"{evidence!r} is none of {', '.join(get_args(Evidence))}")

    def mark(function: F) -> F:
        place = f"{function.__module__}.{function.__qualname__}"
        if name in MARKS and MARKS[name].place != place:
            raise ValueError(f"{name} is marked at {MARKS[name].place} and at {place}")
        MARKS[name] = Mark(name, evidence, rule, place)
        return function

    return mark


def holds(*names: str) -> Callable[[F], F]:
    """Say on a test which rules it holds."""

    def mark(function: F) -> F:
        function.__dict__["holds_rules"] = names
        return function

    return mark
