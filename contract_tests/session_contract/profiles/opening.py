"""Opens a server of a profile for a run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from session_contract.doctor import Step
from session_contract.profiles.served import Served
from session_contract.profiles.target import ProfileTarget
from session_contract.subject.placing import place
from session_contract.subject.target import TargetError


@contextmanager
def open_profile(
    target: ProfileTarget, folder: Path, calls: Path | None = None
) -> Generator[Served, None, None]:
    """Put a server before the checks; at the end, what was started is ended.

    Raises:
        TargetError: What the target file says cannot be.
        Unreachable: The server does not start, or does not answer.
    """
    shared = target.here / target.folder if target.folder else folder
    if not shared.is_dir():
        raise TargetError(f"[resource] folder: there is no folder {shared}; name one that is.")
    with closing(place(target, folder)) as host, closing(Served(target, host, shared, calls)) as it:
        yield it


def examine(target: ProfileTarget, folder: Path) -> Iterator[Step]:
    """Go through a server: does it answer our proto's calls, and where are its files?"""
    with open_profile(target, folder) as served:
        yield Step("server", f"is at {served.host.address}")
        yield Step("files", f"logs and register maps are made in {served.folder}")
        answer = served.client("doctor").close("no-such-session")
        service = target.profile.service().full_name
        is_there = answer.code != "UNIMPLEMENTED"
        said = "answers" if is_there else "is not served: is it made from our proto?"
        yield Step("interface", f"{service} {said}", failed=not is_there)
