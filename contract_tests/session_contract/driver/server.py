"""A device server that is there to be called: its clients, what they see, what they leave."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from session_contract.driver.interfaces import DriverInterface, of_another_kind, of_one_kind
from session_contract.driver.target import DriverTarget
from session_contract.subject.finding import NotEstablished
from session_contract.subject.watched import Watched
from session_spec.matrix import Behavior

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # Clients of their own may not share one connection.
    ("grpc.use_local_subchannel_pool", 1),
]
RESOURCE = "Contract1"
"""The resource name of simulated instruments."""


@dataclass(frozen=True)
class Answered:
    """What came of a call."""

    code: str
    details: str = ""
    session: str = ""
    new: bool = False
    error: str = ""
    """The driver's code, from the trailing metadata."""


class DeviceClient:
    """One client of a device server, with a channel of its own."""

    def __init__(
        self, name: str, server: DeviceServer, interface: DriverInterface | None = None
    ) -> None:
        """Connect; the interface is that of the target when none is given."""
        self.name = name
        self.channel = grpc.insecure_channel(server.address, OPTIONS)
        self._server = server
        self._interface = interface or server.target.interface
        self._configuration = interface.simulated if interface else server.target.configuration
        self._service = interface.descriptor() if interface else server.service

    def initialize(self, session: str, behavior: int, **given: object) -> Answered:
        """Open a session or attach to one.

        Args:
            session: Its name; empty for one that nobody shares.
            behavior: As on the wire.
            given: Further fields, where the RPC has them.
        """
        request = self._request(self._interface.initialize)
        fields = request.DESCRIPTOR.fields_by_name
        wanted = {"resource_name": RESOURCE, **self._configuration, **given}
        for name, value in wanted.items():
            if name in fields:
                setattr(request, name, value)
        setattr(request, "session_name", session)  # noqa: B010 - made at run time
        setattr(request, "initialization_behavior", behavior)  # noqa: B010
        answer = self._call(self._interface.initialize, request)
        if answer.new and answer.session:
            self._server.opened[answer.session] = self._interface
        return self._saw(f"initialize({session!r}, {behavior})", answer)

    def close(self, session: str) -> Answered:
        """Close a session."""
        return self._with(self._interface.close, session)

    def use(self, session: str) -> Answered:
        """Use a session."""
        return self._with(self._interface.use, session)

    def _with(self, rpc: str, session: str) -> Answered:
        request = self._request(rpc)
        getattr(request, self._interface.handle).name = session
        answer = self._call(rpc, request)
        return self._saw(f"{rpc}({session!r})", answer)

    def _saw(self, call: str, answer: Answered) -> Answered:
        """Note an answer; raise NotEstablished when none came within the limit."""
        self._server.saw(self.name, f"{call} -> {_told(answer)}")
        if answer.code == "DEADLINE_EXCEEDED":
            limit = self._server.target.limits.call
            raise NotEstablished(
                f"{call} got no answer within {limit:g} s: set [limits] call higher, or run this "
                "on a machine that is less busy."
            )
        return answer

    def _request(self, rpc: str) -> Any:  # noqa: ANN401 - made at run time
        return GetMessageClass(self._service.methods_by_name[rpc].input_type)()

    def _call(self, rpc: str, request: Message) -> Answered:
        method = self._service.methods_by_name[rpc]
        response_class = GetMessageClass(method.output_type)
        channel: Any = self.channel
        call = channel.unary_unary(
            f"/{self._service.full_name}/{rpc}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString,
        )
        try:
            response = call(request, timeout=self._server.target.limits.call)
        except grpc.RpcError as error:
            return _refused(error)
        handle = getattr(response, self._interface.handle, None)
        new = getattr(response, "new_session_initialized", False)
        return Answered("OK", session=handle.name if handle else "", new=bool(new))

    def hang_up(self) -> None:
        """Close the channel."""
        self.channel.close()


def _refused(error: grpc.RpcError) -> Answered:
    if not isinstance(error, grpc.Call):
        raise error
    trailing: Any = error.trailing_metadata() or ()
    trailer = {str(key): str(value) for key, value in trailing}
    return Answered(error.code().name, error.details() or "", error=trailer.get("ni-error", ""))


def _told(answer: Answered) -> str:
    new = " new" if answer.new else ""
    if answer.code == "OK":
        return f"OK {answer.session!r}{new}" if answer.session else "OK"
    error = f" ni-error {answer.error}" if answer.error else ""
    return f'{answer.code} "{answer.details}"{error}'


class DeviceServer(Watched):
    """What the checks of a run talk to."""

    def __init__(self, target: DriverTarget, address: str, calls: Path | None = None) -> None:
        """Put a device server before the checks; ``calls`` is the file to write them to."""
        super().__init__(target.limits.call, calls)
        self.target = target
        self.service = target.interface.descriptor()
        self.opened: dict[str, DriverInterface] = {}
        """The sessions that this check has opened, and with which driver."""
        self._address = address
        self._clients: dict[str, DeviceClient] = {}

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._address

    def fresh(self) -> str:
        """A session name that nobody has used."""
        return f"contract-{self.run}-{self.number()}"

    def client(self, name: str = "client") -> DeviceClient:
        """The client with this name."""
        with self.lock:
            if name not in self._clients:
                self._clients[name] = DeviceClient(name, self)
            return self._clients[name]

    def client_of_another_kind(self) -> DeviceClient:
        """A client over the interface of a driver with another kind of handle."""
        return self._client_of(of_another_kind(self.target.interface))

    def clients_of_one_kind(self) -> tuple[DeviceClient, DeviceClient]:
        """Clients of two drivers that the server has, whose handles are of the same kind.

        The first is of the target's interface, unless it is the only one of its kind.
        """
        one, other = (self._client_of(each) for each in of_one_kind(self.target.interface))
        for client in (one, other):
            name = self.fresh()
            self.given(client.initialize(name, Behavior.INITIALIZE_NEW))
            self.given(client.close(name))
        return one, other

    def _client_of(self, interface: DriverInterface) -> DeviceClient:
        """The client of a driver, with the configuration of the target where that is meant."""
        name = f"a client of {interface.package}"
        is_target = interface.package == self.target.interface.package
        with self.lock:
            if name not in self._clients:
                self._clients[name] = DeviceClient(name, self, None if is_target else interface)
            return self._clients[name]

    def given(self, answer: Answered) -> Answered:
        """An answer that is OK, as a check needs it before it comes to its point."""
        if answer.code != "OK":
            raise self.pointless()
        return answer

    def end_check(self) -> None:
        """Close the sessions that the check has opened, and hang up."""
        for name, interface in self.opened.items():
            with suppress(NotEstablished):
                self._client_of(interface).close(name)
        self.opened.clear()
        for client in self._clients.values():
            client.hang_up()
        self._clients.clear()
