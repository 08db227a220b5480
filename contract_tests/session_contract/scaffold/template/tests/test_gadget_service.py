"""The server and its client, together over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from ni_measurement_plugin_sdk_service.session_management import (
    SessionInitializationBehavior as Behavior,
)

from gadget_service import (
    GadgetServiceClient,
    GadgetServiceSessionConstructor,
    ServiceError,
)
from gadget_service.server import GadgetServiceServicer
from gadget_service.stubs import gadget_service_pb2_grpc as rpcs


@pytest.fixture
def address() -> Iterator[str]:
    """Where a server of this process listens."""
    servicer = GadgetServiceServicer()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        rpcs.add_GadgetServiceServicer_to_server(
            servicer,
            server,
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()
        servicer.table.close_all()


def opened(
    address: str,
    behavior: Behavior = Behavior.AUTO,
) -> GadgetServiceClient:
    return GadgetServiceClient("one", behavior, address=address)


def test___session___opened_by_two___is_shared(address: str) -> None:
    with opened(address) as first, opened(address) as second:
        assert first.session_id == second.session_id
        assert (first.new_session, second.new_session) == (True, False)


# EXAMPLE: begin
def test___note___written_by_one___is_read_by_the_other(address: str) -> None:
    with opened(address) as first, opened(address) as second:
        first.write_note("shared")

        assert second.read_note() == "shared"


# EXAMPLE: end
def test___warm_up___out_of_range___is_refused(address: str) -> None:
    with pytest.raises(ServiceError) as refused:
        GadgetServiceClient("one", warm_up_seconds=-1, address=address)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# YOURS: a test for each of your calls.


@pytest.mark.parametrize(
    ("is_open", "behavior", "code"),
    [
        (True, Behavior.INITIALIZE_SERVER_SESSION, "ALREADY_EXISTS"),
        (False, Behavior.ATTACH_TO_SERVER_SESSION, "NOT_FOUND"),
    ],
)
def test___session___opened_against_the_rules___is_refused(
    address: str, is_open: bool, behavior: Behavior, code: str
) -> None:
    if is_open:
        opened(address, Behavior.INITIALIZE_SESSION_THEN_DETACH)

    with pytest.raises(ServiceError) as refused:
        opened(address, behavior)

    assert refused.value.code().name == code


def test___session___closed___is_closed_for_everybody(address: str) -> None:
    first, second = opened(address), opened(address)

    first.close()

    with pytest.raises(ServiceError) as refused:
        second.close()
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test___constructor___given_a_reserved_session___opens_it(address: str) -> None:
    construct = GadgetServiceSessionConstructor(address=address)

    with construct(cast("Any", SimpleNamespace(resource_name="one"))) as session:
        assert session.new_session
