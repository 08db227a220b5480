"""``session-fakes demo``: two plug-ins share one session, in a few seconds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from session_fakes.cli.flags import Flag, json_flag
from session_fakes.cli.text import echo_json, safe, table

if TYPE_CHECKING:
    from session_fakes.demo.showing import Shown

FAILED = 1


@click.command(short_help="Show two plug-ins that share one session.")
@click.option(
    "--svg",
    cls=Flag,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where to write the picture.  [default: the folder of temporary files]",
)
@json_flag
@click.pass_context
def demo(ctx: click.Context, *, svg: Path | None, as_json: bool) -> None:
    """Show two plug-ins that share one session, and draw who held it when.

    The plug-ins are processes of their own and use NI's SDK unchanged; the station is a fake one,
    and what they share is a notebook that a small service owns. A sequence opens it, runs both, and
    closes it, as TestStand would.

    \b
    Example: session-fakes demo --svg demo.svg
    """
    from session_fakes.demo.showing import run
    from session_fakes.teststand import picture

    if not as_json:
        click.echo("Starting a fake station, a service for a notebook, and two plug-ins ...")
    shown = run()
    path = (svg or Path(tempfile.gettempdir()) / "session-fakes-demo.svg").absolute()
    path.write_text(picture(shown.report), encoding="utf-8")
    shared = shown.report.passed and shown.session_ids == {"session 1"}
    if as_json:
        echo_json({**shown.report.as_dict(), "shared": shared, "svg": str(path)})
    else:
        _tell(shown, shared, path)
    ctx.exit(0 if shared else FAILED)


def _tell(shown: Shown, shared: bool, path: Path) -> None:
    from session_fakes.demo.showing import timeline

    click.echo(f"\n{safe(shown.report, keep=chr(10))}\n\nWhat the service of the notebook saw:\n")
    begin = shown.report.started
    rows = [(f"{e.at - begin:.2f} s", e.who, e.what, e.session) for e in shown.events]
    for line in (*table(("at", "who", "", ""), rows), "", *timeline(shown), ""):
        click.echo(line)
    if shared:
        click.echo("Both plug-ins used session 1, which Setup had opened and Cleanup closed.")
    else:
        click.echo(
            "The session was not shared: that is a fault of session-fakes, please report it."
        )
    click.echo(f"Who held it when, as a picture: {path}")
