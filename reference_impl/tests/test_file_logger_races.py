"""The file logger under many calls at once: one winner, no dead session, no line lost or torn.

In the process, where many rounds are cheap, and over real sockets. ``hurried`` is a tiny interval
between the switches of threads, ``slow`` an open that takes until everybody has come.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest

from session_reference.file_logger import server as file_logger
from session_reference.file_logger.log_file import open_log
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2 as messages
from session_reference.file_logger.stubs import json_logger_pb2_grpc as rpcs

CLIENTS = 32
PATIENCE = 60
AUTO, NEW, ATTACH = 0, 1, 2
ROUNDS = int(os.environ.get("RACE_ROUNDS", "0"))
"""How often each race is run; 0 for as often as a run of all tests has time for."""


class Refused(Exception):  # noqa: N818 - what context.abort raises
    """A call was answered with a status."""


def status_of(error: grpc.RpcError) -> str:
    """The name of the status that a call ended with."""
    assert isinstance(error, grpc.Call)
    return error.code().name


class _Context:
    """Stands in for the context of a call in this process."""

    def is_active(self) -> bool:
        return True

    def abort(self, code: grpc.StatusCode, _details: str) -> None:
        raise Refused(code.name)


class _Client(Protocol):
    """Says what a call answered, or the name of its status."""

    def initialize(self, path: Path, behavior: int) -> str: ...
    def log(self, session_id: str, name: str) -> str: ...
    def close(self, session_id: str) -> str: ...


class _DirectClient:
    """Calls the servicer."""

    def __init__(self, servicer: JsonLoggerServicer) -> None:
        self._servicer = servicer

    def call(self, rpc: str, request: Any) -> Any:  # noqa: ANN401
        return getattr(self._servicer, rpc)(request, _Context())

    def initialize(self, path: Path, behavior: int) -> str:
        request = messages.InitializeFileRequest(
            resource_name=str(path),
            initialization_behavior=behavior,  # type: ignore[arg-type]
        )
        try:
            answer = self.call("InitializeFile", request)
        except Refused as refused:
            return str(refused)
        return f"{'new' if answer.new_session_initialized else 'old'} {answer.session_id}"

    def log(self, session_id: str, name: str) -> str:
        request = messages.LogMeasurementDataRequest(session_id=session_id, measurement_name=name)
        return self._status("LogMeasurementData", request)

    def close(self, session_id: str) -> str:
        return self._status("CloseFile", messages.CloseFileRequest(session_id=session_id))

    def _status(self, rpc: str, request: object) -> str:
        try:
            self.call(rpc, request)
        except Refused as refused:
            return str(refused)
        return "OK"


class _SocketClient(_DirectClient):
    """Calls over a socket."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = rpcs.JsonLoggerStub(channel)

    def call(self, rpc: str, request: Any) -> Any:  # noqa: ANN401
        try:
            return getattr(self._stub, rpc)(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            raise Refused(status_of(error)) from None


def names(log: Path) -> list[str]:
    """The names of the records in a log."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["measurement_name"] for line in lines]


class Arena:
    """As many clients as there are threads, who begin each round together."""

    def __init__(
        self, client: _Client, folder: Path, rounds: int, pool: ThreadPoolExecutor
    ) -> None:
        self.client = client
        self.log = folder / "a.log"
        self.rounds = rounds
        self._pool = pool
        self._barrier = threading.Barrier(CLIENTS, timeout=PATIENCE)

    def together(self, act: Callable[[int], Any]) -> list[Any]:
        """What each client got when all of them acted at once."""

        def run(number: int) -> Any:  # noqa: ANN401
            self._barrier.wait()
            return act(number)

        return list(self._pool.map(run, range(CLIENTS)))

    def names(self) -> list[str]:
        """The names of the records that are in the log."""
        return names(self.log)


def servicer() -> Generator[JsonLoggerServicer, None, None]:
    made = JsonLoggerServicer(open_files=2)
    yield made
    assert not vars(made.table)["_sessions"], "a test leaves sessions open"
    assert not vars(made.table)["_slots"], "a closed session leaves its slot"


@contextmanager
def socket_client(made: JsonLoggerServicer) -> Generator[_SocketClient, None, None]:
    pool = ThreadPoolExecutor(2 * CLIENTS)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
    rpcs.add_JsonLoggerServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield _SocketClient(channel)
    finally:
        server.stop(0).wait()
        pool.shutdown()


@contextmanager
def hurry() -> Generator[None, None, None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def slow_open() -> Generator[None, None, None]:
    """Give the other threads time to come, before a log is opened."""

    def open_slowly(*arguments: Any, **options: Any) -> object:  # noqa: ANN401
        threading.Event().wait(0.002)
        return open_log(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_logger, "open_log", open_slowly)
        yield


@pytest.fixture(params=["direct", "hurried", "slow", "socket"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Arena, None, None]:
    rounds = ROUNDS or {"direct": 60, "hurried": 25, "slow": 15, "socket": 10}[request.param]
    with ExitStack() as stack:
        made = stack.enter_context(contextmanager(servicer)())
        client: _Client = _DirectClient(made)
        if request.param == "socket":
            client = stack.enter_context(socket_client(made))
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        if request.param == "hurried":
            stack.enter_context(hurry())
        if request.param == "slow":
            stack.enter_context(slow_open())
        yield Arena(client, tmp_path, rounds, pool)


def one_session(answers: list[str]) -> str:
    """The one id of all the answers, of which one says that it is new."""
    assert Counter(answer[:4] for answer in answers) == {"new ": 1, "old ": len(answers) - 1}
    (session,) = {answer[4:] for answer in answers}
    return session


def test___no_session___all_initialize_new___one_wins(arena: Arena) -> None:
    for _ in range(arena.rounds):
        answers = arena.together(lambda _: arena.client.initialize(arena.log, NEW))

        (winner,) = [answer for answer in answers if answer != "ALREADY_EXISTS"]
        assert arena.client.log(winner.removeprefix("new "), "m") == "OK"
        assert arena.client.close(winner.removeprefix("new ")) == "OK"
    assert len(arena.names()) == arena.rounds


def test___no_log___all_initialize_unspecified___one_creates_and_all_share(arena: Arena) -> None:
    for _ in range(arena.rounds):
        arena.log.unlink(missing_ok=True)

        session = one_session(arena.together(lambda _: arena.client.initialize(arena.log, AUTO)))

        assert arena.client.close(session) == "OK"


def test___open_session___all_close___one_succeeds(arena: Arena) -> None:
    def close(_: int) -> str:
        return arena.client.close(session)

    for _ in range(arena.rounds):
        session = arena.client.initialize(arena.log, NEW).removeprefix("new ")

        answers = arena.together(close)

        assert Counter(answers) == {"OK": 1, "NOT_FOUND": CLIENTS - 1}


def test___all_log_while_one_closes___log_has_exactly_what_was_acknowledged(arena: Arena) -> None:
    expected: list[str] = []
    for number in range(arena.rounds):
        session = arena.client.initialize(arena.log, NEW).removeprefix("new ")

        def act(client: int, number: int = number, session: str = session) -> tuple[str, str]:
            if client == CLIENTS // 2:
                return "", arena.client.close(session)
            name = f"{number}-{client}"
            return name, arena.client.log(session, name)

        answers = arena.together(act)

        assert ("", "OK") in answers
        assert {status for _, status in answers} <= {"OK", "NOT_FOUND"}
        expected += [name for name, status in answers if name and status == "OK"]
    assert sorted(arena.names()) == sorted(expected)


def test___all_initialize_log_and_close___no_dead_session_and_no_lost_record(arena: Arena) -> None:
    """Each client is AUTO: who creates closes, so that others may lose their session meanwhile."""
    expected: list[str] = []
    for number in range(arena.rounds):

        def act(client: int, number: int = number) -> tuple[str, str, str]:
            behavior = [AUTO, NEW, ATTACH][client % 3]
            answer = arena.client.initialize(arena.log, behavior)
            if answer in ("ALREADY_EXISTS", "NOT_FOUND"):
                assert (behavior, answer) in [(NEW, "ALREADY_EXISTS"), (ATTACH, "NOT_FOUND")]
                return "", "", ""
            kind, session = answer.split()
            name = f"{number}-{client}"
            logged = arena.client.log(session, name)
            closed = arena.client.close(session) if kind == "new" else ""
            return name, f"{kind} {logged}", closed

        answers = arena.together(act)

        kinds = {(kind, closed) for name, kind, closed in answers if name}
        assert kinds <= {("new OK", "OK"), ("old OK", ""), ("old NOT_FOUND", "")}
        assert ("new OK", "OK") in kinds
        expected += [name for name, kind, _ in answers if kind.endswith("OK")]
    assert sorted(arena.names()) == sorted(expected)


def test___logs_are_rotated_meanwhile___all_log___every_acknowledged_record_is_in_one_of_them(
    arena: Arena,
) -> None:
    expected: list[str] = []
    sessions: set[str] = set()
    for number in range(arena.rounds):

        def act(client: int, number: int = number) -> str:
            if client == CLIENTS // 2:
                arena.log.touch()
                arena.log.rename(arena.log.with_name(f"{number}.old"))
                return ""
            session = arena.client.initialize(arena.log, AUTO)[4:]
            sessions.add(session)
            status = arena.client.log(session, f"{number}-{client}")
            assert status in ("OK", "NOT_FOUND")
            return f"{number}-{client}" if status == "OK" else ""

        expected += filter(None, arena.together(act))

    answers = [arena.client.close(session) for session in sessions]
    assert answers.count("OK") <= 1
    found = [name for log in arena.log.parent.iterdir() for name in names(log)]
    assert sorted(found) == sorted(expected)
