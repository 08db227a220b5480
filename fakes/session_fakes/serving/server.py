"""One gRPC server on both loopback addresses and one port, that can stop and come back."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

from session_fakes.errors import FakeError
from session_fakes.fidelity import fidelity
from session_fakes.network.loopback import has_ipv6_loopback

if TYPE_CHECKING:
    # Loaded where it is used: most stations have none.
    from session_fakes.network.relay import Relay

WORKERS = 2048
"""A call that waits occupies a worker: 1,000 waiting clients must leave room for others."""
OPTIONS = [
    # Otherwise a second server binds the same port and takes half of the calls.
    ("grpc.so_reuseport", 0),
    # As NI's services: no limit to the size of a message.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Else gRPC cancels calls that Python has not picked up within 30 s: those that came while a
    # debugger held this process, or while the machine was far too busy.
    ("grpc.server_max_unrequested_time_in_server", 24 * 60 * 60),
]
_TRIES = 20
_PAUSE = 0.01
_PORTS = 65536
_LEAVE = 5.0
"""Seconds in which handlers have to return once their calls are cancelled."""


def _do_nothing() -> None:
    pass


class LoopbackServer:
    """Serves handlers on ``localhost``; after ``stop`` it can ``start`` again on the same port."""

    def __init__(
        self,
        name: str,
        furnish: Callable[[grpc.Server], None],
        port: int = 0,
        *,
        forget: Callable[[], None] = _do_nothing,
        announce: Callable[[], None] = _do_nothing,
        unanswered: Callable[[], list[str]] = list,
        leave: float = _LEAVE,
    ) -> None:
        """Make a server that does not listen yet.

        Args:
            name: Of the service, for texts.
            furnish: Gives a server of gRPC what it serves.
            port: 0 for any that is free.
            forget: Drops the state of the service, for a fresh restart.
            announce: Called whenever it has begun to serve.
            unanswered: Names the calls that handlers work on, for texts.
            leave: Seconds in which handlers have to return when it stops.
        """
        if port not in range(_PORTS):
            raise FakeError(
                f"{name} cannot listen on port {port!r}: give a number from 1 to {_PORTS - 1}, or 0"
                " for any that is free."
            )
        self.name = name
        self.port = port
        """Where clients find it: that of the relay, when there is one in front of it."""
        self._port_behind: int | None = None
        """Where it listens while a relay has its port."""
        self._furnish = furnish
        self._forget = forget
        self._announce = announce
        self._unanswered = unanswered
        self._leave = leave
        self._changing = threading.RLock()
        self._has_served = False
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._relay: Relay | None = None

    @property
    def running(self) -> bool:
        """Whether it answers calls now."""
        return self._server is not None

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"localhost:{self.port}"

    def start(self) -> None:
        """Begin to serve; raise FakeError when the port is taken."""
        with self._changing:
            if self._server is None:
                self._listen()
                self._announce()

    def _listen(self) -> None:
        if self._port_behind is None:
            self.port = self._serve(self.port)
        else:
            self._port_behind = self._serve(self._port_behind)

    def _serve(self, wanted: int) -> int:
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix=self.name)
        for _ in range(1 if wanted and not self._has_served else _TRIES):
            server = grpc.server(pool, options=OPTIONS)
            self._furnish(server)
            port = _bind(server, wanted)
            if port:
                server.start()
                self._server, self._pool, self._has_served = server, pool, True
                return port
            # Whoever looks for a free port has the one of a restart for a moment only.
            time.sleep(_PAUSE)
        pool.shutdown()
        raise FakeError(
            f"{self.name} cannot listen on port {wanted} of localhost: "
            "another program has it. Choose another port, or 0 for any."
        )

    def stop(self, grace: float = 0.0) -> None:
        """Cancel or, within ``grace`` seconds, finish running calls and free the port.

        A handler that does not return then is left behind, with a RuntimeWarning.
        """
        with self._changing:
            server, pool = self._server, self._pool
            self._server = self._pool = None
            if server is not None and pool is not None:
                server.stop(grace).wait()
                self._shut_down(pool)

    def _shut_down(self, pool: ThreadPoolExecutor) -> None:
        # The pool itself would wait for ever.
        waiting = threading.Thread(target=pool.shutdown, name=f"{self.name}-stop", daemon=True)
        waiting.start()
        waiting.join(self._leave)
        if waiting.is_alive():
            warnings.warn(
                f"{self.name} has stopped, but {self._leave:g} s later handlers still run: "
                f"{', '.join(self._unanswered())}. This process cannot end before they do: look "
                "what they wait for, such as the predicate of a fault.",
                RuntimeWarning,
                stacklevel=3,
            )

    @fidelity(
        "SRV-RESTART",
        evidence="our choice",
        rule="A service that restarts is back on its port and knows what it knew; a fresh one knows"
        " nothing, which is what is expected of NI's",
    )
    def restart(self, *, fresh: bool = False) -> None:
        """Stop as a crash would look to clients, and come back on the same port.

        Args:
            fresh: Forget the state of the service: of Session Management what is reserved and
                registered, of Pin Map all pin maps, of Discovery who is registered. Without, it
                is all still there. Calls, faults and the clock belong to the station, and stay.
        """
        with self._changing:
            self.stop()
            if fresh:
                self._forget()
            self.start()

    @fidelity(
        "SRV-RELAY",
        evidence="our choice",
        rule="A relay takes the port of the service in front of which it is put: the address stays,"
        " the connections of before are cut",
    )
    def relay(self) -> Relay:
        """The relay in front of it, put there when first asked for; it listens on the same port.

        Raises:
            FakeError: The service does not run, or another program took the port meanwhile.
        """
        with self._changing:
            if self._relay is None or self._relay.closed:
                self._relay = self._put_relay()
            return self._relay

    def _put_relay(self) -> Relay:
        from session_fakes.network.relay import Relay

        server, pool = self._server, self._pool
        if self._port_behind is not None:
            return Relay(f"localhost:{self._port_behind}", port=self.port)
        if server is None or pool is None:
            raise FakeError(
                f"{self.name} does not run, and no relay can be put in front of it: start it first."
            )
        # First, so that it is not given the port that is to become free.
        self._port_behind = self._serve(0)
        server.stop(None).wait()
        try:
            return Relay(f"localhost:{self._port_behind}", port=self.port)
        except FakeError:
            self._port_behind = None
            self.stop()
            raise
        finally:
            self._shut_down(pool)

    @property
    def relay_in_place(self) -> Relay | None:
        """The relay in front of it, if one was put there."""
        return self._relay


def _bind(server: grpc.Server, port: int) -> int:
    """Bind both loopback addresses on one port; return it, or 0 when one of them is taken."""
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        if has_ipv6_loopback():
            server.add_insecure_port(f"[::1]:{bound}")
    except RuntimeError:
        return 0
    return bound
