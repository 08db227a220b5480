"""One connection through a relay: two sockets, and what goes from each to the other."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
from collections.abc import Callable, Collection, Iterator

from session_fakes.network.cuts import Direction
from session_fakes.network.frames import PREFACE, Frames

_CHUNK = 65_536
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Limit = Callable[["Flow", bytes], "int | None"]
"""How many of these bytes pass before the connection is cut; None when all do and it is not."""


class Flow:
    """What goes in one direction. It reads no more before all it has read is passed on."""

    def __init__(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        self.direction = direction
        self.frames = Frames(PREFACE if direction == "requests" else 0)
        self.source = source
        self.sink = sink
        self.data = b""
        self.finished = False
        """Whether the source has said its last word, and it was passed on."""
        self._ended = False
        self._cut = False

    @property
    def reads(self) -> bool:
        """Whether it wants more from the source."""
        return not self.data and not self._ended

    def pump(self, limit: Limit) -> None:
        """Pass on what can be passed on now; raise OSError when the connection is to be reset."""
        with contextlib.suppress(BlockingIOError):
            if self.reads:
                self._read(limit)
            if self.data:
                self.data = self.data[self.sink.send(self.data) :]
        if self.data:
            return
        if self._cut:
            raise ConnectionAbortedError("cut on purpose")
        if self._ended and not self.finished:
            self.sink.shutdown(socket.SHUT_WR)
            self.finished = True

    def _read(self, limit: Limit) -> None:
        data = self.source.recv(_CHUNK)
        self._ended = not data
        passing = limit(self, data)
        self._cut = passing is not None
        self.data = data[:passing]


class Connection:
    """A client and the service behind the relay."""

    def __init__(self, client: socket.socket, service: socket.socket) -> None:
        self._sockets = (client, service)
        for each in self._sockets:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = Flow("requests", client, service)
        self._answers = Flow("answers", service, client)

    def pump(self, stalled: Collection[Direction], limit: Limit) -> None:
        """Pass on what can be passed on now; raise OSError when the connection is to be reset."""
        for flow in (self._requests, self._answers):
            if flow.direction not in stalled:
                flow.pump(limit)

    @property
    def done(self) -> bool:
        """Whether both sides have ended it."""
        return self._requests.finished and self._answers.finished

    def events(self, stalled: Collection[Direction]) -> Iterator[tuple[socket.socket, int]]:
        """What to wait for at each of the two sockets."""
        flows = (self._requests, self._answers)
        for reading, writing in (flows, flows[::-1]):
            reads = reading.reads and reading.direction not in stalled
            writes = bool(writing.data) and writing.direction not in stalled
            events = selectors.EVENT_READ * reads | selectors.EVENT_WRITE * writes
            yield reading.source, events

    def close(self) -> None:
        """End it in an orderly way."""
        for each in self._sockets:
            each.close()

    def reset(self) -> None:
        """End it as a broken network does, for both sides."""
        for each in self._sockets:
            reset(each)


def reset(connected: socket.socket) -> None:
    """Close a socket so that the other side gets a reset, not an end."""
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    connected.close()
