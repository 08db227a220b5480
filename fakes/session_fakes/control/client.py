"""Asks the control service of a running station."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from session_fakes.control import readyfile
from session_fakes.control.readyfile import Ready
from session_fakes.errors import FakeError, quoted

_PATIENCE = 30.0
"""Seconds; longer than the longest wait that the service grants."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADER = "X-Session-Fakes-Token"


class NoStation(FakeError):  # noqa: N818 - a state of affairs
    """There is no station, or it does not answer."""

    exit_code = 3


class ControlRefused(FakeError):  # noqa: N818 - an answer, not a fault
    """The station did not do what was asked; the text is its own."""


class ControlFault(FakeError):  # noqa: N818 - a fault of the fakes
    """The control service failed in a way nobody foresaw."""

    exit_code = 4


class ControlClient:
    """The control service behind a ready file. Every request has a connection of its own."""

    def __init__(self, ready: Ready, timeout: float = _PATIENCE) -> None:
        url = urlsplit(ready.control)
        self.ready = ready
        self._host, self._port, self._timeout = url.hostname or "", url.port, timeout
        if url.scheme != "http" or self._host not in _LOOPBACK or not self._port:
            # The token is for nobody but a station of this machine.
            raise FakeError(f"The ready file names no loopback address: {quoted(ready.control)}.")

    @classmethod
    def of(cls, path: Path) -> ControlClient:
        """The station behind a ready file; raise NoStation when there is none."""
        ready = readyfile.read(path)
        if ready is None:
            raise NoStation(
                f"No station is running: there is no ready file {readyfile.shown(path)}. "
                "Start one with: session-fakes up"
            )
        return cls(ready)

    def get(self, path: str, /, **query: str | float) -> dict[str, Any]:
        """Ask something."""
        return self._request("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Change something."""
        return self._request("POST", path, json.dumps(body).encode())

    def _request(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, {_HEADER: self.ready.token})
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise NoStation(self._gone(error)) from None
        return _answer(response.status, content)

    def _gone(self, error: Exception) -> str:
        why = getattr(error, "strerror", None) or type(error).__name__
        return (
            f"The station of process {self.ready.pid} does not answer at {self.ready.control} "
            f"({why}). If it is gone, start one with: session-fakes up"
        )


def is_alive(ready: Ready) -> bool:
    """Whether the station that wrote this ready file answers."""
    try:
        state = ControlClient(ready, timeout=2.0).get("/state")
    except FakeError:
        return False
    station = state.get("station")
    return isinstance(station, dict) and cast("dict[str, Any]", station).get("pid") == ready.pid


def _answer(status: int, content: bytes) -> dict[str, Any]:
    try:
        data: Any = json.loads(content)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise NoStation("What answers at the address of the ready file is no station.")
    answer = cast("dict[str, Any]", data)
    if status == http.client.OK:
        return answer
    text = str(answer.get("error", f"status {status}"))
    if status >= http.client.INTERNAL_SERVER_ERROR:
        raise ControlFault(text)
    if status == http.client.FORBIDDEN:
        raise NoStation(f"The station does not take the token of the ready file: {text}")
    raise ControlRefused(text)
