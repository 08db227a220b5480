"""The JSON schemas of files that people and programs write: editors complete them by these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_FILES: Mapping[str, str] = {
    "target": "schemas/target.schema.json",
    "serviceconfig": "schemas/serviceconfig.schema.json",
    "client-lines": "clients/lines.schema.json",
    "results": "results/results.schema.json",
}
NAMES = tuple(_FILES)
"""What there is a schema of."""


def schema(name: str) -> str:
    """The text of a schema."""
    return (_PACKAGE / _FILES[name]).read_text(encoding="utf-8")
