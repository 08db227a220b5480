"""The server of the instrument: each RPC looks its session up, calls the instrument and answers."""

# The proto gives the RPCs their names, and gRPC every one of them a context.
# ruff: noqa: ARG002, N802

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import grpc

from ..hosting import Options, Service, answered, host, options
from ..paths import Root
from ..refusals import InvalidRequestError
from ..session_table import Behavior, SessionTable
from .instrument import Bench, Instrument
from .registers import read_register_map
from .stubs import device_comm_service_pb2 as messages
from .stubs import device_comm_service_pb2_grpc as rpcs

_PROTOCOLS = (messages.SPI, messages.I2C, messages.UART)


class DeviceCommunicationServicer(rpcs.DeviceCommunicationServicer):
    """Lets clients share instruments.

    Attributes:
        table: The open sessions.
    """

    def __init__(self, root: Root | None = None) -> None:
        """Make a servicer with no open session; ``root`` says where register maps may be."""
        self._root = root or Root()
        self._bench = Bench()
        self.table = SessionTable[Instrument](release=self._bench.put_back)

    @answered
    def Initialize(
        self, request: messages.InitializeRequest, context: grpc.ServicerContext
    ) -> messages.InitializeResponse:
        """Open an instrument, or attach to the session that has it open."""
        behavior = Behavior.of(request.initialization_behavior)
        if not request.resource_name:
            raise InvalidRequestError("The resource name is empty: name the instrument.")
        opened = self.table.initialize(
            request.resource_name, behavior, lambda: self._open(request), context.is_active
        )
        return messages.InitializeResponse(
            session_id=opened.session_id, new_session_initialized=opened.new
        )

    @answered
    def Close(
        self, request: messages.CloseRequest, context: grpc.ServicerContext
    ) -> messages.StatusResponse:
        """Close a session, for everybody."""
        self.table.close(request.session_id, context.is_active)
        return messages.StatusResponse()

    @answered
    def ReadRegister(
        self, request: messages.ReadRegisterRequest, context: grpc.ServicerContext
    ) -> messages.ReadRegisterResponse:
        """Read a register."""
        with self.table.use(request.session_id) as instrument:
            value = instrument.read_register(request.register_name)
        return messages.ReadRegisterResponse(value=value)

    @answered
    def WriteRegister(
        self, request: messages.WriteRegisterRequest, context: grpc.ServicerContext
    ) -> messages.StatusResponse:
        """Write a register."""
        with self.table.use(request.session_id) as instrument:
            instrument.write_register(request.register_name, request.value)
        return messages.StatusResponse()

    @answered
    def ReadGpioChannel(
        self, request: messages.ReadGpioChannelRequest, context: grpc.ServicerContext
    ) -> messages.ReadGpioChannelResponse:
        """Read one GPIO channel."""
        with self.table.use(request.session_id) as instrument:
            state = instrument.read_channel(request.port, request.channel)
        return messages.ReadGpioChannelResponse(state=state)

    @answered
    def WriteGpioChannel(
        self, request: messages.WriteGpioChannelRequest, context: grpc.ServicerContext
    ) -> messages.StatusResponse:
        """Write one GPIO channel."""
        with self.table.use(request.session_id) as instrument:
            instrument.write_channel(request.port, request.channel, request.state)
        return messages.StatusResponse()

    @answered
    def ReadGpioPort(
        self, request: messages.ReadGpioPortRequest, context: grpc.ServicerContext
    ) -> messages.ReadGpioPortResponse:
        """Read channels of a GPIO port."""
        with self.table.use(request.session_id) as instrument:
            state = instrument.read_port(request.port, request.mask)
        return messages.ReadGpioPortResponse(state=state)

    @answered
    def WriteGpioPort(
        self, request: messages.WriteGpioPortRequest, context: grpc.ServicerContext
    ) -> messages.StatusResponse:
        """Write channels of a GPIO port."""
        with self.table.use(request.session_id) as instrument:
            instrument.write_port(request.port, request.mask, request.state)
        return messages.StatusResponse()

    def _open(self, request: messages.InitializeRequest) -> Instrument:
        """Take the instrument and set it up; what can be refused is refused before that."""
        if request.protocol not in _PROTOCOLS:
            raise InvalidRequestError(
                f"The protocol {request.protocol} is unknown: use 1 (SPI), 2 (I2C) or 3 (UART)."
            )
        path = self._root.find(request.register_map_path, "The path of the register map")
        registers = read_register_map(path)
        instrument = self._bench.take(request.resource_name)
        instrument.set_up(registers, reset=request.reset)
        return instrument


@click.command()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that register maps have to be in; relative paths start there.",
)
@options
def main(root: Path | None, **flags: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Serve instruments with registers and GPIO, which several clients share."""
    servicer = DeviceCommunicationServicer(Root(root))
    service = Service(
        full_name="DeviceCommunication.DeviceCommunication",
        add_to=lambda server: rpcs.add_DeviceCommunicationServicer_to_server(servicer, server),
        release=servicer.table.close_all,
        service_config=Path(__file__).with_name("DeviceCommunication.serviceconfig"),
    )
    host(service, Options(**flags))
