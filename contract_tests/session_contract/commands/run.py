"""The command ``run``: judges a target."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from session_contract import output
from session_contract.results.run_result import Verdict
from session_contract.running.flags import FLAGS

INTERRUPTED = 130
RESULTS = "contract-results"
_NEEDED = {"grpc_reflection", "hypothesis", "pytest", "xdist"}
"""Packages of the extra ``contract``."""


def place_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Add the flags that name a target."""
    for flag in reversed(FLAGS):
        command = click.option(
            f"--{flag.name}",
            f"place_{flag.name}",
            metavar=flag.metavar,
            multiple=flag.is_list,
            help=flag.text,
        )(command)
    return command


@click.command(short_help="Judge a server, a client, a sequence or a station.")
@place_flags
@click.option("--quick", "budget", flag_value="quick", help="Repeat less: some seconds.")
@click.option("--thorough", "budget", flag_value="thorough", help="Repeat more: many minutes.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Repeat a run with this seed.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS,
    show_default=True,
    help="The folder for the report and the calls.",
)
@click.option(
    "-k", "select", default="", metavar="EXPR", help="Only checks with such names or ids."
)
@click.option("-x", "first", is_flag=True, help="End at the first violation.")
@click.option(
    "-n", "processes", type=click.IntRange(0), default=0, metavar="N", help="Work in N processes."
)
@click.option(
    "--known-failures",
    "known",
    type=click.Path(path_type=Path),
    help="The list of known failures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run(budget: str | None, seed: int | None, **given: Any) -> None:  # noqa: ANN401 - flags
    """Judge a server by calling it, a client by what a server sees of it, and others likewise.

    \b
    Exit codes: 0 it does; 1 a requirement is violated, or the list of known failures is stale;
    2 wrong usage or a wrong target file; 3 the target cannot be reached or died; 4 the kit failed;
    5 not established: something that is claimed was not checked; 130 interrupted.

    \b
    Example: session-contract run --target my_server.toml
    """
    place = {flag.name: given.pop(f"place_{flag.name}") for flag in FLAGS}
    # Some seed has to be drawn; it is printed, so that the run can be repeated.
    chosen = random.randrange(1, 1_000_000) if seed is None else seed
    _carry_out({"place": place, "budget": budget or "default", "seed": chosen, **given})


def _carry_out(given: dict[str, Any]) -> None:
    with needed():
        from session_contract.running.runner import Run, carry_out
    try:
        sys.exit(carry_out(Run(**given)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextmanager
def needed() -> Generator[None, None, None]:
    """Import within; where a package of the extra ``contract`` is missing, say so and end."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        extra = "pip install 'session-contract[contract]' (in a clone: pip install '.[contract]')"
        output.complain(f"A run needs {error.name}: {extra}")
        sys.exit(Verdict.USAGE)
