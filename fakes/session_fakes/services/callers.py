"""Who makes a call, as far as its metadata tells: process, plug-in and line of code."""

from __future__ import annotations

from urllib.parse import unquote

from session_fakes.bootstrap.path.sitecustomize import CALLER_KEY, PROCESS_KEY
from session_fakes.serving.dispatch import Caller
from session_fakes.sessions import Holder


def holder_of(caller: Caller) -> Holder:
    """The caller as the cores remember it; a client that is not redirected has only its peer."""
    pid, program = process_of(caller)
    peer = unquote(caller.peer)
    return Holder(program=program, pid=pid, peer=peer, place=caller.tag(CALLER_KEY))


def process_of(caller: Caller) -> tuple[int | None, str]:
    """The id and script of the calling process; None and an empty text when it did not say."""
    number, _, script = caller.tag(PROCESS_KEY).partition(" ")
    digits = number.isascii() and number.isdigit() and len(number) < 10
    return (int(number) if digits else None), script
