"""Commands that change a running station: faults, clock, reservations, its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from session_fakes.cli import text
from session_fakes.cli.flags import DURATION, Flag, client, json_flag, ready_file_flag
from session_fakes.errors import FakeError

_STOP_WITHIN = 10.0


@click.group(short_help="Make calls fail, slow or hang.")
def fault() -> None:
    """Faults on purpose: calls that fail, are slow, or never answer.

    \b
    Example: session-fakes fault add ReserveSessions --fail UNAVAILABLE --times 2
    """


@fault.command("add", short_help="Add a fault.")
@click.argument("method")
@click.option("--fail", cls=Flag, metavar="CODE", help="Answer this status, e.g. UNAVAILABLE.")
@click.option("--delay", cls=Flag, type=DURATION, help="Answer after this time, e.g. 500ms.")
@click.option("--hang", cls=Flag, is_flag=True, help="Never answer.")
@click.option("--times", cls=Flag, type=click.IntRange(1), help="How often; without it, always.")
@click.option("--text", "words", cls=Flag, help="The text of the status.  [default: injected]")
@json_flag
@ready_file_flag
def add(
    *,
    method: str,
    fail: str | None,
    delay: float | None,
    hang: bool,
    times: int | None,
    words: str | None,
    as_json: bool,
    ready_file: Path | None,
) -> None:
    """Make calls of METHOD fail, slow or hang.

    METHOD is a method (ReserveSessions), a service and method, or a glob of either.

    \b
    Example: session-fakes fault add "Reserve*" --delay 500ms
    """
    if [fail is not None, delay is not None, hang].count(True) != 1:
        raise click.UsageError("Say what the fault does: one of --fail, --delay and --hang.")
    if words is not None and fail is None:
        raise click.UsageError("--text is the text of a status: it goes with --fail.")
    body: dict[str, Any] = {"method": method, "times": times or 0}
    if fail is not None:
        body |= {"does": "fail", "code": fail.upper(), "text": words or ""}
    else:
        body |= {"does": "hang"} if hang else {"does": "delay", "seconds": delay}
    answer = client(ready_file).post("/faults/add", **body)
    _done(answer, f"Added: {answer['fault']}", as_json=as_json)


@fault.command("list", short_help="The faults, the newest first.")
@json_flag
@ready_file_flag
def list_faults(*, as_json: bool, ready_file: Path | None) -> None:
    """List the faults, the newest first, and how often each was used.

    \b
    Example: session-fakes fault list
    """
    faults = client(ready_file).get("/faults")["faults"]
    if as_json:
        text.echo_json(faults)
        return
    for line in [item["text"] for item in faults] or ["There are no faults."]:
        click.echo(text.safe(line))


@fault.command("clear", short_help="Take all faults back.")
@json_flag
@ready_file_flag
def clear(*, as_json: bool, ready_file: Path | None) -> None:
    """Take all faults back.

    \b
    Example: session-fakes fault clear
    """
    answer = client(ready_file).post("/faults/clear")
    _done(answer, f"Faults taken back: {answer['cleared']}.", as_json=as_json)


@click.group(short_help="Move the station's time.")
def clock() -> None:
    """The time of the station; nobody else's moves.

    \b
    Example: session-fakes clock advance 30s
    """


@clock.command("advance", short_help="Move the station's time on.")
@click.argument("time_", metavar="TIME", type=DURATION)
@json_flag
@ready_file_flag
def advance(*, time_: float, as_json: bool, ready_file: Path | None) -> None:
    """Move the station's time on by TIME: 250ms, 30s, 2min. Reservations that wait may time out.

    \b
    Example: session-fakes clock advance 30s
    """
    answer = client(ready_file).post("/clock/advance", seconds=time_)
    words = f"The station's clock went {time_:g} s on, to {answer['now']:.3f} s."
    _done(answer, words, as_json=as_json)


@click.command(short_help="Take the reservation of a session away.")
@click.argument("name")
@json_flag
@ready_file_flag
def release(*, name: str, as_json: bool, ready_file: Path | None) -> None:
    """Take the reservation of session NAME away from whoever holds it.

    \b
    Example: session-fakes release "niDCPower-DCPower1/0"
    """
    answer = client(ready_file).post("/release", name=name)
    holder = f"; {answer['holder']} held it" if answer["holder"] else ""
    _done(answer, f"Released {name}{holder}.", as_json=as_json)


@click.command(short_help="Forget registrations, sessions, faults and calls.")
@json_flag
@ready_file_flag
def reset(*, as_json: bool, ready_file: Path | None) -> None:
    """Bring the station back to the state it started in.

    Plug-ins that were registered have to be started again.

    \b
    Example: session-fakes reset
    """
    _done(client(ready_file).post("/reset"), "The station is as it started.", as_json=as_json)


@click.command(short_help="Stop the station.")
@json_flag
@ready_file_flag
def down(*, as_json: bool, ready_file: Path | None) -> None:
    """Stop the station that runs with session-fakes up, and wait until it has stopped.

    \b
    Example: session-fakes down
    """
    from session_fakes.control import readyfile

    station = client(ready_file)
    answer = station.post("/stop")
    path = ready_file or readyfile.default_path()
    deadline = time.monotonic() + _STOP_WITHIN
    while readyfile.read(path) == station.ready:
        if time.monotonic() > deadline:
            raise FakeError(
                f"Process {station.ready.pid} was asked to stop and still runs; a station of "
                "session-fakes run ends with its command."
            )
        time.sleep(0.02)
    _done(answer, "The station has stopped.", as_json=as_json)


def _done(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        text.echo_json(answer)
    else:
        click.echo(text.safe(words))
