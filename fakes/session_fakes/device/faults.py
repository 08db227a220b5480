"""The errors of drivers, as the device server sends them: UNKNOWN, the code in the trailer."""

from __future__ import annotations

from session_fakes.errors import Refusal

__all__ = ["INVALID_HANDLE", "INVALID_TASK", "TEXTS", "DriverError", "text_of"]

INVALID_HANDLE = -1074130544
INVALID_TASK = -200088
INVALID_RESOURCE = -1074118656
UNKNOWN_CHANNEL = -1074135008
INVALID_VALUE = -1074135024
INVALID_PARAMETER = -1074135025
NOT_WRITABLE = -1074135027
WRONG_TYPE = -1074135019
MAX_TIME_EXCEEDED = -1074126845
EVENT_TIMEOUT = -1074116059
FGEN_TIMEOUT = -1074118637
OVER_RANGE = 1073356801
"""A warning: the reading is not a number."""

TEXTS = {
    0: "No error.",
    INVALID_HANDLE: "The session handle is not valid.",
    INVALID_TASK: "Task specified is invalid or does not exist.",
    INVALID_RESOURCE: "Insufficient location information or resource not present in the system.",
    UNKNOWN_CHANNEL: "Unknown channel or repeated capability name.",
    INVALID_VALUE: "Invalid value for parameter or property.",
    INVALID_PARAMETER: "Invalid parameter.",
    NOT_WRITABLE: "Attribute or property not writable.",
    WRONG_TYPE: "The attribute and function parameter types do not match.",
    MAX_TIME_EXCEEDED: "Maximum time exceeded before the operation completed.",
    FGEN_TIMEOUT: "Maximum time exceeded before the operation completed.",
    OVER_RANGE: "Over range.",
    EVENT_TIMEOUT: "The operation exceeded the time limit specified with the timeout parameter.",
}
"""What the drivers say to codes that are known; the first two are what NI's say, word for word."""

_ERROR_KEY = "ni-error"


def text_of(code: int) -> str:
    """What a driver says to a code."""
    return TEXTS.get(code, "The error code is not one that the fake knows.")


class DriverError(Refusal):
    """An error that a driver reports. The client raises its own DriverError with this code."""

    def __init__(self, code: int, details: str = "") -> None:
        """Make one.

        Args:
            code: Negative: with a positive one NI's packages fail in themselves.
            details: What went wrong in this case, after the text of the code.
        """
        text = f"{text_of(code)} {details}".strip()
        super().__init__("UNKNOWN", text, trailer=((_ERROR_KEY, str(code)),))
        self.driver_code = code
