"""Both services as NI's sample shapes them, made by hand: no .proto, no protoc, nothing of ours.

``drive SERVICE ADDRESS PATH`` calls a server and prints what came back, a JSON list a line.
``serve SERVICE`` serves until standard input ends, and prints its address.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

BEHAVIORS = ["UNSPECIFIED", "INITIALIZE_NEW", "ATTACH_TO_EXISTING"]
Field = descriptor_pb2.FieldDescriptorProto
TYPES = {"string": Field.TYPE_STRING, "bool": Field.TYPE_BOOL, "uint32": Field.TYPE_UINT32}
LIMIT = 60.0

ID = ("session_name", "string")
OPENED = [ID, ("new_session", "bool")]
LOGGER: dict[str, list[tuple[str, str]]] = {
    "InitializeFileRequest": [("file_path", "string"), ("initialization_behavior", "Behavior")],
    "InitializeFileResponse": OPENED,
    "LogMeasurementDataRequest": [
        ID,
        ("measurement_name", "string"),
        ("timestamp", ".google.protobuf.Timestamp"),
        ("measurement_configurations", "map"),
        ("measurement_outputs", "map"),
    ],
    "LogMeasurementDataResponse": [],
    "CloseFileRequest": [ID],
    "CloseFileResponse": [],
}
REGISTER = [ID, ("register_name", "string")]
CHANNEL = [ID, ("port", "uint32"), ("channel", "uint32")]
PORT = [ID, ("port", "uint32"), ("mask", "uint32")]
INSTRUMENT: dict[str, list[tuple[str, str]]] = {
    "InitializeRequest": [
        ("resource_name", "string"),
        ("protocol", "Protocol"),
        ("reset", "bool"),
        ("register_map_path", "string"),
        ("initialization_behavior", "Behavior"),
    ],
    "InitializeResponse": OPENED,
    "ReadRegisterRequest": REGISTER,
    "ReadRegisterResponse": [("value", "uint32")],
    "WriteRegisterRequest": [*REGISTER, ("value", "uint32")],
    "ReadGpioChannelRequest": CHANNEL,
    "ReadGpioChannelResponse": [("state", "bool")],
    "WriteGpioChannelRequest": [*CHANNEL, ("state", "bool")],
    "ReadGpioPortRequest": PORT,
    "ReadGpioPortResponse": [("state", "uint32")],
    "WriteGpioPortRequest": [*PORT, ("state", "uint32")],
    "CloseRequest": [ID],
    "StatusResponse": [],
}
ENUMS = {
    "Behavior": [f"SESSION_INITIALIZATION_BEHAVIOR_{name}" for name in BEHAVIORS],
    "Protocol": ["UNKNOWN_PROTOCOL", "SPI", "I2C", "UART"],
}
SERVICES = {
    "logger": ("json_logger", "JsonLogger", LOGGER),
    "instrument": ("DeviceCommunication", "DeviceCommunication", INSTRUMENT),
}


class Shapes:
    """The messages of a service and the names of its methods."""

    def __init__(self, service: str) -> None:
        """Build the messages, in a pool of their own."""
        package, name, tables = SERVICES[service]
        self.full_name = f"{package}.{name}"
        file = descriptor_pb2.FileDescriptorProto(name=f"{service}.proto", package=package)
        file.syntax = "proto3"
        file.dependency.append("google/protobuf/timestamp.proto")
        for enum, members in ENUMS.items():
            entry = file.enum_type.add(name=enum)
            for number, member in enumerate(members):
                entry.value.add(name=member, number=number)
        for message, fields in tables.items():
            _add_message(file, message, fields)
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        pool.Add(file)
        self.messages: dict[str, Any] = {
            message: message_factory.GetMessageClass(
                pool.FindMessageTypeByName(f"{package}.{message}")
            )
            for message in tables
        }
        # protobuf 4.22 crashes when these are collected while their messages are in use.
        self._parts = [
            message_factory.GetMessageClass(field.message_type)
            for message in self.messages.values()
            for field in message.DESCRIPTOR.fields
            if field.message_type
        ]

    def of(self, method: str) -> tuple[Any, Any]:
        """The request and the response of a method."""
        answer = self.messages.get(f"{method}Response", self.messages.get("StatusResponse"))
        return self.messages[f"{method}Request"], answer


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: list[tuple[str, str]]
) -> None:
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields, start=1):
        added = message.field.add(name=field, number=number, label=Field.LABEL_OPTIONAL)
        if kind == "map":
            entry = "".join(part.title() for part in field.split("_")) + "Entry"
            _add_map_entry(message, entry)
            added.label, added.type = Field.LABEL_REPEATED, Field.TYPE_MESSAGE
            added.type_name = f".{file.package}.{name}.{entry}"
        elif kind in ENUMS:
            added.type, added.type_name = Field.TYPE_ENUM, f".{file.package}.{kind}"
        elif kind in TYPES:
            added.type = TYPES[kind]
        else:
            added.type, added.type_name = Field.TYPE_MESSAGE, kind


def _add_map_entry(message: descriptor_pb2.DescriptorProto, name: str) -> None:
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    for number, field in enumerate(("key", "value"), start=1):
        entry.field.add(
            name=field, number=number, label=Field.LABEL_OPTIONAL, type=Field.TYPE_STRING
        )


# A client -----------------------------------------------------------------------------------------


class Driver:
    """Calls a server, and prints each call with what came of it."""

    def __init__(self, service: str, address: str) -> None:
        """Connect to a server."""
        self._shapes = Shapes(service)
        self._channel = grpc.insecure_channel(address)

    def call(self, method: str, **fields: Any) -> Any:  # noqa: ANN401 - any message
        """Call a method; print its answer, or its status if that is not OK."""
        request, response = self._shapes.of(method)
        rpc = self._channel.unary_unary(
            f"/{self._shapes.full_name}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            answer = rpc(request(**fields), timeout=LIMIT)
        except grpc.RpcError as error:
            print(json.dumps([method, error.code().name]), flush=True)
            return None
        said = {field.name: getattr(answer, field.name) for field in response.DESCRIPTOR.fields}
        print(json.dumps([method, said]), flush=True)
        return answer


def share(initialize: Callable[[int], Any], close: Callable[[str], Any]) -> str:
    """Go through all behaviours, with and without a session; return the id of an open one."""
    unspecified, new, attach = range(3)
    initialize(attach)
    session = initialize(new).session_name
    initialize(new)
    initialize(unspecified)
    initialize(attach)
    close(session)
    close(session)
    opened: str = initialize(unspecified).session_name
    return opened


def drive_logger(call: Callable[..., Any], path: str) -> None:
    """Use every RPC of the logger, also with an id that is closed."""

    def close(session: str) -> None:
        call("CloseFile", session_name=session)

    session = share(
        lambda behavior: call("InitializeFile", file_path=path, initialization_behavior=behavior),
        close,
    )
    stamp = timestamp_pb2.Timestamp(seconds=1_700_000_000, nanos=123_456_000)
    record = {
        "session_name": session,
        "measurement_name": "Größe",
        "timestamp": {"seconds": stamp.seconds, "nanos": stamp.nanos},
        "measurement_configurations": {"range": "10 V"},
        "measurement_outputs": {"value": "3.3", "unit": "V"},
    }
    call("LogMeasurementData", **record)
    close(session)
    call("LogMeasurementData", **record)


def drive_instrument(call: Callable[..., Any], path: str) -> None:
    """Use every RPC of the instrument, also with an id that is closed."""

    def initialize(behavior: int) -> Any:  # noqa: ANN401 - any message
        return call(
            "Initialize",
            resource_name="Dut 1",
            protocol=1,
            reset=True,
            register_map_path=path,
            initialization_behavior=behavior,
        )

    session = share(initialize, lambda name: call("Close", session_name=name))
    same = {"session_name": session}
    call("WriteRegister", **same, register_name="USER_DATA_0", value=0xA5)
    call("ReadRegister", **same, register_name="USER_DATA_0")
    call("WriteGpioChannel", **same, port=2, channel=7, state=True)
    call("ReadGpioChannel", **same, port=2, channel=7)
    call("WriteGpioPort", **same, port=2, mask=0x0F, state=0xFF)
    call("ReadGpioPort", **same, port=2, mask=0xFC)
    call("Close", **same)
    call("ReadRegister", **same, register_name="USER_DATA_0")


# A server -----------------------------------------------------------------------------------------


class Bench(grpc.GenericRpcHandler):
    """Shares sessions, and remembers what was written; one call at a time."""

    def __init__(self, service: str) -> None:
        """Begin with nothing open."""
        self._shapes = Shapes(service)
        self._sessions: dict[str, str] = {}
        self._written: dict[str, Any] = {}

    def service(  # noqa: D102 - gRPC's
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        method = handler_call_details.method.rpartition("/")[2]
        request, response = self._shapes.of(method)

        def call(message: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401
            print(json.dumps([method, _as_dict(message)]), flush=True)
            if method.startswith("Initialize"):
                return self._initialize(response, message, context)
            if message.session_name not in self._sessions.values():
                context.abort(grpc.StatusCode.NOT_FOUND, f"no session {message.session_name}")
            if method.startswith("Close"):
                self._sessions.clear()
            return self._use(response, message)

        return grpc.unary_unary_rpc_method_handler(
            call, request.FromString, response.SerializeToString
        )

    def _initialize(self, response: Any, message: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401
        name = message.DESCRIPTOR.fields[0].name
        resource: str = getattr(message, name)
        number: int = message.initialization_behavior
        behavior = BEHAVIORS[number]
        is_open = resource in self._sessions
        if is_open and behavior == "INITIALIZE_NEW":
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "open")
        if not is_open and behavior == "ATTACH_TO_EXISTING":
            context.abort(grpc.StatusCode.NOT_FOUND, "not open")
        session = self._sessions.setdefault(resource, f"session of {resource}")
        return response(session_name=session, new_session=not is_open)

    def _use(self, response: Any, message: Any) -> Any:  # noqa: ANN401
        """Remember the last field of a write under the others; a read gives it back."""
        *where, last = [getattr(message, field.name) for field in message.DESCRIPTOR.fields]
        what = message.DESCRIPTOR.name.removesuffix("Request")
        if what.startswith("Write"):
            self._written[f"{what.removeprefix('Write')} {where}"] = last
        answers = [field.name for field in response.DESCRIPTOR.fields]
        read = self._written.get(f"{what.removeprefix('Read')} {[*where, last]}")
        return response(**dict.fromkeys(answers, read))


def _as_dict(message: Any) -> dict[str, Any]:  # noqa: ANN401
    """The fields of a message, as JSON can tell them."""
    told: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type and field.message_type.full_name == "google.protobuf.Timestamp":
            value = [value.seconds, value.nanos] if message.HasField(field.name) else None
        elif field.message_type:
            value = dict(value)
        told[field.name] = value
    return told


def serve(service: str) -> None:
    """Serve until standard input ends."""
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, handlers=[Bench(service)], options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(f"127.0.0.1:{port}", flush=True)
        sys.stdin.read()
        server.stop(None).wait(LIMIT)


if __name__ == "__main__":
    verb, service, *rest = sys.argv[1:]
    if verb == "serve":
        serve(service)
    else:
        address, path = rest
        drive = {"logger": drive_logger, "instrument": drive_instrument}[service]
        drive(Driver(service, address).call, path)
