"""Calls as a drawing: a line for each client, a bar for each call, and the same as a list.

Only the order of beginnings and ends decides what a server may answer, so that is what the drawing
shows, evenly spaced: calls of microseconds between pauses of seconds could not be seen otherwise.
The lengths are percentages and the letters are not, so that it fits a telephone as well.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from html import escape

from session_contract.results.text_timeline import call_text, printable, short_names
from session_contract.subject.record import Record
from session_spec.model import Answer

_LANE, _BAR = 54, 24
"""Pixels from lane to lane, and of a bar."""
_FIRST, _LAST = 1.0, 99.0
"""Percent of the width at which the first and the last moment are."""
_LETTERS = 0.36
"""How many letters a percent of the width has room for on a telephone."""


def figure(records: Sequence[Record], label: str) -> str:
    """The drawing and the list of some calls, whose numbers are the same."""
    names = short_names(records)
    texts = [f"{printable(record.lane)}: {call_text(record, names)}" for record in records]
    items = "\n".join(_item(record, names) for record in records)
    return (
        f'<figure class="timeline">\n{_drawing(records, texts, label)}\n'
        f'<ol class="calls">\n{items}\n</ol>\n</figure>'
    )


def _item(record: Record, names: Mapping[str, str]) -> str:
    call, _, answer = call_text(record, names).rpartition(" -> ")
    if " -> " in call:  # an answer with an arrow in it
        call, _, answer = call_text(record, names).partition(" -> ")
    return (
        f'<li><span class="lane">{_text(record.lane)}</span> <code>{escape(call)}</code> '
        f'<span class="{_kind(record)}"><span aria-hidden="true">→</span> '
        f"<code>{escape(answer)}</code></span></li>"
    )


def _drawing(records: Sequence[Record], texts: Sequence[str], label: str) -> str:
    rows = _rows(records)
    moments = _moments(records)
    drawn = [_line(row[0].lane, number) for number, row in enumerate(rows)]
    for number, record in enumerate(records):
        row = next(n for n, row in enumerate(rows) if record in row)
        drawn.append(_bar(number + 1, record, _place(record, moments), row, texts[number]))
    title = escape(f"The calls of {label} in time; the list below has the same calls.")
    return (
        f'<svg role="img" width="100%" height="{len(rows) * _LANE}"><title>{title}</title>\n'
        + "\n".join(drawn)
        + "\n</svg>"
    )


def _rows(records: Sequence[Record]) -> list[list[Record]]:
    """The calls of each client; what a lost call may still overlap gets a row of its own."""
    rows: list[list[Record]] = []
    for record in records:
        free = (r for r in rows if r[0].lane == record.lane and r[-1].ended <= record.started)
        row = next(free, None)
        if row is None:
            rows.append(row := [])
        row.append(record)
    lanes = list(dict.fromkeys(record.lane for record in records))
    return sorted(rows, key=lambda row: lanes.index(row[0].lane))


def _moments(records: Sequence[Record]) -> list[float]:
    """The times at which a call began or was answered, each once, in order."""
    times = {record.started for record in records} | {record.ended for record in records}
    return sorted(time for time in times if not math.isinf(time))


def _place(record: Record, moments: Sequence[float]) -> tuple[float, float]:
    """Where a bar begins and how long it is, in percent."""
    step = (_LAST - _FIRST) / max(len(moments) - 1, 1)
    left = _FIRST + step * bisect_left(moments, record.started)
    is_lost = math.isinf(record.ended)
    right = 100.0 if is_lost else _FIRST + step * bisect_left(moments, record.ended)
    return left, max(right - left, 1.0)


def _line(lane: str, row: int) -> str:
    top = row * _LANE
    middle = top + 24 + _BAR // 2
    return (
        f'<text class="lane" x="{_FIRST}%" y="{top + 16}">{_text(lane)}</text>'
        f'<line x1="0" x2="100%" y1="{middle}" y2="{middle}"/>'
    )


def _bar(number: int, record: Record, place: tuple[float, float], row: int, text: str) -> str:
    left, width = place
    top = row * _LANE + 24
    return (
        f'<g class="{_kind(record)}"><title>{escape(text)}</title>'
        f'<rect x="{left:.2f}%" y="{top}" width="{width:.2f}%" height="{_BAR}" rx="5"/>'
        f'<text x="{left + width / 2:.2f}%" y="{top + 17}">'
        f"{_label(number, record, width)}</text></g>"
    )


def _label(number: int, record: Record, width: float) -> str:
    """The number of a call, with its answer where the narrowest screen has room for it."""
    label = f"{number} · {record.code}"
    return escape(label) if len(label) <= width * _LETTERS else str(number)


def _kind(record: Record) -> str:
    if not isinstance(record.answer, Answer):
        return "lost"
    return "ok" if record.answer.code == "OK" else "refused"


def _text(text: str) -> str:
    return escape(printable(text))
