"""``session-fakes sequence``: run Setup, Main and Cleanup as TestStand does, without TestStand."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from session_fakes.cli.flags import F, Flag, StationSettings, json_flag, station_flags
from session_fakes.cli.hosting import hosted, on_signals
from session_fakes.cli.text import echo_json, safe, say
from session_fakes.errors import FakeError

if TYPE_CHECKING:
    from session_fakes.station import FakeStation
    from session_fakes.teststand import Model, Report, SequenceRunner

FAILED = 1
INTERRUPTED = 130
_TICK = 0.2
_STEP_FLAGS = (
    ("--setup", "Setup"),
    ("--main", "Main"),
    ("--cleanup", "Cleanup"),
    ("--process-setup", "ProcessSetup"),
    ("--process-cleanup", "ProcessCleanup"),
)


def _several(*names: str, **how: Any) -> Callable[[F], F]:  # noqa: ANN401 - passed on to click
    """A flag that may be repeated. A variable could hold no texts with spaces: it has none."""
    return click.option(*names, multiple=True, allow_from_autoenv=False, **how)


def _step_flags(function: F) -> F:
    for flag, group in reversed(_STEP_FLAGS):
        option = _several(flag, metavar="STEP", help=f"A step of {group}. Repeatable.")
        function = option(function)
    return function


@click.command(short_help="Run a test sequence as TestStand does, without TestStand.")
@_step_flags
@click.option(
    "--model",
    cls=Flag,
    type=click.Choice(["single", "sequential", "parallel", "batch"]),
    default="single",
    show_default=True,
    help="Single Pass, or Test UUTs of one of the process models.",
)
@click.option("--units", cls=Flag, type=click.IntRange(1), help="Units to test.  [default: 2]")
@click.option(
    "--sockets",
    cls=Flag,
    type=click.IntRange(1),
    help="Test sockets of parallel and batch.  [default: 2]",
)
@_several(
    "--start",
    "commands",
    metavar="COMMAND",
    help="A plug-in or server to start first, until it has registered. Repeatable.",
)
@click.option(
    "--svg",
    cls=Flag,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a picture of who held which session when.",
)
@json_flag
@station_flags
@click.pass_context
def sequence(
    ctx: click.Context,
    /,
    *,
    commands: Sequence[str],
    svg: Path | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - the flags
) -> None:
    """Run a test sequence on a station of its own, as TestStand's process models do.

    A STEP is a function of a Python code module, file.py:function, which is passed the sequence
    context if it takes an argument; or a measurement by its name. --pin-map adds Update Pin Map as
    the first step, of ProcessSetup if that has any, else of Setup. Cleanup always runs; Ctrl-C
    terminates the sequence, a second one aborts it.

    \b
    Example: session-fakes sequence --pin-map bench.pinmap --start "python server.py"
               --setup steps.py:create --main "My Measurement" --cleanup steps.py:destroy

    Exit code 1: a step failed, or a session was left reserved or registered.
    """
    own = {field.name for field in fields(StationSettings)} - {"pin_map"}
    settings = StationSettings(pin_map=None, **{name: options.pop(name) for name in own})
    with hosted(settings) as hosting:
        runner = _runner(hosting.station, **options)
        for command in commands:
            hosting.station.launch(shlex.split(command))
        report, signals = _run(runner)
    if svg is not None:
        from session_fakes.teststand import picture

        svg.write_text(picture(report), encoding="utf-8")
        say(f"wrote {svg}")
    if as_json:
        echo_json(report.as_dict())
    else:
        click.echo(safe(report, keep="\n"))
    ctx.exit(INTERRUPTED if signals else 0 if report.passed else FAILED)


def _runner(
    station: FakeStation,
    pin_map: Path | None,
    model: Model,
    units: int | None,
    sockets: int | None,
    **steps: Sequence[str],
) -> SequenceRunner:
    from session_fakes.teststand import SequenceFile, SequenceRunner, modules, update_pin_map

    groups = {group: [modules.step(text) for text in texts] for group, texts in steps.items()}
    if not any(groups.values()):
        raise FakeError("A sequence has steps: name one, such as --main measure.py:measure.")
    if pin_map is not None:
        first = groups["process_setup"] or groups["setup"]
        first.insert(0, update_pin_map(pin_map.absolute()))
    sequence_file = SequenceFile(**cast("dict[str, Any]", groups))
    return SequenceRunner(sequence_file, station, model=model, units=units, sockets=sockets)


_ENDINGS: tuple[tuple[Callable[[SequenceRunner], None], str], ...] = (
    (lambda runner: runner.terminate(), "terminating: Cleanup runs; Ctrl-C again aborts"),
    (
        lambda runner: runner.abort(),
        "aborted: no more steps; Ctrl-C again does not wait for the one that runs",
    ),
)


def _run(runner: SequenceRunner) -> tuple[Report, int]:
    """Run the sequence; its report, and how many signals came. The third one ends everything."""
    signals: list[int] = []
    reports: list[Report] = []

    def stop(number: int) -> None:
        signals.append(number)
        if len(signals) > len(_ENDINGS):
            raise KeyboardInterrupt
        end, what = _ENDINGS[len(signals) - 1]
        end(runner)
        say(what)

    thread = threading.Thread(target=lambda: reports.append(runner.run()), daemon=True)
    with on_signals(stop):
        thread.start()
        while thread.is_alive():
            thread.join(_TICK)
    if not reports:
        raise RuntimeError("the run of the sequence has ended without a report")
    return reports[0], len(signals)
