"""The live view of a station in a terminal, redrawn in place."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from typing import Any

import click

from session_fakes.cli import text
from session_fakes.cli.hosting import Hosted, Wish, await_news
from session_fakes.control.snapshot import snapshot

_TICK = 0.25
_ENTER = "\x1b[?1049h\x1b[?25l"
"""The other screen of the terminal, without a cursor: what was on the first one stays."""
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def show(hosted: Hosted, wish: Wish, title: str) -> None:
    """Draw until the station is to stop, or q is typed."""
    click.echo(_ENTER, nl=False)
    try:
        with _keys():
            while not wish.granted:
                state = snapshot(hosted.station)
                _draw(state, title)
                await_news(hosted.station, state["calls"]["last"], wish, _TICK)
                if "q" in _typed():
                    wish()
    finally:
        click.echo(_LEAVE, nl=False)


def _draw(state: dict[str, Any], title: str) -> None:
    size = shutil.get_terminal_size()
    lines = frame(state, title, size.columns, size.lines)
    body = "".join(f"{line}{_REST_OF_LINE}\r\n" for line in lines)
    click.echo(f"{_HOME}{body}{_REST_OF_SCREEN}", nl=False)


def frame(state: dict[str, Any], title: str, width: int, height: int) -> list[str]:
    """The view as lines, each within the width; the last calls fill what height is left."""
    lines = [_styled(title, width, bold=True), _styled(_facts(state), width, dim=True), ""]
    for heading, headings, rows in _parts(state):
        lines.append(_styled(f"{heading} ({len(rows)})", width, fg="cyan"))
        body = list(text.table(headings, rows)) if rows else []
        lines += [_cut(f"  {click.unstyle(line)}", width) for line in body] + [""]
    # A line of their heading, and the last line of the screen stays free.
    room = max(3, height - len(lines) - 2)
    calls = state["calls"]["calls"][-room:]
    lines.append(_styled(f"Last calls (of {state['calls']['count']})", width, fg="cyan"))
    lines += [_cut(f"  {text.call_line(call)}", width) for call in calls]
    return lines[: max(1, height - 1)]


def _facts(state: dict[str, Any]) -> str:
    pin_map = state["station"]["pin_map_id"] or "none"
    errors = state["station"]["internal_errors"]
    failed = f"   {errors} faults of the fakes, please report" if errors else ""
    return f"pin map {pin_map}   q stops{failed}"


def _parts(state: dict[str, Any]) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    services = [
        [s["display_name"], text.address(s), text.service_state(s), s["service_class"]]
        for s in state["services"]
    ]
    yield "Services", ["name", "address", "", "class"], services
    sessions = [
        [s["name"], text.session_state(s), text.age(s["age"]), text.holders(s)]
        for s in state["sessions"]
    ]
    yield "Sessions", ["name", "state", "for", "holder"], sessions
    waiting = [[w["holder"], ", ".join(w["wanted"]), text.age(w["age"])] for w in state["waiting"]]
    yield "Waiting clients", ["who", "for", "since"], waiting
    if state["faults"]:
        yield "Faults", ["fault"], [[fault["text"]] for fault in state["faults"]]


def _styled(line: str, width: int, **style: Any) -> str:  # noqa: ANN401 - of click
    return click.style(_cut(line, width), **style)


def _cut(line: str, width: int) -> str:
    shown = text.safe(line)
    return shown if len(shown) < width else f"{shown[: max(0, width - 2)]}…"


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _keys() -> Iterator[None]:
        # Starting a shell makes the console understand the sequences.
        os.system("")
        yield

    def _typed() -> str:
        typed = ""
        while msvcrt.kbhit():
            typed += msvcrt.getwch()
        return typed

else:
    import select
    import termios
    import tty

    @contextlib.contextmanager
    def _keys() -> Generator[None]:
        """Typed keys come at once and are not shown; afterwards the terminal is as it was."""
        if not sys.stdin.isatty():
            yield
            return
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        try:
            tty.setcbreak(keyboard)
            yield
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    def _typed() -> str:
        if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode("ascii", "replace")
