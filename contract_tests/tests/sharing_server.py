"""Small servers that share sessions, right and wrong; tests use them by their path.

``sharing_server:correct`` makes every claim, ``sharing_server:guide`` is built from NI's guide and
nothing more; the names in WRONG are one fault each: ``sharing_server:wrong.close_twice_ok``.
As a program: ``python sharing_server.py NAME PORT``, with any of these names.
"""

# Messages are made at run time.
# ruff: noqa: ANN401

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = """
syntax = "proto3";
package sharing;
enum Behavior { UNSPECIFIED = 0; INITIALIZE_NEW = 1; ATTACH_TO_EXISTING = 2; }
message InitializeRequest { string resource_name = 1; Behavior initialization_behavior = 2;
  int32 mode = 3; }
message InitializeResponse { string session_id = 1; bool new_session_initialized = 2; }
message UseRequest { string session_id = 1; string text = 2; }
message UseResponse { string text = 1; }
message CloseRequest { string session_id = 1; }
message CloseResponse {}
service Sharing {
  rpc Initialize (InitializeRequest) returns (InitializeResponse);
  rpc Write (UseRequest) returns (UseResponse);
  rpc Close (CloseRequest) returns (CloseResponse);
}
"""
_TEXT, _NUMBER, _FLAG = 9, 5, 8
_MESSAGES: dict[str, dict[str, int]] = {
    # A behaviour is an int32 here: on the wire it is the same, and unknown numbers stay.
    "InitializeRequest": {"resource_name": _TEXT, "behavior": _NUMBER, "mode": _NUMBER},
    "InitializeResponse": {"session_id": _TEXT, "new_session_initialized": _FLAG},
    "UseRequest": {"session_id": _TEXT, "text": _TEXT},
    "UseResponse": {"text": _TEXT},
    "CloseRequest": {"session_id": _TEXT},
    "CloseResponse": {},
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="own.proto", package="own", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            message.field.add(name=field, number=number, type=kind, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = {name: pool.FindMessageTypeByName(f"own.{name}") for name in _MESSAGES}
    return {name: message_factory.GetMessageClass(each) for name, each in found.items()}


_CLASS = _classes()


def message(name: str) -> Any:
    """The class of a message, for clients."""
    return _CLASS[name]


CURRENT = threading.local()
"""The context of the call that a thread carries out."""
SLOW = 0.4
"""Seconds that a resource takes to open whose name has ``slow`` in it."""


HURRY = 0.5
"""Seconds: who has no more time than this does not see the end of a slow close."""


class RefusedError(Exception):
    """A call is refused with this code."""


def refuse(code: str) -> NoReturn:
    """Refuse a call."""
    raise RefusedError(code)


class Correct:
    """The sessions of a server that makes every claim."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.opening: set[str] = set()
        self.opened = threading.Condition(self.lock)
        self.numbers = itertools.count(1)

    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:
        """Create or attach."""
        self.check(resource, behavior)
        with self.lock:
            self.opened.wait_for(lambda: resource not in self.opening, timeout=60)
            if resource in self.open:
                return self.attach(resource, behavior, mode)
            if behavior == 2:
                return self.missing(resource)
            if mode == 99:
                refuse("INVALID_ARGUMENT")
            self.opening.add(resource)
        return self.create(resource)

    def check(self, resource: str, behavior: int) -> None:
        """Refuse what is wrong with a request."""
        if not resource or behavior not in (0, 1, 2):
            refuse("INVALID_ARGUMENT")

    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:
        """Answer what is open."""
        del mode
        if behavior == 1:
            refuse("ALREADY_EXISTS")
        return self.open[resource], False

    def missing(self, resource: str) -> tuple[str, bool]:
        """Answer an attach to nothing."""
        del resource
        refuse("NOT_FOUND")

    def create(self, resource: str) -> tuple[str, bool]:
        """Open a resource."""
        if "slow" in resource:
            threading.Event().wait(SLOW)
        with self.lock:
            self.opening.discard(resource)
            self.open[resource] = self.name(resource)
            self.opened.notify_all()
            return self.open[resource], True

    def name(self, resource: str) -> str:
        """A new id."""
        del resource
        return str(uuid.uuid4())

    def resource(self, session: str) -> str:
        """The resource that a session is open for."""
        for resource, each in self.open.items():
            if each == session:
                return resource
        refuse("NOT_FOUND")

    def use(self, session: str, text: str) -> str:
        """Write, and answer what was written last."""
        with self.lock:
            self.resource(session)
            if text:
                self.texts[session] = text
            return self.texts.get(session, "")

    def close(self, session: str) -> None:
        """End a session."""
        with self.lock:
            del self.open[self.resource(session)]


class Guide(Correct):
    """What NI's guide says, and nothing more."""

    def check(self, resource: str, behavior: int) -> None:
        """Take any behaviour for one of the three, and any name."""

    def name(self, resource: str) -> str:
        """Count: after a restart the same ids come again."""
        del resource
        return str(next(self.numbers))

    def use(self, session: str, text: str) -> str:
        """Know no reason to refuse."""
        with self.lock:
            self.texts[session] = text
            return text


class FailsInUse(Correct):
    """A server whose calls that use a session never work."""

    def use(self, session: str, text: str) -> str:
        """Look the session up, and fail."""
        super().use(session, text)
        refuse("INTERNAL")


class Mortal(Guide):
    """Ends its server at the 20th session, as a crash does."""

    server: Any = None

    def name(self, resource: str) -> str:
        """Count, and end."""
        number = super().name(resource)
        if number == "20":
            self.server.stop(0)
        return number


class Forgetful(Correct):
    """Answers another id to each attach."""

    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:
        """Give the session another id."""
        super().attach(resource, behavior, mode)
        self.open[resource] = self.name(resource)
        return self.open[resource], False


def serve(make: Callable[[], Correct], server: grpc.Server) -> None:
    """Offer sessions on a server."""
    sessions = make()
    if isinstance(sessions, Mortal):
        sessions.server = server

    def initialize(request: Any) -> Any:
        session, new = sessions.initialize(request.resource_name, request.behavior, request.mode)
        return {"session_id": session, "new_session_initialized": new}

    def use(request: Any) -> Any:
        return {"text": sessions.use(request.session_id, request.text)}

    def close(request: Any) -> Any:
        sessions.close(request.session_id)
        return {}

    handlers = {
        "Initialize": _rpc("Initialize", initialize),
        "Write": _rpc("Use", use),
        "Close": _rpc("Close", close),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("sharing.Sharing", handlers),)
    )


def _rpc(name: str, effect: Callable[[Any], Any]) -> Any:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        CURRENT.context = context
        try:
            return _CLASS[f"{name}Response"](**effect(request))
        except RefusedError as error:
            context.abort(grpc.StatusCode[str(error)], "refused")

    request, response = _CLASS[f"{name}Request"], _CLASS[f"{name}Response"]
    handler: Any = grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request.FromString,
        response_serializer=response.SerializeToString,
    )
    return handler


