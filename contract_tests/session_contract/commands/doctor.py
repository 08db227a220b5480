"""The command ``doctor``: is the description of a target right?"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from session_contract import output
from session_contract.commands.run import place_flags
from session_contract.results.run_result import Verdict
from session_contract.running.flags import load

if TYPE_CHECKING:
    from session_contract.doctor import Step


@click.command(short_help="Is a target file right?")
@place_flags
def doctor(**given: Any) -> None:  # noqa: ANN401 - flags
    """Go through a target step by step; say of each fault what to write instead.

    \b
    Exit codes: 0 all is well; 2 something has to change; 3 the server cannot be reached.

    \b
    Example: session-contract doctor --target my_server.toml
    """
    from session_contract.subject.target import TargetError, Unreachable

    failed = 0
    try:
        for step in _steps({name.removeprefix("place_"): value for name, value in given.items()}):
            click.echo(_line(step))
            failed += step.failed
    except TargetError as error:
        _end(str(error), Verdict.USAGE)
    except Unreachable as error:
        _end(str(error), Verdict.UNREACHABLE)
    if failed:
        _end(f"{failed} {'step' if failed == 1 else 'steps'} failed.", Verdict.USAGE)
    click.echo("All is well: session-contract run, with the same flags, judges it.")


def _steps(place: Mapping[str, Any]) -> Iterator[Step]:
    from session_contract.doctor import Step
    from session_contract.running.classes import CLASSES

    target = load(place)
    claims = ", ".join(sorted(target.claims)) or "nothing beyond the core"
    yield Step("target", f"{target.identity.name} claims {claims}")
    with tempfile.TemporaryDirectory(prefix="session-contract-") as folder:
        yield from CLASSES[target.conformance_class].examine(target, Path(folder))


def _line(step: Step) -> str:
    mark = click.style("FAILED", fg="red") if step.failed else click.style("ok    ", fg="green")
    return f"{mark}  {step.name:16}  {step.text}"


def _end(message: str, code: int) -> None:
    output.complain(message)
    sys.exit(code)
