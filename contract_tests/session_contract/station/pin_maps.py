"""The pin map of the specification's examples, as XML, with names that are this run's own."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

DC_POWER = "niDCPower"
GROUP = "AandC"
"""A pin group of the pins A and C."""
_NAMESPACE = "http://www.ni.com/TestStand/SemiconductorModule/PinMap.xsd"


@dataclass(frozen=True)
class PinMapNames:
    """What the pin map calls its instruments: nobody else's sessions may be meant."""

    instrument: str
    """The custom instrument with the pins A and B."""
    instrument_type: str
    dc_power: str
    """The DC power instrument whose channel group has the pins C and D."""

    @staticmethod
    def of(unique: str) -> PinMapNames:
        """The names made of a text that nobody else has."""
        return PinMapNames(f"Contract{unique}", f"contract{unique}", f"ContractPower{unique}")


def pin_map(names: PinMapNames, *, pins: str = "ABCD", extra: str = "") -> str:
    """The pin map with the sites 0 and 1.

    Args:
        names: What its instruments are called.
        pins: Those of A, B, C and D that it has.
        extra: Connections to add, right or wrong.
    """
    group = [pin for pin in "AC" if pin in pins]
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<PinMap schemaVersion="1.6" xmlns="{_NAMESPACE}">'
        f"{_instruments(names)}"
        f"<Pins>{''.join(f'<DUTPin name={quoteattr(pin)} />' for pin in pins)}</Pins>"
        f'<PinGroups><PinGroup name="{GROUP}">'
        f"{''.join(f'<PinReference pin={quoteattr(pin)} />' for pin in group)}"
        "</PinGroup></PinGroups>"
        '<Sites><Site siteNumber="0" /><Site siteNumber="1" /></Sites>'
        f"<Connections>{_connections(names, pins)}{extra}</Connections></PinMap>"
    )


def _instruments(names: PinMapNames) -> str:
    channels = "".join(f'<Channel id="{pin}{site}" />' for pin in "AB" for site in (0, 1))
    return (
        f"<Instruments><NIDCPowerInstrument name={quoteattr(names.dc_power)}"
        ' numberOfChannels="4"><ChannelGroup name="CommonDCPowerChannelGroup" channels="0:3" />'
        "</NIDCPowerInstrument>"
        f"<Instrument name={quoteattr(names.instrument)}"
        f" instrumentTypeId={quoteattr(names.instrument_type)}>{channels}</Instrument>"
        "</Instruments>"
    )


def _connections(names: PinMapNames, pins: str) -> str:
    where = {
        "A": (names.instrument, ("A0", "A1")),
        "B": (names.instrument, ("B0", "B1")),
        "C": (names.dc_power, ("0", "1")),
        "D": (names.dc_power, ("2", "3")),
    }
    return "".join(
        connection(pin, site, where[pin][0], where[pin][1][site]) for pin in pins for site in (0, 1)
    )


def connection(pin: str, site: int, instrument: str, channel: str) -> str:
    """One connection."""
    return (
        f'<Connection pin={quoteattr(pin)} siteNumber="{site}" instrument={quoteattr(instrument)}'
        f" channel={quoteattr(channel)} />"
    )
