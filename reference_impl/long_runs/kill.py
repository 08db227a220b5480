"""Kills the file logger while clients write: what was acknowledged has to be in the log.

Each round starts the server as a process, lets parallel writers log as fast as they can, kills the
server without warning after a random number of records, and reads the log: every acknowledged
record has to be there, once and whole, and every line has to be JSON. The next round goes on with
the same log.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc

from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpc

WRITERS = 8
LIMIT = 30.0


@contextmanager
def _server(
    folder: Path, flags: list[str]
) -> Generator[tuple[subprocess.Popen[bytes], str], None, None]:
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "session_reference.file_logger", "--discovery", "off"]
    process = subprocess.Popen(
        [*command, "--ready-file", str(ready), *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + LIMIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The server did not start within {LIMIT:g} s.")
            time.sleep(0.005)
        yield process, ready.read_text().strip()
    finally:
        process.kill()
        process.wait()


def _write(address: str, path: Path, writer: str, acknowledged: list[str], enough: threading.Event,
           count: int) -> None:  # fmt: skip
    """Log until the server is gone; whoever has seen enough records says so."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = rpc.JsonLoggerStub(channel)
        try:
            opened = stub.InitializeFile(
                messages.InitializeFileRequest(resource_name=str(path)), timeout=LIMIT
            )
            for number in range(10**9):
                name = f"{writer}-{number}"
                request = messages.LogMeasurementDataRequest(
                    session_id=opened.session_id,
                    measurement_name=name,
                    measurement_outputs={"value": "1" * (number % 300)},
                )
                stub.LogMeasurementData(request, timeout=LIMIT)
                acknowledged.append(name)
                if number >= count:
                    enough.set()
        except grpc.RpcError:
            enough.set()


def one_round(folder: Path, number: int, rng: random.Random, flags: list[str]) -> list[str]:
    """Write, kill and read once; return what went wrong, and how many records there were."""
    path = folder / "killed.log"
    acknowledged: list[list[str]] = [[] for _ in range(WRITERS)]
    enough = threading.Event()
    with _server(folder, flags) as (process, address):
        count = rng.randrange(1, 60)
        writers = [
            threading.Thread(
                target=_write,
                args=(address, path, f"{number}-{w}", acknowledged[w], enough, count),
            )
            for w in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        enough.wait(LIMIT)
        process.kill()
        for writer in writers:
            writer.join()
    return check(path, [name for names in acknowledged for name in names], f"{number}-")


def check(path: Path, acknowledged: list[str], prefix: str) -> list[str]:
    """Hold the log against what was acknowledged in this round."""
    wrong: list[str] = []
    seen: collections.Counter[str] = collections.Counter()
    for index, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            seen[json.loads(line)["measurement_name"]] += 1
        except (ValueError, KeyError, TypeError):
            wrong.append(f"line {index} is no record: {line[:60]!r}")
    if not path.read_bytes().endswith(b"\n"):
        wrong.append("the last line is torn")
    wrong += [
        f"acknowledged, but not in the log: {name}" for name in acknowledged if not seen[name]
    ]
    wrong += [f"{count} times: {name}" for name, count in seen.items()
              if name.startswith(prefix) and count > 1]  # fmt: skip
    return wrong


def main() -> int:
    """Do the rounds; 1 when a record was lost, torn or doubled."""
    parser = argparse.ArgumentParser(description="Kill the file logger while clients write.")
    parser.add_argument("--rounds", type=int, default=50, help="how often to kill (default: 50)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--durable", action="store_true", help="start the server with --durable")
    chosen = parser.parse_args()
    rng, failures, records = random.Random(chosen.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, chosen.rounds + 1):
            flags = ["--durable"] if chosen.durable else []
            wrong = one_round(Path(folder), number, rng, flags)
            failures += bool(wrong)
            for line in wrong[:5]:
                print(f"round {number}: {line}", flush=True)
        records = (Path(folder) / "killed.log").read_bytes().count(b"\n")
    print(
        f"{chosen.rounds} rounds, seed {chosen.seed}: {records} records, {failures} rounds failed."
    )
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
