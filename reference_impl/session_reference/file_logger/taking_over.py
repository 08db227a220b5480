"""How a log that exists becomes one that the server may append to."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, NamedTuple, NoReturn

from ..refusals import CallerGoneError, InvalidRequestError, quoted
from .open_files import open_regular

LONGEST_LINE = 16 * 2**20
"""Bytes of a line with its newline: what has to fit into memory while a log is checked."""
_BLOCK = 2**18
"""Bytes that are checked between two looks whether the client is still there."""


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
    """Read a log block by block; return the last line if it has no newline."""
    begin, number = 0, 1
    with os.fdopen(descriptor, "rb", closefd=False) as log:
        for block in iter(partial(_whole_lines, log), b""):
            last = None if are_records(block) else _check_lines(block, begin, number, path)
            if last is not None:
                return last
            begin += len(block)
            number += block.count(b"\n")
            if not waited_for():
                raise CallerGoneError("The client gave up while the log was checked.")
    return None


def _whole_lines(log: BinaryIO) -> bytes:
    """The next lines; one that is too long is cut off behind what makes it so."""
    block = log.read(_BLOCK)
    return block if block.endswith(b"\n") else block + log.readline(LONGEST_LINE + 1)


def are_records(block: bytes) -> bool:
    """Whether all lines are such as this server writes: quicker than to decode each."""
    if len(block) > 2 * _BLOCK:
        return False  # the expression takes up to 90 times the memory of what it matches
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return _RECORDS.fullmatch(block) is not None


def _check_lines(block: bytes, begin: int, number: int, path: str) -> _LastLine | None:
    """Check each of the lines that begin there, with that number."""
    for line in io.BytesIO(block):
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
        number += 1
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

_TEXT = rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
_TEXTS = rb"\{(?:%b:%b(?:,%b:%b)*)?\}" % ((_TEXT,) * 4)
_RECORDS = re.compile(
    rb'(?:\{"timestamp":%b,"measurement_name":%b,'
    rb'"measurement_configurations":%b,"measurement_outputs":%b\}\n)*'
    % (_TEXT, _TEXT, _TEXTS, _TEXTS)
)
"""Lines as this server writes them."""
