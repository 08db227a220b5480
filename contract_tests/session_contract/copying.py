"""Copies a reference server, with all it needs, to where somebody makes it their own.

Another server that was written for their core, such as an example of the repository, is completed
with it in the same way. All are read as files, never imported: whoever copies one may have none of
the packages that it needs.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

SHARED = ("hosting", "paths.py", "refusals.py", "session_table.py")
"""What the servers share: one folder up from each, and in each copy."""

_STARTERS = ("__main__.py", "start.bat", "start.sh")
"""What starts a server in its folder: the same for all."""

_MADE = {"__pycache__", "build", "dist"}
_IMPORT_OF_SHARED = re.compile(rb"^from \.\.(?=\w)", re.MULTILINE)


class CopyError(Exception):
    """A copy cannot be made; the text says why, and what to do."""


def names() -> list[str]:
    """The servers that can be copied."""
    return sorted(path.parent.name for path in reference().glob("*/server.py"))


def copy(name: str, destination: Path) -> None:
    """Copy a server into a folder that is new or empty; CopyError when that cannot be.

    Args:
        name: A reference server, or the path of a folder with a ``server.py`` for their core.
        destination: The folder.
    """
    source = _source(name)
    try:
        if destination.exists() and any(destination.iterdir()):
            raise CopyError(f"{destination} is not empty: name a folder that is new.")
        for place, path in _files(source):
            _copy_file(path, destination / place, is_module=place.parent == Path())
    except OSError as error:
        raise CopyError(f"{error.filename} cannot be made: {error.strerror}.") from error


def reference() -> Path:
    """The folder of the reference servers; CopyError when they are not installed."""
    spec = importlib.util.find_spec("session_reference")
    if spec is None or not spec.submodule_search_locations:
        raise CopyError("The reference servers are not installed: install session-contract anew.")
    return Path(spec.submodule_search_locations[0])


def _source(name: str) -> Path:
    """The folder of a server."""
    if name in names():
        return reference() / name
    if Path(name, "server.py").is_file():
        return Path(name)
    raise CopyError(f"No reference server is called {name!r}: {_suggestion(name)}.")


def _suggestion(name: str) -> str:
    known = names()
    near = difflib.get_close_matches(name.replace("-", "_"), known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _files(source: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of a copy: its place in there, and where it comes from."""
    folder = reference()
    starters = [folder / names()[0] / starter for starter in _STARTERS]
    shared = [folder / each for each in SHARED]
    tops = {top.name: top for top in [*source.iterdir(), *starters, *shared]}
    for top in tops.values():
        yield from contents(top)


def contents(top: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of a folder, or the file itself: its place beside others, and where it lies."""
    for path in [top, *top.rglob("*")]:
        place = Path(top.name) / path.relative_to(top)
        if path.is_file() and not any(_is_made(part) for part in place.parts):
            yield place, path


def _is_made(name: str) -> bool:
    """Whether somebody's work left this behind: an environment, a cache, a build."""
    return name in _MADE or name.startswith(".") or name.endswith(".egg-info")


def _copy_file(source: Path, target: Path, *, is_module: bool) -> None:
    content = source.read_bytes()
    if is_module and source.suffix == ".py":
        content = _IMPORT_OF_SHARED.sub(b"from .", content)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    if source.suffix == ".sh":  # some installers lose the mode
        target.chmod(0o755)
