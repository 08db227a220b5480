"""Recomputes the kill matrix, and compares it with the one that is committed.

Each wrong implementation has one fault; the check of its requirement has to find it, and to say so
in the expected words. A requirement that no wrong implementation violates is not proved.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from selftest.catalogue import WRONG
from selftest.judging import KILLED, Row, judge, to_json

MATRIX = Path(__file__).resolve().parents[1] / "kill_matrix.json"


def chosen(named: Sequence[str]) -> list[int]:
    """The places in the catalogue of those whose name or requirement has one of these texts."""
    return [
        number
        for number, wrong in enumerate(WRONG)
        if not named or any(text in (wrong.name, wrong.requirement) or
                            text in wrong.name for text in named)
    ]  # fmt: skip


def _judge(number: int) -> Row:
    return judge(WRONG[number])


def judged(numbers: Sequence[int], processes: int) -> Iterator[Row]:
    """Run the suite on them, several at a time; a line for each as it ends."""
    with ProcessPoolExecutor(processes) as pool:
        for row in pool.map(_judge, numbers):
            mark = "✓" if row.outcome == KILLED else "✗"
            rest = "" if row.outcome == KILLED else f"\n    {row.outcome}"
            print(f"{mark} {row.requirement:24}{row.wrong}{rest}", flush=True)
            yield row


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What is not as committed, in words; rows that were left out of a run are passed over."""
    before = {row["wrong"]: row for row in old.get("rows", [])}
    added = [f"{row['wrong']}: is new" for row in new["rows"] if row["wrong"] not in before]
    return added + [
        f"{row['wrong']}: {key} was {known.get(key)!r}, is {row[key]!r}"
        for row in new["rows"]
        for known in [before.get(row["wrong"], row)]
        for key in row
        if known.get(key) != row[key]
    ]


def main() -> int:
    """Judge, and compare or write."""
    options = _parser().parse_args()
    rows = list(judged(chosen(options.names), options.processes))
    old: dict[str, Any] = {"rows": []}
    if MATRIX.exists():
        old = json.loads(MATRIX.read_text(encoding="utf-8"))
    new = to_json(rows)
    missed = [row for row in rows if row.outcome != KILLED]
    print(f"{len(rows) - len(missed)} of {len(rows)} wrong implementations were found as expected.")
    if options.write:
        kept = _left_out(old, rows) if options.names else []
        text = json.dumps(to_json([*rows, *kept]), indent=1, ensure_ascii=False)
        MATRIX.write_text(f"{text}\n", encoding="utf-8")
        return int(bool(missed))
    found = differences(old, new)
    if not options.names:
        gone = {str(row["wrong"]) for row in old["rows"]} - {row.wrong for row in rows}
        found += [f"{name}: is not in the catalogue any more" for name in sorted(gone)]
    for line in found:
        print(f"DIFFERS {line}")
    print("nox -s selftest -- --write takes it over." if found else f"{MATRIX.name} is up to date.")
    return int(bool(missed or found))


def _left_out(old: dict[str, Any], rows: Sequence[Row]) -> list[Row]:
    """The rows that are committed and were not judged anew."""
    judged_now = {row.wrong for row in rows}
    return [Row(**row) for row in old["rows"] if row["wrong"] not in judged_now]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Run the suite on wrong implementations: each has to be found.",
        epilog='Example: selftest.py CLOSE-UNKNOWN "file_logger: Close is always OK"',
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="requirements or names; else all")
    parser.add_argument("--write", action="store_true", help="write kill_matrix.json")
    parser.add_argument(
        "--processes", type=int, default=min(2, os.cpu_count() or 1), help="at a time"
    )
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
