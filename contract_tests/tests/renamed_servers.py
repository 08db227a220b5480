"""The reference servers under other names: every service, call, message and field is called anew.

Names of fields are not on the wire, so a servicer behind other names of its calls is a server for
the renamed proto.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from session_reference import custom_instrument, file_logger
from session_reference.custom_instrument.server import DeviceCommunicationServicer
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as device
from session_reference.file_logger.server import JsonLoggerServicer
from session_reference.file_logger.stubs import json_logger_pb2 as logger

LEDGER: Mapping[str, str] = {
    "json_logger": "acme.ledgers",
    "JsonLogger": "Ledgers",
    "InitializeFile": "TakeLedger",
    "LogMeasurementData": "Scribble",
    "CloseFile": "PutBack",
    "SessionInitializationBehavior": "Wish",
    "SESSION_INITIALIZATION_BEHAVIOR_UNSPECIFIED": "WISH_ANY",
    "SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW": "WISH_CREATE",
    "SESSION_INITIALIZATION_BEHAVIOR_ATTACH_TO_EXISTING": "WISH_JOIN",
    "resource_name": "shelf",
    "initialization_behavior": "wish",
    "session_id": "ticket",
    "new_session_initialized": "first",
    "measurement_name": "headline",
    "measurement_configurations": "left_column",
    "measurement_outputs": "right_column",
    "timestamp": "when",
}
"""What each name of the logger's proto becomes; its messages follow their calls."""
ROBOT: Mapping[str, str] = {
    "DeviceCommunication": "Robots",
    "Initialize": "Wake",
    "ReadRegister": "Recall",
    "WriteRegister": "Remember",
    "ReadGpioChannel": "Feel",
    "WriteGpioChannel": "Move",
    "ReadGpioPort": "FeelAll",
    "WriteGpioPort": "MoveAll",
    "Close": "Sleep",
    "SessionInitializationBehavior": "Mood",
    "SESSION_INITIALIZATION_BEHAVIOR_UNSPECIFIED": "MOOD_A",
    "SESSION_INITIALIZATION_BEHAVIOR_INITIALIZE_NEW": "MOOD_B",
    "SESSION_INITIALIZATION_BEHAVIOR_ATTACH_TO_EXISTING": "MOOD_C",
    "Protocol": "Tongue",
    "UNKNOWN_PROTOCOL": "MUTE",
    "SPI": "LATIN",
    "I2C": "GREEK",
    "UART": "MORSE",
    "resource_name": "who",
    "protocol": "tongue",
    "reset": "forget",
    "register_map_path": "memories",
    "initialization_behavior": "mood",
    "session_id": "dream",
    "new_session_initialized": "awoken",
    "register_name": "what",
    "value": "weight",
    "port": "limb",
    "channel": "finger",
    "mask": "which",
    "state": "bent",
    "StatusResponse": "Done",
}
"""What each name of the instrument's proto becomes."""


def write_proto(folder: Path, names: Mapping[str, str]) -> Path:
    """Write the proto of a reference under its new names, without a comment that tells the old."""
    reference = file_logger if names is LEDGER else custom_instrument
    (source,) = Path(str(reference.__file__)).parent.glob("*.proto")
    code = re.sub(r"//.*", "", source.read_text(encoding="utf-8"))
    code = re.sub(r'import "[^"]*";', lambda found: found[0].replace("timestamp", "\0"), code)
    stems = sorted(names, key=len, reverse=True)
    words = re.compile(rf"\b({'|'.join(stems)})(Request|Response)?\b")
    code = words.sub(lambda found: names[found[1]] + (found[2] or ""), code)
    path = folder / "renamed.proto"
    path.write_text(code.replace("\0", "timestamp"), encoding="utf-8")
    return path


def add_ledgers(server: grpc.Server) -> None:
    """Serve the renamed logger."""
    _add(server, "acme.ledgers.Ledgers", JsonLoggerServicer(), logger, LEDGER)


def add_robots(server: grpc.Server) -> None:
    """Serve the renamed instrument."""
    _add(server, "Robots.Robots", DeviceCommunicationServicer(), device, ROBOT)


def _add(
    server: grpc.Server,
    service: str,
    servicer: object,
    messages: Any,  # noqa: ANN401 - a module that is generated
    names: Mapping[str, str],
) -> None:
    (described,) = messages.DESCRIPTOR.services_by_name.values()
    handlers = {
        names[method.name]: grpc.unary_unary_rpc_method_handler(
            getattr(servicer, method.name),
            request_deserializer=getattr(messages, method.input_type.name).FromString,
            response_serializer=getattr(messages, method.output_type.name).SerializeToString,
        )
        for method in described.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
