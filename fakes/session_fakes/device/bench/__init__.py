"""The bench: what is wired to what, what the pins do, and the instruments' outputs; pure."""

from __future__ import annotations

from session_fakes.device.bench.bench import Bench
from session_fakes.device.bench.handles import PinHandle

__all__ = ["Bench", "PinHandle"]
