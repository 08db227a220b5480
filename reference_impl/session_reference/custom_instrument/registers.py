"""Which registers an instrument has: its register map, a CSV file.

The first line names the columns ``Register Name``, ``Register Address`` and ``Default Data``, in
any order; other columns and blank lines are left alone. Addresses and data are numbers from 0 to
255, decimal or ``0x..``; no name and no address occurs twice. A map that breaks a rule is refused
with the line that does.
"""

from __future__ import annotations

import csv
import functools
import io
import os
import re
import stat
from collections.abc import Generator, Mapping
from typing import NamedTuple

from ..refusals import InvalidRequestError, quoted

COLUMNS = ("Register Name", "Register Address", "Default Data")
HIGHEST = 255
"""The highest address and the highest value: both have 8 bits."""
_SIZE_LIMIT = 1 << 20
"""Bytes of the longest map: 256 registers need far less."""
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,32}|[0-9]{1,32}")


class Register(NamedTuple):
    """Where a register is, and what it holds after a reset."""

    address: int
    default: int


RegisterMap = Mapping[str, Register]
"""The registers of an instrument by their names."""


def read_register_map(path: str) -> RegisterMap:
    """Read a map; raise InvalidRequestError if it breaks a rule, OSError if it cannot be read."""
    try:
        return parse_register_map(_read(path))
    except InvalidRequestError as fault:
        raise InvalidRequestError(f"The register map {quoted(path)} {fault}") from None


# Keyed by the content, so that a map that was edited is never mistaken for the one before.
@functools.lru_cache(maxsize=16)
def parse_register_map(content: bytes) -> RegisterMap:
    """Read a map from the content of its file; raise InvalidRequestError if it breaks a rule."""
    rows = _rows(_decoded(content))
    line, header = next(rows, (1, [""]))
    if any(header.count(column) != 1 for column in COLUMNS):
        raise _fault(line, f"needs the columns {', '.join(COLUMNS)}, with commas between them")
    registers: dict[str, Register] = {}
    names: dict[int, str] = {}
    for line, fields in rows:
        name, register = _register(line, header, fields)
        if name in registers:
            raise _fault(line, f"repeats the {COLUMNS[0]} {quoted(name)}")
        other = names.setdefault(register.address, name)
        if other != name:
            raise _fault(line, f"gives {quoted(name)} the address of {quoted(other)}")
        registers[name] = register
    return registers


def _register(line: int, header: list[str], fields: list[str]) -> tuple[str, Register]:
    if len(fields) != len(header):
        raise _fault(line, f"has {len(fields)} fields, and the first line {len(header)}")
    name, address, default = (fields[header.index(column)] for column in COLUMNS)
    if not name:
        raise _fault(line, f"has no {COLUMNS[0]}")
    return name, Register(_byte(line, COLUMNS[1], address), _byte(line, COLUMNS[2], default))


def _read(path: str) -> bytes:
    """Read a file that is one: a pipe or a device would make the call wait, and is not opened."""
    _refuse_special(os.stat(path).st_mode)  # noqa: PTH116 - a Path is slow
    # It may have become a pipe since; and Windows would change bytes, if not told to leave them.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        _refuse_special(status.st_mode)
        if status.st_size > _SIZE_LIMIT:
            raise InvalidRequestError(f"is longer than {_SIZE_LIMIT} bytes.")
        return os.read(descriptor, status.st_size + 1)
    finally:
        os.close(descriptor)


def _refuse_special(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise InvalidRequestError("has to be a file, and no folder, pipe or device.")


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _fault(line, "is no UTF-8: save the file with that encoding") from None


def _rows(text: str) -> Generator[tuple[int, list[str]], None, None]:
    """Split a CSV text into the fields of its rows, with their lines; blank rows are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            if any(fields):
                yield reader.line_num, fields
    except csv.Error as error:
        raise _fault(reader.line_num, f"is no CSV: {error}") from None


def _byte(line: int, column: str, text: str) -> int:
    if _NUMBER.fullmatch(text):
        number = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        if number <= HIGHEST:
            return number
    rule = f"has to be a number from 0 to {HIGHEST}, decimal or 0x.."
    raise _fault(line, f"has {quoted(text)} as {column}, which {rule}")


def _fault(line: int, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"is refused: line {line} {what}.")
