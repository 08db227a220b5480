"""What pins and relays need: resources, channels, groups, multiplexers, and names of sessions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import pytest

from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.pinmaps import (
    RELAY_DRIVER,
    SYSTEM_SITE,
    Access,
    ChannelMapping,
    Connection,
    Group,
    Instrument,
    Multiplexer,
    PinMap,
    Resource,
    Terminal,
    connected_multiplexers,
    query_pins,
    query_relays,
    read_pin_map,
    resolve,
    session_name,
)

EVERYTHING = read_pin_map(
    (Path(__file__).parent / "pin_maps" / "everything.pinmap").read_text("utf-8")
)
CORE = "DCPower1/2, DCPower1/10, DCPower2/0, DCPower2/1"
FILE = "C:\\logs\\run 1.ndjson"


def access(
    *names: str, sites: Sequence[int] = (), type_id: str = "", pin_map: PinMap = EVERYTHING
) -> Access:
    """What some names need."""
    return resolve(pin_map, sites, names, type_id, unknown_site="NOT_FOUND")


def channels(found: Access) -> dict[str, str]:
    """The channel lists by resource."""
    return {resource.resource_name: resource.channel_list for resource in found.resources}


def ends(resource: Resource) -> list[tuple[str, int, str]]:
    """Pin, site and channel of each mapping."""
    return [(m.pin_or_relay_name, m.site, m.channel) for m in resource.channel_mappings]


@holds("MAP-SESSION-UNIT", "MAP-RESOURCE-NAME", "MAP-CHANNEL-ORDER", "MAP-CHANNEL-LIST")
def test___one_pin_of_a_channel_group___resolved___resource_names_all_channels_of_the_group() -> (
    None
):
    found = access("A", sites=[0], type_id="niDCPower")

    assert channels(found) == {CORE: "DCPower1/10"}
    assert ends(found.resources[0]) == [("A", 0, "DCPower1/10")]


@holds("MAP-RESOURCE-NAME")
def test___whatever_is_asked___resolved___one_resource_name_for_a_group() -> None:
    names = {
        resource.resource_name
        for pins in (["A"], ["B"], ["Supply"], ["Outer"], [])
        for sites in ([], [0], [1])
        for resource in access(*pins, sites=sites, type_id="niDCPower").resources
        if "DCPower1/4" not in resource.resource_name and "Old" not in resource.resource_name
    }

    assert names == {CORE}


@holds("MAP-SESSION-UNIT")
def test___one_instrument_with_two_channel_groups___resolved___two_resources() -> None:
    assert channels(access("A", "C", sites=[0], type_id="niDCPower")) == {
        CORE: "DCPower1/10",
        "DCPower1/4": "DCPower1/4",
    }


@holds("MAP-NO-CHANNEL-GROUP")
def test___dc_power_without_channel_groups___resolved___instrument_by_itself() -> None:
    assert channels(access("Mixed", type_id="niDCPower")) == {"OldDCPower/0": "OldDCPower/0"}


@holds("MAP-CHANNEL-NAMES", "MAP-CUSTOM-GROUPS", "MAP-MAPPING-ORDER")
def test___pin_on_instruments_of_every_other_type___resolved___a_resource_each() -> None:
    found = access("Mixed")

    assert [(r.instrument_type_id, r.resource_name, r.channel_list) for r in found.resources] == [
        ("niScope", "Scope2", "1"),
        ("niFGen", "FGen1", "0"),
        ("niDMM", "DMM1", "0"),
        ("niDAQmx", "Task1", "Dev1/ai1"),
        ("JsonLoggerService", FILE, "log, log::2"),
        ("DeviceCommunicationService", "Device", "<only>"),
        ("niDCPower", "OldDCPower/0", "OldDCPower/0"),
    ]
    assert ends(found.resources[4]) == [("Mixed", 0, "log"), ("Mixed", 1, "log::2")]


@holds("MAP-CHANNEL-NAMES", "MAP-DIGITAL-SYSTEM-PIN")
def test___digital_pins___resolved___channels_are_pins_of_sites() -> None:
    found = access("C", "Supply", sites=[1], type_id="niDigitalPattern")

    assert channels(found) == {"Digital1": "site1/C, Supply"}
    assert ends(found.resources[0]) == [("C", 1, "site1/C"), ("Supply", SYSTEM_SITE, "Supply")]


@holds("MAP-SITE-FILTER")
def test___system_pin_and_relay___resolved_for_a_site___stay_at_site_minus_one() -> None:
    relays, power, digital = sorted(
        access("Supply", "Relays", sites=[1]).resources, key=lambda r: -len(r.channel_mappings)
    )

    assert ends(relays) == [("SiteRelay1", 1, "K1"), ("SystemRelay1", SYSTEM_SITE, "K2")]
    assert relays.resource_name == "RelayDriver1"
    assert relays.channel_list == "K1, K2"
    assert relays.instrument_type_id == RELAY_DRIVER
    assert ends(power) == [("Supply", SYSTEM_SITE, "DCPower2/1")]
    assert ends(digital) == [("Supply", SYSTEM_SITE, "Supply")]


@holds("MAP-SITE-FILTER-SYSTEM")
def test___no_names___resolved_for_a_site___system_pins_and_relays_stay_too() -> None:
    found = [end for resource in access(sites=[1]).resources for end in ends(resource)]

    assert ("Supply", SYSTEM_SITE, "DCPower2/1") in found
    assert ("SystemRelay1", SYSTEM_SITE, "K2") in found
    assert {site for _, site, _ in found} == {1, SYSTEM_SITE}


@holds("MAP-SITE-FILTER")
def test___pin_not_connected_at_the_site___resolved___nothing() -> None:
    assert access("C", sites=[1], type_id="niDCPower").resources == ()


@holds("MAP-CHANNEL-LIST-DISTINCT")
def test___pin_shared_by_sites___resolved___one_channel_and_a_mapping_for_each_site() -> None:
    (shared,) = access("B", type_id="niDCPower").resources
    (alone,) = access("B", sites=[1], type_id="niDCPower").resources

    assert shared.channel_list == alone.channel_list == "DCPower2/0"
    assert ends(shared) == [("B", 0, "DCPower2/0"), ("B", 1, "DCPower2/0")]
    assert ends(alone) == [("B", 1, "DCPower2/0")]


@holds("MAP-GROUPS-NESTED")
def test___group_in_group_and_a_pin_of_it___resolved___each_pin_once() -> None:
    found = access("Outer", "A", "Inner", "Relays", sites=[0])

    assert found.group_mappings == {
        "Outer": ("C", "A", "B", "Supply"),
        "Inner": ("A", "B"),
        "Relays": ("SystemRelay1", "SiteRelay1"),
    }
    power = next(r for r in found.resources if r.resource_name == CORE)
    assert [pin for pin, _, _ in ends(power)] == ["A", "B", "Supply"]


def test___names_asked_in_another_order_or_twice___resolved___same_resources() -> None:
    there, back = access("A", "B", "C"), access("C", "B", "A", "C", sites=[1, 0, 0])

    assert there.resources == back.resources


@holds("MAP-NAMES-EMPTY", "MAP-UNCONNECTED")
def test___no_names___resolved___all_pins_and_relays_and_no_groups() -> None:
    found = access()

    asked = {pin for resource in found.resources for pin, _, _ in ends(resource)}
    assert asked == {"A", "B", "C", "Mixed", "Supply", "SiteRelay1", "SystemRelay1"}
    assert found.group_mappings == {}


@holds("MAP-UNCONNECTED")
def test___unconnected_pin_and_empty_group___resolved___nothing_and_no_error() -> None:
    assert access("Loose", "Nobody") == Access((), {"Nobody": ()}, ())


@holds("MAP-TYPE-FILTER")
def test___type_that_no_instrument_has___resolved___nothing_and_no_error() -> None:
    assert access("A", type_id="niSMU").resources == ()
    assert access("A", type_id="nidcpower").resources == ()


@holds("MAP-MULTIPLEXERS-USED")
def test___multiplexed_pins___resolved___routes_and_each_multiplexer_once() -> None:
    found = access("A", "B", type_id="niScope")

    assert found.multiplexers == (Multiplexer("Mux1", "niSwitch"), Multiplexer("Mux2", ""))
    assert found.resources[0].channel_list == "0"
    assert found.resources[0].channel_mappings == (
        ChannelMapping("A", 0, "0", "Mux1", "C1->r0, C2->r0", "niSwitch"),
        ChannelMapping("B", 0, "0", "Mux2", "C1->r1", ""),
        ChannelMapping("B", 1, "0", "Mux2", "C1->r1", ""),
    )


@holds("MAP-MULTIPLEXERS-USED")
def test___part_of_the_multiplexed_pins___resolved___only_their_multiplexers() -> None:
    assert [mux.name for mux in access("B").multiplexers] == ["Mux2"]
    assert [mux.name for mux in access("A", "B", sites=[1]).multiplexers] == ["Mux2"]
    assert access("A", type_id="niDCPower").multiplexers == ()


@holds("MAP-MULTIPLEXERS-CONNECTED")
@pytest.mark.parametrize(
    ("sites", "type_id", "names"),
    [
        ([], "", ["Mux1", "Mux2"]),
        ([0], "", ["Mux1", "Mux2"]),
        ([1], "", ["Mux2"]),
        ([], "niSwitch", ["Mux1"]),
        ([1], "niSwitch", []),
        ([], "other", []),
    ],
)
def test___context___asked_for_multiplexers___those_that_are_connected(
    sites: list[int], type_id: str, names: list[str]
) -> None:
    found = connected_multiplexers(EVERYTHING, sites, type_id, unknown_site="INVALID_ARGUMENT")

    assert [multiplexer.name for multiplexer in found] == names


def test___unconnected_multiplexer___asked_for___left_out() -> None:
    pin_map = PinMap(multiplexers=(Multiplexer("Mux", ""),))

    assert connected_multiplexers(pin_map, [], "", unknown_site="NOT_FOUND") == ()


def test___unknown_site___asked_for_multiplexers___refused() -> None:
    with pytest.raises(Refusal, match='site numbers: "2"') as caught:
        connected_multiplexers(EVERYTHING, [2], "", unknown_site="INVALID_ARGUMENT")

    assert caught.value.code == "INVALID_ARGUMENT"


@holds("MAP-SITE-UNKNOWN")
@pytest.mark.parametrize("code", ["NOT_FOUND", "INVALID_ARGUMENT"])
@pytest.mark.parametrize("names", [[], ["A"], ["Supply"]])
def test___unknown_site___resolved___refused_with_the_code_of_the_service(
    code: str, names: list[str]
) -> None:
    with pytest.raises(Refusal) as caught:
        resolve(EVERYTHING, [0, 3, 2, 3], names, "", unknown_site=code)

    assert caught.value.code == code
    assert 'Pin map does not contain site numbers: "3", "2". There is: 0, 1.' in caught.value.text


def test___system_site_in_the_filter___resolved___refused() -> None:
    with pytest.raises(Refusal, match='Pin map does not contain site numbers: "-1"'):
        access("Supply", sites=[-1])


@pytest.mark.parametrize(("asked", "last"), [(16, '"17".'), (17, '"17" and 1 more.')])
def test___unknown_sites___resolved___all_are_told_up_to_sixteen(asked: int, last: str) -> None:
    with pytest.raises(Refusal) as caught:
        access(sites=range(2, 2 + asked))

    assert f'"16", {last} There is: 0, 1.' in caught.value.text


def test___a_pin_map_without_sites___resolved_for_one___says_that_there_is_none() -> None:
    with pytest.raises(Refusal, match=r"There is: none\. Ask for these"):
        access(sites=[0], pin_map=PinMap())


def test___many_unknown_sites___resolved___text_stays_short() -> None:
    with pytest.raises(Refusal, match="and 9984 more") as caught:
        access(sites=range(2, 10_002))

    assert len(caught.value.text) < 400


@holds("MAP-NAME-UNKNOWN")
@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["a"], "no pin, relay or group 'a'. Did you mean 'A'? There is: 'A', 'B', 'C', 'Mixed'"),
        (["Suply"], "Did you mean 'Supply'?"),
        (["SystemRelay2"], "Did you mean 'SystemRelay1'?"),
        (["A", "Ouster", "q"], "no pin, relay or group 'Ouster' and 1 more. Did you mean 'Outer'?"),
        (["zzz"], "no pin, relay or group 'zzz'. There is: 'A'"),
        (["DMM1"], "no pin, relay or group 'DMM1'"),
        (["A "], "no pin, relay or group 'A '. Did you mean"),
        ([""], "name is empty"),
        (["A", "", "zzz"], "name is empty"),
    ],
)
def test___unknown_name___resolved___refused_with_the_nearest(names: list[str], named: str) -> None:
    with pytest.raises(Refusal) as caught:
        access(*names)

    assert caught.value.code == "INVALID_ARGUMENT"
    assert named.removesuffix(" Did you mean") in caught.value.text


@holds("MAP-INSTRUMENT-GROUP")
def test___scopes_that_share_a_group___resolved___refused_only_when_asked_for() -> None:
    pin_map = PinMap(
        sites=(0,),
        instruments=(
            Instrument("S1", "niScope", channel_count=1, group="G"),
            Instrument("S2", "niScope", channel_count=1, group="G"),
            Instrument("D1", "niDigitalPattern", channel_count=1, group="G"),
        ),
        pins=(Terminal("A"), Terminal("B")),
        connections=(Connection("A", 0, "S1", "0"), Connection("B", 0, "D1", "0")),
    )

    assert channels(access("B", pin_map=pin_map)) == {"D1": "site0/B"}
    with pytest.raises(Refusal, match="'S1', 'S2' share a group") as caught:
        access("A", pin_map=pin_map)
    assert caught.value.code == "UNIMPLEMENTED"


@holds("MAP-NI-INSTRUMENTS")
def test___instrument_that_is_not_simulated___resolved___refused_only_when_asked_for() -> None:
    pin_map = PinMap(
        sites=(0,),
        instruments=(
            Instrument("R1", "niRFSA", unsimulated="NIRFSAInstrument"),
            Instrument("S1", "niScope", channel_count=1),
        ),
        pins=(Terminal("A"), Terminal("B")),
        connections=(Connection("A", 0, "R1", "0"), Connection("B", 0, "S1", "0")),
    )

    assert channels(access("B", pin_map=pin_map)) == {"S1": "0"}
    assert channels(access("A", "B", type_id="niScope", pin_map=pin_map)) == {"S1": "0"}
    for type_id in ("", "niRFSA"):
        with pytest.raises(Refusal, match="'R1' is an NIRFSAInstrument, ") as caught:
            access(type_id=type_id, pin_map=pin_map)
        assert (caught.value.code, "not simulated" in caught.value.text) == ("UNIMPLEMENTED", True)
    assert [pin.name for pin in query_pins(pin_map, "niScope").terminals] == ["B"]


@holds("MAP-SESSION-NAME", "MAP-SESSION-NAME-CUSTOM")
def test___every_resource___named___prefixed_or_bare() -> None:
    resources = access().resources

    assert [session_name(one, prefixed=True) for one in resources] == [
        f"niDCPower-{CORE}",
        "niDCPower-DCPower1/4",
        "niScope-Scope1",
        "niDigitalPattern-Digital1",
        "niScope-Scope2",
        "niFGen-FGen1",
        "niDMM-DMM1",
        "Task1",
        f"JsonLoggerService-{FILE}",
        "DeviceCommunicationService-Device",
        "niDCPower-OldDCPower/0",
        "niRelayDriver-RelayDriver1",
    ]
    for one in resources:
        assert session_name(one, prefixed=False) == one.resource_name


@holds("MAP-SESSION-NAME")
@pytest.mark.parametrize("prefixed", [True, False])
def test___multiplexer___named___bare(*, prefixed: bool) -> None:
    assert session_name(Multiplexer("Mux1", "niSwitch"), prefixed=prefixed) == "Mux1"


@holds("MAP-QUERY-PINS")
def test___pin_map___pins_queried___pins_and_groups_with_all_they_stand_for() -> None:
    listing = query_pins(EVERYTHING)

    assert [pin.name for pin in listing.terminals if pin.is_system] == ["Supply"]
    assert len(listing.terminals) == 6
    assert [(group.name, group.references, group.resolved) for group in listing.groups] == [
        ("Inner", ("A", "B"), ("A", "B")),
        ("Outer", ("C", "Inner", "Supply", "A"), ("C", "A", "B", "Supply")),
        ("Nobody", (), ()),
    ]


@holds("MAP-QUERY-PINS", "MAP-QUERY-PINS-EMPTY-GROUP")
@pytest.mark.parametrize(
    ("type_id", "pins", "groups"),
    [
        ("niDCPower", ["A", "B", "C", "Mixed", "Supply"], ["Inner", "Outer"]),
        ("niScope", ["A", "B", "Mixed"], ["Inner"]),
        ("niDigitalPattern", ["C", "Supply"], []),
        ("niRelayDriver", [], []),
        ("unknown", [], []),
    ],
)
def test___instrument_type___pins_queried___those_of_the_type(
    type_id: str, pins: list[str], groups: list[str]
) -> None:
    listing = query_pins(EVERYTHING, type_id)

    assert [pin.name for pin in listing.terminals] == pins
    assert [group.name for group in listing.groups] == groups


@holds("MAP-QUERY-RELAYS")
def test___pin_map___relays_queried___relays_and_groups() -> None:
    listing = query_relays(EVERYTHING)

    assert [(relay.name, relay.is_system) for relay in listing.terminals] == [
        ("SiteRelay1", False),
        ("SystemRelay1", True),
    ]
    assert [(group.name, group.resolved) for group in listing.groups] == [
        ("Relays", ("SystemRelay1", "SiteRelay1")),
    ]


def test___groups_that_share_groups___expanded___each_entered_once() -> None:
    layers = [Group(f"G{at}", (f"G{at + 1}",) * 9) for at in range(2_000)]
    pin_map = PinMap(pins=(Terminal("A"),), pin_groups=(*layers, Group("G2000", ("A",))))

    assert pin_map.expanded("G0") == ("A",)


def grid(pins: int, sites: int) -> PinMap:
    """Pins by sites on DC power channels in one group, read from XML."""
    wires = "".join(
        f'<Connection pin="Pin{pin}" siteNumber="{site}" instrument="P{site}" channel="{pin}"/>'
        for pin in range(pins)
        for site in range(sites)
    )
    instruments = "".join(
        f'<NIDCPowerInstrument name="P{site}" numberOfChannels="{pins}">'
        '<ChannelGroup name="G"/></NIDCPowerInstrument>'
        for site in range(sites)
    )
    terminals = "".join(f'<DUTPin name="Pin{pin}"/>' for pin in range(pins))
    numbers = "".join(f'<Site siteNumber="{site}"/>' for site in range(sites))
    return read_pin_map(
        '<PinMap schemaVersion="1.6" '
        'xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd">'
        f"<Instruments>{instruments}</Instruments><Pins>{terminals}</Pins>"
        f"<Sites>{numbers}</Sites><Connections>{wires}</Connections></PinMap>"
    )


class Lines:
    """Counts the lines of Python that a thread runs."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> Lines:  # noqa: ARG002
        """Called by Python at each line."""
        self.count += event == "line"
        return self


def work(pins: int, sites: int) -> int:
    """How many lines of Python it takes to read and to resolve a grid."""
    lines = Lines()

    def run() -> None:
        sys.settrace(lines)
        access(pin_map=grid(pins, sites))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return lines.count


@pytest.mark.parametrize("larger", [(80, 4), (20, 16)])
def test___four_times_the_connections___read_and_resolved___four_times_the_work(
    larger: tuple[int, int],
) -> None:
    smaller = work(20, 4)

    assert smaller > 1_000
    assert work(*larger) < 4.4 * smaller
