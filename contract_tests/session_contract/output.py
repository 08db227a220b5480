"""What the commands print to: a console of any encoding, a pipe that closes, a full disk."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import click

CANNOT_GO_ON = 4

_CLOSED = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)
"""How the system says that the reader of a pipe has gone."""


class Commands(click.Group):
    """Commands that end in order where their output cannot be written.

    click itself would end with 1, which is to mean that something violates the contract.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Read the arguments; ``--help`` is printed here."""
        with _in_order():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _in_order():
            return super().invoke(ctx)


def prepare() -> None:
    """Make both standard streams such that printing what they cannot show is no error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever started us has closed it
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_show(text: str) -> bool:
    """Whether standard output shows this text as it is."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def complain(message: str) -> None:
    """Print to standard error; where nobody can read it, the exit code has to be enough."""
    try:
        click.echo(message, err=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Lead a stream to nowhere: Python would try once more at its end, and fail with 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def _in_order() -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        _give_up(error)


def _give_up(error: OSError) -> NoReturn:
    """End quietly where nobody reads any more; else say why."""
    silence(sys.stdout)
    if error.errno in _CLOSED:
        sys.exit(0)
    complain(f"The output cannot be written: {error.strerror}.")
    sys.exit(CANNOT_GO_ON)
