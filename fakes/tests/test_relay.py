"""The TCP relay alone: bytes that pass, stall and are cut, over bare sockets and gRPC's frames."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from session_fakes.errors import FakeError
from session_fakes.network.frames import PREFACE, Frames
from session_fakes.network.loopback import has_ipv6_loopback, listen
from session_fakes.network.relay import Relay

LIMIT = 20.0
"""Seconds after which a socket of these tests is stuck."""
SETTINGS, HEADERS, DATA = 4, 1, 0
ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6 loopback")


class Service:
    """Takes connections; the test plays what is said on them."""

    def __init__(self, family: int = socket.AF_INET, host: str = "127.0.0.1") -> None:
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.bind((host, 0))
        self._listener.listen()
        self._listener.settimeout(LIMIT)
        self.address = f"localhost:{self._listener.getsockname()[1]}"

    def accept(self) -> socket.socket:
        """The next connection."""
        connection, _ = self._listener.accept()
        connection.settimeout(LIMIT)
        return connection

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


@pytest.fixture
def cleanup() -> Iterator[contextlib.ExitStack]:
    """Closes what a test opens."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def service(cleanup: contextlib.ExitStack) -> Service:
    """A service behind the relay."""
    return cleanup.enter_context(contextlib.closing(Service()))


@pytest.fixture
def relay(cleanup: contextlib.ExitStack, service: Service) -> Relay:
    """A relay in front of it."""
    return cleanup.enter_context(Relay(service.address))


