"""What can go wrong with a measurement, told by its cause.

A plug-in's exception reaches the caller wrapped: gRPC makes UNKNOWN and a sentence of it, and an
answer that the plug-in itself got from another service is printed into that sentence. The person
who measures wants the innermost code and text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from session_fakes.errors import FakeError

_RAISED = re.compile(r"Exception (?:calling application|iterating responses): ?", re.DOTALL)
_ANSWER = re.compile(
    r"<\w+ of RPC that terminated with:\s*status = StatusCode\.(?P<code>\w+)\s*"
    r'details = "(?P<details>.*)"\n\tdebug_error_string = ',
    re.DOTALL,
)
_DEEPEST = 10
_NO_TEXT = "an exception without a text; the console of the plug-in shows where"


class MeasureError(FakeError):
    """A measurement that could not be made; the text says why."""


class BadSetting(MeasureError):  # noqa: N818 - what the caller asked for is at fault
    """A setting that the measurement does not have, or a value that its parameter cannot take."""


class BadMetadata(MeasureError):  # noqa: N818 - what the plug-in tells is at fault
    """What a measurement says of itself contradicts itself, or what it sends."""


class MeasurementFailed(MeasureError):  # noqa: N818 - it was made, and it failed
    """A measurement that answered with an error: the innermost code, and the plug-in's own text."""

    def __init__(self, name: str, cause: Cause) -> None:
        said = "raised" if cause.raised and cause.code == "UNKNOWN" else f"failed with {cause.code}"
        super().__init__(f"{name} {said}: {cause.text}")
        self.code = cause.code
        self.text = cause.text


@dataclass(frozen=True)
class Cause:
    """Why a call failed."""

    code: str
    """The status code by name; UNKNOWN for a plain exception of the plug-in."""
    text: str
    raised: bool = False
    """Whether an exception in the plug-in is behind it, rather than an answer it chose."""


def unwrap(code: str, details: str) -> Cause:
    """The cause inside a status.

    Args:
        code: The status code by name, such as ``UNKNOWN``.
        details: The text of the status.
    """
    raised = False
    for _ in range(_DEEPEST):
        inner = _ANSWER.search(details)
        wrapped = _RAISED.match(details) if code == "UNKNOWN" else None
        if inner is None and wrapped is None:
            break
        raised = True
        if inner is not None:
            code, details = inner["code"], inner["details"]
        elif wrapped is not None:
            details = details[wrapped.end() :]
    return Cause(code, details.strip() or _NO_TEXT, raised)
