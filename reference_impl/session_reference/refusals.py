"""The ways to refuse a call: whoever raises one of these has said the status of the answer."""

from __future__ import annotations

from typing import ClassVar

_QUOTE = 200
"""Characters of a client's text that an error repeats: status texts travel in a small header."""


class SessionError(Exception):
    """A call was refused; ``code`` is the name of the gRPC status that says so."""

    code: ClassVar[str] = "INTERNAL"


class SessionNotFoundError(SessionError):
    """There is no such session: it was closed, or never existed."""

    code = "NOT_FOUND"


class SessionExistsError(SessionError):
    """The resource has an open session, and the call insisted on a new one."""

    code = "ALREADY_EXISTS"


class InvalidRequestError(SessionError):
    """The request cannot be carried out as it stands."""

    code = "INVALID_ARGUMENT"


class CallerGoneError(SessionError):
    """The client gave up before its call was done; nothing is left of the call."""

    code = "CANCELLED"


def quoted(text: str) -> str:
    """A client's text as an error may repeat it: printable, and not too long."""
    shown = repr(text if len(text) <= _QUOTE else text[:_QUOTE] + "…")
    return shown.encode("ascii", "backslashreplace").decode()
