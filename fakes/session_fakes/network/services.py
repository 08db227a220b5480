"""The services of a station by name, the relays of the station, and how all of it heals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from session_fakes.errors import FakeError, listed, quoted

if TYPE_CHECKING:
    from session_fakes.network.relay import Relay
    from session_fakes.serving.server import LoopbackServer


class Trouble(NamedTuple):
    """A service that is not as it should be, and why."""

    service: str
    what: str

    def __str__(self) -> str:
        return f"{self.service}: {self.what}"


class Network:
    """Stops and restarts services, and puts relays in front of them."""

    def __init__(self, servers: Sequence[LoopbackServer]) -> None:
        self._servers = {server.name: server for server in servers}
        self._others: list[Relay] = []

    @property
    def services(self) -> list[str]:
        """The names of the services."""
        return list(self._servers)

    def service(self, name: str) -> LoopbackServer:
        """The server of a service; raise FakeError with the nearest name when there is none."""
        found = self._servers.get(name)
        if found is None:
            import difflib  # seldom needed, and this module is always loaded

            near = difflib.get_close_matches(name, self._servers, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Services: {listed(self.services)}."
            raise FakeError(f"The station has no service {quoted(name)}. {hint}")
        return found

    def relay(self, target: str) -> Relay:
        """The relay in front of a service, or a new one in front of an address."""
        if ":" not in target:
            return self.service(target).relay()
        from session_fakes.network.relay import Relay

        relay = Relay(target)
        self._others.append(relay)
        return relay

    def relays(self) -> dict[str, Relay]:
        """The relays that are in front of services, by service."""
        found = ((name, server.relay_in_place) for name, server in self._servers.items())
        return {name: relay for name, relay in found if relay is not None}

    def troubles(self) -> list[Trouble]:
        """Which services are stopped, and what relays do in front of services."""
        return list(self._troubles())

    def _troubles(self) -> Iterator[Trouble]:
        relays = self.relays()
        for name, server in self._servers.items():
            if not server.running:
                yield Trouble(name, "stopped")
            if name in relays and relays[name].troubled:
                yield Trouble(name, relays[name].state)

    def heal(self) -> None:
        """Start the services that are stopped, and let the relays in front of them pass all."""
        for server in self._servers.values():
            server.start()
        for name in self.relays():
            self.relay(name).heal()

    def close(self) -> None:
        """Close all relays."""
        for relay in (*self.relays().values(), *self._others):
            relay.close()
