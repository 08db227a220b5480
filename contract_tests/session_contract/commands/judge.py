"""The command ``judge``: is there an order in which recorded calls were all answered rightly?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from session_contract import output
from session_contract.races import Contradiction, Inconclusive, judge_history
from session_contract.results.run_result import Verdict
from session_contract.results.terminal import told
from session_contract.subject.finding import Finding
from session_contract.subject.record import Record, read_journal
from session_spec.model import Rules
from session_spec.requirement import CLAIMS

Judged = tuple[Verdict, list[str]]
"""The verdict on a file, and its lines of text."""


@click.command(short_help="Calls recorded elsewhere: were they answered rightly?")
@click.argument(
    "journals", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CALLS.JSONL..."
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    type=click.Choice(CLAIMS["server"]),
    help="Hold them against this claim, too; can be given several times.",
)
@click.option(
    "--dialect",
    type=click.Choice(["standard", "grpc-device"]),
    default="standard",
    show_default=True,
    help="Whose rules.",
)
def judge(journals: Sequence[Path], claims: Sequence[str], dialect: str) -> None:
    """Judge recorded calls: is there an order in which all answers are right?

    A recording has one call per line, as session_contract.recorder writes it. It begins when the
    server starts, with nothing open, and has the calls of all clients.

    \b
    Exit codes: 0 there is such an order; 1 there is none; 2 no such file, or it is no recording;
    5 nothing is recorded, or there are too many orders to try.

    \b
    Example: session-contract judge calls.jsonl --claim use
    """
    rules = Rules(frozenset(claims), grpc_device=dialect == "grpc-device")
    verdicts = [Verdict.HOLDS]
    for path in journals:
        records = _read(path)
        for (scope, life), history in _histories(records).items():
            verdict, lines = judged(history, rules)
            verdicts.append(verdict)
            part = ", ".join(filter(None, [scope, f"server started {life} times" * (life > 1)]))
            click.echo(f"{path}{f' ({part})' if part else ''}: {lines[0]}")
            for line in lines[1:]:
                click.echo(f"  {line}".rstrip())
    sys.exit(_worst(verdicts))


def _histories(records: Sequence[Record]) -> dict[tuple[str, int], list[Record]]:
    """The calls that belong together: of one check, to a server that was not started again."""
    histories: dict[tuple[str, int], list[Record]] = {} if records else {("", 1): []}
    for record in records:
        histories.setdefault((record.scope, record.life), []).append(record)
    return histories


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    return Verdict.VIOLATED if Verdict.VIOLATED in verdicts else max(verdicts)


def _read(path: Path) -> list[Record]:
    try:
        with path.open(encoding="utf-8") as lines:
            return list(read_journal(lines))
    except OSError as error:
        output.complain(
            f"{path} cannot be read: {error.strerror}. Name a file with recorded calls."
        )
    except (ValueError, RecursionError) as error:
        output.complain(f"{path}: {error}. A recording has one call per line, as JSON.")
    sys.exit(Verdict.USAGE)


def judged(records: Sequence[Record], rules: Rules) -> Judged:
    """Judge one history."""
    if not records:
        return Verdict.NOT_ESTABLISHED, ["no call is recorded, so that nothing is established"]
    found = judge_history(records, rules)
    count = f"{len(records)} calls"
    if isinstance(found, Contradiction):
        finding = Finding(
            found.requirement,
            "no order of these calls explains their answers",
            found.records,
            found.orders,
            found.left_out,
        )
        return Verdict.VIOLATED, [f"{found.requirement} is violated in {count}", *told(finding)]
    if isinstance(found, Inconclusive):
        text = f"of {count}, {found.calls} have too many orders to try: record a shorter time"
        return Verdict.NOT_ESTABLISHED, [text]
    return Verdict.HOLDS, [f"some order of its {count} explains all answers"]
