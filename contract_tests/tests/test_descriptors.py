"""Descriptors from a server's reflection, a .proto and a descriptor set, in a pool of their own."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, text_format, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_reflection.v1alpha import reflection, reflection_pb2

from session_contract.subject.descriptors import Shapes, load_shapes
from session_contract.subject.target import Descriptors, TargetError, Unreachable

TEN = 10.0
PARTS = """
name: "parts.proto" package: "parts" syntax: "proto3"
dependency: "google/protobuf/timestamp.proto"
message_type { name: "Part"
  field { name: "made" number: 1 type: TYPE_MESSAGE label: LABEL_OPTIONAL
    type_name: ".google.protobuf.Timestamp" } }
"""
SHOP = """
name: "shop.proto" package: "shop" syntax: "proto3" dependency: "parts.proto"
service { name: "Shop"
  method { name: "Order" input_type: ".parts.Part" output_type: ".parts.Part" } }
"""
PARTS_PROTO = """
syntax = "proto3";
package parts;
import "google/protobuf/timestamp.proto";
message Part { google.protobuf.Timestamp made = 1; }
"""
SHOP_PROTO = """
syntax = "proto3";
package shop;
import "common/parts.proto";
service Shop { rpc Order (parts.Part) returns (parts.Part); }
"""


def file(text: str) -> FileDescriptorProto:
    """A file of descriptors."""
    return text_format.Parse(text, FileDescriptorProto())


def timestamp() -> FileDescriptorProto:
    """The file of a well-known type."""
    proto = FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(proto)
    return proto


def pool() -> descriptor_pool.DescriptorPool:
    """The descriptors of the shop."""
    made = descriptor_pool.DescriptorPool()
    for proto in (timestamp(), file(PARTS), file(SHOP)):
        made.AddSerializedFile(proto.SerializeToString())
    return made


@contextmanager
def served(add: Callable[[grpc.Server], object]) -> Generator[grpc.Channel, None, None]:
    """A server with what is added to it, and a channel that leads there."""
    workers = ThreadPoolExecutor(4)
    server = grpc.server(workers, options=[("grpc.so_reuseport", 0)])
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        server.stop(0).wait()
        workers.shutdown()


def reflecting(answer: Callable[[Any], Any], version: str = "v1alpha") -> Callable[..., None]:
    """A server whose reflection answers as that says."""

    def answers(requests: Iterator[Any], _: grpc.ServicerContext) -> Iterator[Any]:
        for request in requests:
            yield answer(request)

    def serialized(response: Any) -> bytes:  # noqa: ANN401
        return bytes(response.SerializeToString())

    handler: Any = grpc.stream_stream_rpc_method_handler(
        answers,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=serialized,
    )
    name = f"grpc.reflection.{version}.ServerReflection"
    generic = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})

    def add(server: grpc.Server) -> None:
        server.add_generic_rpc_handlers((generic,))

    return add


def shop_without_imports(request: Any) -> Any:  # noqa: ANN401 - messages are made at run time
    """Answer as servers do that send each file alone, and leave out what is well known."""
    response = reflection_pb2.ServerReflectionResponse()
    alone = {"shop.Shop": SHOP, "parts.proto": PARTS}
    asked = request.file_containing_symbol or request.file_by_filename
    if request.HasField("list_services"):
        response.list_services_response.service.add(name="shop.Shop")
    elif asked in alone:
        proto = file(alone[asked]).SerializeToString()
        response.file_descriptor_response.file_descriptor_proto.append(proto)
    else:
        response.error_response.error_message = "not here"
    return response


def shapes_of(channel: grpc.Channel) -> Shapes:
    """What reflection tells."""
    return load_shapes(Descriptors(), channel, TEN)


def nowhere() -> grpc.Channel:
    """A channel for what asks no server."""
    return grpc.insecure_channel("127.0.0.1:1")


def from_file(path: Path, *include: Path) -> Shapes:
    """What a file tells."""
    with nowhere() as channel:
        return load_shapes(Descriptors(str(path), include), channel, TEN)


def is_the_shop(shapes: Shapes) -> bool:
    """Whether the descriptors are those of the shop, and complete."""
    (service,) = shapes.services
    (made,) = service.methods_by_name["Order"].input_type.fields
    return bool(
        service.full_name == "shop.Shop"
        and made.message_type
        and made.message_type.full_name == "google.protobuf.Timestamp"
    )


def test___server_with_reflection___asked___its_services_but_reflection() -> None:
    names = ["shop.Shop", reflection.SERVICE_NAME]

    with served(lambda s: reflection.enable_server_reflection(names, s, pool())) as channel:
        shapes = shapes_of(channel)

    assert is_the_shop(shapes)
    assert shapes.origin == "reflection"


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test___server_that_sends_no_imports___asked___they_are_asked_for(version: str) -> None:
    with served(reflecting(shop_without_imports, version)) as channel:
        assert is_the_shop(shapes_of(channel))


def test___pool_of_a_target___looked_at___is_not_the_common_one() -> None:
    with served(reflecting(shop_without_imports)) as channel:
        (service,) = shapes_of(channel).services

    with pytest.raises(KeyError):
        descriptor_pool.Default().FindServiceByName("shop.Shop")
    assert service.file.pool is not descriptor_pool.Default()


def test___server_without_reflection___asked___error_says_to_give_a_proto() -> None:
    with served(lambda _: None) as channel, pytest.raises(TargetError) as error:
        shapes_of(channel)

    assert str(error.value) == (
        'The server offers no reflection; give its .proto: [descriptors] source = "my.proto", '
        "or --proto my.proto."
    )


def test___server_that_reflects_nothing___asked___error_says_to_give_a_proto() -> None:
    empty = reflection_pb2.ServerReflectionResponse()

    with served(reflecting(lambda _: empty)) as channel, pytest.raises(TargetError) as error:
        shapes_of(channel)

    assert "There is no service in reflection; give a .proto" in str(error.value)


def test___server_whose_reflection_is_nonsense___asked___error() -> None:
    class Nonsense:
        def SerializeToString(self) -> bytes:  # noqa: N802 - as messages have it
            return b"\xff"

    with served(reflecting(lambda _: Nonsense())) as channel, pytest.raises(TargetError) as error:
        shapes_of(channel)

    assert "The server's reflection cannot be read; give its .proto" in str(error.value)


def test___server_that_leaves_out_an_import___asked___error_names_it() -> None:
    def without_parts(request: Any) -> Any:  # noqa: ANN401 - messages are made at run time
        if request.file_by_filename:
            request.file_by_filename = "?"
        return shop_without_imports(request)

    with served(reflecting(without_parts)) as channel, pytest.raises(TargetError) as error:
        shapes_of(channel)

    assert "The descriptors leave out parts.proto" in str(error.value)


def test___nobody_at_the_address___asked___unreachable() -> None:
    with nowhere() as channel, pytest.raises(Unreachable, match="does not answer reflection: UNAV"):
        shapes_of(channel)


def test___server_that_never_answers___asked___unreachable_in_time() -> None:
    given_up = threading.Event()

    with served(reflecting(lambda _: given_up.wait(TEN))) as channel:
        with pytest.raises(Unreachable, match="DEADLINE_EXCEEDED"):
            load_shapes(Descriptors(), channel, 0.3)
        given_up.set()


def test___proto_with_imports___compiled___is_complete(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "parts.proto").write_text(PARTS_PROTO)
    proto = tmp_path / "own" / "shop.proto"
    proto.parent.mkdir()
    proto.write_text(SHOP_PROTO)

    shapes = from_file(proto, tmp_path)

    assert is_the_shop(shapes)
    assert shapes.origin == "shop.proto"


def test___proto_whose_import_is_not_found___compiled___error_names_the_key(tmp_path: Path) -> None:
    proto = tmp_path / "shop.proto"
    proto.write_text(SHOP_PROTO)

    with pytest.raises(TargetError) as error:
        from_file(proto)

    assert "protoc refuses shop.proto" in str(error.value)
    assert "common/parts.proto" in str(error.value)
    assert '[descriptors] include = ["..."]' in str(error.value)


def test___proto_without_the_compiler___compiled___error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = tmp_path / "shop.proto"
    proto.write_text(SHOP_PROTO)

    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)

    with pytest.raises(TargetError, match=r"grpcio-tools is missing: .*session-contract\[contrac"):
        from_file(proto)


def test___proto_without_a_service___compiled___error(tmp_path: Path) -> None:
    proto = tmp_path / "parts.proto"
    proto.write_text(PARTS_PROTO)

    with pytest.raises(TargetError, match=r"There is no service in parts\.proto; give a \.proto"):
        from_file(proto)


@pytest.mark.parametrize("complete", [True, False])
def test___descriptor_set___read___well_known_files_may_be_left_out(
    tmp_path: Path, complete: bool
) -> None:
    files = [file(SHOP), file(PARTS), *([timestamp()] if complete else [])]
    path = tmp_path / "shop.binpb"
    path.write_bytes(FileDescriptorSet(file=files).SerializeToString())

    assert is_the_shop(from_file(path))


def test___descriptor_set_without_an_import___read___error_names_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "shop.binpb"
    path.write_bytes(FileDescriptorSet(file=[file(SHOP)]).SerializeToString())

    with pytest.raises(TargetError, match=r"leave out parts\.proto.*protoc --include_imports"):
        from_file(path)


def test___file_that_is_no_descriptor_set___read___error(tmp_path: Path) -> None:
    path = tmp_path / "shop.binpb"
    path.write_bytes(b"\xff\xff")

    with pytest.raises(TargetError, match=r"shop\.binpb is no descriptor set"):
        from_file(path)


def test___file_that_is_not_there___read___error_names_it(tmp_path: Path) -> None:
    with pytest.raises(
        TargetError, match=r"\[descriptors\] source: there is no file .*gone\.proto"
    ):
        from_file(tmp_path / "gone.proto")
