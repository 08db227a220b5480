"""What a server tells whoever started it: sentences, and a log of calls."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path


def say(sentence: str) -> None:
    """Tell whoever started the server; nobody may be listening any more."""
    try:
        print(_printable(sentence, keep=""), flush=True)
    except OSError:
        # Otherwise Python tries again when it ends, and makes another exit code of it.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def set_up_output(verbose: int) -> None:
    """Log to standard error; NI's client is hardly heard, since this package says it shorter."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(asctime)s %(levelname)s %(message)s"))
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    logging.basicConfig(level=level, handlers=[handler])
    if verbose < 2:
        logging.getLogger("ni").setLevel(logging.CRITICAL)
        # It has a traceback for each request that is none; the client is told.
        logging.getLogger("grpc._common").setLevel(logging.CRITICAL)
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # a name may not be in the console's alphabet


class _Printable(logging.Formatter):
    """No console obeys what others had put into a text, and none is flooded by it."""

    def format(self, record: logging.LogRecord) -> str:
        return _printable(super().format(record))


_LONGEST = 20_000
"""Characters of a text that are shown."""


def _printable(text: str, keep: str = "\n\t") -> str:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape", "replace").decode("ascii")
        for c in shown
    )
