"""The model of a station: Discovery, Pin Map and Session Management, a module each."""

from __future__ import annotations

from session_spec.class_models.station.model import StationModel

__all__ = ["StationModel"]
