"""The Pin Map service, call by call."""

from __future__ import annotations

from typing import Any

import pytest
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pb
from ni.measurementlink.pinmap.v1.pin_map_service_pb2_grpc import PinMapServiceStub

from session_contract.checks.marking import requirement
from session_contract.checks.station.asking import LoadedMap
from session_contract.station.pin_maps import PinMapNames, connection, pin_map
from session_contract.station.station import Answered, Station

_LONG = 200


@pytest.fixture(scope="module")
def grpc_stub_cls() -> type[Any]:
    """The service that this module calls."""
    return PinMapServiceStub


def _wrong(names: PinMapNames) -> dict[str, str]:
    """Pin maps that are none, by what is wrong with them."""
    right = pin_map(names)
    return {
        "empty": "",
        "no XML": "PinMap",
        "not closed": right.removesuffix("</PinMap>"),
        "another root": "<Pins />",
        "unknown pin": pin_map(names, extra=connection("Z", 0, names.instrument, "A0")),
        "unknown instrument": pin_map(names, extra=connection("A", 0, "nobody", "A0")),
        "unknown site": pin_map(names, extra=connection("A", 7, names.instrument, "A0")),
        "a site twice": right.replace("<Sites>", '<Sites><Site siteNumber="1" />'),
        "a pin twice": right.replace("<Pins>", '<Pins><DUTPin name="B" />'),
        "unknown pin in a group": right.replace(
            '<PinReference pin="A" />', '<PinReference pin="Z" />'
        ),
    }


@pytest.mark.parametrize("fault", _wrong(PinMapNames.of("")))
@requirement("PIN-XML-INVALID", 1, kind="input")
def test___a_text_that_is_no_pin_map___registered___refused(
    station: Station, grpc_stub: PinMapServiceStub, fault: str
) -> None:
    unique = station.fresh()
    xml = _wrong(PinMapNames.of(unique))[fault]
    request = pb.UpdatePinMapFromXmlRequest(pin_map_id=f"contract {unique}", pin_map_xml=xml)

    answer = _ask(station, grpc_stub.UpdatePinMapFromXml, request)

    station.expect("PIN-XML-INVALID", answer, "INVALID_ARGUMENT", rule=f"the pin map: {fault}")


@pytest.mark.parametrize(
    "form",
    [
        *("C:\\My Station\\{}.pinmap", "/home/me/my station/{}.pinmap"),
        *("{} \N{GREEK SMALL LETTER MU}.pinmap", "{}" + "x" * _LONG),
    ],
    ids=["Windows", "POSIX", "not ASCII", "long"],
)
@requirement("PIN-UPDATE-ANY-ID", 1, kind="input")
def test___a_path_as_the_id___updated_and_queried___is_known(
    station: Station, grpc_stub: PinMapServiceStub, form: str
) -> None:
    unique = station.fresh()
    identity, xml = form.format(unique), pin_map(PinMapNames.of(unique))
    update = pb.UpdatePinMapFromXmlRequest(pin_map_id=identity, pin_map_xml=xml)

    updated = _ask(station, grpc_stub.UpdatePinMapFromXml, update)
    got = _ask(station, grpc_stub.GetPinMap, pb.GetPinMapRequest(pin_map_id=identity))

    for answer in (updated, got):
        station.expect("PIN-UPDATE-ANY-ID", answer, "OK", rule=f"{identity!r} is as good an id")


@pytest.mark.parametrize(
    ("rpc", "request_type"),
    [
        ("GetPinMap", pb.GetPinMapRequest),
        ("QueryPins", pb.QueryPinsRequest),
        ("QueryRelays", pb.QueryRelaysRequest),
        ("QueryResourceAccessInformation", pb.QueryResourceAccessInformationRequest),
    ],
)
@requirement("PIN-UNKNOWN-ID", 1, kind="input")
def test___an_id_that_is_not_registered___asked_for___not_found(
    station: Station, grpc_stub: PinMapServiceStub, rpc: str, request_type: type[Any]
) -> None:
    unknown = f"contract {station.fresh()}"

    answer = _ask(station, getattr(grpc_stub, rpc), request_type(pin_map_id=unknown))

    rule = "the pin map was never registered"
    station.expect("PIN-UNKNOWN-ID", answer, "NOT_FOUND", rule=rule)


@requirement("PIN-SITE-UNKNOWN", 1, kind="input")
def test___one_site_that_is_there_and_one_that_is_not___queried___not_found(
    station: Station, grpc_stub: PinMapServiceStub
) -> None:
    loaded = LoadedMap(station)
    request = pb.QueryResourceAccessInformationRequest(
        pin_map_id=loaded.id, sites=[0, 7], pin_or_relay_names=["A"]
    )

    answer = _ask(station, grpc_stub.QueryResourceAccessInformation, request)

    rule = "the pin map has no site 7"
    station.expect("PIN-SITE-UNKNOWN", answer, "NOT_FOUND", rule=rule)


def _ask(station: Station, rpc: Any, request: Any) -> Answered:  # noqa: ANN401 - of NI's stubs
    return station.client().ask(rpc, request)
