"""The command ``session-contract``.

Exit codes: 0 done, or nobody reads the output any more; 2 wrong usage, an unknown requirement, or a
specification that cannot be read; 4 the output cannot be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from session_contract import output, show
from session_spec import Requirement, SpecError, Specification, load
from session_spec.requirement import CLAIMS

WRONG_USAGE = 2

_CLASSES = click.Choice(sorted(CLAIMS))


@click.group(
    cls=output.Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="session-contract", message="session-contract %(version)s")
def cli() -> None:
    """The contract of session sharing: what is right, and why.

    \b
    session-contract list --class server      every requirement of a server
    session-contract explain CLOSE-UNKNOWN    one requirement: its text, why, examples
    """


@cli.command("list", short_help="Every requirement, by conformance class.")
@click.option("--class", "conformance_class", type=_CLASSES, help="Only this conformance class.")
@click.option("--claim", help="Only this claim, for example 'use'; 'core' for what binds all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_requirements(conformance_class: str | None, claim: str | None, as_json: bool) -> None:
    """Print every requirement: its id, whom it binds, and its title.

    \b
    Example: session-contract list --class server --claim core
    """
    specification = _load()
    chosen = [
        r
        for r in specification
        if conformance_class in (None, r.conformance_class) and _binds(r, claim)
    ]
    if not chosen:
        _fail(f"No requirement is that: {_known_claims(specification, conformance_class)}.")
    if as_json:
        _print_json([show.as_dict(r) for r in chosen])
    else:
        lines = show.grouped if sys.stdout.isatty() else show.plain
        for line in lines(chosen):
            click.echo(line)


@cli.command(short_help="One requirement: its text, why it is so, examples.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(ids: Sequence[str], as_json: bool) -> None:
    """Print all there is to know of one or more requirements.

    \b
    Example: session-contract explain CLOSE-UNKNOWN
    """
    specification = _load()
    try:
        chosen = [specification[name] for name in ids]
    except SpecError as error:
        _fail(f"{error} All of them: session-contract list")
    if as_json:
        _print_json([show.as_dict(r) for r in chosen])
        return
    cross = show.CROSS if output.can_show(show.CROSS) else "x"
    for number, requirement in enumerate(chosen):
        if number:
            click.echo()
        for line in show.explained(requirement, cross=cross):
            click.echo(line)


def _binds(requirement: Requirement, claim: str | None) -> bool:
    return claim in (None, requirement.claim or requirement.origin.value)


def _known_claims(specification: Specification, conformance_class: str | None) -> str:
    names = {
        r.claim or r.origin.value
        for r in specification
        if conformance_class in (None, r.conformance_class)
    }
    where = f"class {conformance_class} has" if conformance_class else "there are"
    return f"{where} {', '.join(sorted(names))}"


def _load() -> Specification:
    try:
        return load()
    except SpecError as error:
        _fail(str(error))


def _print_json(data: object) -> None:
    # in ASCII, no console can replace a character of the data
    click.echo(json.dumps(data, indent=2, ensure_ascii=True))


def _fail(message: str) -> NoReturn:
    output.complain(message)
    sys.exit(WRONG_USAGE)


def main() -> None:
    """Run the command; texts that the console cannot show are replaced, never an error."""
    output.prepare()
    try:
        cli()
    except OSError:  # click could not even print what is wrong with the usage
        output.silence(sys.stderr)
        sys.exit(WRONG_USAGE)
