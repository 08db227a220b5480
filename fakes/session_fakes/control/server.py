"""The HTTP server of the control service: loopback, JSON, a token for every request.

Who may ask: a process of this machine that knows the token. A web page of elsewhere may not: the
Host header must name this machine (so no foreign name can be made to point here), the token travels
in a header of our own (so a browser asks first, and is never answered), and no CORS is granted.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import socket
import socketserver
import threading
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import parse_qsl, urlsplit

from session_fakes.control.actions import ACTIONS, Action, Controlled
from session_fakes.errors import FakeError, Refusal, quoted

if TYPE_CHECKING:
    from session_fakes.station import FakeStation

TOKEN_HEADER = "X-Session-Fakes-Token"
_LARGEST_BODY = 65_536
_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PATIENCE = 10.0
"""Seconds in which a request must have come whole."""
_TRIES = 20


class ControlServer:
    """Serves the control of a station from threads of its own until it is closed."""

    def __init__(self, station: FakeStation, *, page: bool = False) -> None:
        self.control = Controlled(station)
        self.token = secrets.token_urlsafe(32)
        self.page = page
        self._servers = _listen(self)
        self.port: int = self._servers[0].server_address[1]
        for server in self._servers:
            # The pause after which it notices that it is to end.
            serve = threading.Thread(
                target=server.serve_forever, args=(0.05,), name="control", daemon=True
            )
            serve.start()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def page_url(self) -> str:
        """The address of the live page, the token included."""
        return f"{self.url}/?token={self.token}"

    @property
    def stop_wanted(self) -> threading.Event:
        """Set once a client asked the station to stop."""
        return self.control.stop

    def close(self) -> None:
        """Stop serving."""
        self.control.stop.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    # Elsewhere it would let a second program listen on the same port.
    allow_reuse_address = False

    def __init__(self, owner: ControlServer, family: int, host: str, port: int) -> None:
        self.owner = owner
        self.address_family = family
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that went away is no news; a fault of ours is kept for the report."""
        error = traceback.format_exc()
        if "ConnectionError" not in error and "TimeoutError" not in error:
            self.owner.control.station.internal_errors.append(error)


def _listen(owner: ControlServer) -> list[_Server]:
    """Both loopback addresses on one port, or the first where there is no second."""
    from session_fakes.network.loopback import has_ipv6_loopback

    both = has_ipv6_loopback()
    for _ in range(_TRIES):
        first = _Server(owner, socket.AF_INET, "127.0.0.1", 0)
        if not both:
            return [first]
        with contextlib.suppress(OSError):
            port = first.server_address[1]
            return [first, _Server(owner, socket.AF_INET6, "::1", port)]
        first.server_close()
    raise FakeError("The control service finds no port that is free on both loopback addresses.")


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _PATIENCE
    server_version = "session-fakes"
    sys_version = ""
    _HEADERS: ClassVar = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    }

    def do_GET(self) -> None:
        """Answer a question."""
        self._respond(changes=False)

    def do_POST(self) -> None:
        """Do what changes something."""
        self._respond(changes=True)

    def _respond(self, *, changes: bool) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if not self._is_for_this_machine():
            self._refuse(HTTPStatus.FORBIDDEN, "The Host header names another machine.")
        elif not self._has_token(query if url.path == "/" and not changes else {}):
            self._refuse(HTTPStatus.FORBIDDEN, "The token of the ready file is wanted.")
        elif url.path == "/" and not changes and self.server.owner.page:
            self._send(HTTPStatus.OK, "text/html", _page())
        elif url.path not in ACTIONS:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing at {quoted(url.path)}.")
        else:
            self._act(ACTIONS[url.path], query, changes=changes)

    def _is_for_this_machine(self) -> bool:
        host = self.headers.get_all("Host", [])
        port = f":{self.server.owner.port}"
        return len(host) == 1 and host[0].lower().removesuffix(port) in _HOSTS

    def _has_token(self, query: dict[str, str]) -> bool:
        given = self.headers.get(TOKEN_HEADER) or query.get("token", "")
        wanted = self.server.owner.token
        return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

    def _act(self, action: Action, query: dict[str, str], *, changes: bool) -> None:
        if action.changes != changes:
            wanted = "POST" if action.changes else "GET"
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"This wants {wanted}.")
            return
        try:
            self._answer(action, self._body() if changes else query)
        except _BadBodyError as error:
            self._refuse(error.status, error.text)

    def _answer(self, action: Action, body: dict[str, Any]) -> None:
        control = self.server.owner.control
        try:
            answer = action.run(control, body)
        except Refusal as refusal:
            self._refuse(HTTPStatus.BAD_REQUEST, refusal.text)
        except FakeError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except OSError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"{error.strerror}: {error.filename}")
        except Exception as error:
            # Whatever it is: who asked is told, and the next is served.
            control.station.internal_errors.append(traceback.format_exc())
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"A fault of the fakes: {error!r}")
        else:
            self._send_json(HTTPStatus.OK, answer)

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        # Else int() takes signs, blanks and the digits of other scripts.
        if not (length.isascii() and length.isdigit()):
            raise _BadBodyError(HTTPStatus.LENGTH_REQUIRED, "A Content-Length is wanted.")
        if len(length) > 9 or int(length) > _LARGEST_BODY:
            text = f"At most {_LARGEST_BODY} bytes are read."
            raise _BadBodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        try:
            data = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            raise _BadBodyError(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from None
        if not isinstance(data, dict):
            raise _BadBodyError(HTTPStatus.BAD_REQUEST, "The body is no JSON object.")
        return cast("dict[str, Any]", data)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self.close_connection = True
        self._send_json(status, {"error": text})

    def _send_json(self, status: HTTPStatus, data: dict[str, Any]) -> None:
        text = json.dumps(data, ensure_ascii=True, default=str)
        self._send(status, "application/json", text.encode("ascii"))

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in self._HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, *_: object, **__: object) -> None:
        """Refuse what http.server itself refuses, in the same form and without an echo."""
        status = HTTPStatus(code)
        self._refuse(status, f"{status.phrase}.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is logged: lines on the console belong to the commands."""


class _BadBodyError(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def _page() -> bytes:
    return resources.files("session_fakes.control").joinpath("page.html").read_bytes()
