"""The command ``lint``: what breaks only at run time, found before."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from session_contract import output
from session_contract.linting.checking import check, mend
from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding
from session_contract.results.run_result import Verdict


@click.command(short_help="What breaks only at run time, found in the files of a project.")
@click.argument(
    "project",
    required=False,
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--fix", is_flag=True, help="Mend what is plain how to mend.")
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    type=click.Choice(sorted(RULES)),
    metavar="RULE",
    help="Leave a rule out; may be given several times.",
)
@click.option("--rules", is_flag=True, help="Print all rules, with their reasons, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint(project: Path, fix: bool, ignored: Sequence[str], rules: bool, as_json: bool) -> None:
    """Hold the files of a project against each other; nothing of it is run.

    It looks at .serviceconfig, .proto, stubs, Python, pin maps, start scripts and target files.

    \b
    Exit codes: 0 nothing was found, or all of it was mended; 1 something was found; 2 wrong usage.

    \b
    Example: session-contract lint my_service
    """
    if rules:
        _print_rules(as_json=as_json)
        return
    read = Project(project)
    findings = check(read, ignored)
    mended: list[Finding] = []
    if fix:
        mend(findings)
        read = Project(project)
        left = check(read, ignored)
        mended, findings = [each for each in findings if each not in left], left
    (_print_json if as_json else _print)(findings, mended)
    for note in read.notes:
        output.complain(note)
    sys.exit(Verdict.VIOLATED if findings else Verdict.HOLDS)


def _print(findings: Sequence[Finding], mended: Sequence[Finding]) -> None:
    for finding in mended:
        click.echo(f"{_place(finding)}: mended [{finding.rule.id}]: {finding.fault}")
    told: set[str] = set()
    for finding in findings:
        click.echo(f"{_place(finding)}: [{finding.rule.id}] {finding.fault}")
        if finding.rule.id not in told:
            click.echo(_indented(f"why: {finding.rule.why}"))
        fixable = " (--fix does it)" if finding.mend else ""
        click.echo(_indented(f"fix: {finding.remedy}{fixable}"))
        told.add(finding.rule.id)
    count = len(findings)
    click.echo(
        f"{count or 'Nothing'} {'findings' if count > 1 else 'finding' if count else 'found'}."
    )


def _indented(text: str) -> str:
    return textwrap.fill(
        text, 100, initial_indent="    ", subsequent_indent="         ", break_on_hyphens=False
    )


def _place(finding: Finding) -> str:
    return f"{os.path.relpath(finding.path)}:{finding.line}"


def _print_json(findings: Sequence[Finding], mended: Sequence[Finding]) -> None:
    data = {"findings": [*map(_as_dict, findings)], "mended": [*map(_as_dict, mended)]}
    click.echo(json.dumps(data, indent=2))


def _as_dict(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule.id,
        "file": Path(os.path.relpath(finding.path)).as_posix(),
        "line": finding.line,
        "fault": finding.fault,
        "why": finding.rule.why,
        "fix": finding.remedy,
        "fixable": finding.mend is not None,
    }


def _print_rules(*, as_json: bool) -> None:
    if as_json:
        keys = ("id", "title", "why", "is_mended")
        click.echo(json.dumps([{k: getattr(r, k) for k in keys} for r in RULES.values()], indent=2))
        return
    for rule in RULES.values():
        click.echo(f"{rule.id}: {rule.title}{' --fix mends it.' if rule.is_mended else ''}")
        click.echo(_indented(rule.why))
