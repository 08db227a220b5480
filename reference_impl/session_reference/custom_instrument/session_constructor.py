"""What ``initialize_session`` of NI's SDK makes sessions of the custom instrument with."""

from __future__ import annotations

import os
from typing import Any

from ni_measurement_plugin_sdk_service.session_management import (
    SessionInformation,
    SessionInitializationBehavior,
)

from .session import DeviceCommunicationClient, Protocol

__all__ = ["INSTRUMENT_TYPE", "DeviceCommunicationSessionConstructor"]

INSTRUMENT_TYPE = "DeviceCommunicationService"
"""The instrumentTypeId of these instruments in a pin map."""


class DeviceCommunicationSessionConstructor:
    """Makes a client for each session that was reserved."""

    def __init__(
        self,
        register_map_path: str | os.PathLike[str],
        protocol: Protocol.ValueType,
        reset: bool = False,
        initialization_behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Keep what the clients are made with.

        Args:
            register_map_path: The complete path of the register map.
            protocol: ``Protocol.SPI``, ``I2C`` or ``UART``.
            reset: Whether a new session starts with the defaults of the register map.
            initialization_behavior: What the sessions are to be, and what becomes of them.
            options: The keywords of ``DeviceCommunicationClient``: ``address``, ``timeout`` and so
                on.
        """
        self._setup = (protocol, register_map_path, reset, initialization_behavior)
        self._options = options

    def __call__(self, session_info: SessionInformation) -> DeviceCommunicationClient:
        """Initialize the session of the instrument that was reserved."""
        return DeviceCommunicationClient(session_info.resource_name, *self._setup, **self._options)
