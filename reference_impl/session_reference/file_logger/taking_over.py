"""How a log that exists becomes one that the server may append to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from ..session_table import CallerGoneError, InvalidRequestError, quoted
from .open_files import open_regular

LONGEST_LINE = 16 * 2**20
"""Bytes of a line with its newline: what has to fit into memory while a log is checked."""
_GLANCE = 2**20
"""Bytes between two looks whether the client is still there."""


class _LastLine(NamedTuple):
    """What stands behind the last newline of a log."""

    begin: int
    text: bytes
    is_whole: bool


def take_over(descriptor: int, path: str, waited_for: Callable[[], bool]) -> None:
    """Check that each line of a log is JSON, then mend its last line; a refused log is not changed.

    A last line without its newline gets one. If it is torn, because its writer died, it is moved
    to the end of a file with the suffix ``.torn`` beside the log.

    Args:
        descriptor: The log, opened just now.
        path: Its path, without links.
        waited_for: Whether the client still waits for the answer.
    """
    last = _check(descriptor, path, waited_for) if os.fstat(descriptor).st_size else None
    if last is not None and last.is_whole:
        os.write(descriptor, b"\n")
    elif last is not None:
        _set_aside(f"{path}.torn", last.text)
        os.ftruncate(descriptor, last.begin)


def _check(descriptor: int, path: str, waited_for: Callable[[], bool]) -> _LastLine | None:
    """Read a log line by line; return the last line if it has no newline."""
    begin, next_glance = 0, _GLANCE
    with os.fdopen(descriptor, "rb", closefd=False) as log:
        for number, line in enumerate(iter(partial(log.readline, LONGEST_LINE + 1), b""), 1):
            fault = _fault(line)
            ends_here = not line.endswith(b"\n")
            if fault and not (ends_here and _is_torn(line)):
                raise InvalidRequestError(
                    f"{quoted(path)}, line {number} {fault}: correct the line, move the file away, "
                    "or choose another path."
                )
            if ends_here:
                return _LastLine(begin, line, is_whole=not fault)
            begin += len(line)
            if begin > next_glance:
                next_glance = begin + _GLANCE
                if not waited_for():
                    raise CallerGoneError("The client gave up while the log was checked.")
    return None


def _fault(line: bytes) -> str:
    """What is wrong with a line, as an error goes on; empty when it is JSON, or blank."""
    if len(line) > LONGEST_LINE:
        return f"is longer than {LONGEST_LINE} bytes"
    try:
        text = line.decode().strip(" \t\r\n")
        if text:
            _DECODER.decode(text)
    except UnicodeDecodeError:
        return "is not UTF-8"
    except RecursionError:
        return "is not JSON (too many brackets within brackets)"
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg}, column {error.colno})"
    except ValueError as error:
        return f"is not JSON ({error})"
    return ""


def _is_torn(line: bytes) -> bool:
    """Whether a last line with a fault is what a writer leaves that died, and nothing else.

    It begins a record, or is the room for one, which a file system may leave after a power failure.
    """
    return len(line) <= LONGEST_LINE and (line.startswith((b"{", b"[")) or not line.strip(b"\0"))


def _set_aside(path: str, torn: bytes) -> None:
    descriptor, _ = open_regular(path, os.O_CREAT | os.O_WRONLY)
    with os.fdopen(descriptor, "ab") as aside:
        aside.write(torn + b"\n")
        aside.flush()
        os.fsync(aside.fileno())  # it must not be lost between here and there


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number there")


# Without parse_int, an integer of more than 4300 digits would be refused.
_DECODER = json.JSONDecoder(parse_int=len, parse_constant=_refuse_constant)
