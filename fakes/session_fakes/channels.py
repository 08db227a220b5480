"""The gRPC channels that are made while a test runs, and which of them are open at its end."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, cast

from session_fakes.bootstrap.path.sitecustomize import CALLER_KEY, POOLS, tags
from session_fakes.errors import quoted
from session_fakes.views import Leak

__all__ = ["ChannelWatch"]

_METHODS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
_CLOSERS = ("close", "__exit__")
_CLOSED = "session_fakes_closed"


class _Made(NamedTuple):
    """A channel that was made, and where."""

    channel: weakref.ref[Any]
    target: str
    of_pool: bool
    place: str

    @property
    def is_open(self) -> bool:
        channel = self.channel()
        return channel is not None and _CLOSED not in vars(channel)

    def leads_to(self, ports: Collection[int]) -> bool:
        port = self.target.rpartition(":")[2]
        return port.isdecimal() and int(port) in ports


class ChannelWatch:
    """Notes the channels of ``grpc.insecure_channel`` from ``start`` to ``stop``.

    Channels that nobody can reach any more, not even by a stub, are closed, and no leak.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[_Made] = []
        self._active = False
        self._original: Callable[..., Any] | None = None
        self._ours: Callable[..., Any] | None = None

    def start(self) -> None:
        """Begin to note; from now on gRPC is imported."""
        import grpc

        self._active = True
        self._original = grpc.insecure_channel
        self._ours = self._noting(self._original)
        grpc.insecure_channel = self._ours

    def stop(self) -> None:
        """Put gRPC back as it was; what was noted stays."""
        import grpc

        self._active = False
        # Otherwise somebody wraps it, who has to go first.
        if self._original is not None and grpc.insecure_channel is self._ours:
            grpc.insecure_channel = self._original

    def still_open(self, ports: Collection[int]) -> list[Leak]:
        """The channels that were made and are open, and the line that made them.

        Args:
            ports: Of the stations: channels to elsewhere count when a pool of NI's made them.
        """
        if self._open(ports):
            # One in a cycle of references that nobody holds is nobody's leak.
            gc.collect()
        return [Leak("channel", f"to {e.target}", _this(e.place)) for e in self._open(ports)]

    def _open(self, ports: Collection[int]) -> list[_Made]:
        with self._lock:
            made = list(self._made)
        return [each for each in made if each.is_open and (each.of_pool or each.leads_to(ports))]

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def insecure_channel(target: str, *args: object, **options: object) -> Any:  # noqa: ANN401 - as gRPC
            channel = original(target, *args, **options)
            if self._active and _watched(channel):
                caller = sys._getframe(1).f_globals  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                place = dict(tags()).get(CALLER_KEY, "")
                of_pool = caller.get("__name__") in POOLS
                made = _Made(weakref.ref(channel), str(target), of_pool, place)
                with self._lock:
                    self._made.append(made)
            return channel

        return insecure_channel


_telling_kinds: dict[type[object], type[object]] = {}


def _watched(channel: Any) -> bool:  # noqa: ANN401 - whatever takes the place of a channel
    """Have a channel tell whether it was closed; False when it is none of gRPC's own."""
    kind = cast("type[object]", type(channel))
    try:
        if kind not in _telling_kinds:
            _telling_kinds[kind] = _telling(kind)
        channel.__class__ = _telling_kinds[kind]
    except (AttributeError, TypeError):
        return False
    return True


def _telling(kind: type[object]) -> type[object]:
    """A class of channels whose stubs keep them alive, and that remember that they were closed."""
    members = {name: _keeping(getattr(kind, name)) for name in _METHODS}
    members.update({name: _closing(getattr(kind, name)) for name in _CLOSERS})
    return type(kind.__name__, (kind,), members)


def _keeping(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(channel: object, *args: object, **options: object) -> Any:  # noqa: ANN401 - as gRPC
        call = original(channel, *args, **options)
        call.session_fakes_channel = channel
        return call

    return method


def _closing(original: Callable[..., Any]) -> Callable[..., Any]:
    def close(channel: object, *args: object) -> Any:  # noqa: ANN401 - as gRPC
        vars(channel)[_CLOSED] = True
        return original(channel, *args)

    return close


def _this(place: str) -> str:
    return f"this process, at {quoted(place)}" if place else "this process"
