"""Reading pin maps: what is read, and what is refused in which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_fakes.errors import Refusal
from session_fakes.fidelity import holds
from session_fakes.pinmaps import (
    DAQMX,
    DC_POWER,
    DIGITAL_PATTERN,
    DMM,
    FGEN,
    RELAY_DRIVER,
    SCOPE,
    ChannelGroup,
    Group,
    Multiplexer,
    PinMap,
    Terminal,
    read_pin_map,
)

EVERYTHING = (Path(__file__).parent / "pin_maps" / "everything.pinmap").read_text("utf-8")
XMLNS = 'xmlns="http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"'


def pin_map_of(*sections: str, attributes: str = f'schemaVersion="1.6" {XMLNS}') -> str:
    """A pin map with one section in each line, the first in line 2."""
    return "\n".join([f"<PinMap {attributes}>", *sections, "</PinMap>"])


def refused(xml: str) -> str:
    """The text of the refusal that reading must raise."""
    with pytest.raises(Refusal) as caught:
        read_pin_map(xml)
    assert caught.value.code == "INVALID_ARGUMENT"
    return caught.value.text


@holds("MAP-RELAY-CONFIGURATIONS", "MAP-CUSTOM-CHANNELS")
def test___every_kind_of_element___read___all_is_there() -> None:
    pin_map = read_pin_map(EVERYTHING)

    assert pin_map.sites == (0, 1)
    assert [(i.name, i.type_id) for i in pin_map.instruments] == [
        ("DCPower1", DC_POWER),
        ("DCPower2", DC_POWER),
        ("OldDCPower", DC_POWER),
        ("Digital1", DIGITAL_PATTERN),
        ("Scope1", SCOPE),
        ("Scope2", SCOPE),
        ("FGen1", FGEN),
        ("DMM1", DMM),
        ("Task1", DAQMX),
        ("RelayDriver1", RELAY_DRIVER),
        ("C:\\logs\\run 1.ndjson", "JsonLoggerService"),
        ("Device", "DeviceCommunicationService"),
    ]
    assert pin_map.instruments[10].channels == ("log", "log::2")
    assert pin_map.instruments[5].group == "ScopeB"
    assert pin_map.multiplexers == (Multiplexer("Mux1", "niSwitch"), Multiplexer("Mux2", ""))
    assert pin_map.pins[-1] == Terminal("Supply", is_system=True)
    assert pin_map.pin_groups[1] == Group("Outer", ("C", "Inner", "Supply", "A"))
    assert pin_map.relays == (Terminal("SiteRelay1"), Terminal("SystemRelay1", is_system=True))
    assert pin_map.relay_groups == (Group("Relays", ("SystemRelay1", "SiteRelay1")),)
    assert len(pin_map.connections) == 23


@holds("MAP-GROUP-CHANNELS")
def test___channel_groups___read___ranges_and_the_group_of_each_channel() -> None:
    first, second, old, *_ = read_pin_map(EVERYTHING).instruments

    assert first.channel_groups[0] == ChannelGroup("Core", ((0, 0), (2, 3), (10, 11)))
    assert second.channel_groups == (ChannelGroup("Core", ((0, 1),)),)
    assert "".join((first.channel_group(channel) or "-")[0] for channel in range(13)) == (
        "CRCCRRRRRRCC-"
    )
    assert old.channel_group(0) is None


@holds("MAP-BOM")
def test___byte_order_mark_and_foreign_encoding___read___as_without() -> None:
    plain = read_pin_map(EVERYTHING)

    assert read_pin_map("\ufeff" + EVERYTHING) == plain
    assert read_pin_map(EVERYTHING.replace('"utf-8"', '"utf-16"')) == plain


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test___known_version___read___accepted(version: str) -> None:
    assert read_pin_map(pin_map_of(attributes=f'schemaVersion="{version}" {XMLNS}')) == PinMap()


@holds("MAP-SCHEMA-VERSION")
@pytest.mark.parametrize(
    "version", ["1.8", "2.0", "0.9", "1", "1.6.0", "", "one", "1.66666", "-1.0"]
)
def test___unknown_version___read___refused_with_the_known_ones(version: str) -> None:
    text = refused(pin_map_of(attributes=f'schemaVersion="{version}" {XMLNS}'))

    assert "line 1:" in text
    assert "1.0 to 1.7" in text


@holds("MAP-NO-DTD")
@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE PinMap>",
        '<!DOCTYPE PinMap SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE PinMap [<!ENTITY a "b"> <!ENTITY c "&a;&a;&a;&a;">]>',
        '<!DOCTYPE PinMap [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
    ],
)
def test___document_type___read___refused_in_its_line(doctype: str) -> None:
    text = refused(f'<?xml version="1.0"?>\n{doctype}\n{pin_map_of()}')

    assert "line 2: a document type declaration" in text


@holds("MAP-NOT-XML")
@pytest.mark.parametrize(
    ("xml", "line"),
    [
        ("", 1),
        ("pin map", 1),
        ("\n<PinMap", 2),
        (pin_map_of("<Pins>"), 3),
        (pin_map_of("", "<Pins/>&nothing;"), 3),
        (pin_map_of("", '<Pins xmlns:a="u" b:c=""/>'), 3),
        (pin_map_of("", "\x00"), 3),
        (pin_map_of("", "\ud800"), 3),
        (pin_map_of() + "<PinMap/>", 2),
        ("\ufeff\ufeff" + pin_map_of(), 1),
    ],
)
def test___no_xml___read___refused_with_the_line(xml: str, line: int) -> None:
    assert f"line {line}: " in refused(xml)


@holds("MAP-STRICT")
@pytest.mark.parametrize(
    ("section", "named"),
    [
        ("<Probes/>", "<Probes> may not stand in <PinMap>; there may be: <Instruments>"),
        ('<Pins><Pin name="A"/></Pins>', "there may be: <DUTPin>, <SystemPin>"),
        ('<DUTPin name="A"/>', "<DUTPin> may not stand in <PinMap>"),
        ('<Pins><DUTPin name="A"><b/></DUTPin></Pins>', "there may be: nothing"),
        ('<Pins xmlns="urn:x"/>', "is in the name space 'urn:x'"),
        ('<Pins xmlns=""/>', "is in the name space ''"),
        ('<Pins><DUTPin name="A" colour="red"/></Pins>', "no attribute 'colour'"),
        ("<Instruments><NiScopeInstrument/></Instruments>", "<NiScopeInstrument> may not stand in"),
        ('<Instruments><NIRFSAInstrument resource="R"/></Instruments>', "lacks the attribute name"),
        ("<Pins><DUTPin/></Pins>", "lacks the attribute name"),
        ("<Pins/><Pins/>", "<Pins>: stands twice, first in line 2"),
        ("<Pins>none</Pins>", "the text 'none'"),
    ],
)
def test___what_the_format_has_not___read___refused(section: str, named: str) -> None:
    text = refused(pin_map_of(section))

    assert "line 2: " in text
    assert named in text


@holds("MAP-FOREIGN-ATTRIBUTES")
def test___attributes_of_foreign_name_spaces___read___passed_over() -> None:
    pins = '<Pins xml:space="preserve"><DUTPin name="A" xmlns:x="urn:x" x:name="B"/></Pins>'

    assert read_pin_map(pin_map_of(pins)).pins == (Terminal("A"),)


@holds("MAP-NI-INSTRUMENTS")
@pytest.mark.parametrize(
    ("element", "type_id"),
    [
        ("NIHSDIOInstrument", "niHSDIO"),
        ("NIRFmxInstrument", "niRFmx"),
        ("ModelBasedInstrument", "niModelBasedInstrument"),
    ],
)
def test___instrument_of_ni_that_is_not_simulated___read___kept_with_its_guessed_type(
    element: str, type_id: str
) -> None:
    inside = '<Port id="a"><Port id="b"/></Port>'
    xml = pin_map_of(
        f'<Instruments><{element} name="X" numberOfChannels="?">{inside}</{element}></Instruments>',
        '<Pins><DUTPin name="A"/></Pins><Sites><Site siteNumber="0"/></Sites>',
        "<Connections>",
        '<Connection pin="A" siteNumber="0" instrument="X" channel="p 7"/></Connections>',
    )

    pin_map = read_pin_map(xml)

    assert [(one.name, one.type_id) for one in pin_map.instruments] == [("X", type_id)]
    assert pin_map.connections[0].channel == "p 7"


def logs(*instruments: tuple[str, str], more: str = "") -> str:
    """A pin map with a pin A on each of some instruments, the first in line 3."""
    lines = [
        f'<Instrument name="{n}" instrumentTypeId="{t}"><Channel id="0"/></Instrument>'
        for n, t in instruments
    ]
    wires = [
        f'<Connection pin="A" siteNumber="0" instrument="{n}" channel="0"/>' for n, _ in instruments
    ]
    return pin_map_of(
        "<Instruments>",
        *lines,
        f"{more}</Instruments>",
        '<Pins><DUTPin name="A"/></Pins><Sites><Site siteNumber="0"/></Sites>',
        f"<Connections>{''.join(wires)}</Connections>",
    )


@holds("MAP-SESSION-NAME-UNIQUE")
def test___two_resources_of_one_session_name___read___refused() -> None:
    text = refused(logs(("b-c", "a"), ("c", "a-b")))

    assert "line 4: <Instrument>: its session would be named 'a-b-c', as that of 'b-c'" in text


@holds("MAP-SESSION-NAME-UNIQUE")
def test___task_named_as_a_session___read___refused() -> None:
    task = '<NIDAQmxTask name="a-b" taskType="AI" channelList="Dev1/ai0"/>'
    wire = '<Connection pin="A" siteNumber="0" instrument="a-b" channel="Dev1/ai0"/></Connections>'

    assert "named 'a-b'" in refused(logs(("b", "a"), more=task).replace("</Connections>", wire))


def test___session_names_that_would_collide___nothing_connected___read() -> None:
    text = logs(("b-c", "a"), ("c", "a-b")).replace(
        '<Connection pin="A" siteNumber="0" instrument="c" channel="0"/>', ""
    )

    assert len(read_pin_map(text).instruments) == 2


def test___another_root___read___refused_with_the_right_one() -> None:
    assert f"<PinMap {XMLNS}" in refused('<PinMap schemaVersion="1.6"/>')
    assert "at the outside; there may be: <PinMap>" in refused(f"<Pins {XMLNS}/>")


def test___deeply_nested___read___refused_at_once() -> None:
    assert "line 2: <Pins> may not stand in <Pins>" in refused(pin_map_of("<Pins>" * 200_000))


@holds("MAP-NAMES-UNIQUE")
@pytest.mark.parametrize(
    "second",
    [
        '<Pins><SystemPin name="B"/><DUTPin name="B"/></Pins>',
        '<PinGroups><PinGroup name="A"/></PinGroups>',
        '<Relays><SiteRelay name="A"/></Relays>',
        '<RelayGroups><RelayGroup name="A"/></RelayGroups>',
    ],
)
def test___name_given_twice___read___refused_with_both_lines(second: str) -> None:
    first = '<Pins><DUTPin name="A"/></Pins>'
    text = refused(pin_map_of(second) if second.startswith("<Pins>") else pin_map_of(first, second))

    assert "is taken by the <" in text
    assert "of line 2" in text
    assert ("line 2: " if second.startswith("<Pins>") else "line 3: ") in text


@holds("MAP-NAME-BLANK")
@pytest.mark.parametrize("name", ["", " ", "\u00a0"])
def test___blank_name___read___refused(name: str) -> None:
    assert "line 2: <DUTPin>: the attribute name is empty" in refused(
        pin_map_of(f'<Pins><DUTPin name="{name}"/></Pins>')
    )


@holds("MAP-INSTRUMENT-NAMES")
@pytest.mark.parametrize(
    ("second", "taken"),
    [
        ('<NIDmmInstrument name="dmm1"/>', True),
        ('<NIDAQmxTask name="DMM1" taskType="" channelList="x"/>', True),
        ('<Multiplexer name="DMM1" multiplexerTypeId=""/>', True),
        ('<Instrument name="DMM1" instrumentTypeId="x"/>', True),
        ('<Instrument name="dmm1" instrumentTypeId="x"/>', False),
    ],
)
def test___instrument_name_given_twice___read___refused(second: str, *, taken: bool) -> None:
    xml = pin_map_of("<Instruments>", '<NIDmmInstrument name="DMM1"/>', second, "</Instruments>")

    if taken:
        text = refused(xml)
        assert "line 4: " in text
        assert "is taken by the <NIDmmInstrument> of line 3" in text
    else:
        assert len(read_pin_map(xml).instruments) == 2


@holds("MAP-SITES-UNIQUE", "MAP-NUMBERS")
@pytest.mark.parametrize(
    ("number", "named"),
    [
        ("0", "site 0 is in line 3 already"),
        ("-1", "'-1' is no site number"),
        ("", "'' is no site number"),
        ("01", "'01' is no site number"),
        ("1.0", "is no site number"),
        ("٣", "is no site number"),
        ("2147483648", "is no site number"),
        ("9" * 5000, "is no site number"),
    ],
)
def test___bad_site_number___read___refused(number: str, named: str) -> None:
    text = refused(
        pin_map_of(
            "<Sites>", '<Site siteNumber="0"/>', f'<Site siteNumber="{number}"/>', "</Sites>"
        )
    )

    assert "line 4: <Site>: " in text
    assert named in text


@holds("MAP-REFERENCES", "MAP-ONE-PER-TYPE", "MAP-CHANNEL-DECLARED", "MAP-RELAY-CONFIGURATIONS")
@pytest.mark.parametrize(
    ("element", "old", "new", "named"),
    [
        ('<PinReference pin="C', '"C"', '"c"', "pin='c' is no pin or pin group. Did you mean 'C'?"),
        ('<PinReference pin="C', '"C"', '"SiteRelay1"', "is no pin or pin group"),
        ("<RelayReference", '"SystemRelay1"', '"A"', "relay='A' is no relay or relay group"),
        ("<RelayPosition", '"SiteRelay1"', '"A"', "relay='A' is no relay or relay group"),
        ("<RelayPosition", '"Open"', '"open"', "is no position. Did you mean 'Open'?"),
        ("<Connection ", 'pin="A"', 'pin="a"', "pin='a' is no DUT pin. Did you mean 'A'?"),
        ("<Connection ", 'pin="A"', 'pin="Supply"', "pin='Supply' is no DUT pin"),
        ("<SystemConnection", '"Supply"', '"A"', "is no system pin. There is: 'Supply'."),
        ("<Connection ", '"0"', '"2"', "there is no site 2. There is: '0', '1'."),
        ("<Connection ", '"0"', '"0,"', "'' is no site number"),
        ("<Connection ", '"0"', '"0,0"', "site 0 stands twice"),
        ("<Connection ", '"0"', '"0,1"', "'A' at site 1 has a connection to an instrument of type"),
        ("<Connection ", '"DCPower1"', '"dcpower1"', "no instrument. Did you mean 'DCPower1'?"),
        ("<Connection ", '"DCPower1"', '"RelayDriver1"', "'RelayDriver1' is no instrument"),
        ("<Connection ", '"DCPower1"', '"Mux1"', "'Mux1' is no instrument"),
        ("<Connection ", '"10"', '"12"', "has no channel '12'. There is: 0 to 11."),
        ("<Connection ", '"10"', '"010"', "has no channel '010'"),
        ("<Connection ", '"10"', '" 10"', "has no channel ' 10'"),
        ("<Connection ", '"10"', '""', "the attribute channel is empty"),
        ('instrument="DMM1"', 'channel="0"', 'channel="1"', "There is: 0 to 0."),
        ('instrument="Task1"', 'channel="Dev1/ai1"', 'channel=" "', "the attribute channel is"),
        ('channel="log"', '"log"', '"Log"', "no channel 'Log'. There is: 'log', 'log::2'."),
        ("<MultiplexedDUT", '"Mux1"', '"Mux3"', "no multiplexer. Did you mean 'Mux2'?"),
        ("<MultiplexedDUT", '"Mux1"', '"Scope1"', "is no multiplexer"),
        ("<MultiplexedDUT", 'pin="A"', 'pin="Supply"', "is no DUT pin"),
        ("<MultiplexedDUT", '"C1->r0, C2->r0"', '""', "the attribute routeName is empty"),
        ("<RelayConnection", '"SiteRelay1"', '"SystemRelay1"', "is no site relay"),
        ("<RelayConnection", '"RelayDriver1"', '"DMM1"', "There is: 'RelayDriver1'."),
        ("<RelayConnection", '"K0"', '""', "the attribute controlLine is empty"),
        ("<SystemRelayConnection", '"SystemRelay1"', '"SiteRelay1"', "is no system relay"),
    ],
)
def test___one_thing_wrong___read___refused_with_line_and_what_exists(
    element: str, old: str, new: str, named: str
) -> None:
    at = EVERYTHING.index(element)
    xml = EVERYTHING[:at] + EVERYTHING[at:].replace(old, new, 1)
    assert xml.splitlines()[line_of(at) - 1] != EVERYTHING.splitlines()[line_of(at) - 1]

    text = refused(xml)

    assert named in text
    expected = line_of(at) + 1 if "has a connection" in named else line_of(at)
    assert f"line {expected}: " in text


def line_of(place: int) -> int:
    """The line that a place of the file is in."""
    return EVERYTHING.count("\n", 0, place) + 1


def test___connection_without_routes___read___refused() -> None:
    xml = pin_map_of(
        '<Instruments><NIDmmInstrument name="D"/></Instruments>',
        '<Connections><MultiplexedConnection instrument="D" channel="0"/></Connections>',
    )

    assert "line 3: <MultiplexedConnection>: has no <MultiplexedDUTPinRoute>" in refused(xml)


def test___no_sites_and_no_names___connection_read___refused_with_none() -> None:
    xml = pin_map_of(
        '<Connections><SystemRelayConnection relay="K" relayDriverModule="R" controlLine="0"/>',
        "</Connections>",
    )

    assert "relayDriverModule='R' is no relay driver module. There is: none." in refused(xml)


@holds("MAP-GROUP-CYCLE")
def test___groups_in_a_circle___read___refused_with_the_first_line() -> None:
    groups = [
        f'<PinGroup name="G{at}"><PinReference pin="G{to}"/></PinGroup>'
        for at, to in [(0, 1), (1, 2), (2, 3), (3, 1)]
    ]

    text = refused(pin_map_of("<PinGroups>", *groups, "</PinGroups>"))

    assert "line 4: <PinGroup>: the group contains itself" in text
    assert "'G1', 'G2', 'G3'." in text


def test___group_in_itself___read___refused() -> None:
    text = refused(
        pin_map_of(
            '<RelayGroups><RelayGroup name="G"><RelayReference relay="G"/></RelayGroup>'
            "</RelayGroups>"
        )
    )

    assert "line 2: <RelayGroup>: the group contains itself" in text


@pytest.mark.parametrize("closed", [False, True])
def test___long_chain_of_groups___read___no_recursion(*, closed: bool) -> None:
    count = 5_000
    groups = [
        f'<PinGroup name="G{at}"><PinReference pin="G{at + 1}"/></PinGroup>' for at in range(count)
    ]
    end = '<PinReference pin="G0"/>' if closed else '<PinReference pin="A"/>'
    groups.append(f'<PinGroup name="G{count}">{end}</PinGroup>')
    xml = pin_map_of('<Pins><DUTPin name="A"/></Pins><PinGroups>', *groups, "</PinGroups>")

    if closed:
        assert "line 3: <PinGroup>: the group contains itself" in refused(xml)
    else:
        assert read_pin_map(xml).expanded("G0") == ("A",)


def dc_power(*groups: str, count: str = "4") -> str:
    inside = "\n".join(f"<ChannelGroup {group}/>" for group in groups)
    return pin_map_of(
        "<Instruments>",
        f'<NIDCPowerInstrument name="P" numberOfChannels="{count}">',
        f"{inside}</NIDCPowerInstrument></Instruments>",
    )


@holds("MAP-GROUP-PARTITION", "MAP-GROUP-CHANNELS")
@pytest.mark.parametrize(
    ("groups", "line", "named"),
    [
        (['name="G"', 'name="H" channels="0"'], 5, "channel 0 is in two channel groups"),
        (['name="G" channels="0:2"', 'name="H" channels="2:3"'], 5, "channel 2 is in two"),
        (['name="G" channels="0:3,1"'], 4, "or twice in one"),
        (['name="G" channels="0,2:3"'], 3, "channel 1 is in no channel group"),
        (['name="G" channels="0:2"'], 3, "channel 3 is in no channel group"),
        (['name="G" channels="0:4"'], 4, "there is no channel 4, the last is 3"),
        (['name="G" channels="3:0"'], 4, "'3:0' is neither"),
        (['name="G" channels="0:1:3"'], 4, "'0:1:3' is neither"),
        (['name="G" channels=""'], 4, "'' is neither"),
        (['name="G" channels="0:"'], 4, "'0:' is neither"),
        (['name="G" channels="DCPower1/0"'], 4, "is neither"),
        (['name="G" channels="0:1"', 'name="G" channels="2:3"'], 5, "the name 'G' is taken"),
    ],
)
def test___bad_channel_groups___read___refused(groups: list[str], line: int, named: str) -> None:
    text = refused(dc_power(*groups))

    assert f"line {line}: " in text
    assert named in text


def test___group_names_that_differ_in_case___read___two_groups() -> None:
    instrument = read_pin_map(dc_power('name="g" channels="0:1"', 'name="G" channels="2:3"'))

    assert [group.name for group in instrument.instruments[0].channel_groups] == ["g", "G"]


@pytest.mark.parametrize("count", ["0", "-1", "", "four", "9999999999"])
def test___bad_number_of_channels___read___refused(count: str) -> None:
    assert "line 3: <NIDCPowerInstrument>: numberOfChannels=" in refused(dc_power(count=count))


def test___huge_number_of_channels___read___not_expanded() -> None:
    pin_map = read_pin_map(dc_power('name="G"', count="1000000000"))

    assert pin_map.instruments[0].channel_group(999_999_999) == "G"


@holds("MAP-CUSTOM-CHANNELS", "MAP-CUSTOM-TYPE")
@pytest.mark.parametrize(
    ("type_id", "inside", "named"),
    [
        ("t", '<ChannelGroup id="G"><Channel id="x"/></ChannelGroup><Channel id="x"/>', "'x' is"),
        ("t", '<ChannelGroup id="G"/><ChannelGroup id="G"/>', "the id 'G' is taken"),
        ("", "", "the attribute instrumentTypeId is empty"),
        ("niDCPower", "", "have an element of their own"),
    ],
)
def test___bad_custom_instrument___read___refused(type_id: str, inside: str, named: str) -> None:
    instrument = f'<Instrument name="I" instrumentTypeId="{type_id}">{inside}</Instrument>'
    text = refused(pin_map_of(f"<Instruments>{instrument}</Instruments>"))

    assert "line 2: " in text
    assert named in text


def test___longest_names___refused___text_fits_into_a_header() -> None:
    names = [f"{chr(0x10FFFF)}{at}" * 5_000 for at in range(20)]
    pins = "".join(f'<DUTPin name="{name}"/>' for name in names)
    group = f'<PinGroup name="G"><PinReference pin="{names[0]}x"/></PinGroup>'

    text = refused(pin_map_of(f"<Pins>{pins}</Pins><PinGroups>{group}</PinGroups>"))

    assert len(text.encode()) < 16_000
