"""The errors of drivers, as the device server sends them: UNKNOWN, the code in the trailer."""

from __future__ import annotations

from session_fakes.errors import DRIVER_CODE, Refusal

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

# NI-DAQmx: codes by NI's own list, texts ours.
_DAQ_TEXTS = {
    -50103: "The specified resource is reserved. The operation could not be completed.",
    -200010: "Sample rate, buffer or range is not possible.",
    -200011: "Channels of input and of output cannot be in one task.",
    -200077: "Requested value is not a supported value for this property.",
    -200089: "Task name conflicts with an existing task name.",
    -200197: "Property is not supported, or not valid for this task.",
    -200220: "Device identifier is invalid.",
    -200278: "Attempted to read a sample beyond the final sample acquired.",
    -200279: "The application is not able to keep up with the hardware acquisition.",
    -200284: "Some or all of the samples requested have not yet been acquired.",
    -200430: "I/O type of the physical channel is not of the kind that the operation needs.",
    -200450: "Property cannot be set while the task is running.",
    -200459: "Write failed, because there are no output channels in this task.",
    -200460: "Read failed, because there are no input channels in this task.",
    -200461: "Channel specified is not in this task.",
    -200462: "Generation cannot be started, because the output buffer is empty.",
    -200478: "Specified operation cannot be performed when there are no channels in the task.",
    -200479: "Specified operation cannot be performed while the task is running.",
    -200489: "Specified channel cannot be added, because a channel with the same name is there.",
    -200490: "Write failed: a sample is outside of the limits of its channel.",
    -200524: "Write cannot be performed: the number of channels in the data is not the task's.",
    -200525: "Read cannot be performed: the task has channels of another kind.",
    -200526: "Write cannot be performed: the task has channels of another kind.",
    -200559: "Task contains channels of more than one kind.",
    -200560: "Wait until done did not indicate that the task was done within the timeout.",
    -200846: "Write cannot be performed when the auto start input is false and the task is not "
    "running.",
    -200966: "The event is registered already.",
    -88709: "The task was stopped or aborted while the operation waited.",
}
TEXTS.update(_DAQ_TEXTS)


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
        super().__init__("UNKNOWN", text, trailer=((DRIVER_CODE, str(code)),))
        self.driver_code = code
