"""The verdict of a run as a badge: data for shields.io, and a drawing that needs no service."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from session_contract.results.run_result import RunResult, Standing, Verdict
from session_contract.results.verdict import standings, verdict
from session_spec import Specification

_GREEN, _RED, _AMBER, _GREY = "#2e7d46", "#b3261e", "#9a5b00", "#5c6474"
"""White text on each of them can be read."""
_SAID: Mapping[Verdict, tuple[str, str]] = {
    Verdict.HOLDS: ("met", _GREEN),
    Verdict.VIOLATED: ("not met", _RED),
    Verdict.UNREACHABLE: ("no answer", _GREY),
    Verdict.KIT_FAILED: ("not established", _GREY),
    Verdict.NOT_ESTABLISHED: ("not established", _GREY),
}
_LETTER = 6.2
"""How wide a letter of the drawing is on average; ``textLength`` makes it exact."""
_PADDING = 8


def badge_json(result: RunResult, specification: Specification) -> dict[str, Any]:
    """What the endpoint badge of shields.io reads."""
    label, message, colour = _parts(result, specification)
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def badge_svg(result: RunResult, specification: Specification) -> str:
    """The badge as a drawing; its title says the same in words."""
    label, message, colour = _parts(result, specification)
    left, right = _width(label), _width(message)
    title = escape(f"{label}: {message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{title}">\n<title>{title}</title>\n'
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3d4556"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>\n'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">\n'
        f"{_text(label, 0, left)}\n{_text(message, left, right)}\n</g>\n</svg>\n"
    )


def _parts(result: RunResult, specification: Specification) -> tuple[str, str, str]:
    """The label, the message and the colour."""
    said, colour = _SAID[verdict(result, specification)]
    if said == "met" and Standing.KNOWN_FAILURE in standings(result, specification).values():
        said, colour = "not met, as known", _AMBER
    return f"session sharing {result.spec_version}", f"{_held_against(result)}: {said}", colour


def _held_against(result: RunResult) -> str:
    count = len(result.claims)
    claims = f"+ {count} claim{'' if count == 1 else 's'}" if count else "core"
    return f"{result.conformance_class} {claims}"


def _width(text: str) -> int:
    return round(len(text) * _LETTER) + 2 * _PADDING


def _text(text: str, left: int, width: int) -> str:
    return (
        f'<text x="{left + _PADDING}" y="14" textLength="{width - 2 * _PADDING}">'
        f"{escape(text)}</text>"
    )
