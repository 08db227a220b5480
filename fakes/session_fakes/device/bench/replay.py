"""Recordings from CSV files, to be played on a pin."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

from session_fakes.device.bench.waveforms import Points, Recording, Waveform
from session_fakes.errors import FakeError, listed, quoted

__all__ = ["read_recording"]


def read_recording(path: Path, column: str = "", rate: float = 0.0) -> Waveform:
    """Read the values of a CSV file with a header.

    Args:
        path: The file.
        column: The column with the values; when empty, the last one.
        rate: Values a second, played over and over again. Without it the first column holds the
            times, in seconds, and the last value stays.

    Raises:
        FakeError: The file cannot be read, or holds no such numbers; the text says where.
    """
    header, rows = _rows(path)
    wanted = _place(path, header, column)
    values = [_number(path, line, row, wanted) for line, row in rows]
    if rate:
        return Points(values, rate)
    times = [_number(path, line, row, 0) for line, row in rows]
    if len(header) < 2 or wanted == 0:
        raise FakeError(f"{path} has no column of times before the values: give a rate=.")
    if any(after <= before for before, after in pairwise(times)):
        raise FakeError(f"{path}: the times in the column {quoted(header[0])} do not rise.")
    return Recording(times, values)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FakeError(f"The recording {path} cannot be read: {error}") from error
    if len(lines) < 2:
        raise FakeError(f"The recording {path} needs a header and at least one row of numbers.")
    return [name.strip() for name in lines[0][1]], lines[1:]


def _place(path: Path, header: list[str], column: str) -> int:
    if not column:
        return len(header) - 1
    if column not in header:
        raise FakeError(f"{path} has no column {quoted(column)}; it has {listed(header)}.")
    return header.index(column)


def _number(path: Path, line: int, row: list[str], place: int) -> float:
    try:
        return float(row[place])
    except (ValueError, IndexError):
        text = row[place] if place < len(row) else ""
        raise FakeError(f"{path}:{line}: {quoted(text)} is no number.") from None
