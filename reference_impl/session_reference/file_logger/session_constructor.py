"""What ``initialize_session`` of NI's SDK makes sessions of the JSON Logger with."""

from __future__ import annotations

from typing import Any

from ni_measurement_plugin_sdk_service.session_management import (
    SessionInformation,
    SessionInitializationBehavior,
)

from .session import JsonLoggerClient

__all__ = ["JSON_LOGGER_INSTRUMENT_TYPE", "JsonLoggerSessionConstructor"]

JSON_LOGGER_INSTRUMENT_TYPE = "JsonLoggerService"
"""The instrumentTypeId of log files in a pin map; the name of the instrument is the path."""


class JsonLoggerSessionConstructor:
    """Makes a client for each session that was reserved."""

    def __init__(
        self,
        initialization_behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Keep what the clients are made with.

        Args:
            initialization_behavior: What the sessions are to be, and what becomes of them.
            options: The keywords of ``JsonLoggerClient``: ``address``, ``timeout`` and so on.
        """
        self._behavior = initialization_behavior
        self._options = options

    def __call__(self, session_info: SessionInformation) -> JsonLoggerClient:
        """Initialize the session of the log file that the instrument is named after."""
        return JsonLoggerClient(session_info.resource_name, self._behavior, **self._options)
