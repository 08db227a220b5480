"""A TCP relay on loopback that loses calls on purpose, for whatever listens behind it.

    with Relay("localhost:50051") as relay:
        channel = grpc.insecure_channel(relay.address)
        relay.cut_before("answer")   # the next call is done, and its client never hears of it
        relay.stall()                # connections stay, nothing passes
        relay.heal()

It knows no gRPC and needs none; one thread serves all of its connections.
"""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Literal, TypeVar, get_args

from session_fakes.errors import FakeError, quoted
from session_fakes.network.connection import Connection, Flow, reset
from session_fakes.network.cuts import AfterBytes, BeforeNext, Cut, Direction
from session_fakes.network.loopback import listen, places

__all__ = ["Direction", "Part", "Relay"]

Part = Literal["request", "answer"]
_DIRECTION_OF: dict[Part, Direction] = {"request": "requests", "answer": "answers"}
_CONNECT_TIME = 1.0
"""Seconds; on loopback a connection is there at once or not at all."""
_PATIENCE = 20.0
"""Seconds in which the thread of a relay does what it is told, unless it has died."""

T = TypeVar("T")


class Relay:
    """Passes bytes between clients and an address of this machine, as long as it is told nothing.

    Each method has taken effect when it returns. The cuts of ``cut_before`` and ``cut_after`` cut
    one connection, once, with all the calls on it; they add up until ``heal``.
    """

    def __init__(self, target: str, *, port: int = 0) -> None:
        """Listen, and connect each client to the target.

        Args:
            target: Where the service listens, ``localhost:50051``; it need not be there yet.
            port: Where to listen; 0 for any port that is free.

        Raises:
            FakeError: The target is no address of this machine, or the port is taken.
        """
        self.target = target
        self._places = places(target)
        self._listeners = listen(port)
        self.port: int = self._listeners[0].getsockname()[1]
        self._connections: set[Connection] = set()
        self._refuses = False
        self._stalled: set[Direction] = set()
        self._cuts: list[Cut] = []
        self._lock = threading.Lock()
        self._closed = False
        self._orders: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._bell, self._ear = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for each in (*self._listeners, self._ear):
            self._selector.register(each, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"relay to {target}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"{self.address} to {self.target}: {self.state}"

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"localhost:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections go through it now."""
        return len(self._connections)

    @property
    def closed(self) -> bool:
        """Whether it listens no more."""
        return self._closed

    @property
    def troubled(self) -> bool:
        """Whether it does not pass everything."""
        return bool(self._closed or self._refuses or self._stalled or self._cuts)

    @property
    def state(self) -> str:
        """What it does to the bytes, in words."""
        if self._closed:
            return "closed"
        told = ["refuses new connections"] if self._refuses else []
        told += [f"stalls {' and '.join(sorted(self._stalled))}"] if self._stalled else []
        told += map(str, tuple(self._cuts))
        return ", ".join(told) or "passes everything"

    # What it can be told --------------------------------------------------------------------------

    def cut(self) -> int:
        """Reset all connections now, and answer how many; new ones pass."""
        return self._tell(self._reset_all)

    def cut_before(self, part: Part) -> None:
        """Lose the next call of gRPC: reset its connection where its request or answer begins.

        ``"request"``: the service never sees the call. ``"answer"``: it has done what was asked,
        and the client never hears of it. A call is seen when it is not encrypted.
        """
        _check(part, get_args(Part))
        self._tell(lambda: self._cuts.append(BeforeNext(_DIRECTION_OF[part])))

    def cut_after(self, count: int, direction: Direction) -> None:
        """Reset a connection once so many more bytes have passed in this direction."""
        _check(direction, get_args(Direction))
        if count < 1:
            raise FakeError("A relay cuts after 1 byte or more; before that it refuses.")
        self._tell(lambda: self._cuts.append(AfterBytes(direction, count)))

    def refuse(self) -> None:
        """Reset every new connection at once; those that are open stay."""
        self._tell(lambda: setattr(self, "_refuses", True))

    def stall(self, direction: Direction | None = None) -> None:
        """Keep all connections and pass nothing, in this direction or in both.

        What comes meanwhile waits; new connections are taken, and stall, too.
        """
        _check(direction, (None, *get_args(Direction)))
        wanted: tuple[Direction, ...] = (direction,) if direction else get_args(Direction)
        self._tell(lambda: self._stall({*self._stalled, *wanted}))

    def heal(self) -> None:
        """Take back all that it was told, and pass everything."""
        self._tell(self._heal)

    def close(self) -> None:
        """Reset all connections and listen no more; closing twice is fine."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._post(None)
        self._thread.join()

    def _tell(self, action: Callable[[], T]) -> T:
        """Have the thread of the relay do something: it alone touches connections."""
        done: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise FakeError(f"The relay to {self.target} is closed: make another one.")
            self._post(lambda: done.set_result(action()))
        return done.result(_PATIENCE)

    def _post(self, order: Callable[[], object] | None) -> None:
        self._orders.put(order)
        self._bell.send(b"!")

    # In its thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._shut_down()

    def _turn(self) -> bool:
        """Wait, and do what is to do; False when that is nothing any more."""
        for key, _ in self._selector.select():
            if isinstance(key.data, Connection):
                self._serve(key.data)
            elif key.fileobj is not self._ear:
                self._accept(key.fileobj)
            elif not self._obey():
                return False
        return True

    def _obey(self) -> bool:
        self._ear.recv(1)
        order = self._orders.get()
        if order is not None:
            order()
        return order is not None

    def _accept(self, listener: object) -> None:
        assert isinstance(listener, socket.socket)
        try:
            client, _ = listener.accept()
        except OSError:  # it has gone again
            return
        service = None if self._refuses else self._connect()
        if service is None:
            reset(client)
            return
        connection = Connection(client, service)
        self._connections.add(connection)
        self._watch(connection)

    def _connect(self) -> socket.socket | None:
        for place in self._places:
            with contextlib.suppress(OSError):
                return socket.create_connection(place, _CONNECT_TIME)
        return None

    def _serve(self, connection: Connection) -> None:
        if connection not in self._connections:  # it was reset a moment ago
            return
        try:
            connection.pump(self._stalled, self._limit)
        except OSError:
            self._forget(connection)
            connection.reset()
            return
        if connection.done:
            self._forget(connection)
            connection.close()
        else:
            self._watch(connection)

    def _limit(self, flow: Flow, data: bytes) -> int | None:
        headers_at = flow.frames.headers_in(data)
        for cut in self._cuts:
            if cut.direction == flow.direction:
                limit = cut.limit(len(data), headers_at)
                if limit is not None:
                    self._cuts.remove(cut)
                    return limit
        return None

    def _watch(self, connection: Connection) -> None:
        watched = self._selector.get_map()
        for each, events in connection.events(self._stalled):
            if not events:
                self._ignore(each)
            elif each in watched:
                self._selector.modify(each, events, connection)
            else:
                self._selector.register(each, events, connection)

    def _ignore(self, each: socket.socket) -> None:
        if each in self._selector.get_map():
            self._selector.unregister(each)

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        for each, _ in connection.events(()):
            self._ignore(each)

    def _reset_all(self) -> int:
        connections = tuple(self._connections)
        for connection in connections:
            self._forget(connection)
            connection.reset()
        return len(connections)

    def _stall(self, directions: set[Direction]) -> None:
        self._stalled = directions
        for connection in self._connections:
            self._watch(connection)

    def _heal(self) -> None:
        self._refuses = False
        self._cuts.clear()
        self._stall(set())

    def _shut_down(self) -> None:
        with self._lock:
            self._closed = True
        self._reset_all()
        self._selector.close()
        for each in (*self._listeners, self._bell, self._ear):
            each.close()


def _check(value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        names = " or ".join(repr(each) for each in allowed if each is not None)
        raise FakeError(f"{quoted(str(value))} is nothing a relay knows: say {names}.")
