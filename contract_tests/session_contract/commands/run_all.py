"""The command ``run-all``: judges several targets, on one table and one page."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from session_contract import output
from session_contract.commands.run import INTERRUPTED, RESULTS, needed
from session_contract.results.run_result import Verdict

if TYPE_CHECKING:
    from session_contract.running.together import Judged


@click.command("run-all", short_help="Judge several targets, on one page.")
@click.argument("targets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--quick", "budget", flag_value="quick", help="Repeat less: some seconds.")
@click.option("--thorough", "budget", flag_value="thorough", help="Repeat more: many minutes.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="The same seed for all.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=RESULTS,
    show_default=True,
    help="The folder for the page, and for the reports below it.",
)
@click.option(
    "-j",
    "jobs",
    type=click.IntRange(1),
    default=min(os.cpu_count() or 1, 4),
    show_default=True,
    metavar="N",
    help="Judge N targets at the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run_all(
    targets: Sequence[Path],
    budget: str | None,
    seed: int | None,
    results: Path,
    jobs: int,
    as_json: bool,
) -> None:
    """Judge every target file that is named, or that lies in a folder that is named.

    What a target needs and this machine has not (a program, a Python package) leaves it out, and
    the table says so.

    \b
    Exit codes: those of run; the gravest counts. 5 also when all were left out.

    \b
    Example: session-contract run-all targets/ --results contract-results
    """
    flags = [f"--{budget}"] if budget else []
    flags += ["--seed", str(seed)] if seed is not None else []
    with needed():
        from session_contract.running.together import Together
    together = Together(_files(targets), results, flags, jobs)
    try:
        judged = together.run(lambda each: None if as_json else _tell(each))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _conclude(judged, results, as_json=as_json)


def _files(targets: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in targets:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            output.complain(f"{path} holds no target file: name a folder with .toml files.")
            sys.exit(Verdict.USAGE)
        found += inside
    return found


def _tell(judged: Judged) -> None:
    """Say that a target is done, and all that its run printed when it is not well."""
    if judged.left_out:
        click.echo(f"{judged.file.stem}: left out, {judged.left_out}")
    elif judged.code == Verdict.HOLDS:
        click.echo(f"{judged.name}: done in {judged.seconds:.1f} s")
    else:
        click.echo(f"\n{judged.file}\n{judged.output.rstrip()}\n")


def _conclude(judged: Sequence[Judged], results: Path, *, as_json: bool) -> None:
    from session_contract.results import overview
    from session_contract.running.together import verdict_of
    from session_spec import load

    specification, verdict = load(), verdict_of(judged)
    page = results / "index.html"
    try:
        results.mkdir(parents=True, exist_ok=True)
        text = overview.page(judged, specification, results)
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        output.complain(f"{page} cannot be written: {error.strerror}. Name a folder: --results.")
        sys.exit(Verdict.USAGE)
    if as_json:
        rows = [_as_dict(each) for each in judged]
        click.echo(json.dumps({"verdict": verdict.name, "targets": rows}, indent=2))
    else:
        click.echo("")
        for line in overview.table(judged, specification):
            click.echo(line)
        click.echo(f"\nResults: {page}\n{overview.conclusion(judged)}")
    sys.exit(verdict)


def _as_dict(judged: Judged) -> dict[str, object]:
    return {
        "target": judged.name,
        "file": str(judged.file),
        "results": str(judged.folder),
        "code": judged.code,
        "left_out": judged.left_out,
        "seconds": round(judged.seconds, 3),
    }
