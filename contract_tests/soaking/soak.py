"""Soaks the references and a station in faults: nothing acknowledged is lost, no answer is wrong.

Rounds of some seconds. In each, clients of both reference servers initialize, use and close while
faults are injected; then the answers are held against the model, and the logs against what was
acknowledged. In the end a table says what there was, what went wrong and what grew.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from long_runs.shared import pin_map_xml
from session_contract.races import Contradiction, Inconclusive, judge_history
from session_contract.subject.record import Record
from session_spec.model import EVERY_CLAIM
from soaking.clients import Client, Scene
from soaking.faults import Faults, small_disk
from soaking.mortal import MortalStation
from soaking.servers import LIMIT, Server
from soaking.stations import StationPart
from soaking.tally import Held, Tally

CLIENTS = 5
CALLS = 120
"""Of each client in a round: more would be too much for the judge."""
WARM = 3
"""Rounds, or lives of a server, after which nothing may grow."""
RESULTS = Path(__file__).with_name("results.json")
EXAMPLE = """example:
  nox -s soak -- --minutes 60

exit code: 0 nothing went wrong; 1 something did; 130 interrupted
"""


class Soak:
    """Both servers and a station, and the rounds."""

    def __init__(self, folder: Path, disk: Path | None, tally: Tally, seed: int) -> None:
        """Start everything."""
        self._folder = folder
        self._disk = disk
        self._tally = tally
        self._seed = seed
        pin_map = folder / "soak.pinmap"
        pin_map.write_text(pin_map_xml(5), encoding="utf-8")
        self._station = StationPart(pin_map, tally)
        self._mortal = MortalStation(pin_map, folder, tally)
        self._servers = [
            Server(kind, folder, self._mortal.address)
            for kind in ("file_logger", "custom_instrument")
        ]
        self._held: dict[int, list[Held]] = {}

    def round(self, number: int) -> None:
        """One round: calls and faults, then the judgement."""
        seed = f"{self._seed}/{number}"
        scenes = [self._scene(server, number) for server in self._servers]
        clients = [
            Client(scene, client, CALLS, f"{seed}/{scene.server.kind}/{client}")
            for scene in scenes
            for client in range(CLIENTS)
        ]
        faults = [self._faults(scene, f"{seed}/{scene.server.kind}/faults") for scene in scenes]
        for thread in (*clients, *faults):
            thread.start()
        self._mortal.kill(random.Random(seed).uniform(0, 0.2))
        self._station.round(seed)
        self._mortal.start()
        for client in clients:
            client.join(3 * LIMIT)
            if client.is_alive():
                self._tally.complain(f"{client.name} hangs")
        for fault in faults:
            fault.end()
        self._mortal.look_for(self._servers)
        for scene in scenes:
            judge(scene, self._tally)
            if scene.server.kind == "file_logger":
                look_up(scene, self._tally)
        self._look_at_growth()

    def _scene(self, server: Server, number: int) -> Scene:
        names = [f"{number}-{name}.log" for name in "abc"]
        if server.kind != "file_logger":
            return Scene(server, names, self._tally, str(number))
        folders = [self._folder, self._folder, self._disk or self._folder]
        paths = [str(folder / name) for folder, name in zip(folders, names, strict=True)]
        return Scene(server, paths, self._tally, str(number))

    def _faults(self, scene: Scene, seed: str) -> Faults:
        is_logger = scene.server.kind == "file_logger"
        logs = [Path(scene.resources[0])] if is_logger else []
        return Faults(scene.server, logs, self._disk if is_logger else None, self._tally, seed)

    def _look_at_growth(self) -> None:
        processes = {server.life.process.pid: server.kind for server in self._servers}
        for process, name in ({os.getpid(): "the soak itself"} | processes).items():
            now = Held.by(process)
            if now is None:
                continue
            seen = self._held.setdefault(process, [])
            seen.append(now)
            if len(seen) > WARM:
                self._tally.watch(name, seen[WARM - 1], now)

    def stop(self) -> None:
        """Stop everything; what is wrong with that is noted, too."""
        for server in self._servers:
            if wrong := server.stop():
                self._tally.complain(wrong)
        self._station.stop()
        self._mortal.stop()


def judge(scene: Scene, tally: Tally) -> None:
    """Hold the answers of each life against the model."""
    lives: dict[int, list[Record]] = {}
    for record in scene.records:
        lives.setdefault(record.life, []).append(record)
    for life, history in lives.items():
        verdict = judge_history(history, EVERY_CLAIM)
        tally.judged += len(history)
        if isinstance(verdict, Inconclusive):
            tally.undecided += verdict.calls
        elif isinstance(verdict, Contradiction):
            tally.complain(f"{scene.server.kind}, life {life}: {verdict}")


def look_up(scene: Scene, tally: Tally) -> None:
    """Hold the logs of a round against what was acknowledged, then remove them."""
    seen: collections.Counter[str] = collections.Counter()
    for path in map(Path, scene.resources):
        for number, line in enumerate(_lines(path), start=1):
            try:
                seen[json.loads(line)["measurement_name"]] += 1
            except (ValueError, KeyError, TypeError):
                tally.complain(f"{path.name}, line {number} is no record: {line[:80]!r}")
        path.unlink(missing_ok=True)
        Path(f"{path}.torn").unlink(missing_ok=True)
    tally.records += len(scene.acknowledged)
    for name in scene.acknowledged:
        if seen[name] != 1:
            tally.lost += not seen[name]
            tally.complain(f"acknowledged, and {seen[name]} times in the log: {name[:40]}")
    for name in scene.refused:
        if seen[name]:
            tally.complain(f"refused, and yet in the log: {name[:40]}")


def _lines(path: Path) -> Sequence[bytes]:
    """The whole lines of a log; a torn one is what a killed server leaves."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def soak(minutes: float, seed: int) -> tuple[Tally, int]:
    """Soak for so long; return what was seen, and in how many rounds."""
    tally, number = Tally(), 0
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name, "disk")) as disk:
        world = Soak(Path(name), disk, tally, seed)
        ends = time.monotonic() + 60 * minutes
        try:
            while time.monotonic() < ends and len(tally.wrong) < 20:
                number += 1
                world.round(number)
        finally:
            world.stop()
    return tally, number


def table(tally: Tally, rounds: int, minutes: float, seed: int) -> dict[str, Any]:
    """What there was, as it is printed and as the site shows it."""
    grown = {name: f"{more / 2**20:.1f} MiB" for name, more in sorted(tally.grown.items())}
    return {
        "run": {"minutes": minutes, "rounds": rounds, "seed": seed},
        "calls": dict(sorted(tally.calls.items())),
        "faults": dict(sorted(tally.faults.items())),
        "judged": {"calls": tally.judged, "in too many orders to try": tally.undecided},
        "records": {"acknowledged": tally.records, "lost": tally.lost},
        "memory gained once warm": grown,
        "went wrong": {"violations, hangs, growth, tracebacks": len(tally.wrong)},
    }


def main(arguments: list[str] | None = None) -> int:
    """Soak and print; 1 when something went wrong."""
    parser = argparse.ArgumentParser(
        prog="soak.py", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--write", action="store_true", help="keep the table, for the site")
    chosen = parser.parse_args(arguments)
    tally, rounds = soak(chosen.minutes, chosen.seed)
    told = table(tally, rounds, chosen.minutes, chosen.seed)
    for title, row in told.items():
        print(f"{title}:")
        for what, value in row.items():
            print(f"  {what}: {value}")
    for text in tally.wrong:
        print(f"WRONG {text}")
    if chosen.write:
        RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
