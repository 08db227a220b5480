"""A small and correct server for locks, with names of its own; tests use it by its path.

As a program: ``python lock_server.py PORT``, with ``--deaf`` to ignore SIGTERM.
"""

# Messages are made at run time.
# ruff: noqa: ANN401

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

PROTO = """
syntax = "proto3";
package locks;
enum How { HOW_AUTO = 0; HOW_CREATE = 1; HOW_JOIN = 2; }
message Wanted { string lock_name = 1; How how = 2; }
message Got { string ticket = 1; bool fresh = 2; }
message Back { string ticket = 1; }
message Nothing {}
message Note { string ticket = 1; string text = 2; }
message Said { string text = 1; }
service Locks {
  rpc AcquireLock (Wanted) returns (Got);
  rpc WriteNote (Note) returns (Said);
  rpc ReleaseLock (Back) returns (Nothing);
}
"""
_FILE = """
name: "locks.proto" package: "locks" syntax: "proto3"
enum_type { name: "How" value { name: "HOW_AUTO" number: 0 }
  value { name: "HOW_CREATE" number: 1 } value { name: "HOW_JOIN" number: 2 } }
message_type { name: "Wanted"
  field { name: "lock_name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "how" number: 2 type: TYPE_ENUM type_name: ".locks.How" label: LABEL_OPTIONAL } }
message_type { name: "Got"
  field { name: "ticket" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "fresh" number: 2 type: TYPE_BOOL label: LABEL_OPTIONAL } }
message_type { name: "Back"
  field { name: "ticket" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Nothing" }
message_type { name: "Note"
  field { name: "ticket" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "text" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Said"
  field { name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
service { name: "Locks"
  method { name: "AcquireLock" input_type: ".locks.Wanted" output_type: ".locks.Got" }
  method { name: "WriteNote" input_type: ".locks.Note" output_type: ".locks.Said" }
  method { name: "ReleaseLock" input_type: ".locks.Back" output_type: ".locks.Nothing" } }
"""
POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(text_format.Parse(_FILE, FileDescriptorProto()).SerializeToString())


class Locks:
    """The locks that are held, by name and by ticket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def acquire(self, request: Any, context: grpc.ServicerContext) -> dict[str, object]:
        """Take a lock, or join whoever holds it."""
        with self._lock:
            ticket = self._tickets.get(request.lock_name)
            if request.how not in (0, 1, 2) or not request.lock_name:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "what?")
            if ticket and request.how == 1:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "taken")
            if not ticket and request.how == 2:
                context.abort(grpc.StatusCode.NOT_FOUND, "free")
            if ticket:
                return {"ticket": ticket}
            self._tickets[request.lock_name] = f"t{next(self._numbers)}"
            return {"ticket": self._tickets[request.lock_name], "fresh": True}

    def write(self, request: Any, context: grpc.ServicerContext) -> dict[str, object]:
        """Say what was said."""
        self._name(request.ticket, context)
        return {"text": request.text}

    def release(self, request: Any, context: grpc.ServicerContext) -> dict[str, object]:
        """Give a lock back."""
        with self._lock:
            del self._tickets[self._name(request.ticket, context)]
        return {}

    def _name(self, ticket: str, context: grpc.ServicerContext) -> str:
        for name, held in self._tickets.items():
            if held == ticket:
                return name
        context.abort(grpc.StatusCode.NOT_FOUND, "no such ticket")
        raise AssertionError("abort raises")


def add_silent(server: grpc.Server) -> None:
    """Offer the locks, without reflection."""
    locks = Locks()
    service = POOL.FindServiceByName("locks.Locks")
    methods = {"AcquireLock": locks.acquire, "WriteNote": locks.write, "ReleaseLock": locks.release}
    handlers: dict[str, Any] = {
        name: _handler(service.methods_by_name[name], f) for name, f in methods.items()
    }
    generic = grpc.method_handlers_generic_handler("locks.Locks", handlers)
    server.add_generic_rpc_handlers((generic,))


def add_to(server: grpc.Server) -> None:
    """Offer the locks, and reflection."""
    from grpc_reflection.v1alpha import reflection

    add_silent(server)
    reflection.enable_server_reflection(["locks.Locks", reflection.SERVICE_NAME], server, POOL)


def _handler(method: Any, answer: Any) -> Any:
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)

    def handle(asked: Any, context: grpc.ServicerContext) -> Any:
        return response(**answer(asked, context))

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.FromString,
        response_serializer=response.SerializeToString,
    )


def main() -> None:
    """Serve on the port until SIGTERM, SIGINT, or the end of a line."""
    stop = threading.Event()

    def asked(number: int, _: object) -> None:
        if number == signal.SIGINT or "--deaf" not in sys.argv:
            stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)

    def read() -> None:
        sys.stdin.readline()
        stop.set()

    server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
    add_to(server)
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    for argument in sys.argv[2:]:
        if argument.startswith("--ready-file="):
            path = Path(argument.partition("=")[2])
            draft = path.with_suffix(".draft")
            draft.write_text(f"127.0.0.1:{port}\n")
            draft.replace(path)
    print(f"locks at port {port}.", flush=True)
    threading.Thread(target=read, daemon=True).start()
    while not stop.wait(0.2):
        pass
    server.stop(1).wait()
    sys.stdout.flush()
    os._exit(0)  # a thread may still read standard input


if __name__ == "__main__":
    main()
