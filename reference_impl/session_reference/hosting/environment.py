"""Makes the virtual environment of a server's folder: ``python environment.py FOLDER``.

The start scripts run this file with whatever Python 3.10 or later there is, before anything is
installed. Several may do so at the same time: one works, the others wait for it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

_PROJECT = "pyproject.toml"
_KEEP = ("lock", ".gitignore")
_NO_VENV = "Python has to have venv: on Debian and Ubuntu, apt install python3-venv."
_NO_INDEX = "pip has to reach a package index: is there a network, or a proxy to name?"


def main() -> int:
    """Make the environment, unless it is there and fits; return the exit code."""
    folder = Path(sys.argv[1]).resolve()
    environment = folder / ".venv"
    try:
        with _locked(environment):
            if not _fits(environment, folder):
                print(f"Setting up {environment} (once).", file=sys.stderr, flush=True)
                _set_up(environment, folder)
    except (ImportError, OSError, subprocess.CalledProcessError) as error:
        print(f"Cannot set up {environment}: {_explained(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _fits(environment: Path, folder: Path) -> bool:
    """Whether the environment was completed for what the project says today."""
    with contextlib.suppress(FileNotFoundError):
        installed = (environment / _PROJECT).read_bytes()
        return installed == (folder / _PROJECT).read_bytes() and _python(environment).exists()
    return False


def _set_up(environment: Path, folder: Path) -> None:
    project, complete = (folder / _PROJECT).read_bytes(), environment / _PROJECT
    if not (complete.exists() and _python(environment).exists()):
        _clear(environment)
        _create(environment)
    complete.unlink(missing_ok=True)
    pip = [str(_python(environment)), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", ".[server]"], cwd=folder, check=True)
    complete.write_bytes(project)


def _create(environment: Path) -> None:
    import venv  # not every Python has it

    venv.create(environment, with_pip=True, symlinks=os.name != "nt")


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _clear(environment: Path) -> None:
    for path in environment.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in _KEEP:
            path.unlink()


def _explained(error: Exception) -> str:
    """What to do about a step that failed; pip has said itself what went wrong."""
    if isinstance(error, OSError):
        return f"{error}."
    is_pip = isinstance(error, subprocess.CalledProcessError) and "install" in error.cmd
    return _NO_INDEX if is_pip else _NO_VENV


@contextlib.contextmanager
def _locked(environment: Path) -> Generator[None, None, None]:
    """Hold the environment; the system lets it go when the process ends, however it does."""
    environment.mkdir(exist_ok=True)
    (environment / ".gitignore").write_text("*\n")
    with (environment / "lock").open("a") as lock:
        _wait_for(lock.fileno())
        yield


def _wait_for(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:
            with contextlib.suppress(OSError):  # it gives up after 10 seconds
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())