def write_proto(folder: Path) -> Path:
    """Write the .proto that the servers serve."""
    path = folder / "sharing.proto"
    path.write_text(PROTO, encoding="utf-8")
    return path


correct = functools.partial(serve, Correct)
guide = functools.partial(serve, Guide)
fails_in_use = functools.partial(serve, FailsInUse)
mortal = functools.partial(serve, Mortal)
forgetful = functools.partial(serve, Forgetful)


# One fault each -----------------------------------------------------------------------------------


class wrong:  # noqa: N801 - a namespace
    """Faults by name, as functions that serve."""


WRONG: dict[str, tuple[str, str]] = {}
"""The requirement that each fault violates, and a part of what its check has to say."""


def fault(requirement: str, words: str) -> Callable[[type[Correct]], type[Correct]]:
    """Offer a wrong server under its name."""

    def offer(made: type[Correct]) -> type[Correct]:
        WRONG[made.__name__] = (requirement, words)
        setattr(wrong, made.__name__, staticmethod(functools.partial(serve, made)))
        return made

    return offer


@fault("INIT-AUTO-CREATE", "it answered NOT_FOUND")
class auto_never_creates(Correct):  # noqa: N801, D101
    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        return super().initialize(resource, behavior or 2, mode)


@fault("INIT-ATTACH-MISSING", "it answered FAILED_PRECONDITION")
class attach_other_code(Correct):  # noqa: N801, D101
    def missing(self, resource: str) -> tuple[str, bool]:  # noqa: D102, ARG002
        refuse("FAILED_PRECONDITION")


