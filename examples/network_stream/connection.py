"""A TCP connection to an instrument: commands and queries, one after the other."""

from __future__ import annotations

import socket
import threading

from .refusals import InvalidRequestError, SessionError, quoted


class BrokenError(SessionError):
    """The connection is of no use any more, or never was."""

    code = "UNAVAILABLE"


class Connection:
    """A connection; it ``is_broken`` once an answer could belong to another query."""

    def __init__(self, address: str, seconds: float) -> None:
        """Connect to HOST:PORT, where each answer has some seconds, and see that one comes."""
        host, _, port = address.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
            raise InvalidRequestError(f"{quoted(address)} is no address: give HOST:PORT.")
        self.is_broken = False
        self._lock = threading.Lock()
        try:
            self._socket = socket.create_connection((host.strip("[]"), int(port)), seconds)
        except OSError as error:
            raise BrokenError(f"No connection to {quoted(address)}: {error}.") from error
        self._answers = self._socket.makefile("rb")
        try:
            self.send("*IDN?", is_query=True)
        except BaseException:
            self.close()
            raise

    def send(self, line: str, *, is_query: bool) -> str:
        """Send a line; return the answer if it is a query."""
        if not line.isascii() or not line.isprintable() or is_query != ("?" in line):
            kind = "query, with a ?" if is_query else "command, without a ?"
            raise InvalidRequestError(f"{quoted(line)} has to be one line of ASCII: a {kind}.")
        with self._lock:
            try:
                self._socket.sendall(f"{line}\n".encode())
                answer = self._answers.readline().decode("ascii", "replace") if is_query else "\n"
                _expect_whole(answer)
            except OSError as error:
                self.is_broken = True
                raise BrokenError(f"The connection failed: {error}. Open it anew.") from error
            return answer.rstrip("\r\n")

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._socket.close()


def _expect_whole(answer: str) -> None:
    if not answer.endswith("\n"):
        raise ConnectionError("the instrument hung up")
