"""Texts for a console: tables, times, JSON, and never a control character of somebody else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click


def safe(text: object, keep: str = "") -> str:
    """A text of unknown origin, so that no console obeys it: what is not printable is escaped."""
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "replace").decode("ascii")


def as_json(data: object, indent: int | None = 2) -> str:
    """JSON that a console can show: readable letters, but everything unprintable escaped."""
    text = json.dumps(data, indent=indent, ensure_ascii=False, default=str)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def echo_json(data: object, indent: int | None = 2) -> None:
    """Print data as JSON: in one line with ``indent=None``."""
    click.echo(as_json(data, indent))


def say(text: str, *, beside_a_command: bool = False) -> None:
    """A line to the user on standard error; standard output is for data and for children."""
    # What a command asks in the terminal stays the end of a line: "Press Enter to close."
    start = "\n" if beside_a_command and sys.stderr.isatty() else ""
    click.echo(f"{start}session-fakes: {safe(text)}", err=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lines of columns that are as wide as they must be."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for number, row in enumerate([list(headings), *cells]):
        padded = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        line = "  ".join(padded).rstrip()
        yield click.style(line, dim=True) if number == 0 else line


def age(seconds: float | None) -> str:
    """How long ago, in a few characters: ``0.3 s``, ``42 s``, ``3 min``, ``2 h 5 min``."""
    if seconds is None:
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


Row = Mapping[str, Any]


def session_state(session: Row) -> str:
    """``reserved``, ``registered`` or both."""
    states = [name for name in ("reserved", "registered") if session[name]]
    return ", ".join(states) or "-"


def holders(session: Row) -> str:
    """Who has a session: who reserved it, and who registered it if that was somebody else."""
    holder, registrar = session["holder"], session.get("registrar", "")
    who = _holder(holder or "-", session.get("holder_ended"))
    if session["reserved"] and registrar not in ("", holder):
        who += f"; registered by {_holder(registrar, session.get('registrar_ended'))}"
    return who


def _holder(name: str, ended: object) -> str:
    return f"{name} (has ended)" if ended else name


def service_state(service: Row) -> str:
    """What there is to say of a service besides where it is."""
    states = {"static": "static", "stale": "stale: it does not answer"}
    return ", ".join(text for key, text in states.items() if service.get(key))


def address(service: Row) -> str:
    """``location:port``."""
    return f"{service['location']}:{service['port']}"


def call_line(call: Row) -> str:
    """One call as one line."""
    fault = f"  (injected: {call['fault']})" if call["fault"] else ""
    details = f"  {call['details']}" if call["details"] else ""
    line = f"{call['seq']:>5}  {call['method']}  {call['code']}  {call['elapsed'] * 1e3:.1f} ms"
    return safe(f"{line}{details}{fault}")
