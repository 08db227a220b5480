"""NI's own clients, as plug-ins use them: told where Discovery is, they find the rest by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import grpc
from ni.measurementlink.discovery.v1.client import DiscoveryClient
from ni.measurementlink.pinmap.v1.client import PinMapClient
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb
from ni.measurementlink.sessionmanagement.v1.client import (
    PinMapContext,
    SessionInformation,
    SessionManagementClient,
)

from session_contract.station.pin_maps import PinMapNames, pin_map
from session_contract.station.station import Station

WHO = "NI's client"
T = TypeVar("T")


class NiClients:
    """The clients of one check, with a pin map of its own in a file."""

    def __init__(self, station: Station, folder: Path, stack: ExitStack) -> None:
        """Make clients that the stack closes."""
        self.station = station
        self.discovery = DiscoveryClient(station.client(WHO).stubs.discovery)
        self.pin_maps = stack.enter_context(PinMapClient(discovery_client=self.discovery))
        self.sessions = stack.enter_context(
            SessionManagementClient(discovery_client=self.discovery)
        )
        self.names = PinMapNames.of(station.fresh())
        self.file = folder / f"my {self.names.instrument}.pinmap"
        # With a byte order mark, as NI's editor writes it.
        self.file.write_text(pin_map(self.names), encoding="utf-8-sig")

    def context(self) -> PinMapContext:
        """The pin map, loaded as NI's clients do it."""
        name = self.tried(
            "PIN-UPDATE-ANY-ID",
            f"update_pin_map({self.file.name!r})",
            lambda: self.pin_maps.update_pin_map(self.file),
        )
        return PinMapContext(pin_map_id=name, sites=None)

    def tried(self, requirement: str, text: str, call: Callable[[], T]) -> T:
        """Make a call that has to succeed; otherwise the requirement is violated."""
        try:
            found = call()
        except grpc.RpcError as error:
            code = self.refused(text, error)
            sentence = f"{text} of NI's client: OK is due, not {code}"
            raise self.station.violated(requirement, sentence) from None
        self.station.saw(WHO, f"{text} -> OK")
        return found

    def refused(self, text: str, error: grpc.RpcError) -> str:
        """Note a call that was refused; its code."""
        assert isinstance(error, grpc.Call)
        self.station.saw(WHO, f'{text} -> {error.code().name} "{error.details()}"')
        return str(error.code().name)

    def own(self, found: Iterable[SessionInformation]) -> None:
        """Take note of sessions that are to be taken back at the end of the check."""
        for each in found:
            information = pb.SessionInformation(
                resource_name=each.resource_name, instrument_type_id=each.instrument_type_id
            )
            information.session.name = each.session_name
            self.station.belongings.own([information])
