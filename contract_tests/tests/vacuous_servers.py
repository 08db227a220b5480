"""Servers that do nothing of what is asked; tests use them by their path.

As a program it ends at once, as a server does that lacks a file.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import grpc

Handle = Callable[[bytes, grpc.ServicerContext], bytes]


def unimplemented(server: grpc.Server) -> None:
    """Offer nothing."""
    del server


def never_answers(server: grpc.Server) -> None:
    """Take every call, and keep it until its caller gives up."""

    def handle(_: bytes, context: grpc.ServicerContext) -> bytes:
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait()
        return b""

    _serve(server, "sharing.Sharing", handle)


def empty_messages(server: grpc.Server) -> None:
    """Say OK to everything, and nothing else."""
    _serve(server, "sharing.Sharing", lambda _, __: b"")


def another_service(server: grpc.Server) -> None:
    """Offer calls of the same names in a service of another name."""
    _serve(server, "other.Service", lambda _, __: b"")


def _serve(server: grpc.Server, service: str, handle: Handle) -> None:
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(handle)
        for name in ("Initialize", "Write", "Close")
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


if __name__ == "__main__":
    sys.exit("there is no settings file")
