"""``python -m session_spec check | lock | tables``: for those who write the specification."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TextIO

from session_spec.catalogue import FOLDER, LOCK_NAME, read, requirement_files
from session_spec.demonstration import demonstrate
from session_spec.errors import Finding, SourceError
from session_spec.lock import compare, write_lock
from session_spec.sources import read_source, write_source
from session_spec.tables import fill, stale

WRONG_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code: 0, or 2 when a file is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m session_spec", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the requirement files")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="read, lint, run the examples, compare lock and tables")
    commands.add_parser("lock", help="write the lock anew; a changed text needs a raised revision")
    commands.add_parser("tables", help="print the generated tables into the files anew")
    options = parser.parse_args(arguments)
    try:
        findings = _COMMANDS[options.command](options.folder)
    except SourceError as error:
        findings = error.findings
    for finding in findings:
        _print(str(finding), sys.stderr)
    return WRONG_INPUT if findings else 0


def _check(folder: Path) -> list[Finding]:
    specification, findings = read(folder)
    if findings:
        return findings
    for requirement in specification:
        findings += demonstrate(requirement)
    findings += compare(specification, folder / LOCK_NAME)
    remedy = "Run: python -m session_spec tables"
    paths = [document.path for document in specification.documents]
    findings += [Finding(path, 1, "a generated table is stale", remedy) for path in stale(paths)]
    if not findings:
        examples = sum(len(r.examples) for r in specification)
        count = len(list(specification))
        _print(f"{count} requirements and {examples} examples hold", sys.stdout)
    return findings


def _lock(folder: Path) -> list[Finding]:
    specification, findings = read(folder)
    if not findings:
        findings = write_lock(specification, folder / LOCK_NAME)
    return findings


def _tables(folder: Path) -> list[Finding]:
    for path in stale(requirement_files(folder)):
        write_source(path, fill(read_source(path)))
        _print(f"wrote {path.name}", sys.stdout)
    return []


def _print(line: str, stream: TextIO) -> None:
    """Print a line; where nobody can read it, the exit code has to be enough."""
    try:
        print(line, file=stream, flush=True)
    except OSError:
        # else Python would try once more at its end, and fail with a code of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_COMMANDS = {"check": _check, "lock": _lock, "tables": _tables}

if __name__ == "__main__":
    sys.exit(main())
