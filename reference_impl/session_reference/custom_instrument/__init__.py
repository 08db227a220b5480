"""An instrument with registers and GPIO that several clients share."""

from .session import DeviceCommunicationClient, DeviceCommunicationError, Protocol
from .session_constructor import INSTRUMENT_TYPE, DeviceCommunicationSessionConstructor

__all__ = [
    "INSTRUMENT_TYPE",
    "DeviceCommunicationClient",
    "DeviceCommunicationError",
    "DeviceCommunicationSessionConstructor",
    "Protocol",
]
