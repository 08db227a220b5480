"""The ready file of a running station: where it is, and the token that opens its control.

It is written whole or not at all, for its user's eyes only, and taken away at an orderly stop. One
that a dead station left behind is replaced; one of a living station is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from session_fakes.errors import FakeError, quoted

_LARGEST = 65_536


@dataclass(frozen=True)
class Ready:
    """What a station says of itself once it serves."""

    discovery: str
    """Address of its Discovery, ``localhost:39811``."""
    control: str
    """URL of its control service."""
    token: str
    pid: int
    pin_map_id: str
    """Of the pin map it was started with; empty without."""
    started: str
    """When, in ISO 8601, UTC."""


def default_path() -> Path:
    """Where the ready file is unless told otherwise: in a folder of this user alone."""
    return user_folder() / "ready.json"


def user_folder() -> Path:
    """The folder of this user for running stations; it need not exist yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / "session-fakes"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime or Path.home() / ".cache") / "session-fakes"


def read(path: Path) -> Ready | None:
    """The station that a ready file tells of; None without a file, or for one that tells nothing.

    Raises:
        FakeError: The file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FakeError(f"The ready file {shown(path)} cannot be read: {error.strerror}.") from None
    return _parsed(text)


def _parsed(text: bytes) -> Ready | None:
    try:
        data = json.loads(text)
        ready = Ready(**{field.name: data[field.name] for field in fields(Ready)})
    except (ValueError, TypeError, KeyError):
        return None
    values = dict[str, object](asdict(ready))
    whole = type(values.pop("pid")) is int and all(isinstance(v, str) for v in values.values())
    return ready if whole else None


def publish(path: Path, ready: Ready, is_alive: Callable[[Ready], bool]) -> None:
    """Write the ready file; a stale one is replaced.

    Raises:
        FakeError: Another station lives behind the file, or the file cannot be written.
    """
    with _one_at_a_time():
        other = read(path)
        if other and is_alive(other):
            raise FakeError(
                f"A station of process {other.pid} is running already (Discovery at "
                f"{quoted(other.discovery)[1:-1]}). Stop it with: session-fakes down. Or start "
                "another beside it with a --ready-file of its own; or, to run a command against "
                "the running one, give the command the variables of: session-fakes env"
            )
        _write(path, ready)


def withdraw(path: Path, ready: Ready) -> None:
    """Take the ready file away if it is still that of this station."""
    with contextlib.suppress(OSError, FakeError), _one_at_a_time():
        if read(path) == ready:
            path.unlink()


def _write(path: Path, ready: Ready) -> None:
    text = json.dumps(asdict(ready), indent=2) + "\n"
    try:
        # mkstemp makes the file with mode 0600, before it has any content.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            # Ctrl-C, too: the file has a token in it.
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FakeError(
            f"The ready file {shown(path)} cannot be written: {error.strerror}. "
            "Name another with --ready-file."
        ) from None


def shown(path: Path) -> str:
    """A path for a text."""
    return quoted(str(path))


def _private_folder() -> Path:
    folder = user_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            if folder.stat().st_uid != os.getuid():
                raise FakeError(f"The folder {shown(folder)} belongs to another user.")
            folder.chmod(0o700)
    except OSError as error:
        raise FakeError(f"The folder {shown(folder)} is of no use: {error.strerror}.") from None
    return folder


@contextlib.contextmanager
def _one_at_a_time() -> Generator[None]:
    """Stations that start or stop at the same moment look at ready files one after the other."""
    with (_private_folder() / "ready.lock").open("ab") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        # Closing the file gives the lock back.
        yield
