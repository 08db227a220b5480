"""The service of Session Management by its handlers: what it remembers of pin maps, what never."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ni.measurementlink.sessionmanagement.v1 import session_management_service_pb2 as pb

from session_fakes.clock import Clock
from session_fakes.errors import Refusal
from session_fakes.pinmaps import PinMapStore
from session_fakes.services import session_management_service
from session_fakes.serving.dispatch import Caller
from session_fakes.sessions import Reservations

NOBODY: Any = None
"""No gRPC context: a caller that never gives up."""


def xml(instrument: str, channel: str = "0") -> str:
    """Pin A at sites 0 and 1, each on an instrument; a group; an instrument of another type."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<PinMap xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd" schemaVersion="1.6">
  <Instruments>
    <Instrument name="{instrument}0" instrumentTypeId="T"><Channel id="{channel}"/></Instrument>
    <Instrument name="{instrument}1" instrumentTypeId="T"><Channel id="{channel}"/></Instrument>
    <Instrument name="other" instrumentTypeId="U"><Channel id="0"/></Instrument>
  </Instruments>
  <Pins><DUTPin name="A"/><DUTPin name="B"/></Pins>
  <PinGroups><PinGroup name="All"><PinReference pin="A"/></PinGroup></PinGroups>
  <Sites><Site siteNumber="0"/><Site siteNumber="1"/></Sites>
  <Connections>
    <Connection pin="A" siteNumber="0" instrument="{instrument}0" channel="{channel}"/>
    <Connection pin="A" siteNumber="1" instrument="{instrument}1" channel="{channel}"/>
    <Connection pin="B" siteNumber="0" instrument="other" channel="0"/>
  </Connections>
</PinMap>
"""


class Desk:
    """Session Management over two pin maps."""

    def __init__(self, *, prefixed_names: bool = True) -> None:
        self.store = PinMapStore()
        self.store.update("map", xml("one"))
        self.store.update("second", xml("two"))
        self.reservations = Reservations(Clock())
        service = session_management_service(
            self.store, self.reservations, prefixed_names=prefixed_names
        )
        self._reserve: Any = service.handlers["ReserveSessions"]

    def reserve(
        self,
        pin_map: str = "map",
        sites: tuple[int, ...] = (0,),
        names: tuple[str, ...] = ("A",),
        type_id: str = "",
        annotations: Mapping[str, str] | None = None,
    ) -> pb.ReserveSessionsResponse:
        """Reserve, and give back at once."""
        request = pb.ReserveSessionsRequest(
            pin_or_relay_names=names, instrument_type_id=type_id, annotations=annotations
        )
        request.pin_map_context.pin_map_id = pin_map
        request.pin_map_context.sites.extend(sites)
        response: pb.ReserveSessionsResponse = self._reserve(request, Caller(NOBODY, "peer", ()))
        self.reservations.unreserve([session.session.name for session in response.sessions])
        return response


def resources(response: pb.ReserveSessionsResponse) -> list[str]:
    """The names of the resources that were reserved."""
    return [session.resource_name for session in response.sessions]


def test___pin_map_is_updated___reserve_as_before___answers_the_new_one() -> None:
    desk = Desk()
    for number in range(3):
        desk.store.update("map", xml(f"v{number}-", channel=str(number)))

        response = desk.reserve()

        assert resources(response) == [f"v{number}-0"]
        assert response.sessions[0].channel_list == str(number)
        assert response.sessions[0].channel_mappings[0].channel == str(number)


def test___pin_map_is_forgotten___reserve_as_before___refused() -> None:
    desk = Desk()
    desk.reserve()
    desk.store.clear()

    with pytest.raises(Refusal, match="No pin map 'map' is registered") as caught:
        desk.reserve()

    assert caught.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"sites": (1,)}, ["one1"]),
        ({"sites": ()}, ["one0", "one1"]),
        ({"names": ("B",)}, ["other"]),
        ({"names": ("A", "B")}, ["one0", "other"]),
        ({"type_id": "U"}, []),
        ({"pin_map": "second"}, ["two0"]),
    ],
)
def test___one_reservation_before___reserve_something_else___answers_that(
    asked: dict[str, Any], answer: list[str]
) -> None:
    desk = Desk()
    assert resources(desk.reserve()) == ["one0"]

    assert resources(desk.reserve(**asked)) == answer
    assert resources(desk.reserve()) == ["one0"]


def test___more_questions_than_are_remembered___reserve___each_is_answered_rightly() -> None:
    desk = Desk()
    questions = [("A",) * count for count in range(1, 100)]

    answers = [desk.reserve(names=names, sites=(1,)) for names in (*questions, *questions)]

    assert {tuple(resources(answer)) for answer in answers} == {("one1",)}


def test___same_question_again___reserve___nothing_is_left_of_the_call_before() -> None:
    desk = Desk()
    first = desk.reserve(names=("All",), annotations={"who": "me"})
    first.sessions[0].channel_list = "changed"
    first.group_mappings["All"].pin_or_relay_names.append("changed")
    registered = desk.reservations.sessions()

    second = desk.reserve(names=("All",))

    assert registered == []
    assert dict(second.sessions[0].annotations) == {}
    assert second.sessions[0].session_reserved
    assert not second.sessions[0].session_exists
    assert second.sessions[0].channel_list == "0"
    assert list(second.group_mappings["All"].pin_or_relay_names) == ["A"]
