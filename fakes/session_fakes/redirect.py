"""Redirects NI's clients of this process to a fake Discovery, and back."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from session_fakes.bootstrap import checked_address
from session_fakes.bootstrap.path.sitecustomize import CALLER_KEY, LOOKUP, PROCESS_KEY, Hook
from session_fakes.errors import FakeError
from session_fakes.real_discovery import refuse_beside

__all__ = ["CALLER_KEY", "PROCESS_KEY", "redirected"]


@contextmanager
def redirected(
    address: str, *, tag_calls: bool = True, beside_ni: bool = False
) -> Generator[None, None, None]:
    """Let every client of NI's that is made in this block ask the Discovery at this address.

    It is for the whole process, all its threads: NI's SDK asks one function for the address, and
    that function is replaced, now or when the SDK is imported. A client keeps its connection for
    life: one that asked before stays where it is, and one from the block stays with the fake.
    Where there is no IPv6 loopback, measurements hosted in the block listen on 127.0.0.1.

    Args:
        address: Where the fake Discovery listens, ``host:port``.
        tag_calls: Have calls of NI's services tell in their metadata who makes them: the process
            as ``session-fakes-process`` and the line of code as ``session-fakes-caller``.
        beside_ni: Redirect them also where NI's own Discovery runs.

    Raises:
        FakeError: This process is redirected to another address already, NI's SDK no longer has
            what has to be replaced, or NI's own Discovery runs here and nobody said
            ``beside_ni`` or ``SESSION_FAKES_BESIDE_NI=1``.
    """
    _enter(checked_address(address), tag_calls, beside_ni)
    try:
        yield
    finally:
        _leave()


class _Redirect(Hook):
    """What is patched in this process, and how many blocks want it."""

    def __init__(self, address: str, *, tag_calls: bool) -> None:
        super().__init__(address, _refuse_errors, tag_calls=tag_calls)
        self.blocks = 0


_lock = threading.RLock()
_active: list[_Redirect] = []
"""The one redirect of this process, if there is one: what it patches belongs to the process."""


def _enter(address: str, tag_calls: bool, beside_ni: bool) -> None:
    with _lock:
        if _active and _active[0].address != address:
            raise FakeError(
                f"NI's clients of this process are redirected to {_active[0].address} already:"
                f" leave that block before you redirect them to {address}. Two stations at a time"
                " need a process each, or clients with a channel or stub of their own."
            )
        if not _active:
            refuse_beside(beside_ni=beside_ni)
            _active.append(_installed(_Redirect(address, tag_calls=tag_calls)))
        _active[0].blocks += 1


def _leave() -> None:
    with _lock:
        _active[0].blocks -= 1
        if not _active[0].blocks:
            _active.pop().remove()


def _installed(redirect: _Redirect) -> _Redirect:
    try:
        redirect.install()
    except BaseException:
        # Ctrl-C, too: half a redirect would stay with the process for life.
        redirect.remove()
        raise
    return redirect


def _refuse_errors(kind: str, text: str) -> None:
    if kind == "error" and LOOKUP in text:  # calls without tags are well enough
        raise FakeError(
            f"NI's SDK is not as this kit knows it, its clients cannot be redirected: {text}."
            " Use a version of the SDK that this kit supports (2.3, 3.1 or later of 3)."
        )
