"""What a measurement says of itself: its name, its parameters, its outputs.

Both versions of NI's MeasurementService answer alike; version 1 does not tell the specialisation of
outputs and the type of messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from ni.measurementlink.measurement.v1 import measurement_service_pb2 as v1
from ni.measurementlink.measurement.v2 import measurement_service_pb2 as v2

from session_fakes.errors import quoted
from session_fakes.measure.failures import BadMetadata
from session_fakes.measure.wire import KINDS, Codec, Field, Value

Version = Literal["v1", "v2"]
Answer: TypeAlias = "v1.GetMetadataResponse | v2.GetMetadataResponse"
"""The answer to GetMetadata."""

_Described: TypeAlias = (
    "v1.ConfigurationParameter | v2.ConfigurationParameter | v1.Output | v2.Output"
)

_SPECIALISATION = "ni/type_specialization"
_ENUM_VALUES = "ni/enum.values"
_INSTRUMENT_TYPES = ("ni/ioresource.instrument_type", "ni/pin.instrument_type")


@dataclass(frozen=True, kw_only=True)
class Parameter(Field):
    """A parameter of a measurement, or one of its outputs."""

    special: str = ""
    """What a text or number stands for: pin, ioresource, path, enum, or what the plug-in says."""
    instrument_type: str = ""
    """The instrument type that a pin or IO resource has to have, or empty for any."""
    enum: tuple[tuple[str, int], ...] = ()
    """The names and numbers of an enum, in the order of the plug-in."""
    default: Value = None
    """The value it has unless it is set; None for an output."""

    @property
    def type_name(self) -> str:
        """The type for a text: ``double``, ``list of pin``."""
        one = self.special or self.message_type.rpartition(".")[2] or self.kind
        return f"list of {one}" if self.repeated else one

    def number_of(self, name: str) -> int | None:
        """The number of a name of the enum."""
        return next((number for known, number in self.enum if known == name), None)

    def name_of(self, number: object) -> str | None:
        """The first name of a number of the enum."""
        return next((name for name, known in self.enum if known == number), None)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A measurement as its metadata describes it."""

    display_name: str
    measurement_version: str
    configuration_type: str
    """The full name of the message that carries the parameters."""
    outputs_type: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]


def read(response: Answer) -> Signature:
    """The signature in an answer to GetMetadata, of either version.

    Raises:
        BadMetadata: It contradicts itself.
    """
    details, signature = response.measurement_details, response.measurement_signature
    parameters = tuple(_parameter(each) for each in signature.configuration_parameters)
    defaults = Codec(parameters).decode(signature.configuration_defaults.value)
    return Signature(
        display_name=details.display_name,
        measurement_version=details.version,
        configuration_type=signature.configuration_parameters_message_type,
        outputs_type=signature.outputs_message_type,
        parameters=tuple(replace(each, default=defaults[each.number]) for each in parameters),
        outputs=tuple(_parameter(each) for each in signature.outputs),
    )


def _parameter(described: _Described) -> Parameter:
    if described.type not in KINDS:
        raise BadMetadata(
            f"{quoted(described.name)} has the type {described.type} in the metadata of the "
            f"measurement; known are {', '.join(KINDS.values())}."
        )
    # Version 1 has neither annotations of outputs nor the type of a message.
    annotations: Mapping[str, str] = getattr(described, "annotations", {})
    return Parameter(
        name=described.name,
        number=described.field_number,
        kind=KINDS[described.type],
        repeated=described.repeated,
        message_type=getattr(described, "message_type", ""),
        special=annotations.get(_SPECIALISATION, ""),
        instrument_type=_first(annotations.get(key, "") for key in _INSTRUMENT_TYPES),
        enum=_enum(described.name, annotations.get(_ENUM_VALUES, "")),
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _enum(name: str, annotation: str) -> tuple[tuple[str, int], ...]:
    if not annotation:
        return ()
    try:
        values = cast("dict[str, int]", json.loads(annotation))
        return tuple((str(key), int(number)) for key, number in values.items())
    except (ValueError, TypeError, AttributeError) as error:
        raise BadMetadata(
            f"The enum values of {quoted(name)} are no JSON object of names and numbers: "
            f"{quoted(annotation)} ({error})."
        ) from None
