"""A log file that several clients share."""

from .session import JsonLoggerClient, JsonLoggerError
from .session_constructor import JSON_LOGGER_INSTRUMENT_TYPE, JsonLoggerSessionConstructor

__all__ = [
    "JSON_LOGGER_INSTRUMENT_TYPE",
    "JsonLoggerClient",
    "JsonLoggerError",
    "JsonLoggerSessionConstructor",
]
