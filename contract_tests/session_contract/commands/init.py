"""The command ``init``: the first target file for a server."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from session_contract import output, schemas
from session_contract.commands.run import place_flags
from session_contract.results.run_result import Verdict
from session_contract.running.flags import load, server


@click.command(short_help="Write a target file for a server.")
@place_flags
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, which must not be there yet; without, it is printed.",
)
def init(path: Path | None, **given: Any) -> None:  # noqa: ANN401 - flags
    """Ask a server what it is, and write the target file that says so, with what to add.

    With -o the schema that editors complete it by, target.schema.json, is written beside it.

    \b
    Exit codes: 0 written; 2 something about the server cannot be told, or the file is there;
    3 the server cannot be reached.

    \b
    Example: session-contract init --address 127.0.0.1:50051 -o my_server.toml
    """
    from session_contract.subject.target import TargetError, Unreachable

    if path and path.exists():
        _end(f"{path} is there already: name another file with -o.", Verdict.USAGE)
    try:
        text, doubt = _text({k.removeprefix("place_"): v for k, v in given.items()}, path)
    except TargetError as error:
        _end(str(error), Verdict.USAGE)
    except Unreachable as error:
        _end(str(error), Verdict.UNREACHABLE)
    _write(text, path)
    if doubt:
        _end(f"Something is left to say, under [service]. {doubt}", Verdict.USAGE)


def _text(place_: dict[str, Any], path: Path | None) -> tuple[str, str]:
    """The text of the file, and what cannot be told of the server."""
    from session_contract.starting import target_file
    from session_contract.subject.binding import Binding
    from session_contract.subject.opening import open_discovery, shapes_at
    from session_contract.subject.placing import place
    from session_contract.subject.target import TargetError

    if place_.get("target"):
        raise TargetError("--target names a file that is there: give --address or --command.")
    load(place_)  # the flags go together
    target, path = server(place_), path or Path("target.toml")
    with (
        tempfile.TemporaryDirectory(prefix="session-contract-") as folder,
        open_discovery(target) as discovery,
        closing(place(target, Path(folder), discovery)) as host,
    ):
        services = shapes_at(target, host.address).services
    try:
        binding = Binding(target, services)
        if not place_.get("name"):
            target = replace(target, identity=replace(target.identity, name=binding.service))
        return target_file(target, binding, path), ""
    except TargetError as doubt:
        return target_file(target, None, path, str(doubt)), str(doubt)


def _write(text: str, path: Path | None) -> None:
    if path is None:
        click.echo(text, nl=False)
        return
    schema = path.with_name("target.schema.json")
    try:
        path.write_text(f"#:schema ./{schema.name}\n{text}", encoding="utf-8")
        if not schema.exists():
            schema.write_text(schemas.schema("target"), encoding="utf-8")
    except OSError as error:
        _end(f"{path} cannot be written: {error.strerror}. Name another file.", Verdict.USAGE)
    click.echo(f"Editors that know TOML complete and check it by {schema.name} beside it.")
    click.echo(f"{path} is written. Is it right? session-contract doctor --target {path}")


def _end(message: str, code: int) -> NoReturn:
    output.complain(message)
    sys.exit(code)
