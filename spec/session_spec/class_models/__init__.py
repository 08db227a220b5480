"""One model a conformance class: which events its requirements allow, and which one they break.

The model of a server, the heart of the pattern, is :mod:`session_spec.model`; ``server`` here only
reads events for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from session_spec.class_models.client import ClientModel
from session_spec.class_models.hosting import HostingModel
from session_spec.class_models.instrument import InstrumentModel
from session_spec.class_models.log import LogModel
from session_spec.class_models.sequence import SequenceModel
from session_spec.class_models.server import ServerModel
from session_spec.class_models.station import StationModel
from session_spec.judge import Model
from session_spec.model import EVERY_CLAIM, GRPC_DEVICE, Rules
from session_spec.requirement import Origin, Requirement

__all__ = [
    "ClientModel",
    "HostingModel",
    "InstrumentModel",
    "LogModel",
    "SequenceModel",
    "ServerModel",
    "StationModel",
    "model_for",
]

_FROM_THE_CLIENT = "DRIVER-EXIT-"
"""Requirements of class driver that look at the driver packages, on the client's side."""

_PROFILES: Mapping[str, Callable[[], Model]] = {
    "file-logger": LogModel,
    "custom-instrument": InstrumentModel,
}


def model_for(requirement: Requirement) -> Model:
    """The model that tells what the examples of this requirement may show."""
    reference = requirement.origin is Origin.REFERENCE
    claims = frozenset({requirement.claim} if requirement.claim else ())
    if requirement.path.stem == "hosting":
        return HostingModel(reference=reference)
    if requirement.conformance_class == "station":
        return StationModel(reference=reference)
    if requirement.conformance_class == "sequence":
        return SequenceModel()
    if requirement.conformance_class == "client" or requirement.id.startswith(_FROM_THE_CLIENT):
        return ClientModel(claims)
    if requirement.conformance_class == "driver":
        return ServerModel(GRPC_DEVICE)
    if requirement.conformance_class in _PROFILES:
        return _PROFILES[requirement.conformance_class]()
    if reference:
        return ServerModel(EVERY_CLAIM, reference=True)
    return ServerModel(Rules(claims))
