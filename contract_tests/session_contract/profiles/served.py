"""A server of a profile that is there to be called: its clients, what they saw, what they leave."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format

from session_contract.profiles.interfaces import Stub, stub_class
from session_contract.profiles.target import ProfileTarget
from session_contract.subject.finding import NotEstablished
from session_contract.subject.subject import Host
from session_contract.subject.watched import Watched

_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    # Clients of their own may not share one connection.
    ("grpc.use_local_subchannel_pool", 1),
]
_LONGEST = 300
"""Characters of a request that are told."""


@dataclass(frozen=True)
class Answered:
    """What came of a call."""

    code: str
    details: str = ""
    message: Any = None
    """The response; None when the code is not OK."""


class Client:
    """One client of the server."""

    def __init__(self, name: str, stub: Stub, served: Served) -> None:
        self.name = name
        self._stub = stub
        self._served = served

    def call(self, rpc: str, **fields: object) -> Answered:
        """Make a call and wait for its answer."""
        request = self._stub.request(rpc, **fields)
        try:
            message = getattr(self._stub, rpc)(request, timeout=self._served.target.limits.call)
            answer = Answered("OK", message=message)
        except grpc.RpcError as error:
            if not isinstance(error, grpc.Call):
                raise
            answer = Answered(error.code().name, error.details() or "")
        said = text_format.MessageToString(request, as_one_line=True)[:_LONGEST]
        told = f' "{answer.details}"' if answer.details else ""
        self._served.saw(self.name, f"{rpc}({said}) -> {answer.code}{told}")
        if answer.code == "DEADLINE_EXCEEDED":
            limit = self._served.target.limits.call
            raise NotEstablished(
                f"{rpc} got no answer within {limit:g} s: set [limits] call higher, or run this on "
                "a machine that is less busy."
            )
        return answer

    def open(self, resource: str, **fields: object) -> Answered:
        """Open a session, or attach to one; it is closed when the check ends."""
        rpc = self._served.target.profile.initialize
        answer = self.call(rpc, resource_name=resource, **fields)
        if answer.message is not None:
            self._served.opened[answer.message.session_id] = None
        return answer

    def close(self, session: str) -> Answered:
        """Close a session."""
        return self.call(self._served.target.profile.close, session_id=session)


class Served(Watched):
    """What the checks of a run talk to."""

    def __init__(
        self, target: ProfileTarget, host: Host, folder: Path, calls: Path | None = None
    ) -> None:
        """Put a server before the checks.

        Args:
            target: What its user says of it.
            host: Where it is.
            folder: Where logs and register maps are made.
            calls: The file to write to what was called.
        """
        super().__init__(target.limits.call, calls)
        self.target = target
        self.host = host
        self.folder = folder
        self.opened: dict[str, None] = {}
        """The sessions that this check has opened, or attached to."""
        self._stub_class = stub_class(target.profile)
        self._clients: dict[str, Client] = {}
        self._channels = ExitStack()

    @property
    def address(self) -> str:
        """Where it listens, since it was started last."""
        return self.host.address

    def fresh(self) -> str:
        """A text that no other name has."""
        return f"contract-{self.run}-{self.number()}"

    def client(self, name: str = "client", stub: Stub | None = None) -> Client:
        """The client with this name; it calls by this stub, or on a channel of its own."""
        with self.lock:
            if name not in self._clients:
                own = stub or self._stub_class(self._channel())
                self._clients[name] = Client(name, own, self)
            return self._clients[name]

    def _channel(self) -> grpc.Channel:
        return self._channels.enter_context(grpc.insecure_channel(self.address, _OPTIONS))

    def restart(self) -> None:
        """Kill the server as a crash would, and start it again."""
        self.host.kill()
        self._hang_up()
        self.saw("kit", "kills the server, and starts it again")
        self.host.start()

    def given(self, answer: Answered) -> Any:  # noqa: ANN401 - the response
        """The response to a call that a check needs before it comes to its point."""
        if answer.message is None:
            raise self.pointless()
        return answer.message

    def end_check(self) -> None:
        """Close the sessions that the check has opened, and hang up."""
        for session in self.opened:
            with suppress(NotEstablished):
                self.client("sweeper").close(session)
        self.opened.clear()
        self._hang_up()

    def _hang_up(self) -> None:
        self._channels.close()
        self._clients.clear()
