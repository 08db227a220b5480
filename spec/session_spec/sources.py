"""Reads and writes the files of the specification; a file that refuses is a finding."""

from __future__ import annotations

from pathlib import Path

from session_spec.errors import Finding, SourceError


def read_source(path: Path) -> str:
    """The text of a file, without a byte order mark; raise SourceError when it has none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8: it has the byte 0x{error.object[error.start]:02X}"
        raise SourceError([Finding(path, line, problem, "Save it as UTF-8")]) from error
    except OSError as error:
        raise _refused(path, "read", error) from error


def write_source(path: Path, text: str) -> None:
    """Write a file anew, with the line ends of the project; raise SourceError when refused."""
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise _refused(path, "written", error) from error


def _refused(path: Path, what: str, error: OSError) -> SourceError:
    problem = f"the file cannot be {what}: {error.strerror}"
    return SourceError([Finding(path, 0, problem, "Look at what stands there, and who may use it")])
