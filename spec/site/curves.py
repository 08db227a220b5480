"""Draws curves as SVG, in colours that can be seen on a light page and on a dark one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 16, 44
_COLORS = ("#3a87d0", "#d9662b", "#2f9e6b", "#a865bd")
_STYLE = "text{font:12px sans-serif;fill:#777}line{stroke:#7775}"
_FAR = 20
"""Beyond such a ratio of the largest to the smallest value an axis is logarithmic."""

Points = Sequence[Sequence[float]]
_Scale = Callable[[float], float]


def draw(lines: Mapping[str, Points], x: str, y: str) -> str:
    """Curves with their names beside them.

    Args:
        lines: The points of each curve by its name.
        x: What goes to the right.
        y: What goes up.
    """
    across, x_ticks = _axis([p[0] for line in lines.values() for p in line], _LEFT, _WIDTH - _RIGHT)
    up, y_ticks = _axis([p[1] for line in lines.values() for p in line], _HEIGHT - _BOTTOM, _TOP)
    middle, half = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    below = f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x)}</text>'
    turned = f'transform="rotate(-90)" x="{-half}" y="14" text-anchor="middle"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<style>{_STYLE}</style>",
        *(_upright(across(tick), tick) for tick in x_ticks),
        *(_level(up(tick), tick) for tick in y_ticks),
        *(
            _curve(name, [(across(x), up(y)) for x, y in points], index)
            for index, (name, points) in enumerate(lines.items())
        ),
        below,
        f"<text {turned}>{escape(y)}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(values: Sequence[float], begin: float, end: float) -> tuple[_Scale, list[float]]:
    """Where a value stands on an axis, and the values to name there."""
    least, most = min(values), max(values)
    if least > 0 and most / least > _FAR:
        first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
        length = (end - begin) / (last - first)
        ticks = [10.0**power for power in range(first, last + 1)]
        return lambda value: begin + (math.log10(value) - first) * length, ticks
    step = 10 ** math.floor(math.log10(most or 1))
    top = math.ceil(most / step) * step
    return lambda value: begin + value / top * (end - begin), [top * n / 4 for n in range(5)]


def _upright(at: float, tick: float) -> str:
    return (
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{tick:,g}</text>'
    )


def _level(at: float, tick: float) -> str:
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:,g}</text>'
    )


def _curve(name: str, places: Sequence[tuple[float, float]], index: int) -> str:
    color = _COLORS[index % len(_COLORS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places)
    return (
        f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>{dots}'
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{_TOP + 12 + 18 * index}" style="fill:{color}">'
        f"{escape(name)}</text>"
    )
