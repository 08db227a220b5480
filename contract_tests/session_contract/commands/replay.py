"""The command ``replay``: repeats one check of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from session_contract import output
from session_contract.commands.run import INTERRUPTED, RESULTS, needed
from session_contract.results.run_result import Verdict
from session_contract.subject.target import TargetError


@click.command(short_help="Repeat one check of a run.")
@click.argument("name", metavar="ID")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS,
    show_default=True,
    help="The folder of the run's results.",
)
def replay(name: str, results: Path) -> None:
    """Repeat one check of a run, with the same target, seed and budget.

    A run prints the id beside each failure. A race may take several runs to show again.

    \b
    Exit codes: 0 the check is met this time; 1 it is violated again; 2 wrong usage; 3 the target
    cannot be reached or died; 4 the kit failed; 5 it came to no verdict; 130 interrupted.

    \b
    Example: session-contract replay 7KQ2A
    """
    with needed():
        from session_contract import replaying
    try:
        sys.exit(replaying.replay(name, results))
    except TargetError as error:
        output.complain(str(error))
        sys.exit(Verdict.USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
