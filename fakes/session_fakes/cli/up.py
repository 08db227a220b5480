"""``session-fakes up``: a station that stays, and shows what happens on it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from session_fakes.cli import text
from session_fakes.cli.events import Event, events
from session_fakes.cli.flags import Flag, StationSettings, json_flag, station_flags
from session_fakes.cli.hosting import Hosted, Wish, await_news, hosted, on_signals

_TICK = 0.25


@click.command(short_help="Start a station that stays, with a live view.")
@station_flags
@click.option(
    "--page", cls=Flag, is_flag=True, help="Show the station as a live page in the browser, too."
)
@json_flag
def up(*, page: bool, as_json: bool, **settings: Any) -> None:  # noqa: ANN401 - the flags
    """Start a station and keep it until Ctrl-C, q or session-fakes down.

    In a terminal it shows what goes on, elsewhere it prints one line for each event.

    \b
    Example: session-fakes up --pin-map station.pinmap --page
    """
    with hosted(StationSettings(**settings), page=page) as station:
        wish = Wish(station.control)
        with on_signals(wish):
            _show(station, wish, as_json=as_json, page=page)
    if not as_json:
        click.echo("The station has stopped.")


def _show(station: Hosted, wish: Wish, *, as_json: bool, page: bool) -> None:
    first = f"Station ready: Discovery on {station.station.discovery_address}"
    where = station.control.page_url if page else ""
    if sys.stdout.isatty() and not as_json:
        from session_fakes.cli import live

        live.show(station, wish, f"{first}   page {where}" if page else first)
        return
    data = {
        "discovery": station.station.discovery_address,
        "pin_map_id": station.station.pin_map_id,
        "ready_file": station.ready_file,
    }
    pin_map = f"; pin map {station.station.pin_map_id}" if station.station.pin_map_id else ""
    ready = f"{first}{pin_map}; ready file {station.ready_file}"
    _emit(Event("ready", ready, data), as_json=as_json)
    if page:
        _emit(Event("page", where, {"url": where}), as_json=as_json)
    _narrate(station, wish, as_json=as_json)


def _narrate(station: Hosted, wish: Wish, *, as_json: bool) -> None:
    from session_fakes.control.snapshot import snapshot

    before = snapshot(station.station)
    while not wish.granted:
        await_news(station.station, before["calls"]["last"], wish, _TICK)
        after = snapshot(station.station)
        for event in events(before, after):
            _emit(event, as_json=as_json)
        before = after


def _emit(event: Event, *, as_json: bool) -> None:
    now = datetime.now().astimezone()
    if as_json:
        text.echo_json({"time": now.isoformat(), "event": event.kind, **event.data}, indent=None)
    else:
        click.echo(f"{now:%H:%M:%S}  {event.kind:13} {text.safe(event.text)}")
