"""What the tests of simulated instruments share; a test with a pin map has a station of its own."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from session_fakes.station import FakeStation


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """A station without a pin map: any instrument is there."""
    with FakeStation() as made:
        yield made
    assert made.internal_errors == []


@pytest.fixture
def channel(station: FakeStation) -> Iterator[grpc.Channel]:
    """A channel to the device server of the station."""
    with grpc.insecure_channel(station.device_server.address) as made:
        yield made
