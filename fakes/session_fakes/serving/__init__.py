"""gRPC servers on loopback: every call is recorded, can be made to fail, and answers a status."""

from __future__ import annotations

from session_fakes.serving.calls import CallLog, RecordedCall
from session_fakes.serving.dispatch import Caller, Service
from session_fakes.serving.faults import Fault, Faults
from session_fakes.serving.server import LoopbackServer

__all__ = ["CallLog", "Caller", "Fault", "Faults", "LoopbackServer", "RecordedCall", "Service"]
