"""Commands that ask a station: ``env``, ``services``, ``who``, ``calls``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from session_fakes.cli import text
from session_fakes.cli.flags import Flag, client, has_left, json_flag, ready_file_flag

_STATION_HELP = "Ask the station whose Discovery is at HOST:PORT, also a real one of NI."
_station_flag = click.option("--station", cls=Flag, metavar="HOST:PORT", help=_STATION_HELP)


@click.command(short_help="Print the variables that point a plug-in at the station.")
@click.option(
    "--shell",
    cls=Flag,
    type=click.Choice(["bash", "pwsh", "cmd"]),
    default="cmd" if os.name == "nt" else "bash",
    show_default=True,
    help="The shell that shall read them.",
)
@json_flag
@ready_file_flag
def env(*, shell: str, as_json: bool, ready_file: Path | None) -> None:
    """Print the environment variables for plug-ins that you start yourself.

    \b
    Example: eval "$(session-fakes env)"; python measurement.py
    """
    variables = _variables(ready_file)
    if as_json:
        text.echo_json(variables)
        return
    for name, value in variables.items():
        click.echo(_assignment(shell, name, value))


def _variables(ready_file: Path | None) -> dict[str, str]:
    """What the station asks for, and what this environment needs besides, as for its proxies."""
    from session_fakes.bootstrap import environment_for

    station = client(ready_file)
    wanted: dict[str, str] = station.get("/environment")["environment"]
    whole = environment_for(station.ready.discovery, base=os.environ)
    changed = {name for name, value in whole.items() if os.environ.get(name) != value}
    return {name: whole.get(name, wanted.get(name, "")) for name in sorted(changed | set(wanted))}


def _assignment(shell: str, name: str, value: str) -> str:
    if shell == "bash":
        return f"export {name}={shlex.quote(value)}"
    if shell == "pwsh":
        return f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'"
    return f'set "{name}={value}"'


@click.command(short_help="List the services that are registered.")
@_station_flag
@json_flag
@ready_file_flag
def services(*, station: str | None, as_json: bool, ready_file: Path | None) -> None:
    """List the services that are registered at Discovery.

    \b
    Example: session-fakes services --station localhost:42000
    """
    if station:
        from session_fakes.cli import real_station

        rows = real_station.services(station)
    else:
        rows = client(ready_file).get("/state")["services"]
    if as_json:
        text.echo_json(rows)
        return
    headings = ["NAME", "CLASS", "VERSION", "ADDRESS", "PROCESS", ""]
    cells = [
        (
            *(s["display_name"], s["service_class"], s["version"] or "-", text.address(s)),
            *(s.get("process") or "-", text.service_state(s)),
        )
        for s in rows
    ]
    _print_table(headings, cells, "No service is registered.")


@click.command(short_help="Who holds which session, and who waits.")
@_station_flag
@json_flag
@ready_file_flag
def who(*, station: str | None, as_json: bool, ready_file: Path | None) -> None:
    """List the sessions that are reserved or registered: who holds them, since when, who waits.

    \b
    Example: session-fakes who
    """
    state: Mapping[str, Any]
    if station:
        from session_fakes.cli import real_station

        state = {"sessions": real_station.sessions(station), "waiting": []}
    else:
        state = client(ready_file).get("/state")
    if as_json:
        text.echo_json({"sessions": state["sessions"], "waiting": state["waiting"]})
        return
    cells = [
        (
            *(s["name"], s["instrument_type_id"], text.session_state(s)),
            *(text.holders(s), text.age(s["age"])),
        )
        for s in state["sessions"]
    ]
    headings = ["SESSION", "TYPE", "STATE", "HOLDER", "FOR"]
    _print_table(headings, cells, "No session is reserved or registered.")
    if state["waiting"]:
        click.echo()
        waits = [
            [w["holder"], ", ".join(w["wanted"]), text.age(w["age"])] for w in state["waiting"]
        ]
        _print_table(["WAITING", "FOR", "SINCE"], waits, "")


def _print_table(headings: list[str], cells: Sequence[Sequence[Any]], nothing: str) -> None:
    for line in text.table(headings, cells) if cells else [nothing]:
        click.echo(line)


@click.command(short_help="The calls that the station answered.")
@click.option("--follow", cls=Flag, is_flag=True, help="Go on with the calls that come.")
@click.option(
    "--since", cls=Flag, type=click.IntRange(0), default=0, help="Only calls after this number."
)
@json_flag
@ready_file_flag
def calls(*, follow: bool, since: int, as_json: bool, ready_file: Path | None) -> None:
    """Print the calls that the station answered, one line each; with --json as JSON lines.

    JSON has the requests and responses, too.

    \b
    Example: session-fakes calls --follow --since 120
    """
    from session_fakes.control import NoStation

    station = client(ready_file)
    wait = 0
    while True:
        try:
            answer = station.get("/calls", since=since, wait=wait, full=int(as_json))
        except NoStation:
            if not (wait and has_left(station.ready, ready_file)):
                raise
            text.say("the station has stopped")
            return
        for call in answer["calls"]:
            if as_json:
                text.echo_json(call, indent=None)
            else:
                click.echo(text.call_line(call))
        if not follow:
            return
        since, wait = answer["last"], 15
