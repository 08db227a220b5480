"""Measures the reference servers, the fakes and the suite, against echoes of the same run.

Rounds are paired and interleaved; a figure is the median of the rounds, with the quartiles.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from benchmarks import checker, devices, direct, durable, logs, pin_maps, references, station, suite
from benchmarks.figures import Findings

RESULTS = Path(__file__).with_name("results.json")
"""What the site shows."""
SIZES = [1_000, 100_000]
TARGETS = ("file_logger", "custom_instrument")
EXAMPLE = """example:
  nox -s bench -- --only references --rounds 20

Nothing else should run meanwhile. Exit code: 0; with --strict 1 when an aim is missed;
130 interrupted.
"""


def parts(folder: Path, rounds: int, sizes: list[int]) -> dict[str, Callable[[Findings], None]]:
    """What can be measured, by name."""
    amount = station.Amount(rounds=rounds)
    return {
        "references": lambda found: references.measure(found, folder, rounds, sizes),
        "direct": lambda found: direct.measure(found, folder, rounds, max(sizes)),
        "logs": lambda found: logs.measure(found, folder / "logs", rounds, 100),
        "durable": lambda found: durable.measure(found, folder / "durable", rounds),
        "station": lambda found: station.measure(found, folder / "station", amount),
        "devices": lambda found: devices.measure(found, rounds),
        "pin maps": pin_maps.measure,
        "checker": lambda found: checker.measure(found, rounds),
        "suite": lambda found: suite.measure(found, folder / "suite", TARGETS),
    }


def machine() -> dict[str, str]:
    """Where and with what it was measured."""
    versions = {name: version(name) for name in ("grpcio", "protobuf")}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def to_json(findings: Findings, rounds: int) -> dict[str, Any]:
    """All that a run says, as the site reads it."""
    figures = [
        asdict(figure) | {"spread": list(figure.spread), "aim": figure.aim,
                          "verdict": figure.verdict}
        for figure in findings.figures
    ]  # fmt: skip
    curves = [asdict(curve) for curve in findings.curves]
    return {"machine": machine(), "rounds": rounds, "figures": figures, "curves": curves}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    names = list(parts(Path(), 1, [1]))
    options = _parser(names).parse_args(arguments)
    findings = Findings(lambda line: print(line, flush=True))
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            measured = parts(Path(folder), options.rounds, options.sessions)
            for name in options.only or names:
                print(f"\n{name} ...", flush=True)
                measured[name](findings)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    if options.json:
        text = json.dumps(to_json(findings, options.rounds), indent=1, ensure_ascii=False)
        options.json.write_text(f"{text}\n", encoding="utf-8")
    missed = [figure.what for figure in findings.figures if figure.verdict == "missed"]
    print(f"\n{len(findings.figures)} figures, {len(missed)} aims missed.")
    return 1 if missed and options.strict else 0


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.py",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=60, help="paired rounds (default: 60)")
    add("--sessions", type=int, nargs="+", default=SIZES, metavar="N",
        help="how many sessions are many (default: 1000 100000)")  # fmt: skip
    add("--only", nargs="+", choices=names, help="measure only these parts")
    add("--folder", type=Path, help="where to keep logs meanwhile (default: the temporary folder)")
    add("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    add("--write", action="store_const", const=RESULTS, dest="json",
        help="write them where the site shows them")  # fmt: skip
    add("--strict", action="store_true", help="fail when an aim is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
