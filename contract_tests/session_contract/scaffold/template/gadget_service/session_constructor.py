"""What ``initialize_session`` of NI's SDK makes sessions with."""

from __future__ import annotations

from typing import Any

from ni_measurement_plugin_sdk_service.session_management import (
    SessionInformation,
    SessionInitializationBehavior,
)

from .session import GadgetServiceClient

__all__ = [
    "INSTRUMENT_TYPE",
    "GadgetServiceSessionConstructor",
]

INSTRUMENT_TYPE = "GadgetService"
"""The instrumentTypeId in a pin map; the name of the instrument there is the resource."""


class GadgetServiceSessionConstructor:
    """Makes a client for each session that was reserved."""

    def __init__(
        self,
        initialization_behavior: SessionInitializationBehavior = SessionInitializationBehavior.AUTO,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Keep what the clients are made with.

        Args:
            initialization_behavior: What the sessions are to be, and what becomes of them.
            options: The other keywords of the client: ``address``, ``timeout`` and so on.
        """
        self._behavior = initialization_behavior
        self._options = options

    def __call__(
        self,
        session_info: SessionInformation,
    ) -> GadgetServiceClient:
        """Initialize the session of the resource that was reserved."""
        return GadgetServiceClient(
            session_info.resource_name,
            self._behavior,
            **self._options,
        )
