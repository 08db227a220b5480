"""Repeats one check of an earlier run: the same target, the same seed, the same budget."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from session_contract.running import checking
from session_contract.running.runner import REPLAYS, Run, carry_out
from session_contract.subject.target import TargetError


def replay(name: str, results: Path) -> int:
    """Repeat the check that has this id in the results of a run; return the exit code.

    Raises:
        TargetError: There is no such run, or no such check in it.
    """
    known = _known(results.absolute() / REPLAYS)
    if name.upper() not in known:
        failed = ", ".join(name for name, entry in known.items() if entry["failed"])
        raise TargetError(
            f"{results} knows no check {name}. Those without success: {failed or 'none'}."
        )
    entry = known[name.upper()]
    run = Run(
        place=entry["place"],
        results=results.absolute() / "replays" / name.upper(),
        budget=entry["budget"],
        seed=entry["seed"],
        checks=[str(checking.CHECKS.parent / entry["node"])],
    )
    os.chdir(entry["folder"])  # paths and commands were given there
    return carry_out(run)


def _known(path: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(
            f"{path} cannot be read: {error.strerror}. Name the results of a run with --results."
        ) from None
    except ValueError as error:
        raise TargetError(f"{path} was not written by a run: {error}.") from None
    return known
