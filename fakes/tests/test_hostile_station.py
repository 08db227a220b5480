"""Bytes that no client of good will sends to a station: it goes on, and says nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import Any

import grpc
import pytest
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as stubs

from session_fakes.station import FakeStation

PATIENCE = 60.0
CONNECTIONS = 300
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ODD = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00" + b"\xff" * 512,
    bytes(range(256)) * 16,
    PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    b"",
]


def connections() -> int:
    """How many to open: both ends are of this process, and half of its descriptors for the rest."""
    resource: Any = pytest.importorskip("resource", reason="this limit is POSIX's")
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(CONNECTIONS, allowed // 4) if allowed > 0 else CONNECTIONS


def resolves(station: FakeStation) -> bool:
    """Whether Discovery still answers."""
    with grpc.insecure_channel(station.discovery_address) as channel:
        stub: Any = stubs.DiscoveryServiceStub(channel)
        request = discovery.ResolveServiceRequest(
            provided_interface="ni.measurementlink.pinmap.v1.PinMapService"
        )
        return bool(stub.ResolveService(request, timeout=PATIENCE).insecure_port)


def test___bytes_that_are_no_http2___sent_to_each_service___others_are_served(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with FakeStation() as station:
        for service in (station.discovery, station.pin_map_service, station.session_management):
            for data in ODD:
                connection = socket.create_connection(("127.0.0.1", service.port), PATIENCE)
                with connection, suppress(OSError):
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):
                        pass

        assert resolves(station)
        assert station.internal_errors == []
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err


def test___connections_that_say_little___opened_and_left___others_are_served() -> None:
    with FakeStation() as station, ExitStack() as stack:
        for number in range(connections()):
            place = ("127.0.0.1", station.session_management.port)
            connection = stack.enter_context(socket.create_connection(place, PATIENCE))
            connection.sendall(PREFACE[: number % len(PREFACE)])

        assert resolves(station)
        assert station.internal_errors == []
