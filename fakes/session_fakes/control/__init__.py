"""The control service: ask a running station for its state and change it, on loopback only.

A station that was started by command writes a *ready file*: where its Discovery and its control
service are, and the token that every request must carry.
"""

from __future__ import annotations

from session_fakes.control.client import ControlClient, ControlRefused, NoStation
from session_fakes.control.readyfile import Ready

__all__ = ["ControlClient", "ControlRefused", "NoStation", "Ready"]
