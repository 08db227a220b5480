"""The service of the notebook: it owns what the others share.

Its messages are structs, so that the demo needs no stubs; a service of yours has a .proto.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from ni.measurementlink.discovery.v1.client import DiscoveryClient, ServiceInfo, ServiceLocation

__all__ = ["INTERFACE", "Event", "Notebook", "served"]

INTERFACE = "session_fakes.demo.Notebook"
_NEW, _ATTACH = 1, 2


@dataclass(frozen=True)
class Event:
    """One call, as the server saw it."""

    at: float
    who: str
    what: str
    session: str


class Notebook:
    """The sessions of notebooks, by the three rules of Initialize and that of Close."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Make a service without any session; ``now`` is the clock of its events."""
        self.events: list[Event] = []
        self._now = now
        self._lock = threading.Lock()
        self._sessions: dict[str, str] = {}
        self._count = 0

    def initialize(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open a notebook, or attach to the session that has it open."""
        name, behavior = str(request["resource_name"]), int(request["initialization_behavior"])
        session = self._sessions.get(name)
        if session and behavior == _NEW:
            raise LookupError("ALREADY_EXISTS")
        if not session and behavior == _ATTACH:
            raise LookupError("NOT_FOUND")
        if session is None:
            self._count += 1
            self._sessions[name] = opened = f"session {self._count}"
            self._note(request, f"opens {name}", opened)
            return {"session_id": opened, "new_session_initialized": True}
        self._note(request, f"attaches to {name}", session)
        return {"session_id": session, "new_session_initialized": False}

    def write(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write a line."""
        self._note(request, f"writes {request['line']!r}", self._open(request))
        return {}

    def close(self, request: dict[str, Any]) -> dict[str, Any]:
        """Close a session, for everybody."""
        session = self._open(request)
        self._sessions = {name: s for name, s in self._sessions.items() if s != session}
        self._note(request, "closes it for everybody", session)
        return {}

    def answer(self, method: str) -> Callable[[Struct, grpc.ServicerContext], Struct]:
        """The handler of a method: one call at a time."""
        act = getattr(self, method.lower())

        def handle(request: Struct, context: grpc.ServicerContext) -> Struct:
            try:
                with self._lock:
                    return ParseDict(act(MessageToDict(request)), Struct())
            except LookupError as refused:
                code = grpc.StatusCode[str(refused.args[0])]
            context.abort(code, "see the table of behaviours")
            raise AssertionError("abort raises")

        return handle

    def _open(self, request: dict[str, Any]) -> str:
        session = str(request["session_id"])
        if session not in self._sessions.values():
            raise LookupError("NOT_FOUND")
        return session

    def _note(self, request: dict[str, Any], what: str, session: str) -> None:
        self.events.append(Event(self._now(), str(request["who"]), what, session))


@contextmanager
def served(notebook: Notebook, discovery: DiscoveryClient) -> Generator[None, None, None]:
    """Serve a notebook on loopback, registered with Discovery."""
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            notebook.answer(method), Struct.FromString, Struct.SerializeToString
        )
        for method in ("Initialize", "Write", "Close")
    }
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(INTERFACE, handlers),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        info = ServiceInfo(INTERFACE, "", provided_interfaces=[INTERFACE], display_name="Notebook")
        registration = discovery.register_service(info, ServiceLocation("127.0.0.1", str(port), ""))
        try:
            yield
        finally:
            discovery.unregister_service(registration)
            server.stop(1).wait()
