"""``session-fakes run``: a station, and a command on it that knows nothing of it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from session_fakes.cli.flags import DURATION, Flag, StationSettings, station_flags
from session_fakes.cli.hosting import Hosted, hosted, on_signals
from session_fakes.cli.text import say
from session_fakes.errors import FakeError, pasted

_SIGNALLED = 128
"""A shell adds this to the number of the signal that ended a command."""
_TICK = 0.1
_ENTER_TIME = 2.0
_GRACE = 3.0
"""Seconds that a command has to end after each signal, when the station is told to stop."""


@click.command(
    short_help="Start a station, and a command on it.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@station_flags
@click.option(
    "--registration-within",
    cls=Flag,
    type=DURATION,
    default="10s",
    show_default=True,
    help="Explain why no service was registered after this time.",
)
@click.argument("command", nargs=-1, required=True, metavar="COMMAND...")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    command: Sequence[str],
    registration_within: float,
    **settings: Any,  # noqa: ANN401 - the flags
) -> None:
    """Run a command, such as a plug-in, on a station that lives as long as the command.

    The command finds the station by its environment, and so does what it starts. Its output goes
    through untouched, Ctrl-C and other signals reach it, and its exit code is that of run. When a
    signal ended it, the code is 128 and the number of the signal, as in a shell. Without any input
    (/dev/null, as in background jobs) the command finds its input open and silent.

    \b
    Example: session-fakes run --pin-map station.pinmap -- python measurement.py
    """
    with hosted(StationSettings(**settings)) as station, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "bootstrap.jsonl"
        ctx.exit(_run(station, command, _Limits(report, registration_within)))


@dataclass(frozen=True)
class _Limits:
    """Where the bootstrap reports, and how long a registration may take."""

    report: Path
    seconds: float


def _run(station: Hosted, command: Sequence[str], limits: _Limits) -> int:
    child: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int) -> None:
        if not child:
            early.append(number)
        elif not _has_it_already(number):
            with suppress(OSError, ValueError):
                child[0].send_signal(number)

    with on_signals(pass_on):
        started = time.monotonic()
        child.append(_start(station, command, limits.report))
        try:
            for number in early:
                child[0].send_signal(number)
            watch = _Watch(station, child[0], command, limits, started)
            thread = threading.Thread(target=watch, name="registration", daemon=True)
            thread.start()
            ending = threading.Thread(
                target=_end_when_told, args=(station, child[0]), name="ending", daemon=True
            )
            ending.start()
            code = _end_of(child[0])
            thread.join()
        finally:
            # Nothing of a command outlives its station, whatever goes wrong here.
            child[0].kill()
            if child[0].stdin is not None:
                child[0].stdin.close()
    _tell_leaks(station)
    return code if code >= 0 else _SIGNALLED - code


def _end_of(child: subprocess.Popen[bytes]) -> int:
    """The exit code of the command, once it has ended."""
    while not _ends(child, _TICK):
        # Not without a limit: a signal that another thread got would be handled at the end only.
        pass
    return child.returncode


def _end_when_told(station: Hosted, child: subprocess.Popen[bytes]) -> None:
    """End the command once the station is to stop: with Enter, as Ctrl-C does, then harder.

    NI's plug-ins close on Enter. Where the command shares the user's input, Ctrl-C comes first.
    """
    station.control.stop_wanted.wait()
    if child.stdin is not None:
        with suppress(OSError, ValueError):
            child.stdin.write(b"\n")
            child.stdin.flush()
        if _ends(child, _ENTER_TIME):
            return
    for number in (signal.SIGINT, signal.SIGTERM):
        # On Windows the first of them is no signal for another process.
        with suppress(OSError, ValueError):
            child.send_signal(number)
            if _ends(child, _GRACE):
                return
    child.kill()


def _ends(child: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        child.wait(seconds)
    return child.returncode is not None


def _start(station: Hosted, command: Sequence[str], report: Path) -> subprocess.Popen[bytes]:
    from session_fakes.bootstrap import REPORT

    environment = {**station.station.environment(os.environ), REPORT: str(report)}
    address = station.station.discovery_address
    try:
        stdin = subprocess.PIPE if _has_no_input() else None
        child = subprocess.Popen(command, env=environment, stdin=stdin)
    except OSError as error:
        raise FakeError(
            f"{shlex.quote(command[0])} cannot be started: {error.strerror}. Check its name."
        ) from None
    say(
        f"Discovery on {address}; NI's SDK in the command and its children is patched to look "
        "there (by PYTHONPATH; nothing on disk changes)."
    )
    return child


def _has_no_input() -> bool:
    """Whether there is nothing to read, ever: plug-ins that wait for Enter would end at once."""
    try:
        with Path(os.devnull).open("rb") as nothing:
            return os.path.sameopenfile(0, nothing.fileno())
    except OSError:
        return True


def _has_it_already(number: int) -> bool:
    """Whether the terminal sent the signal to the command, too: twice would break its clean-up."""
    if sys.platform == "win32":
        return True
    if number != signal.SIGINT:
        return False
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


class _Watch:
    """Says when the first service is registered, or why there is none."""

    def __init__(
        self,
        station: Hosted,
        child: subprocess.Popen[bytes],
        command: Sequence[str],
        limits: _Limits,
        started: float,
    ) -> None:
        self._station, self._child, self._command = station.station, child, command
        self._limits, self._started = limits, started

    def __call__(self) -> None:
        """Watch until there is something to say."""
        try:
            self._watch()
        except Exception:  # whatever it is: nobody would see it in a thread of its own
            import traceback

            self._station.internal_errors.append(traceback.format_exc())

    def _watch(self) -> None:
        deadline = self._started + self._limits.seconds
        is_explained = False
        while True:
            ended = self._child.poll()
            rest = _TICK if is_explained else deadline - time.monotonic()
            name = self._registered(0 if ended is not None else max(0.0, min(_TICK, rest)))
            if name is not None:
                self._tell(name)
                return
            if (ended is not None or rest <= 0) and not is_explained:
                self._explain(ended)
                is_explained = True
            if ended is not None:
                return

    def _registered(self, seconds: float) -> str | None:
        calls = self._station.calls
        with suppress(FakeError):
            calls.wait_for("RegisterService", timeout=seconds)
        good = [call for call in calls.of("RegisterService") if call.code == "OK"]
        if not good:
            if len(calls.of("RegisterService")):
                # It was refused: waiting returns at once, and the next may take a while.
                time.sleep(seconds)
            return None
        request: Any = good[0].request
        return str(request.service_description.display_name)

    def _tell(self, name: str) -> None:
        seconds = time.monotonic() - self._started
        is_measurement = any(
            ".MeasurementService" in interface
            for service in self._station.services()
            if service.display_name == name
            for interface in service.interfaces
        )
        hint = f" Measure it: session-fakes measure {pasted(name)}" if is_measurement else ""
        self._say(f"{name} is registered after {seconds:.1f} s.{hint}")

    def _explain(self, ended: int | None) -> None:
        refused = self._station.calls.of("RegisterService")
        if len(refused):
            self._say(f"The registration was refused: {refused.last.code} {refused.last.details}")
        elif ended == 0 or (ended is not None and len(self._station.calls)):
            # A client or a test run that did its work needs no registration.
            return
        else:
            for line in self._reasons(ended):
                self._say(line)
            if ended is None:
                self._say("If it is only slow, as a first start may be, you are told once it has.")

    def _say(self, line: str) -> None:
        say(line, beside_a_command=self._child.poll() is None)

    def _reasons(self, ended: int | None) -> list[str]:
        from session_fakes.bootstrap import read_report
        from session_fakes.bootstrap.diagnosis import explanation

        reached = read_report(self._limits.report)
        told = explanation(self._command, ended, self._limits.seconds, [], reached)
        # The rest is for those who do not see the output of the command themselves.
        lines = told.replace("see what it printed last:", "see what it printed.").splitlines()
        return lines[:2]


def _tell_leaks(station: Hosted) -> None:
    for leak in station.station.leaks():
        say(f"left behind: {leak.kind} {leak.what} ({leak.who})")
