"""What the drivers but for NI-DAQmx have in common: attributes, channels, errors, reset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from session_fakes.device import faults
from session_fakes.device.attributes import AttributeStore, Facts, Value
from session_fakes.device.bench.wiring import terminal
from session_fakes.device.channels import ChannelNames
from session_fakes.device.faults import DriverError
from session_fakes.device.instruments.simulation import Answer, Opening, Rpc, Simulation, rpc
from session_fakes.device.messages import value_of
from session_fakes.errors import listed, quoted
from session_fakes.fidelity import fidelity

__all__ = ["IviSimulation", "channels_of"]

_CAL_DATE = {"year": 2024, "month": 1, "day": 1, "hour": 0, "minute": 0}


def channels_of(request: Any) -> str:
    """The channels that a request names; drivers spell the field in two ways."""
    fields = request.DESCRIPTOR.fields_by_name
    for name in ("channel_name", "channel_list"):
        if name in fields:
            return str(getattr(request, name))
    return ""


class IviSimulation(Simulation):
    """An instrument with attributes and channels."""

    INITIALIZERS = frozenset({"Init", "InitWithOptions"})
    FACTS: ClassVar[Facts]
    MODEL: ClassVar[str]
    """Its model when the options name none."""
    CHANNELS: ClassVar[type[ChannelNames]] = ChannelNames
    CONFIGURES: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """RPCs that set attributes: the attribute for each field of the request."""
    SETS: ClassVar[Mapping[str, Mapping[str, Value]]] = {}
    """RPCs that set attributes to values of their own."""
    PASSIVE: ClassVar[Mapping[str, str]] = {
        "ClearInterchangeWarnings": "no RPC that is simulated tells the warnings",
        "InvalidateAllAttributes": "values are never cached",
        "ResetInterchangeCheck": "no RPC that is simulated tells the warnings",
    }

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.options = opening.options
        self.resource = _resource_of(opening)
        self.check_resource()
        self.channels = self.CHANNELS(self.channel_names(opening))
        self.attributes = AttributeStore(
            self.driver, self.FACTS, self.channels, lenient=opening.lenient
        )
        self._describe()
        self._error = (0, "")

    @fidelity(
        "DEV-RESOURCE",
        evidence="our choice",
        rule="With a pin map registered, and without Simulate=1, an instrument that no pin map has"
        " is the driver's error -1074118656; without a pin map any name is taken",
    )
    def check_resource(self) -> None:
        """Refuse an instrument that is not on the bench."""
        wiring = self.bench.wiring
        if self.options.simulate or not wiring.knows_instruments():
            return
        unknown = [name for name in self.instruments() if not wiring.has(name)]
        if unknown:
            raise DriverError(
                faults.INVALID_RESOURCE,
                f"No pin map of the station has the instrument {listed(unknown)}. Add it, or open "
                "the session with the option Simulate=1.",
            )

    def instruments(self) -> list[str]:
        """The names of the instruments that the session is for."""
        return [self.resource]

    def channel_names(self, opening: Opening) -> Sequence[str]:  # noqa: ARG002 - others use it
        """The channels of the session, as many as the pin map says, or else its model has."""
        return [str(number) for number in range(self.count_channels(self.resource, 1))]

    def count_channels(self, instrument: str, usual: int) -> int:
        """How many channels an instrument has."""
        known = self.bench.wiring.instrument(instrument)
        return usual if known is None or not known.channel_count else known.channel_count

    def terminal(self, channel: str) -> str:
        """The place on the bench of a channel."""
        return terminal(self.resource, channel)

    @property
    def model(self) -> str:
        """Its model, by the options."""
        board = self.options.board_type or "PXIe"
        return f"NI {board}-{self.options.model or self.MODEL}"

    def _describe(self) -> None:
        for name, value in (
            ("channel_count", len(self.channels.names)),
            ("driver_setup", self.options.driver_setup),
            ("instrument_model", self.model),
            ("io_resource_descriptor", self.resource),
            ("simulate", self.options.simulate),
            ("specific_driver_prefix", self.driver.package),
            ("supported_instrument_models", self.model),
        ):
            self.attributes.fix(name, value)

    # Attributes -----------------------------------------------------------------------------------

    @rpc(*(f"GetAttributeVi{kind}" for kind in ("Int32", "Int64", "Real64", "String", "Boolean")))
    def get_attribute(self, request: Any) -> Answer:
        """Answer the value of an attribute."""
        kind = _kind_of(request)
        return (self.attributes.get(kind, channels_of(request), _attribute_of(request)),)

    @rpc(*(f"SetAttributeVi{kind}" for kind in ("Int32", "Int64", "Real64", "String", "Boolean")))
    def set_attribute(self, request: Any) -> Answer:
        """Set an attribute."""
        where = channels_of(request)
        number = _attribute_of(request)
        self.attributes.set(_kind_of(request), where, number, _value_in(request))
        self.attributes_changed(where)
        return None

    @rpc(*(f"CheckAttributeVi{kind}" for kind in ("Int32", "Int64", "Real64", "String", "Boolean")))
    def check_attribute(self, request: Any) -> Answer:
        """Say whether an attribute can be set to a value."""
        where = channels_of(request)
        number = _attribute_of(request)
        self.attributes.check(_kind_of(request), where, number, _value_in(request))
        return None

    @classmethod
    def answers(cls, name: str) -> Rpc | None:
        """How its instruments answer an RPC; None when they do not."""
        if name in cls.CONFIGURES or name in cls.SETS:

            def configure(instrument: Any, request: Any, _: Callable[[], bool]) -> Answer:
                found: Answer = instrument.configure(name, request)
                return found

            return Rpc(configure)
        return super().answers(name)

    def attributes_changed(self, channels: str) -> None:
        """Attributes have changed on some channels."""

    def configure(self, name: str, request: Any) -> Answer:
        """Set the attributes that an RPC stands for; none of them when one cannot be."""
        where = channels_of(request)
        values = dict(self.SETS.get(name, {}))
        for field, attribute in self.CONFIGURES.get(name, {}).items():
            values[attribute] = _field(request, field)
        for attribute, value in values.items():
            self.attributes.put(attribute, value, where)
        self.attributes_changed(where)
        return None

    # What every driver has ------------------------------------------------------------------------

    @rpc("GetChannelNameFromString")
    def get_channel_names(self, request: Any) -> Answer:
        """Answer the names of the channels with some numbers, which count from 0 here."""
        text = request.indices if "indices" in request.DESCRIPTOR.fields_by_name else request.index
        return (",".join(self.channels.numbered(text)),)

    @rpc("GetChannelName")
    def get_channel_name(self, request: Any) -> Answer:
        """Answer the name of the channel with a number, which counts from 1."""
        return (self.channels.named(request.index),)

    @rpc("Reset", "ResetWithDefaults", "ResetDevice", "Disable")
    def reset(self, _: Any) -> Answer:
        """Bring the instrument back to its defaults, outputs off."""
        self.attributes.reset()
        self.switch_off()
        return None

    def switch_off(self) -> None:
        """Stop what runs, and switch all outputs off."""

    @rpc("SelfTest")
    def self_test(self, _: Any) -> Answer:
        """Say that all is well."""
        return 0, "Self test passed (simulated)."

    @rpc("RevisionQuery")
    def query_revision(self, _: Any) -> Answer:
        """Say which driver this is."""
        return "1.0.0, simulated by session-contract", "1.0.0"

    @rpc("GetExtCalLastDateAndTime", "GetSelfCalLastDateAndTime", "GetCalDateAndTime")
    def get_calibration_date(self, _: Any) -> Answer:
        """Say when it was calibrated."""
        return _CAL_DATE

    @rpc("GetExtCalRecommendedInterval")
    def get_calibration_interval(self, _: Any) -> Answer:
        """Say how often it has to be calibrated, in months."""
        return (24,)

    @rpc("GetSelfCalSupported")
    def get_self_calibration(self, _: Any) -> Answer:
        """Say that it calibrates itself."""
        return (True,)

    @rpc("GetExtCalLastTemp", "GetSelfCalLastTemp", "GetLastCalTemp", "GetDevTemp")
    def get_calibration_temperature(self, _: Any) -> Answer:
        """Say how warm it is and was: as the room."""
        return (23.0,)

    @rpc("ReadCurrentTemperature")
    def read_temperature(self, _: Any) -> Answer:
        """Say how warm it is: a little warmer than the room."""
        return (31.0,)

    @rpc("SelfCal", "CalSelfCalibrate", "SelfCalibrate")
    def calibrate(self, request: Any) -> Answer:
        """Calibrate; the simulation has no errors to correct."""
        self.channels.find(channels_of(request))
        return None

    # Errors ---------------------------------------------------------------------------------------

    def remember(self, code: int, text: str) -> None:
        """Keep an error for GetError."""
        self._error = (code, text)

    @rpc("GetError", "ErrorQuery")
    def get_error(self, _: Any) -> Answer:
        """Answer the last error, and forget it."""
        error, self._error = self._error, (0, "")
        return error

    @rpc("ClearError")
    def clear_error(self, _: Any) -> Answer:
        """Forget the last error."""
        self._error = (0, "")
        return None

    @rpc("GetErrorMessage", "ErrorMessage", "ErrorHandler")
    def get_error_message(self, request: Any) -> Answer:
        """Answer the text of a code."""
        return (faults.text_of(request.error_code),)


def _resource_of(opening: Opening) -> str:
    """The resource, or what the session is named after: NI's clients of switches leave it out."""
    given: str = opening.request.resource_name.strip()
    return given or opening.session_name.partition("-")[2] or opening.session_name


def _kind_of(request: Any) -> str:
    name: str = request.DESCRIPTOR.name
    return name.partition("AttributeVi")[2].removesuffix("Request")


def _attribute_of(request: Any) -> int:
    fields = request.DESCRIPTOR.fields_by_name
    return int(request.attribute_id if "attribute_id" in fields else request.attribute)


def _value_in(request: Any) -> Value:
    fields = request.DESCRIPTOR.fields_by_name
    for name in ("attribute_value", "value"):
        if f"{name}_raw" in fields or name in fields:
            return _field(request, name)
    raise TypeError(quoted(request.DESCRIPTOR.name))


def _field(request: Any, name: str) -> Value:
    fields = request.DESCRIPTOR.fields_by_name
    raw = fields.get(f"{name}_raw")
    if raw is not None and raw.containing_oneof is not None:
        value: Value = value_of(request, name)
    else:
        value = getattr(request, name if raw is None else f"{name}_raw")
    return value
