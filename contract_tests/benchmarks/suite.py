"""The contract suite itself: a whole run, and what a check costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Figure, Findings, Spread

PART = "Contract suite"
TARGETS = Path(__file__).parents[1] / "targets"


def measure(findings: Findings, folder: Path, names: tuple[str, ...]) -> None:
    """Judge these targets, each once."""
    folder.mkdir(parents=True)
    for name in names:
        command = [str(Path(sys.executable).with_name("session-contract")), "run", "--json"]
        flags = ["--target", str(TARGETS / f"{name}.toml"), "--results", str(folder / name)]
        begun = time.perf_counter()
        done = subprocess.run([*command, *flags], check=True, capture_output=True, text=True)
        took = time.perf_counter() - begun
        checks = len(json.loads(done.stdout)["checks"])
        findings.add(
            Figure(
                PART, f"a whole run on {name}", Spread.of([took]), "s", detail=f"{checks} checks"
            )
        )
        findings.add(Figure(PART, f"a check on {name}", Spread.of([1000 * took / checks]), "ms"))
