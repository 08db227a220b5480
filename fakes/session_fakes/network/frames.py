"""Where requests and answers begin among the bytes of a gRPC connection: as much as cutting needs.

gRPC speaks HTTP/2: after a fixed text of the client, each side sends frames, a head of 9 bytes and
then as much as the head says. A request begins with a frame of type HEADERS, and so does an answer.
"""

from __future__ import annotations

PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
"""What a client sends before its first frame."""
_HEAD = 9
_LENGTH, _TYPE = slice(0, 3), 3
_HEADERS, _SETTINGS = 1, 4
_FOR_EVER = 1 << 62


class Frames:
    """Follows the frames that go in one direction. Encrypted or other bytes have none."""

    def __init__(self, preface: int = 0) -> None:
        """Begin before the first byte; the first frame comes after ``preface`` bytes."""
        self._skip = preface
        self._head = b""
        self._first = True

    def headers_in(self, data: bytes) -> int | None:
        """Look at the bytes that come next: where in them the first HEADERS frame begins.

        Of a frame whose head began in earlier bytes this is 0; None when there is no such frame.
        """
        found, at = None, 0
        while len(data) - at > self._skip:
            at += self._skip
            begins, missing = at, _HEAD - len(self._head)
            self._head += data[at : at + missing]
            at, self._skip = min(at + missing, len(data)), 0
            if len(self._head) == _HEAD and self._takes_head() and found is None:
                found = begins
        self._skip -= len(data) - at
        return found

    def _takes_head(self) -> bool:
        """Skip the frame behind a whole head; whether it is a HEADERS frame."""
        head, self._head = self._head, b""
        is_http2 = not self._first or head[_TYPE] == _SETTINGS
        self._first = False
        self._skip = int.from_bytes(head[_LENGTH], "big") if is_http2 else _FOR_EVER
        return is_http2 and head[_TYPE] == _HEADERS
