"""Says why a plug-in that was started did not register, from what can be seen of it."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from session_fakes.bootstrap import DISCOVERY, BootstrappedProcess
from session_fakes.errors import quoted

__all__ = ["explanation"]

_TAIL = 20
_SEE = "see what it printed last:"


def explanation(
    command: Sequence[str],
    returncode: int | None,
    timeout: float,
    lines: Sequence[str],
    reached: Sequence[BootstrappedProcess] | None,
) -> str:
    """Why no registration arrived: what happened, the likely reason, the end of the output.

    Args:
        command: What was started.
        returncode: How it ended, or None.
        timeout: The seconds that were waited at most.
        lines: What it printed.
        reached: The processes that the bootstrap reached, or None when that is not known.
    """
    what = (
        f"runs, but did not register within {timeout:g} s"
        if returncode is None
        else _end(returncode)
    )
    tail = [f"  | {line}" for line in lines[-_TAIL:]] or ["  | (it printed nothing)"]
    reason = _reason(command, returncode, "\n".join(lines), reached)
    return "\n".join([f"The plug-in {quoted(' '.join(command))} {what}.", reason, *tail])


def _end(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode} before it registered"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-returncode).name} before it registered"
    return f"was ended by signal {-returncode} before it registered"


def _reason(
    command: Sequence[str],
    returncode: int | None,
    output: str,
    reached: Sequence[BootstrappedProcess] | None,
) -> str:
    flags = _isolating_flags(command)
    errors = [error for process in reached or () for error in process.errors]
    if flags:
        return (
            f"Python's option {' and '.join(flags)} keeps it from finding the fake station:"
            " start it without."
        )
    if errors:
        return f"NI's SDK could not be pointed at the fake station: {errors[0]}."
    if returncode is not None and returncode < 0:
        return f"It did not end by itself: it was killed, or it crashed; {_SEE}"
    if reached is not None and not reached:
        return (
            "The fake station did not reach it: it is no Python program, a frozen one, or it starts"
            " Python with an environment of its own or with -I, -E or -S."
        )
    missing = re.search(r"No module named '(ni[._][\w.]+)'", output)
    if missing:
        return (
            f"NI's SDK is not installed in its environment ({missing[1]} is missing): start it with"
            " the Python of the environment that has ni-measurement-plugin-sdk-service."
        )
    if reached is not None and not any(process.patched for process in reached):
        return _without_sdk(returncode, output)
    return f"It imported NI's SDK and was pointed at the fake station; {_SEE}"


def _without_sdk(returncode: int | None, output: str) -> str:
    """What is likely when no process imported NI's SDK that the bootstrap has reached."""
    missing = re.search(r"No module named '([\w.]+)'", output)
    if missing:
        return (
            f"{quoted(missing[1])} is not installed in its environment, and is imported before NI's"
            " SDK: install it, or start it with the Python that has it."
        )
    what = (
        "It failed before it imported NI's SDK."
        if returncode
        else "It did not import NI's SDK: is this the script that hosts the measurement?"
    )
    return (
        f"{what} If it starts another process to do so, have it pass {DISCOVERY} and PYTHONPATH on;"
        f" {_SEE}"
    )


def _isolating_flags(command: Sequence[str]) -> list[str]:
    """The options of Python in a command that keep PYTHONPATH or the site module from working."""
    if not command or not re.match(r"(python|pypy|py\b)", Path(command[0]).name.lower()):
        return []
    found: list[str] = []
    arguments = iter(command[1:])
    for argument in arguments:
        if not argument.startswith("-") or argument in ("-", "--"):
            break
        if argument in ("-W", "-X", "--check-hash-based-pycs"):
            next(arguments, None)
        elif not argument.startswith(("--", "-W", "-X")):
            letters = re.split("[cm]", argument[1:], maxsplit=1)
            found += [f"-{letter}" for letter in letters[0] if letter in "IES"]
            if len(letters) > 1:
                break
    return found
