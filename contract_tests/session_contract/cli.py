"""The command ``session-contract``.

Exit codes: 0 done, or nobody reads the output any more; 2 wrong usage, an unknown requirement or
server, a folder that cannot be copied to, or a specification that cannot be read; 4 the output
cannot be written. The commands that judge have more: see ``results.run_result.Verdict``.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from session_contract import copying, output, show
from session_contract.commands.doctor import doctor
from session_contract.commands.init import init
from session_contract.commands.judge import judge
from session_contract.commands.lint import lint
from session_contract.commands.new import new
from session_contract.commands.replay import replay
from session_contract.commands.results_commands import compare, diff
from session_contract.commands.run import run
from session_contract.commands.run_all import run_all
from session_contract.commands.schema import schema
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
    session-contract copy file_logger DEST    a server to make your own
    session-contract run --target FILE        does a server meet the contract?
    session-contract run-all FOLDER           do all that are described there?
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


@cli.command(short_help="A reference server, to make your own.")
@click.argument("name")
@click.argument("destination", type=click.Path(path_type=Path))
def copy(name: str, destination: Path) -> None:
    """Copy a reference server (file_logger, custom_instrument) into a new folder.

    The copy stands on its own: it starts and passes its tests at once, under any folder name. In
    place of a name, the path of a folder with a server for the same core may stand.

    \b
    Example: session-contract copy file_logger my_logger
    """
    try:
        copying.copy(name, destination)
    except copying.CopyError as error:
        _fail(str(error))
    start = shlex.quote(str(destination / "start.sh"))
    folder = shlex.quote(str(destination))
    click.echo(f"{start} --discovery off     starts it; on Windows, start.bat does")
    if (destination / "tests").is_dir():
        click.echo(f"cd {folder} && python -m pytest tests     runs its own tests")
    click.echo(f"{destination / 'README.md'} says how to make it yours")


cli.add_command(compare)
cli.add_command(diff)
cli.add_command(doctor)
cli.add_command(init)
cli.add_command(judge)
cli.add_command(lint)
cli.add_command(new)
cli.add_command(replay)
cli.add_command(run)
cli.add_command(run_all)
cli.add_command(schema)


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
