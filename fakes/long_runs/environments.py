"""Runs an unmodified plug-in in environments of its own, with NI's oldest and newest SDK."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PLUG_IN = Path(__file__).parents[1] / "tests" / "plug_ins" / "simple" / "measurement.py"
SDK = "ni-measurement-plugin-sdk-service"
ENVIRONMENTS = {"oldest": f"{SDK}>=2.3,<2.4", "newest": SDK}
"""What is installed in each: NI's SDK, what that needs, and nothing of this kit."""
KIT = [sys.executable, "-m", "session_fakes.cli"]
REGISTERED_WITHIN = 1.0
"""Seconds from the command to the registration, in the median."""
MARGIN = 0.05
LIMIT = 120.0
"""Seconds that anything may take here, at most."""
INTERRUPTED = (1, 130) if os.name == "posix" else (1, 130, 0xC000013A)
EXAMPLE = """example:
  python fakes/long_runs/environments.py --starts 5

exit code: 0; 1 when something failed, with --strict also when registering took too long;
  3 when an environment could not be made, as without a package index
"""


class NoEnvironmentError(Exception):
    """An environment could not be made; the text says why."""


class Trial(NamedTuple):
    """How a plug-in ran: seconds to its registration, and what was wrong."""

    seconds: float
    failures: list[str]


# The environments ---------------------------------------------------------------------------------


def make_environment(folder: Path, requirement: str) -> Path:
    """Make a virtual environment with one package and what it needs; return its Python.

    Raises:
        NoEnvironmentError: This Python has no venv, or the package index cannot be reached.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", requirement],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise NoEnvironmentError(
                f"no environment with {requirement}: {' '.join(said)}. It needs venv and a "
                "package index: is there a network, or a proxy to name?"
            )
    return python


def facts_of(python: Path) -> tuple[str, bool]:
    """The version of NI's SDK in an environment, and whether this kit is in there, too."""
    code = (
        "import importlib.metadata as m, importlib.util as u, json;"
        f"print(json.dumps([m.version({SDK!r}), u.find_spec('session_fakes') is not None]))"
    )
    version, has_kit = json.loads(subprocess.check_output([str(python), "-c", code], text=True))
    return version, has_kit


# The plug-in --------------------------------------------------------------------------------------


def trial(python: Path, plug_in: Path, folder: Path) -> Trial:
    """Run a plug-in on a station, measure it from another process, and interrupt it."""
    settings = {"SESSION_FAKES_READY_FILE": str(folder / "ready.json"), "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **settings}
    begun = time.perf_counter()
    with _started([*KIT, "run", "--", str(python), str(plug_in)], environment) as process:
        said = _read_until(process, "is registered after")
        seconds = time.perf_counter() - begun
        if "is registered after" not in said:
            return Trial(seconds, [f"it did not register: {said}"])
        command = [*KIT, "measure", "SimpleMeasurement", "--set", "Value=21", "--json"]
        measured = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        process.send_signal(_interrupt())
        said += process.communicate(timeout=LIMIT)[1]
    return Trial(seconds, _failures(measured, process.returncode, said))


def _failures(measured: subprocess.CompletedProcess[str], code: int, said: str) -> list[str]:
    failures: list[str] = []
    if measured.returncode != 0 or json.loads(measured.stdout).get("Twice") != 42:
        failures.append(
            f"measure ended with {measured.returncode}, not with 42: "
            f"{measured.stdout}{measured.stderr}"
        )
    if code not in INTERRUPTED:
        failures.append(f"after Ctrl-C it ended with {code}: {said}")
    if "left behind" in said:
        failures.append(f"it did not unregister: {said}")
    return failures


def _interrupt() -> int:
    return int(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))


@contextmanager
def _started(
    command: list[str], environment: dict[str, str]
) -> Generator[subprocess.Popen[str], None, None]:
    """A process that is ended with the block, and after the limit at the latest."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores SIGINT, and so would its children.
        preexec_fn=None if sys.platform == "win32" else _listen_to_interrupts,
    )
    watchdog = threading.Timer(LIMIT, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def _listen_to_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read_until(process: subprocess.Popen[str], wanted: str) -> str:
    said = ""
    for line in process.stderr or ():
        said += line
        if wanted in line:
            break
    return said


# The command --------------------------------------------------------------------------------------


def check(name: str, requirement: str, starts: int) -> tuple[float, list[str]]:
    """Try a plug-in some times in an environment; return the median seconds, and the failures."""
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(Path(folder, "environment"), requirement)
        version, has_kit = facts_of(python)
        # The first start of an environment compiles, and is not counted.
        trials = [trial(python, PLUG_IN, Path(folder)) for _ in range(starts + 1)]
    median = statistics.median(each.seconds for each in trials[1:])
    slowest = max(each.seconds for each in trials[1:])
    print(
        f"{name}: SDK {version}; run, measured and stopped {len(trials)} times; registered after "
        f"{median:.2f} s (median of {starts}; at most {slowest:.2f} s)",
        flush=True,
    )
    failures = [f"{name}: {failure}" for each in trials for failure in each.failures]
    return median, failures + ([f"{name}: the kit is in its environment"] if has_kit else [])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    failures: list[str] = []
    try:
        for name, requirement in ENVIRONMENTS.items():
            median, found = check(name, requirement, options.starts)
            failures += found
            if options.strict and median > REGISTERED_WITHIN * (1 + MARGIN):
                failures.append(f"{name}: registered after {median:.2f} s, not {REGISTERED_WITHIN}")
    except NoEnvironmentError as error:
        print(f"environments: {error}", file=sys.stderr)
        return 3
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="environments.py",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--starts", type=int, default=5, help="in each environment, timed")
    parser.add_argument("--strict", action="store_true", help="fail when registering takes long")
    return parser


if __name__ == "__main__":
    sys.exit(main())
