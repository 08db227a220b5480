"""A target that is there to be called: its lanes, its fresh resources, its life and death."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import grpc

from session_contract.results.run_result import Cell
from session_contract.subject.lane import Lane, Wire
from session_contract.subject.record import Journal
from session_contract.subject.target import Target
from session_contract.subject.templates import fill
from session_spec.model import Answer, Close, Initialize, Rules

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # A server that was started again is to be found at once; yet a busy one gets its time to
    # greet, which is what gRPC takes the least for.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 20_000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Lanes are clients of their own: they may not share one connection.
    ("grpc.use_local_subchannel_pool", 1),
]


class Host(Protocol):
    """The server behind a subject: see ``placing``."""

    address: str

    def stop(self, how: str) -> int | None:
        """Stop it in order; return its exit code, None when it has none."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def start(self) -> None:
        """Start it again, on any address."""
        ...

    def close(self) -> None:
        """End what the kit started, and nothing else."""
        ...


class Subject:
    """What the checks of a run talk to."""

    def __init__(
        self,
        target: Target,
        host: Host,
        wire: Wire,
        journal: Journal,
        folder: Path,
        prepare: Callable[[str], None] = lambda _: None,
        run: Callable[[Sequence[str], str], None] = lambda _, __: None,
        discovery: Any = None,  # noqa: ANN401 - the environment's, if there is one
    ) -> None:
        """Put a target before the checks.

        Args:
            target: What its user says of it.
            host: The server itself.
            wire: How calls are said in its words.
            journal: Where all calls are kept.
            folder: A folder of this run, the ``{tmp}`` of the target.
            prepare: Makes the resource with this name, before it is first used.
            run: Runs a command of the target for the resource with this name.
            discovery: The fake Discovery that the server was told of.
        """
        self.target = target
        self.host = host
        self.wire = wire
        self.journal = journal
        self.folder = folder
        self.discovery = discovery
        self.scope = ""
        self.executions = 1
        """How often the check that runs has put its requirement to the test."""
        self.registered_before = 0
        """Registrations that Discovery had seen when the server was started last."""
        self.reached: Counter[Cell] = Counter()
        """How often each place was reached, over the whole run."""
        self._prepare = prepare
        self._run_for = run
        self._lanes: list[Lane] = []
        self._unique = itertools.count(1)
        self._run = uuid.uuid4().hex[:8]
        self._lock = threading.Lock()

    @property
    def rules(self) -> Rules:
        """The rules that its answers are held against."""
        return self.target.rules

    def lane(self, name: str = "client", address: str | None = None) -> Lane:
        """A new client, with a channel of its own; through ``address``, if a relay is there."""
        channel = grpc.insecure_channel(address or self.host.address, _OPTIONS)
        timeout = self.target.limits.call
        lane = Lane(name, channel, self.wire, self.journal, timeout=timeout, scope=self.scope)
        with self._lock:
            self._lanes.append(lane)
        return lane

    def fresh(self) -> str:
        """The name of a resource that nobody has used before."""
        name = self.fill(self.target.resources.name)
        self._prepare(name)
        return name

    def slow(self) -> str:
        """The name of a fresh resource that takes long to open; empty if the target has none."""
        name = self.fill(self.target.resources.slow)
        if name:
            self._run_for(self.target.resources.slow_setup, name)
        return name

    def make_gone(self, name: str) -> None:
        """Make an open resource disappear, in the way that the target names."""
        self._run_for(self.target.resources.gone, name)

    def fill(self, template: str) -> str:
        """Fill in ``{unique}``, ``{tmp}`` and ``{here}``."""
        with self._lock:
            unique = f"{self._run}-{next(self._unique)}"
        values = {"unique": unique, "tmp": str(self.folder), "here": str(self.target.here)}
        return fill(template, values)

    def start_again(self) -> None:
        """Start the server after it ended; what is recorded from now on is of its next life."""
        self.journal.life += 1
        if self.discovery:
            self.registered_before = len(self.discovery.registered)
        self.host.start()

    def begin_check(self, scope: str) -> None:
        """From now on, calls belong to this check."""
        self.scope = scope
        self.executions = 1

    def end_check(self) -> None:
        """Close the sessions that the check left open, newest first, then its channels."""
        left = self._left_open()
        with suppress(grpc.RpcError):
            if left:
                sweeper = self.lane("sweeper")
                for session in reversed(left):
                    sweeper.close_session(session)
        for lane in self._lanes:
            lane.hang_up()
        self._lanes.clear()

    def _left_open(self) -> list[str]:
        """Sessions that calls of this check created and none has closed, oldest first."""
        created: dict[str, None] = {}
        for record in self.journal.within(self.scope):
            answer = record.answer
            if not isinstance(answer, Answer) or answer.code != "OK":
                continue
            if isinstance(record.call, Initialize) and answer.new and answer.session:
                created[answer.session] = None
            elif isinstance(record.call, Close):
                created.pop(record.call.session, None)
        return list(created)
