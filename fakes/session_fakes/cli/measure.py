"""``session-fakes measure``: run a measurement that is registered at the station."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from session_fakes.cli import text
from session_fakes.cli.flags import DURATION, Flag, client, json_flag, ready_file_flag

if TYPE_CHECKING:
    from session_fakes.measure import Measurement, Outputs, finding

    ListOfNumbers = click.ParamType[list[int]]
else:
    # It takes no type in older versions of click.
    ListOfNumbers = click.ParamType

FAILED = 1
_MARKS = "|/-\\"
_MARK_SECONDS = 0.12


class SiteList(ListOfNumbers):
    """Sites with commas between, ``0,1``, or ``all``: none given."""

    name = "sites"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click declares it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> list[int]:
        """The sites as numbers."""
        if isinstance(value, list):
            return cast("list[int]", value)
        if value == "all":
            return []
        parts = str(value).split(",")
        if not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
            self.fail(f"{value!r} is no list of sites; 0,1 and all are.", param, ctx)
        return [int(part) for part in parts]


@click.command(short_help="Run a measurement that is registered at the station.")
@click.argument("name")
@click.option(
    "--set",
    "settings",
    cls=Flag,
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter; the others keep their defaults. Repeatable.",
)
@click.option(
    "--pin-map",
    cls=Flag,
    envvar="SESSION_FAKES_PIN_MAP",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The pin map to measure with.  [default: that of the station]",
)
@click.option(
    "--sites", cls=Flag, type=SiteList(), help="The sites, e.g. 0,1, or all.  [default: 0]"
)
@click.option("--timeout", cls=Flag, type=DURATION, help="Cancel it after this time.")
@json_flag
@ready_file_flag
@click.pass_context
def measure(
    ctx: click.Context,
    *,
    name: str,
    settings: Sequence[str],
    pin_map: Path | None,
    sites: list[int] | None,
    timeout: float | None,
    as_json: bool,
    ready_file: Path | None,
) -> None:
    """Run the measurement NAME, its display name or service class, and print its outputs.

    Outputs that come while it runs are printed as they come; the last ones are the result. With
    --json each is one line of JSON. Ctrl-C cancels the measurement.

    \b
    Example: session-fakes measure "My Measurement" --set voltage=3.3 --sites 0,1
    """
    from session_fakes.measure import finding

    station = client(ready_file)
    service = _resolved(finding.find(station.get("/state")["services"], name))
    pin_map_id = station.ready.pin_map_id
    if pin_map:
        pin_map_id = station.post("/pin-map", path=str(pin_map.absolute()))["pin_map_id"]
    job = _Job(text.address(service), service["service_class"], settings, timeout, as_json=as_json)
    if not pin_map_id:
        ctx.exit(job.run(None, sites))
    if sites == []:
        # NI's client takes no sites at all for those of system pins.
        sites = station.get("/sites", pin_map_id=pin_map_id)["sites"]
    ctx.exit(job.run(pin_map_id, [0] if sites is None else sites))


class _Job:
    """One run of a measurement and what is printed of it."""

    def __init__(
        self,
        address: str,
        service_class: str,
        settings: Sequence[str],
        timeout: float | None,
        *,
        as_json: bool,
    ) -> None:
        self._address, self._class, self._settings = address, service_class, settings
        self._timeout, self._as_json = timeout, as_json
        self._held: Outputs | None = None

    def run(self, pin_map_id: str | None, sites: Sequence[int] | None) -> int:
        """Run it; the exit code."""
        from session_fakes.measure import Measurement, MeasurementFailed

        started = time.monotonic()
        try:
            with Measurement.connect(self._address, self._class) as measurement:
                self._measure(measurement, pin_map_id, sites)
        except MeasurementFailed as failure:
            text.say(str(failure))
            return FAILED
        if not self._as_json:
            text.say(f"measured in {time.monotonic() - started:.2f} s")
        return 0

    def _measure(
        self, measurement: Measurement, pin_map_id: str | None, sites: Sequence[int] | None
    ) -> None:
        from session_fakes.measure import parse_settings, run

        settings = parse_settings(measurement.parameters, self._settings)
        with _progress(measurement.name):
            last = run(
                measurement, settings, pin_map_id, sites, self._update, timeout=self._timeout
            )
        if not self._as_json and not last.readings:
            click.echo("no outputs")

    def _update(self, outputs: Outputs) -> None:
        from session_fakes.measure import as_data, as_table

        if self._as_json:
            text.echo_json(as_data(outputs), indent=None)
            return
        _clear_mark()
        if self._held is not None:
            click.echo()
        self._held = outputs
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
        click.echo(text.safe(as_table(outputs, width), keep="\n"))


def _resolved(found: Sequence[finding.Row]) -> finding.Row:
    """The registration that clients get, with a word to the user when it is a dead one."""
    from session_fakes.measure import finding

    newest = finding.newest(found)
    living = [service for service in found if not service["stale"]]
    if newest["stale"] and living:
        text.say(
            f"{newest['display_name']} at {text.address(newest)} is dead, and an older one at "
            f"{text.address(living[-1])} lives. Discovery answers the newest, so no client gets to "
            "the older one: start it again, or the station with --evict-stale."
        )
    return newest


@contextlib.contextmanager
def _progress(name: str) -> Generator[None]:
    """A sign on a terminal that something goes on; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    import threading

    over = threading.Event()

    def turn() -> None:
        started, number = time.monotonic(), 0
        while not over.wait(_MARK_SECONDS):
            mark, seconds = _MARKS[number % len(_MARKS)], time.monotonic() - started
            line = f"{mark} {text.safe(name)} {seconds:.0f} s (Ctrl-C cancels) "
            click.echo(f"\r{line}", nl=False, err=True)
            number += 1

    thread = threading.Thread(target=turn, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _clear_mark()


def _clear_mark() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
