"""One gRPC server on both loopback addresses and one port, that can stop and come back."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from session_fakes.errors import FakeError

WORKERS = 2048
"""A call that waits occupies a worker: 1,000 waiting clients must leave room for others."""
OPTIONS = [
    # Otherwise a second server binds the same port and takes half of the calls.
    ("grpc.so_reuseport", 0),
    # As NI's services: no limit to the size of a message.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
_TRIES = 20


class LoopbackServer:
    """Serves handlers on ``localhost``; after ``stop`` it can ``start`` again on the same port."""

    def __init__(self, name: str, furnish: Callable[[grpc.Server], None], port: int = 0) -> None:
        """Make a server that does not listen yet; ``furnish`` gives it what it serves."""
        self.name = name
        self.port = port
        self._furnish = furnish
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None

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
        if self._server is not None:
            return
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix=self.name)
        for _ in range(_TRIES):
            server = grpc.server(pool, options=OPTIONS)
            self._furnish(server)
            port = _bind(server, self.port)
            if port:
                server.start()
                self.port, self._server, self._pool = port, server, pool
                return
            if self.port:
                break
        pool.shutdown()
        raise FakeError(
            f"{self.name} cannot listen on port {self.port} of localhost: "
            "another program has it. Choose another port, or 0 for any."
        )

    def stop(self, grace: float = 0.0) -> None:
        """Cancel or, within ``grace`` seconds, finish running calls and free the port."""
        server, pool = self._server, self._pool
        self._server = self._pool = None
        if server is not None and pool is not None:
            server.stop(grace).wait()
            pool.shutdown()

    def restart(self) -> None:
        """Stop as a crash would look to clients, and come back on the same port."""
        self.stop()
        self.start()


def _bind(server: grpc.Server, port: int) -> int:
    """Bind both loopback addresses on one port; return it, or 0 when one of them is taken."""
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        if has_ipv6_loopback():
            server.add_insecure_port(f"[::1]:{bound}")
    except RuntimeError:
        return 0
    return bound


def has_ipv6_loopback() -> bool:
    """Whether this machine can listen on ``::1``; many containers cannot."""
    if not socket.has_ipv6:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False
