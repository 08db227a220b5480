"""NI-SWITCH: closes relays and makes routes, which connect the nets of the bench."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from session_fakes.device import faults
from session_fakes.device.channels import expanded
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments import switch_table as table
from session_fakes.device.instruments.ivi import IviSimulation
from session_fakes.device.instruments.simulation import Answer, Opening, rpc
from session_fakes.device.instruments.topologies import Topology, topology_of
from session_fakes.device.messages import value_of
from session_fakes.errors import Refusal, listed, quoted
from session_fakes.fidelity import fidelity

_OPEN, _CLOSED = 10, 11
_CLOSE = 21
_AVAILABLE, _EXISTS, _UNSUPPORTED = 1, 2, 3

Pair = frozenset[str]


class Switch(IviSimulation):
    """A relay driver, a multiplexer or a matrix. Relays and routes stay when a session ends."""

    INITIALIZERS = frozenset({"Init", "InitWithOptions", "InitWithTopology"})
    MODEL = "2567"
    FACTS = table.FACTS
    CONFIGURES = table.CONFIGURES
    PASSIVE: ClassVar[Mapping[str, str]] = {
        **IviSimulation.PASSIVE,
        "Commit": "relays move at once, so nothing is left to be committed",
    }

    def __init__(self, opening: Opening) -> None:
        self._topology = topology_of(getattr(opening.request, "topology", ""))
        super().__init__(opening)
        self._operated: Counter[str] = Counter()
        if opening.request.reset_device:
            self.switch_off()

    @property
    def _name(self) -> str:
        return self.resource.casefold()

    @property
    def _routes(self) -> set[Pair]:
        return self.bench.wiring.routes[self._name]

    @property
    def _closed(self) -> set[str]:
        return self.bench.wiring.lines[self._name]

    # What there is --------------------------------------------------------------------------------

    @fidelity(
        "SWT-NAMES",
        evidence="our choice",
        rule="Channels and relays have the names of the topology; where it does not tell them"
        " ('Configured Topology', and what is no multiplexer, matrix or bank of relays) those of"
        " the pin map; where it has none of this switch, any name is taken",
    )
    def _known(self) -> Topology:
        if self._topology != Topology():
            return self._topology
        wiring = self.bench.wiring
        return Topology(wiring.route_ends(self.resource), wiring.lines_of(self.resource))

    def channel_names(self, opening: Opening) -> Sequence[str]:  # noqa: ARG002 - others use it
        """Those of the topology."""
        return self._known().channels

    def _describe(self) -> None:
        super()._describe()
        known = self._known()
        if not known.channels:
            self.attributes.unfix("channel_count")  # nobody knows how many there are
        if known.relays:
            self.attributes.fix("number_of_relays", len(known.relays))

    @rpc("GetRelayName")
    def get_relay_name(self, request: Any) -> Answer:
        """Answer the name of the relay with a number, which counts from 1."""
        relays = self._known().relays
        if not relays:
            raise Refusal("UNIMPLEMENTED", f"NI-SWITCH: {_UNKNOWN}")
        index: int = request.index
        if not 1 <= index <= len(relays):
            raise DriverError(
                faults.INVALID_PARAMETER, f"There are {len(relays)} relays, counted from 1."
            )
        return (relays[index - 1],)

    def _checked(self, text: str, known: Sequence[str], kind: str) -> str:
        name = text.strip().casefold()
        if not name or (known and name not in known):
            raise DriverError(
                faults.UNKNOWN_CHANNEL,
                f"{quoted(text)} is no {kind} of {self.resource}: {listed(tuple(known))}.",
            )
        return name

    # Relays ---------------------------------------------------------------------------------------

    @rpc("RelayControl")
    def control_relay(self, request: Any) -> Answer:
        """Open or close relays."""
        closes = value_of(request, "relay_action") == _CLOSE
        for line in self._relays(request.relay_name):
            was_closed = line in self._closed
            (self._closed.add if closes else self._closed.discard)(line)
            self._operated[line] += was_closed != closes
        self._apply()
        return None

    @rpc("GetRelayPosition")
    def get_position(self, request: Any) -> Answer:
        """Say whether a relay is closed."""
        (line,) = self._relays(request.relay_name)
        return (_CLOSED if line in self._closed else _OPEN,)

    @rpc("GetRelayCount")
    def get_count(self, request: Any) -> Answer:
        """Answer how often this session has moved a relay."""
        (line,) = self._relays(request.relay_name)
        return (self._operated[line],)

    def _relays(self, text: str) -> list[str]:
        known = self._known().relays
        found = [self._checked(name, known, "relay") for name in expanded(text)]
        if not found:
            raise DriverError(faults.UNKNOWN_CHANNEL, "No relay is named.")
        return found

    def _apply(self) -> None:
        """Have the relays of the pin map follow the control lines."""
        wiring = self.bench.wiring
        for line in {*self._operated, *self._closed}:
            relays = wiring.relays_on(self.resource, line)
            if line in self._closed:
                wiring.closed |= relays
            else:
                wiring.closed -= relays
        self.bench.stir()

    # Routes ---------------------------------------------------------------------------------------

    @rpc("Connect")
    def connect(self, request: Any) -> Answer:
        """Connect two channels."""
        self._connect([self._pair(request.channel1, request.channel2)])
        return None

    @rpc("ConnectMultiple")
    def connect_multiple(self, request: Any) -> Answer:
        """Connect the channels of a list: ``c0->r1, [c2->r2->c3]``."""
        self._connect(list(self._pairs(request.connection_list)))
        return None

    @rpc("SetPath")
    def set_path(self, request: Any) -> Answer:
        """Connect channels as a path says that was asked for before."""
        self._connect(list(self._pairs(request.path_list)))
        return None

    @rpc("Disconnect")
    def disconnect(self, request: Any) -> Answer:
        """Take a connection away."""
        self._disconnect([self._pair(request.channel1, request.channel2)])
        return None

    @rpc("DisconnectMultiple")
    def disconnect_multiple(self, request: Any) -> Answer:
        """Take the connections of a list away."""
        self._disconnect(list(self._pairs(request.disconnection_list)))
        return None

    @rpc("DisconnectAll")
    def disconnect_all(self, _: Any) -> Answer:
        """Take all connections away."""
        self._routes.clear()
        self.bench.stir()
        return None

    @rpc("CanConnect")
    def can_connect(self, request: Any) -> Answer:
        """Say whether two channels are connected, could be, or cannot be."""
        known = self._known()
        a, b = (
            self._checked(name, known.channels, "channel")
            for name in (request.channel1, request.channel2)
        )
        if frozenset((a, b)) in self._routes:
            return (_EXISTS,)
        return (_AVAILABLE if a != b and known.can_meet(a, b) else _UNSUPPORTED,)

    @rpc("GetPath")
    def get_path(self, request: Any) -> Answer:
        """Answer the path between two channels that were connected."""
        pair = self._pair(request.channel1, request.channel2)
        if pair not in self._routes:
            raise _no_path(pair)
        return (f"{request.channel1.strip()}->{request.channel2.strip()}",)

    @fidelity(
        "SWT-ROUTES",
        evidence="our choice",
        rule="Two channels are connected by one relay or not at all: in a multiplexer a channel and"
        " its common, in a matrix a row and a column; connecting twice, and disconnecting what is"
        " not connected, are errors; the codes are those of IVI, not NI-SWITCH's own",
    )
    def _connect(self, pairs: Sequence[Pair]) -> None:
        known = self._known()
        for pair in pairs:
            a, b = sorted(pair)
            if pair in self._routes:
                raise DriverError(
                    faults.INVALID_PARAMETER, f"An explicit connection {a}->{b} exists already."
                )
            if not known.can_meet(a, b):
                raise _no_path(pair)
            self._routes.add(pair)
        self.bench.stir()

    def _disconnect(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            if pair not in self._routes:
                raise _no_path(pair)
            self._routes.remove(pair)
        self.bench.stir()

    def _pairs(self, text: str) -> Iterator[Pair]:
        for part in text.replace("[", "").replace("]", "").split(","):
            names = part.split("->")
            if len(names) < 2:
                raise DriverError(faults.INVALID_PARAMETER, f"{quoted(part)} is no connection.")
            for a, b in pairwise(names):
                yield self._pair(a, b)

    def _pair(self, a: str, b: str) -> Pair:
        known = self._known().channels
        found = frozenset(self._checked(name, known, "channel") for name in (a, b))
        if len(found) == 1:
            raise DriverError(faults.INVALID_PARAMETER, "A channel is not connected to itself.")
        return found

    # Waiting and scanning -------------------------------------------------------------------------

    @rpc("WaitForDebounce")
    def wait_for_debounce(self, _: Any) -> Answer:
        """Wait until the relays have settled: they have."""
        return None

    @rpc("IsDebounced")
    def is_debounced(self, _: Any) -> Answer:
        """Say that the relays have settled."""
        return (True,)

    @rpc("ConfigureScanList")
    def set_scan_list(self, request: Any) -> Answer:
        """Keep a scan list; older packages spell its field in another way."""
        is_new = "scan_list" in request.DESCRIPTOR.fields_by_name
        scans = request.scan_list if is_new else request.scanlist
        self.attributes.put("scan_list", scans)
        self.attributes.put("scan_mode", value_of(request, "scan_mode"))
        return None

    @rpc("IsScanning")
    def is_scanning(self, _: Any) -> Answer:
        """Say that it scans nothing: what starts a scan is not simulated."""
        return (False,)

    def switch_off(self) -> None:
        """Open all relays, and take all connections away."""
        self._operated.update(dict.fromkeys(self._closed, 1))
        self._closed.clear()
        self._routes.clear()
        self._apply()


_UNKNOWN = (
    "neither the topology nor a pin map says which relays there are. Open the session with the "
    "name of a topology, such as '2520/80-SPST'."
)


def _no_path(pair: Pair) -> DriverError:
    a, b = sorted(pair)
    return DriverError(faults.INVALID_PARAMETER, f"There is no path between {a} and {b}.")


SIMULATION = Switch
