"""Versions of services: three or four numbers, compared number by number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from session_fakes.errors import quoted
from session_fakes.fidelity import fidelity

__all__ = ["UNVERSIONED", "effective_version", "version_fault", "version_order"]

UNVERSIONED = "0.0.1"
"""What a service without a version counts as; nobody may claim it."""

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_FORM = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{2,3}}")


@fidelity(
    "DISC-VERSION-PARTS",
    evidence="tested by NI",
    rule="A version of three or of four numbers is accepted at registration",
)
@fidelity(
    "DISC-VERSION-RESERVED",
    evidence="documented",
    rule="A service may not register as 0.0.1; the code INVALID_ARGUMENT is our choice",
)
@fidelity(
    "DISC-VERSION-FORM",
    evidence="our choice",
    rule="Other versions, and numbers with leading zeros, are refused with INVALID_ARGUMENT",
)
def version_fault(version: str) -> str:
    """What is wrong with a version that a service claims; empty when nothing is."""
    if not version:
        return ""
    if version == UNVERSIONED:
        return f"version {UNVERSIONED} is reserved for services without one: leave it out"
    if not _FORM.fullmatch(version):
        return f"version {quoted(version)} is not of the form 1.2.3 or 1.2.3.4"
    return ""


@fidelity(
    "DISC-VERSION-NONE",
    evidence="documented",
    rule="A service that registers without a version is stored, and reported, as 0.0.1",
)
@fidelity(
    "DISC-VERSION-EMPTY",
    evidence="seen in NI's code",
    rule="An empty text as the version is like none",
)
def effective_version(versions: Sequence[str]) -> str:
    """The version that a service with these versions (none or one) counts as."""
    return next(iter(versions), "") or UNVERSIONED


@lru_cache(maxsize=1024)
@fidelity(
    "DISC-VERSION-ORDER",
    evidence="our choice",
    rule="Versions are compared number by number; 1.2.3 comes before 1.2.3.0",
)
def version_order(version: str) -> tuple[int, ...]:
    """A key by which versions sort from the oldest to the latest."""
    return tuple(map(int, version.split(".")))
