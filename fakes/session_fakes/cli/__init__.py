"""The command ``session-fakes``: a fake station to run plug-ins offline, and all that asks it."""

from __future__ import annotations

from session_fakes.cli.app import main

__all__ = ["main"]
