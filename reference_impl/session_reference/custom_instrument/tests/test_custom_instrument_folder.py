"""The server of this folder, wherever the folder lies and whatever it is called."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import grpc
import pytest

FOLDER = Path(__file__).resolve().parents[1]


class Instruments(NamedTuple):
    """A server in this process, and what speaks to it."""

    messages: ModuleType
    stub: Any

    def initialize(self, behavior: int = 0) -> Any:  # noqa: ANN401 - a message
        """Open the instrument, or attach to it."""
        request = self.messages.InitializeRequest(
            resource_name="DUT",
            protocol=self.messages.SPI,
            reset=True,
            register_map_path=str(FOLDER / "register_map.csv"),
            initialization_behavior=behavior,
        )
        return self.stub.Initialize(request)

    def write(self, session_id: str, value: int) -> None:
        """Write a register."""
        request = self.messages.WriteRegisterRequest(
            session_id=session_id, register_name="CONFIG_0", value=value
        )
        self.stub.WriteRegister(request)

    def read(self, session_id: str) -> int:
        """Read that register."""
        request = self.messages.ReadRegisterRequest(session_id=session_id, register_name="CONFIG_0")
        return int(self.stub.ReadRegister(request).value)

    def close(self, session_id: str) -> None:
        """Close a session."""
        self.stub.Close(self.messages.CloseRequest(session_id=session_id))


@pytest.fixture
def instruments() -> Iterator[Instruments]:
    server_module = runpy.run_path(str(FOLDER / "__main__.py"))["load"]("tested_instrument")
    stubs = f"{server_module.__package__}.stubs.device_comm_service_pb2"
    rpcs = import_module(f"{stubs}_grpc")
    servicer = server_module.DeviceCommunicationServicer()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        rpcs.add_DeviceCommunicationServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Instruments(import_module(stubs), rpcs.DeviceCommunicationStub(channel))
        server.stop(0).wait()
        servicer.table.close_all()


def test___instrument___shared_by_two___reads_what_the_other_wrote(
    instruments: Instruments,
) -> None:
    first, second = instruments.initialize(1), instruments.initialize(2)

    instruments.write(first.session_id, 0xA5)

    assert (first.new_session_initialized, second.new_session_initialized) == (True, False)
    assert instruments.read(second.session_id) == 0xA5


@pytest.mark.parametrize(
    ("is_open", "behavior", "code"), [(True, 1, "ALREADY_EXISTS"), (False, 2, "NOT_FOUND")]
)
def test___instrument___initialized_against_the_rules___is_refused(
    instruments: Instruments, is_open: bool, behavior: int, code: str
) -> None:
    if is_open:
        instruments.initialize()

    with pytest.raises(grpc.RpcError) as refused:
        instruments.initialize(behavior)

    assert refused.value.code().name == code


def test___session___closed___is_closed_for_everybody(instruments: Instruments) -> None:
    session = instruments.initialize()

    instruments.close(session.session_id)

    for call in (instruments.close, instruments.read):
        with pytest.raises(grpc.RpcError) as refused:
            call(session.session_id)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert instruments.initialize(1).session_id != session.session_id
