"""Puts a target before the kit: at its address, or started by its command, or in this process."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, Protocol

import grpc

from session_contract.subject.finding import NotEstablished
from session_contract.subject.hosting import CommandHost, answers
from session_contract.subject.subject import Host
from session_contract.subject.target import (
    Address,
    Command,
    Limits,
    Place,
    Servicer,
    TargetError,
    Unreachable,
)

_WORKERS = 512
"""More than the calls that any check has under way, since each may wait for another."""
_OPTIONS = [
    # Otherwise a second server binds the same port and gets half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
]


class Discovery(Protocol):
    """A fake Discovery: see ``environment``."""

    @property
    def address(self) -> str:
        """Where it listens."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What lets the process of a server find it."""
        ...


class Placed(Protocol):
    """What a target of any class says of where its server is."""

    @property
    def place(self) -> Place:
        """Its address, its command, or a servicer."""
        ...

    @property
    def here(self) -> Path:
        """The folder of the target file."""
        ...

    @property
    def limits(self) -> Limits:
        """How long to wait."""
        ...


def place(target: Placed, folder: Path, discovery: Discovery | None = None) -> Host:
    """Find or start the server of a target; whoever calls this has to close it.

    Args:
        target: The target.
        folder: The ``{tmp}`` of the run.
        discovery: A fake Discovery, for a server that is started.

    Raises:
        TargetError: There is no such command, or no such function.
        Unreachable: Nobody answers in time; the text says what the server said.
    """
    match target.place:
        case Address(address):
            return AddressHost(address, target.limits.call)
        case Command():
            values = {
                "tmp": str(folder),
                "here": str(target.here),
                "python": sys.executable,
                "discovery": discovery.address if discovery else "",
            }
            return CommandHost(
                target.place, folder, values, discovery.environment if discovery else None
            )
        case Servicer():
            return ServicerHost(target.place)


class _NotOurs:
    """A server whose life is not in our hands."""

    address: str

    def stop(self, how: str) -> NoReturn:  # noqa: ARG002
        """Refuse: only a command can be stopped in order."""
        self._refuse()

    def kill(self) -> NoReturn:
        """Refuse: only a command can be killed."""
        self._refuse()

    def start(self) -> NoReturn:
        """Refuse: only a command can be started again."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotEstablished(
            "The kit can stop, kill and start only a server that it started by its command: "
            'set [target] command = ["..."].'
        )


class AddressHost(_NotOurs):
    """A server that somebody else started."""

    def __init__(self, address: str, within: float) -> None:
        """Look whether it answers."""
        self.address = address
        if not answers(address, within):
            raise Unreachable(
                f"Nobody answers gRPC at {address} within {within:g} s: is the server running, "
                "and without TLS?"
            )

    def close(self) -> None:
        """Leave it as it is."""


class ServicerHost(_NotOurs):
    """A Python servicer on a real server, on loopback."""

    def __init__(self, place: Servicer) -> None:
        """Serve what the function adds."""
        add = _function(place)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="servicer")
        self._server = grpc.server(self._pool, options=_OPTIONS)
        try:
            add(self._server)
        except Exception as error:
            self.close()
            raise TargetError(
                f"[target] servicer: {place.function} fails with {type(error).__name__}: {error}. "
                "It has to add a servicer to the grpc.Server that it is given."
            ) from error
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """End the server at once."""
        self._server.stop(0).wait()
        # A handler that never ends must not keep the kit from ending.
        self._pool.shutdown(wait=False, cancel_futures=True)


def _function(place: Servicer) -> Callable[[grpc.Server], object]:
    module, _, name = place.function.partition(":")
    try:
        with _found_first(place.folder):
            found: object = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise TargetError(
            f"[target] servicer: {place.function} cannot be imported from {place.folder}: {error}. "
            "Write module:function, and the folder of the module as [target] folder."
        ) from error
    if not callable(found):
        raise TargetError(f"[target] servicer: {place.function} is no function.")
    return found


@contextlib.contextmanager
def _found_first(folder: Path) -> Generator[None, None, None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