@fault("INIT-ATTACH-NOTHING", "it answered ALREADY_EXISTS")
class attach_refused_but_creates(Correct):  # noqa: N801, D101
    def missing(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        self.open[resource] = self.name(resource)
        refuse("NOT_FOUND")


@fault("INIT-NEW-EXISTS", "it answered OK")
class new_attaches(Correct):  # noqa: N801, D101
    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102, ARG002
        return self.open[resource], False


@fault("INIT-NEW-UNTOUCHED", "it answered NOT_FOUND")
class new_refused_but_closes(Correct):  # noqa: N801, D101
    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        if behavior == 1:
            del self.open[resource]
            refuse("ALREADY_EXISTS")
        return super().attach(resource, behavior, mode)


@fault("INIT-FLAG-ATTACHED", "yet the flag says new")
class attached_is_new(Correct):  # noqa: N801, D101
    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        return super().attach(resource, behavior, mode)[0], True


@fault("INIT-FLAG-CREATED", "yet the flag says not new")
class created_is_not_new(Correct):  # noqa: N801, D101
    def create(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        return super().create(resource)[0], False


@fault("INIT-ID-PRESENT", "with an empty session id")
class no_id(Correct):  # noqa: N801, D101
    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        return "", super().initialize(resource, behavior, mode)[1]


@fault("ISO-OWN-SESSION", "it was answered for")
class one_session_for_all(Correct):  # noqa: N801, D101
    def name(self, resource: str) -> str:  # noqa: D102, ARG002
        return "the session"


@fault("ISO-CLOSE-ONE", "it answered NOT_FOUND")
class close_closes_all(Correct):  # noqa: N801, D101
    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            self.resource(session)
            self.open.clear()


@fault("CLOSE-OPEN", "OK is due, not NOT_FOUND")
class close_not_found(Correct):  # noqa: N801, D101
    def close(self, session: str) -> None:  # noqa: D102
        super().close(session)
        refuse("NOT_FOUND")


@fault("CLOSE-UNKNOWN", "NOT_FOUND is due, not OK")
class close_twice_ok(Correct):  # noqa: N801, D101
    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            if session in self.open.values():
                super().close(session)
            elif not session:
                refuse("NOT_FOUND")


@fault("CLOSE-RELEASES", "it answered ALREADY_EXISTS")
class close_keeps_the_resource(Correct):  # noqa: N801, D101
    used: set[str]

    def __init__(self) -> None:
        super().__init__()
        self.used = set()

    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        if behavior == 1 and resource in self.used:
            refuse("ALREADY_EXISTS")
        return super().initialize(resource, behavior, mode)

    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            self.used.add(self.resource(session))
            super().close(session)


@fault("CLOSE-FOR-ALL", "it answered OK")
class close_counts(Correct):  # noqa: N801, D101
    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        answer = super().attach(resource, behavior, mode)
        self.counts[answer[0]] = self.counts.get(answer[0], 0) + 1
        return answer

    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            self.counts[session] = self.counts.get(session, 0) - 1
            if self.counts[session] < 0:
                super().close(session)


@fault("USE-CLOSED", "NOT_FOUND is due, not OK")
class use_after_close(Correct):  # noqa: N801, D101
    def use(self, session: str, text: str) -> str:  # noqa: D102
        with self.lock:
            return super().use(session, text) if session in self.open.values() else text


@fault("USE-CLOSED", "NOT_FOUND is due, not OK")
class reads_after_close(Correct):  # noqa: N801, D101
    def use(self, session: str, text: str) -> str:  # noqa: D102
        with self.lock:
            is_read = not text and session not in self.open.values()
            return "" if is_read else super().use(session, text)


@fault("USE-NO-EFFECT", "it answered OK")
class use_of_nothing_creates(Correct):  # noqa: N801, D101
    def __init__(self) -> None:
        super().__init__()
        self.closed: dict[str, str] = {}

    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            self.closed[session] = self.resource(session)
            super().close(session)

    def use(self, session: str, text: str) -> str:  # noqa: D102
        with self.lock:
            resource = self.closed.get(session)
            if resource and resource not in self.open:
                self.open[resource] = session
                refuse("NOT_FOUND")
            return super().use(session, text)


@fault("INPUT-BEHAVIOR", "INVALID_ARGUMENT is due, not OK")
class strange_behavior_is_auto(Correct):  # noqa: N801, D101
    def check(self, resource: str, behavior: int) -> None:  # noqa: D102
        super().check(resource, min(2, max(0, behavior)))


@fault("INPUT-RESOURCE", "the resource name is empty")
class empty_name_is_a_name(Correct):  # noqa: N801, D101
    def check(self, resource: str, behavior: int) -> None:  # noqa: D102
        super().check(resource or "empty", behavior)


@fault("INPUT-SESSION", "the empty id is not open")
class empty_id_is_an_argument(Correct):  # noqa: N801, D101
    def close(self, session: str) -> None:  # noqa: D102
        if not session:
            refuse("INVALID_ARGUMENT")
        super().close(session)


@fault("INPUT-NO-EFFECT", "it answered OK")
class strange_behavior_creates(Correct):  # noqa: N801, D101
    def check(self, resource: str, behavior: int) -> None:  # noqa: D102
        if resource and behavior not in (0, 1, 2):
            with self.lock:
                self.open.setdefault(resource, self.name(resource))
        super().check(resource, behavior)


@fault("INPUT-ID-REUSED", "was given to an earlier session")
class ids_come_again(Correct):  # noqa: N801, D101
    def name(self, resource: str) -> str:  # noqa: D102
        return f"session of {resource}"


@fault("ATTACH-CONFIG-UNCHECKED", "is due the open session")
class attach_checks(Correct):  # noqa: N801, D101
    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        if mode == 99:
            refuse("INVALID_ARGUMENT")
        return super().attach(resource, behavior, mode)


@fault("ATTACH-CONFIG-UNUSED", "OK nothing after it")
class attach_resets(Correct):  # noqa: N801, D101
    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        self.texts.clear()
        return super().attach(resource, behavior, mode)


@fault("SLOW-INDEPENDENT", "until the slow one was open")
class opens_one_at_a_time(Correct):  # noqa: N801, D101
    def create(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        with self.lock:
            return super().create(resource)


@fault("RACE-ONE-CREATOR", "no order of these calls is allowed")
class checks_then_creates(Correct):  # noqa: N801, D101
    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        self.check(resource, behavior)
        if resource in self.open:
            return self.attach(resource, behavior, mode)
        if behavior == 2:
            return self.missing(resource)
        threading.Event().wait(0.001)
        return self.create(resource)


@fault("INIT-NEW-CREATE", "it answered ALREADY_EXISTS")
class tires(Correct):  # noqa: N801, D101
    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, int] = {}

    def initialize(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        if behavior == 1 and self.times.get(resource, 0) == 8:
            refuse("ALREADY_EXISTS")
        return super().initialize(resource, behavior, mode)

    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            resource = self.resource(session)
            self.times[resource] = self.times.get(resource, 0) + 1
            super().close(session)


@fault("LOST-UNLOCKED", "got no answer after a lost call")
class deadline_locks(Correct):  # noqa: N801, D101
    def create(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        answer = super().create(resource)
        if not CURRENT.context.is_active():
            with self.lock:
                self.opening.add(resource)
                del self.open[resource]
        return answer


@fault("LOST-INITIALIZE", "whether the lost call happened or not")
class deadline_half_creates(Correct):  # noqa: N801, D101
    def __init__(self) -> None:
        super().__init__()
        self.half: set[str] = set()

    def create(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        answer = super().create(resource)
        if not CURRENT.context.is_active():
            self.half.add(resource)
        return answer

    def attach(self, resource: str, behavior: int, mode: int) -> tuple[str, bool]:  # noqa: D102
        if resource in self.half and behavior != 1:
            refuse("NOT_FOUND")
        return super().attach(resource, behavior, mode)


@fault("LOST-CLOSE", "whether the lost call happened or not")
class hurry_half_closes(Correct):  # noqa: N801, D101
    def __init__(self) -> None:
        super().__init__()
        self.half: set[str] = set()

    def resource(self, session: str) -> str:  # noqa: D102
        if session in self.half:
            refuse("NOT_FOUND")
        return super().resource(session)

    def close(self, session: str) -> None:  # noqa: D102
        self.resource(session)
        if CURRENT.context.time_remaining() < HURRY:
            self.half.add(session)
            over = threading.Event()
            if not CURRENT.context.add_callback(over.set) or over.wait(HURRY):
                return
            self.half.discard(session)
        super().close(session)


@fault("RESTART-OLD-IDS", "from before the restart is valid again")
class counts_anew(Correct):  # noqa: N801, D101
    def name(self, resource: str) -> str:  # noqa: D102, ARG002
        return f"session {next(self.numbers)}"


@fault("RESTART-REOPEN", "it answered ALREADY_EXISTS")
class leaves_lock_files(Correct):  # noqa: N801, D101
    def _lock_file(self, resource: str) -> Path:
        return Path(tempfile.gettempdir()) / f"{resource}.lock"

    def create(self, resource: str) -> tuple[str, bool]:  # noqa: D102
        if self._lock_file(resource).exists():
            with self.lock:
                self.opening.discard(resource)
            refuse("ALREADY_EXISTS")
        self._lock_file(resource).touch()
        return super().create(resource)

    def close(self, session: str) -> None:  # noqa: D102
        with self.lock:
            self._lock_file(self.resource(session)).unlink()
            super().close(session)


def main(name: str, port: str) -> None:
    """Serve until SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
    (getattr(wrong, name, None) or globals()[name])(server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    stop = threading.Event()

    def asked(_: int, __: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    while not stop.wait(0.1):
        pass
    server.stop(1).wait()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
