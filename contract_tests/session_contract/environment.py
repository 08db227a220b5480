"""What surrounds a target: a fake Discovery, and relays that lose calls.

The one module of this package that knows the fakes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from session_contract.subject.finding import NotEstablished
from session_contract.subject.hosting import answers
from session_fakes.errors import FakeError
from session_fakes.network.relay import Relay
from session_fakes.station import FakeStation
from session_fakes.views import ServiceView

_STEP = 0.01
_TO_ANSWER = 0.5
"""Seconds that a port which is registered has to answer; it should at once."""


@dataclass(frozen=True)
class Registration:
    """A service that was registered, and whether its port answered at that moment."""

    address: str
    served: bool
    service_class: str = field(default="", compare=False)
    interfaces: Sequence[str] = field(default=(), compare=False)


class Discovery:
    """A fake Discovery that watches who registers."""

    def __init__(self, station: FakeStation) -> None:
        """Watch the registrations of a station."""
        self.registered: list[Registration] = []
        """All registrations so far, in their order."""
        self._station = station
        self._changed = threading.Condition()
        # A predicate sees the request before it is answered: the server waits meanwhile.
        station.faults.on("RegisterService", predicate=self._look).delay(0)

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._station.discovery_address

    @property
    def environment(self) -> Mapping[str, str]:
        """What lets the process of a server find it."""
        return self._station.environment(os.environ)

    def services(self) -> list[str]:
        """The addresses that are registered now, but for the station's own."""
        return [_address(view) for view in self._station.services() if not view.static]

    def registered_as(
        self, interface: str, service_class: str, address: str
    ) -> AbstractContextManager[None]:
        """Have a server of the kit's own registered, inside a ``with`` block."""
        return self._station.registered(interface, service_class, address)

    def wait_registered(self, count: int, seconds: float) -> bool:
        """Wait until there were so many registrations; whether there were."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.registered) >= count, seconds)

    def wait_listed(self, addresses: Collection[str], seconds: float) -> bool:
        """Wait until one of these is registered; whether it is. None is never."""
        until = time.monotonic() + seconds
        while addresses and time.monotonic() < until:
            if set(addresses) & set(self.services()):
                return True
            time.sleep(_STEP)
        return False

    def _look(self, request: Any) -> bool:  # noqa: ANN401 - a message of NI's protos
        place = request.location
        port = place.insecure_port or place.ssl_authenticated_port
        address = f"{place.location or 'localhost'}:{port}"
        about = request.service_description
        names = (about.service_class, tuple(about.provided_interfaces))
        served = Registration(address, answers(address, _TO_ANSWER), *names)
        with self._changed:
            self.registered.append(served)
            self._changed.notify_all()
        return False


def _address(view: ServiceView) -> str:
    return f"{view.location or 'localhost'}:{view.port}"


@contextmanager
def discovery() -> Generator[Discovery, None, None]:
    """A fake Discovery, inside a ``with`` block."""
    with FakeStation() as station:
        yield Discovery(station)


@contextmanager
def relay(address: str) -> Generator[Relay, None, None]:
    """A relay to a target; NotEstablished when it is not on this machine."""
    try:
        made = Relay(address)
    except FakeError as error:
        raise NotEstablished(f"No relay leads to the target: {error}") from None
    with made:
        yield made
