"""Ties a check to the requirement that it is of, and to the revision that it was written for."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import pytest

from session_spec import Requirement, Specification, load
from session_spec.errors import UnknownRequirementError
from session_spec.requirement import Origin, Verification

KINDS = (
    *("example", "matrix", "input", "stateful", "race"),
    *("lost", "restart", "slow", "attach", "hosting"),
    *("run", "interrupted", "failing", "together", "refused", "leaks"),
)
"""The kinds of checks; each is a heading of the report."""


class StaleCheckError(Exception):
    """A check does not fit the specification: it is not collected."""


@lru_cache(maxsize=1)
def specification() -> Specification:
    """The specification, read once."""
    return load()


def requirement(name: str, revision: int, *, kind: str) -> pytest.MarkDecorator:
    """Mark a check as one of this requirement.

    Args:
        name: The id of the requirement.
        revision: The revision that the check was written for.
        kind: One of KINDS.

    Raises:
        StaleCheckError: There is no such requirement, or it was revised since.
    """
    if kind not in KINDS:
        raise StaleCheckError(f"{kind!r} is no kind of check: it is one of {', '.join(KINDS)}.")
    _fits(name, revision)
    return pytest.mark.requirement(name, revision, kind=kind)


def _fits(name: str, revision: int) -> None:
    try:
        found = specification()[name]
    except UnknownRequirementError as error:
        raise StaleCheckError(f"A check is of {name}, which does not exist. {error}") from error
    if found.id != name:
        raise StaleCheckError(
            f"A check is of {name}: write it as the specification does, {found.id}."
        )
    if found.revision != revision:
        raise StaleCheckError(
            f"A check of {name} was written for revision {revision}, and the requirement is at "
            f"revision {found.revision} now: {found.obligation} Read what changed in "
            f"{found.path.name}:{found.line}, mend the check, and name the new revision."
        )
    if found.verification is Verification.NOT_OBSERVABLE:
        raise StaleCheckError(
            f"A check is of {name}, which is not observable: {found.not_observable}"
        )


def requirement_of(item: pytest.Item) -> Requirement | None:
    """The requirement that a collected check is of; None for a test that is no check."""
    mark = item.get_closest_marker("requirement")
    return specification()[mark.args[0]] if mark else None


def is_claimed(wanted: Requirement, claims: Collection[str]) -> bool:
    """Whether a target that makes these claims is bound by the requirement."""
    if wanted.origin is Origin.REFERENCE:
        return Origin.REFERENCE.value in claims
    return wanted.claim is None or wanted.claim in claims