class Pair:
    """Opens connections through the relay and keeps both ends of each."""

    def __init__(self, relay: Relay, service: Service, cleanup: contextlib.ExitStack) -> None:
        self._relay, self._service, self._cleanup = relay, service, cleanup

    def dial(self, host: str = "127.0.0.1") -> socket.socket:
        """The client's end alone."""
        return self._cleanup.enter_context(
            socket.create_connection((host, self._relay.port), LIMIT)
        )

    def __call__(self, host: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
        """The client's end, and the service's."""
        client = self.dial(host)
        return client, self._cleanup.enter_context(self._service.accept())


@pytest.fixture
def pair(relay: Relay, service: Service, cleanup: contextlib.ExitStack) -> Pair:
    """Makes connections."""
    return Pair(relay, service, cleanup)


def read(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing has come for a moment."""
    connection.settimeout(0.1)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(LIMIT)
    return False


def rest_of(connection: socket.socket) -> bytes:
    """All that comes before the reset with which the connection must end."""
    pieces: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            pieces.append(piece)
        pytest.fail("the connection has ended, and was not reset")
    return b"".join(pieces)


def assert_reset_at_once(pair: Pair) -> None:
    """A new connection is reset: while it is made, or when it is read from."""
    with pytest.raises(ConnectionError):
        pair.dial().recv(1)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 1]) + payload


# Passing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=ipv6)])
def test___connection___spoken_on___both_sides_hear(pair: Pair, relay: Relay, host: str) -> None:
    client, service = pair(host)

    client.sendall(b"ask")
    assert read(service, 3) == b"ask"
    service.sendall(b"answer")
    assert read(client, 6) == b"answer"
    assert (relay.connections, relay.state) == (1, "passes everything")


@ipv6
def test___service_of_the_other_loopback___dialled___found() -> None:
    with (
        contextlib.closing(Service(socket.AF_INET6, "::1")) as service,
        Relay(service.address) as relay,
        socket.create_connection(("127.0.0.1", relay.port), LIMIT) as client,
        service.accept() as end,
    ):
        client.sendall(b"x")
        assert read(end, 1) == b"x"


def test___more_than_all_buffers_hold___sent_and_read_late___arrives_whole(pair: Pair) -> None:
    client, service = pair()
    data = bytes(range(256)) * 65_536  # 16 MB

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(client.sendall, data)
        assert read(service, len(data)) == data
        sent.result(LIMIT)


def test___one_side_that_ends___other___may_still_answer(pair: Pair) -> None:
    client, service = pair()

    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    assert read(service, 4) == b"last"
    assert service.recv(1) == b""
    service.sendall(b"answer")
    service.close()
    assert read(client, 6) == b"answer"
    assert client.recv(1) == b""


def test___connection_that_both_ended___relay___keeps_nothing(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    client.close()
    assert service.recv(1) == b""
    service.close()

    relay.cut_after(1, "requests")
    other, end = pair()
    other.sendall(b"x")
    rest_of(end)

    assert relay.connections == 0


def test___nobody_behind_the_relay___dialled___reset(pair: Pair, service: Service) -> None:
    service.close()

    assert_reset_at_once(pair)


def test___many_connections___at_once___each_has_its_own_bytes(pair: Pair, relay: Relay) -> None:
    pairs = [pair() for _ in range(50)]
    threads = threading.active_count()

    for number, (client, _) in enumerate(pairs):
        client.sendall(b"%02d" % number)

    assert sorted(read(service, 2) for _, service in pairs) == [b"%02d" % n for n in range(50)]
    assert (relay.connections, threading.active_count()) == (50, threads)


# Cutting ------------------------------------------------------------------------------------------


def test___cut___now___resets_both_sides_and_lets_new_ones_pass(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    client.sendall(b"x")
    read(service, 1)

    assert relay.cut() == 1

    assert (rest_of(client), rest_of(service), relay.cut()) == (b"", b"", 0)
    client, service = pair()
    client.sendall(b"y")
    assert read(service, 1) == b"y"


def test___cut_after_bytes___counts_over_all_connections___cuts_the_one_that_passes_the_last(
    pair: Pair, relay: Relay
) -> None:
    (one, one_end), (other, other_end) = pair(), pair()
    relay.cut_after(10, "requests")
    assert relay.state == "cuts after 10 more bytes of requests"

    one.sendall(b"123456")
    read(one_end, 6)
    one_end.sendall(b"answers are not counted")
    read(one, 23)
    assert relay.state == "cuts after 4 more bytes of requests"
    other.sendall(b"7890 and more")

    assert rest_of(other_end) == b"7890"
    assert rest_of(other) == b""
    assert (relay.state, relay.connections) == ("passes everything", 1)
    one.sendall(b"still there")
    assert read(one_end, 11) == b"still there"


def test___cut_before_a_request___service___sees_nothing_of_it(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    hello = b"x" * PREFACE + frame(SETTINGS, b"s" * 18)
    client.sendall(hello)
    assert read(service, len(hello)) == hello
    relay.cut_before("request")

    client.sendall(frame(SETTINGS) + frame(HEADERS, b"call") + frame(DATA, b"message"))

    assert rest_of(service) == frame(SETTINGS)
    rest_of(client)
    assert not relay.troubled


def test___cut_before_an_answer___request_passes___answer_does_not(
    pair: Pair, relay: Relay
) -> None:
    client, service = pair()
    relay.cut_before("answer")
    assert relay.state == "cuts before the next answer"
    request = b"x" * PREFACE + frame(SETTINGS) + frame(HEADERS, b"call")
    client.sendall(request)
    assert read(service, len(request)) == request

    service.sendall(frame(SETTINGS) + frame(DATA))
    assert read(client, 18) == frame(SETTINGS) + frame(DATA)
    service.sendall(frame(HEADERS, b"answer"))

    assert rest_of(client) == b""
    rest_of(service)


def test___two_cuts___armed___cut_one_connection_each(pair: Pair, relay: Relay) -> None:
    relay.cut_before("answer")
    relay.cut_before("answer")

    for _ in range(2):
        client, service = pair()
        service.sendall(frame(SETTINGS) + frame(HEADERS))
        rest_of(client)

    client, service = pair()
    service.sendall(frame(SETTINGS) + frame(HEADERS))
    assert read(client, 18) == frame(SETTINGS) + frame(HEADERS)


def test___bytes_that_are_no_http2___cut_before___never(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    relay.cut_before("answer")
    service.sendall(frame(DATA) + frame(HEADERS))

    assert read(client, 18) == frame(DATA) + frame(HEADERS)
    assert relay.troubled


# Stalling and refusing ----------------------------------------------------------------------------


def test___stalled___both_ways___nothing_passes_until_healed(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    relay.stall()
    assert relay.state == "stalls answers and requests"

    client.sendall(b"ask")
    service.sendall(b"answer")
    assert is_silent(service)
    assert is_silent(client)

    relay.heal()
    assert read(service, 3) == b"ask"
    assert read(client, 6) == b"answer"


def test___stalled___one_way___other_passes(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    relay.stall("answers")

    service.sendall(b"answer")
    client.sendall(b"ask")
    assert read(service, 3) == b"ask"
    assert is_silent(client)

    relay.stall("requests")
    client.sendall(b"more")
    assert is_silent(service)


def test___stalled___new_connection___stalls_too_and_can_be_cut(pair: Pair, relay: Relay) -> None:
    relay.stall()
    client, service = pair()
    client.sendall(b"ask")
    assert is_silent(service)

    relay.cut()

    assert rest_of(service) == b""
    rest_of(client)


def test___refusing___new_connection___reset_and_old_ones_pass(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    relay.refuse()
    assert (relay.state, relay.troubled) == ("refuses new connections", True)

    assert_reset_at_once(pair)
    client.sendall(b"x")
    assert read(service, 1) == b"x"

    relay.heal()
    client, service = pair()
    client.sendall(b"y")
    assert read(service, 1) == b"y"


def test___cuts_to_come___healed___never_come(pair: Pair, relay: Relay) -> None:
    relay.cut_after(1, "requests")
    relay.cut_before("request")
    relay.heal()
    client, service = pair()
    client.sendall(b"xy")

    assert read(service, 2) == b"xy"


# Its life -----------------------------------------------------------------------------------------


def test___closed___resets_connections_and_frees_the_port(pair: Pair, relay: Relay) -> None:
    client, service = pair()
    client.sendall(b"x")
    read(service, 1)

    relay.close()
    relay.close()

    rest_of(client)
    rest_of(service)
    assert f"relay to {relay.target}" not in {thread.name for thread in threading.enumerate()}
    for listener in listen(relay.port):
        listener.close()
    with pytest.raises(FakeError, match="is closed: make another one"):
        relay.stall()


def test___stalled___closed___ends(pair: Pair, relay: Relay) -> None:
    client, _ = pair()
    relay.stall()
    client.sendall(b"x")

    relay.close()

    rest_of(client)


def test___nonsense___asked___refused_with_the_remedy(relay: Relay) -> None:
    for target in ("localhost", "192.0.2.1:80", "localhost:0", "localhost:70000", "evil:1", ":1"):
        with pytest.raises(FakeError, match="such as localhost:50051"):
            Relay(target)
    with pytest.raises(FakeError, match="'sideways' is nothing a relay knows: say 'requests' or"):
        relay.stall("sideways")  # type: ignore[arg-type]
    with pytest.raises(FakeError, match="say 'request' or 'answer'"):
        relay.cut_before("call")  # type: ignore[arg-type]
    with pytest.raises(FakeError, match="say 'requests' or 'answers'"):
        relay.cut_after(1, "both")  # type: ignore[arg-type]
    with pytest.raises(FakeError, match="1 byte or more"):
        relay.cut_after(0, "requests")
    with pytest.raises(FakeError, match=f"port {relay.port} of localhost: another program has it"):
        Relay("localhost:1", port=relay.port)
    assert relay.state == "passes everything"
    assert str(relay) == f"localhost:{relay.port} to {relay.target}: passes everything"


def test___relay___imported___loads_no_grpc() -> None:
    code = "import sys, session_fakes.network.relay; print('grpc' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


# Frames -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 9, 10, 23, 1000])
def test___frames___in_pieces_of_any_size___headers_are_found(size: int) -> None:
    stream = b"p" * PREFACE + frame(SETTINGS, b"s" * 30) + frame(DATA)
    begins = len(stream)
    stream += frame(HEADERS, b"h" * 40) + frame(DATA, b"d" * 100) + frame(HEADERS)
    frames = Frames(PREFACE)

    found = [
        (at, offset)
        for at in range(0, len(stream), size)
        if (offset := frames.headers_in(stream[at : at + size])) is not None
    ]

    at, offset = found[0]
    # Of a head that lies in several pieces only the last one tells.
    assert at <= begins + 8 < at + size
    assert offset == max(0, begins - at)
    assert len(found) == (2 if size < 1000 else 1)
