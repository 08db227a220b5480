"""The command ``new``: a project of a service whose sessions are shared."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from session_contract import copying, output
from session_contract.results.run_result import Verdict
from session_contract.scaffold.names import RESOURCE_FIELD, RPC_NAMES, ScaffoldError, names
from session_contract.scaffold.project import make

if TYPE_CHECKING:
    from session_contract.scaffold.names import Names


@click.command(short_help="A project of a service of your own.")
@click.argument("name", required=False)
@click.option(
    "--rpc-names",
    metavar="OPEN,CLOSE",
    help=f"The RPCs that open and that close a session.  [default: {','.join(RPC_NAMES)}]",
)
@click.option(
    "--resource-field",
    metavar="FIELD",
    help=f"The field that names the resource.  [default: {RESOURCE_FIELD}]",
)
@click.option(
    "--service", default="", metavar="NAME", help="The gRPC service.  [default: from NAME]"
)
@click.option("--package", default="", help="The proto package, acme.locks.v1.  [default: NAME]")
@click.option(
    "--service-class",
    default="",
    metavar="CLASS",
    help="The class for Discovery, of this service alone.  [default: package and service]",
)
@click.option("--bare", is_flag=True, help="Without the example calls: only opening and closing.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder, new or empty.  [default: NAME, here]",
)
def new(name: str | None, into: Path | None, bare: bool, **given: Any) -> None:  # noqa: ANN401
    """Make a project: proto, server, client, tests, start scripts, CI, green from the start.

    NAME is its folder and its Python package. At a terminal, what is not given is asked.

    \b
    Exit codes: 0 made; 2 a name that cannot be used, or a folder that is not empty.

    \b
    Example: session-contract new lock_service --rpc-names AcquireLock,ReleaseLock \\
                 --resource-field lock_name
    """
    if not name:
        name = _asked(given)
    try:
        chosen = _names(name, given)
        folder = into or Path(chosen.project)
        make(chosen, folder, bare=bare)
    except (ScaffoldError, copying.CopyError) as error:
        output.complain(str(error))
        sys.exit(Verdict.USAGE)
    _tell(folder)


def _asked(given: dict[str, Any]) -> str:
    """Ask for what was not given; only at a terminal can somebody answer."""
    if not sys.stdin.isatty():
        raise click.UsageError("Name the project: session-contract new my_service")
    name = str(click.prompt("Name of the project and its Python package"))
    questions = {
        "rpc_names": ("RPCs that open and close a session", ",".join(RPC_NAMES)),
        "resource_field": ("Field that names the resource", RESOURCE_FIELD),
    }
    for key, (question, default) in questions.items():
        given[key] = given[key] or click.prompt(question, default=default)
    return name


def _names(name: str, given: dict[str, Any]) -> Names:
    rpc_names = given.pop("rpc_names") or ",".join(RPC_NAMES)
    given["resource_field"] = given["resource_field"] or RESOURCE_FIELD
    return names(name, rpc_names=[each.strip() for each in rpc_names.split(",")], **given)


def _tell(folder: Path) -> None:
    place = shlex.quote(str(folder))
    click.echo(f"{shlex.quote(str(folder / 'start.sh'))} --discovery off     starts the server")
    click.echo(f"cd {place} && python -m pytest     runs its tests")
    click.echo(f"cd {place} && session-contract run --target target.toml     judges it")
    click.echo(f"{folder / 'README.md'} says how to make it yours: search for YOURS")
