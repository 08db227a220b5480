"""The gRPC services of a station: thin, each between NI's messages and a pure core."""

from __future__ import annotations

from session_fakes.services.discovery import discovery_service
from session_fakes.services.pin_map import pin_map_service
from session_fakes.services.session_management import session_management_service

__all__ = ["discovery_service", "pin_map_service", "session_management_service"]
