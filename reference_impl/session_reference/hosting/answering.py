"""How an exception becomes the status of a call: in this one place, and outside any ``try``.

``context.abort`` raises. Inside a ``try`` with a broad ``except`` that exception is caught as if it
were one more failure, and NOT_FOUND leaves the server as INTERNAL.
"""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from ..refusals import SessionError, quoted

_Method = TypeVar("_Method", bound=Callable[..., Any])
_REQUEST = "INVALID_ARGUMENT"
_RIGHTS = "PERMISSION_DENIED"
_ROOM = "RESOURCE_EXHAUSTED"
_STATUS_OF_ERRNO = {
    errno.ENOENT: _REQUEST,
    errno.ENOTDIR: _REQUEST,
    errno.EISDIR: _REQUEST,
    errno.ELOOP: _REQUEST,
    errno.ENAMETOOLONG: _REQUEST,
    errno.EINVAL: _REQUEST,
    errno.ENXIO: _REQUEST,
    errno.ENODEV: _REQUEST,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EMFILE: _ROOM,
    errno.ENFILE: _ROOM,
}


def answered(rpc: _Method) -> _Method:
    """Let an RPC of a servicer say no by raising.

    A ``SessionError`` is answered with its own code, an ``OSError`` with the code that its number
    means, and what nobody foresaw with INTERNAL; only that is logged, with its traceback.
    """

    @functools.wraps(rpc)
    def call(servicer: object, request: object, context: grpc.ServicerContext) -> object:
        failure: Exception | None = None
        try:
            return rpc(servicer, request, context)
        except SessionError as refusal:
            code, text = refusal.code, str(refusal)
        except OSError as error:
            (code, text), failure = _status(error), error
        except Exception as error:  # gRPC would answer UNKNOWN
            code, failure = "INTERNAL", error
            text = f"{rpc.__name__} failed; the log of the server says why."
        if code == "INTERNAL":
            logging.getLogger(__name__).error("%s failed.", rpc.__name__, exc_info=failure)
        context.abort(grpc.StatusCode[code], text)
        raise AssertionError("abort raises")

    return call  # type: ignore[return-value]


def _status(error: OSError) -> tuple[str, str]:
    """The code for an error of the operating system, and a text without a Python accent."""
    code = _STATUS_OF_ERRNO.get(error.errno or 0, "INTERNAL")
    subject = f"{quoted(str(error.filename))}: " if error.filename else ""
    return code, f"{subject}{error.strerror or 'the operating system failed'}."
