"""A station that is there to be called: its clients, what they left behind, what they saw."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.message import Message

from session_contract.station.belongings import Belongings
from session_contract.station.resolving import Addresses, Stubs
from session_contract.station.target import StationTarget
from session_contract.subject.watched import Watched

_LONGEST = 300
"""Characters of a request that are told."""
Rpc = Any
"""A call of one of NI's stubs."""


@dataclass(frozen=True)
class Answered:
    """What came of a call."""

    code: str
    details: str
    message: Any
    """The response; None when the code is not OK."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the code is OK."""
        return self.code == "OK"


class Pending:
    """A call whose answer is not there yet, or is."""

    def __init__(self, who: str, request: Message, future: Any, belongings: Belongings) -> None:  # noqa: ANN401 - of grpc
        self.who = who
        self.request = request
        self.ended = 0.0
        self._future = future
        self._belongings = belongings
        self._began = time.monotonic()
        self._is_done = threading.Event()
        future.add_done_callback(self._note)

    def _note(self, _: object) -> None:
        self.ended = time.monotonic()
        self._belongings.note(self)
        self._is_done.set()

    def wait(self, seconds: float) -> bool:
        """Whether the answer is there within so many seconds."""
        return self._is_done.wait(seconds)

    def give_up(self) -> None:
        """Cancel the call, as a client that is stopped does."""
        self._future.cancel()

    def answer(self) -> Answered:
        """The answer, which is there."""
        code = self._future.code()
        is_ok = code is grpc.StatusCode.OK
        details = str(self._future.details() or "")
        message = self._future.result() if is_ok else None
        return Answered(code.name, details, message, self.ended - self._began)


class Client:
    """One client of the station, with channels of its own."""

    def __init__(self, name: str, station: Station) -> None:
        self.name = name
        self._station = station
        self._channels = ExitStack()
        self.stubs = Stubs.at(station.addresses, self._channels)

    def ask(self, rpc: Rpc, request: Message) -> Answered:
        """Make a call and wait for its answer; one that does not come has the client's own code."""
        pending = self.begin(rpc, request, self._station.target.limits.call)
        pending.wait(self._station.target.limits.call * 2)
        return self._station.told(pending)

    def begin(self, rpc: Rpc, request: Message, deadline: float | None = None) -> Pending:
        """Make a call; by itself, its client waits for ever."""
        belongings = self._station.belongings
        pending = Pending(self.name, request, rpc.future(request, timeout=deadline), belongings)
        if not pending.wait(0):
            belongings.begun(pending)
        return pending

    def hang_up(self) -> None:
        """Close its channels."""
        self._channels.close()


class Station(Watched):
    """What the checks of a run talk to."""

    def __init__(
        self,
        target: StationTarget,
        addresses: Addresses,
        calls: Path | None = None,
    ) -> None:
        """Put a station before the checks.

        Args:
            target: What its user says of it.
            addresses: Where its services are.
            calls: The file to write to what was called.
        """
        super().__init__(target.limits.call, calls)
        self.target = target
        self.addresses = addresses
        self._clients: dict[str, Client] = {}
        self._ports: dict[str, socket.socket] = {}
        self.belongings = Belongings()

    @property
    def address(self) -> str:
        """Where its Discovery listens."""
        return self.addresses.discovery

    @property
    def is_ours(self) -> bool:
        """Whether the rules that are our own choice bind it."""
        return self.target.is_ours

    # Names, ports and clients that are this run's own ---------------------------------------------

    def fresh(self) -> str:
        """A text that no other name has."""
        return f"{self.run}x{self.number()}"

    def port(self, name: str) -> str:
        """A port that somebody listens at, the same one for the same name within a check."""
        if name not in self._ports:
            self._ports[name] = socket.create_server(("127.0.0.1", 0))
        return str(self._ports[name].getsockname()[1])

    def client(self, name: str = "client") -> Client:
        """The client with this name."""
        with self.lock:
            if name not in self._clients:
                self._clients[name] = Client(name, self)
            return self._clients[name]

    # What is seen ---------------------------------------------------------------------------------

    def told(self, pending: Pending) -> Answered:
        """The answer to a call, noted as it is."""
        answer = pending.answer()
        name = type(pending.request).__name__.removesuffix("Request")
        said = f' "{answer.details}"' if answer.details else ""
        self.saw(pending.who, f"{name}({_shown(pending.request)}) -> {answer.code}{said}")
        return answer

    def expect(self, requirement: str, answer: Answered, *codes: str, rule: str) -> None:
        """Raise Violated unless the answer has one of these codes.

        Args:
            requirement: Whose check this is.
            answer: What the station answered.
            codes: What it may answer.
            rule: Why, as the beginning of a sentence.
        """
        if answer.code not in codes:
            due = " or ".join(codes)
            raise self.violated(requirement, f"{rule}: {due} is due, not {answer.code}")

    def given(self, answer: Answered) -> Any:  # noqa: ANN401 - the response
        """The response to a call that a check needs before it comes to its point."""
        if not answer.ok:
            raise self.pointless()
        return answer.message

    # Checks ---------------------------------------------------------------------------------------

    def end_check(self) -> None:
        """Take back what the check created, and nothing else; hang up."""
        self.belongings.find(self.client("sweeper").stubs, self.run, self.target.limits.call)
        self.take_back()
        for client in self._clients.values():
            client.hang_up()
        self._clients.clear()
        for listening in self._ports.values():
            listening.close()
        self._ports.clear()

    def take_back(self) -> None:
        """Take back what the check has created so far."""
        belongings, self.belongings = self.belongings, Belongings()
        belongings.take_back(self.client("sweeper").stubs, self.target.limits.call)


def _shown(request: Message) -> str:
    text = text_format.MessageToString(request, as_one_line=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


__all__ = ["Answered", "Client", "Pending", "Station"]
