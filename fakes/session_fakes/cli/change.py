"""Commands that change a running station: faults, clock, reservations, its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from session_fakes.cli import text
from session_fakes.cli.flags import DURATION, Flag, client, has_left, json_flag, ready_file_flag
from session_fakes.errors import FakeError

_STOP_WITHIN = 20.0


@click.group(short_help="Make calls, services and connections fail.")
def fault() -> None:
    """Faults on purpose: of calls, of whole services, of the network in front of them.

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


_SERVICE = "SERVICE is discovery, pin-map or session-management."


@fault.command("stop", short_help="Stop one service.", epilog=_SERVICE)
@click.argument("service")
@json_flag
@ready_file_flag
def stop(*, service: str, as_json: bool, ready_file: Path | None) -> None:
    """Stop SERVICE as a crash would: calls are cut off, and nobody answers on its port.

    It stays registered, as a dead service does. What it knew is kept for a restart.

    \b
    Example: session-fakes fault stop session-management
    """
    answer = client(ready_file).post("/services/stop", service=service)
    words = (
        f"Stopped {answer['stopped']}. Bring it back with: session-fakes fault restart {service}"
    )
    _done(answer, words, as_json=as_json)


@fault.command("restart", short_help="Restart one service.", epilog=_SERVICE)
@click.argument("service")
@click.option("--fresh", cls=Flag, is_flag=True, help="Forget what the service knew.")
@json_flag
@ready_file_flag
def restart(*, service: str, fresh: bool, as_json: bool, ready_file: Path | None) -> None:
    """Start SERVICE on the port that it had; stop it before if it runs.

    It knows what it knew. With --fresh it does not: Session Management forgets what is reserved and
    registered, Pin Map all pin maps, Discovery who is registered.

    \b
    Example: session-fakes fault restart session-management --fresh
    """
    answer = client(ready_file).post("/services/restart", service=service, fresh=fresh)
    state = "knows nothing" if fresh else "knows what it knew"
    words = f"{answer['restarted']} serves on {answer['address']} again, and {state}."
    _done(answer, words, as_json=as_json)


@fault.command("network", short_help="Cut, stall or refuse connections.", epilog=_SERVICE)
@click.argument("does", type=click.Choice(["pass", "cut", "stall", "refuse", "heal"]))
@click.argument("service", required=False)
@click.option(
    "--before",
    cls=Flag,
    type=click.Choice(["request", "answer"]),
    help="For cut: not now, but where this part of the next call begins.",
)
@click.option(
    "--only",
    cls=Flag,
    type=click.Choice(["requests", "answers"]),
    help="For stall: pass nothing in this direction.",
)
@json_flag
@ready_file_flag
def network(
    *,
    does: str,
    service: str | None,
    before: str | None,
    only: str | None,
    as_json: bool,
    ready_file: Path | None,
) -> None:
    """Cut, stall or refuse the connections to SERVICE, or to all three.

    A relay does it. It takes the port of the service when it is first asked for anything, and cuts
    the connections that are open then: "pass" puts it there beforehand.

    \b
    pass    put the relay there; everything passes
    cut     reset all connections, now or before the request or the answer of the next call
    stall   keep the connections, and pass nothing
    refuse  reset new connections, and keep those that are open
    heal    take all of it back

    \b
    Example: session-fakes fault network cut session-management --before answer
    """
    for flag, value, goes_with in (("--before", before, "cut"), ("--only", only, "stall")):
        if value and does != goes_with:
            raise click.UsageError(f"{flag} goes with {goes_with}.")
    what = before or only or ""
    answer = client(ready_file).post("/relays", does=does, service=service or "", what=what)
    lines = [f"{name}: {state}" for name, state in answer["relays"].items()]
    if does == "cut" and not before:
        lines.insert(0, "The connections that were open are cut.")
    _done(answer, *lines or ["No relay is in front of any service."], as_json=as_json)


@fault.command("list", short_help="The faults, the newest first.")
@json_flag
@ready_file_flag
def list_faults(*, as_json: bool, ready_file: Path | None) -> None:
    """List the faults: services that do not serve rightly, and faults of calls, the newest first.

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
    """Take all faults back: of calls, of services, of the network.

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
    """Move the station's time on by TIME: 250ms, 30s, 1h. Reservations that wait may time out.

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
    """Bring the station back to the state it started in; its clock goes on.

    Services that it started itself are ended. Plug-ins that were registered have to be started
    again.

    \b
    Example: session-fakes reset
    """
    _done(client(ready_file).post("/reset"), "The station is as it started.", as_json=as_json)


@click.command(short_help="Stop the station.")
@json_flag
@ready_file_flag
def down(*, as_json: bool, ready_file: Path | None) -> None:
    """Stop the running station, and wait until it has stopped.

    The command of session-fakes run is interrupted, as by Ctrl-C, and then ended.

    \b
    Example: session-fakes down
    """
    station = client(ready_file)
    answer = station.post("/stop")
    deadline = time.monotonic() + _STOP_WITHIN
    while not has_left(station.ready, ready_file):
        if time.monotonic() > deadline:
            raise FakeError(
                f"Process {station.ready.pid} was asked to stop and still runs after "
                f"{_STOP_WITHIN:g} s. End it by its number."
            )
        time.sleep(0.02)
    _done(answer, "The station has stopped.", as_json=as_json)


def _done(answer: dict[str, Any], *lines: str, as_json: bool) -> None:
    if as_json:
        text.echo_json(answer)
        return
    for line in lines:
        click.echo(text.safe(line))
