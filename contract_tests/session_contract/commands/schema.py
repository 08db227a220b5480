"""The command ``schema``: what editors need to complete the files that people write."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from session_contract import output, schemas
from session_contract.results.run_result import Verdict


@click.command(short_help="The JSON schema of a kind of file, for editors.")
@click.argument("name", type=click.Choice(schemas.NAMES), metavar="NAME")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; without, it is printed.",
)
def schema(name: str, path: Path | None) -> None:
    """Print the JSON schema of a kind of file.

    \b
    target          target files, what session-contract run --target judges
    serviceconfig   .serviceconfig files
    client-lines    the lines to and from a client in another language
    results         results.json of a run

    \b
    With the schema beside it, a target file that begins with this line is completed and checked
    by editors that know TOML (VS Code: Even Better TOML):
        #:schema ./target.schema.json
    For .serviceconfig files name the schema in the settings of the editor (VS Code: json.schemas),
    not in the file: whether NI's Discovery takes one more key there is not known.

    \b
    Exit codes: 0 done; 2 there is no such schema, or the file cannot be written.

    \b
    Example: session-contract schema target -o target.schema.json
    """
    text = schemas.schema(name)
    if path is None:
        click.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        output.complain(f"{path} cannot be written: {error.strerror}. Name another file.")
        sys.exit(Verdict.USAGE)
