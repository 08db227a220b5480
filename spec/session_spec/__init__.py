"""The specification of session sharing: requirements, behaviour matrices and models.

Nothing here needs more than the standard library. Start with :func:`load`, which reads the
requirements, and :func:`session_spec.model.step`, which judges an answer.
"""

from __future__ import annotations

from session_spec.catalogue import Specification, load
from session_spec.errors import SourceError, SpecError, UnknownRequirementError
from session_spec.requirement import Decision, Level, Origin, Requirement, Verification

__all__ = [
    "Decision",
    "Level",
    "Origin",
    "Requirement",
    "SourceError",
    "SpecError",
    "Specification",
    "UnknownRequirementError",
    "Verification",
    "load",
]
