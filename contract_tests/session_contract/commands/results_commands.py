"""The commands ``diff`` and ``compare``: runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from session_contract import output
from session_contract.results import compare as comparing
from session_contract.results import diff as differing
from session_contract.results.files import read
from session_contract.results.run_result import RunResult, Verdict
from session_spec import load


@click.command(short_help="Two runs: what got better, what got worse.")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def diff(old: Path, new: Path) -> None:
    """Say what changed between two runs: their results.json, or the folders of it.

    \b
    Exit codes: 0 nothing got worse; 1 something broke; 2 a file is no results of a run;
    5 nothing broke that is still checked, but less is checked than before.

    \b
    Example: session-contract diff before/results.json contract-results/results.json
    """
    before, after = _read([old, new])
    specification = load()
    found = differing.differences(before, after, specification)
    _print(differing.told(before, after, found, specification))
    sys.exit(differing.verdict_of(found))


@click.command(short_help="Several runs: implementations by requirements.")
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULTS..."
)
def compare(results: Sequence[Path]) -> None:
    """Show runs side by side: each a column, each requirement a row.

    \b
    Exit codes: 0 done, whatever the runs came to; 2 a file is no results of a run.

    \b
    Example: session-contract compare acme/results.json other/results.json
    """
    _print(comparing.table(_read(results), load()))


def _read(paths: Iterable[Path]) -> list[RunResult]:
    try:
        return [read(path) for path in paths]
    except ValueError as error:
        output.complain(str(error))
        sys.exit(Verdict.USAGE)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
