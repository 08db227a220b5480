"""What a target calls things: inferred, mapped, or asked for; and calls in those words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from session_contract.subject.binding import Binding
from session_contract.subject.target import (
    Address,
    Identity,
    Names,
    Target,
    TargetError,
    UseCall,
)
from session_spec.matrix import Behavior
from session_spec.model import Answer, Close, Initialize, Use

OPTIONAL, REPEATED = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
NI_VALUES = ("B_UNSPECIFIED", "B_INITIALIZE_NEW", "B_ATTACH_TO_EXISTING")
HOW = {"Behavior": NI_VALUES}
ASK = "string resource_name, Behavior initialization_behavior"
GOT = "string session_id, bool new_session_initialized"
ID = "string session_id"


def file(
    rpcs: Mapping[str, tuple[str, str]],
    enums: Mapping[str, Sequence[str]] = HOW,
    messages: Mapping[str, str] | None = None,
    syntax: str = "proto3",
    package: str = "acme",
) -> FileDescriptorProto:
    """A service: of each RPC the fields of request and answer, as ``type name, ...``."""
    proto = FileDescriptorProto(name=f"{package}.proto", package=package, syntax=syntax)
    for name, values in enums.items():
        made = proto.enum_type.add(name=name)
        for number, value in enumerate(values):
            made.value.add(name=value, number=number)
    service = proto.service.add(name="Acme")
    for name, (request, answer) in rpcs.items():
        for message, fields in ((f"{name}Request", request), (f"{name}Response", answer)):
            add_message(proto, message, fields)
        input_type, output_type = f".{package}.{name}Request", f".{package}.{name}Response"
        service.method.add(name=name, input_type=input_type, output_type=output_type)
    for name, fields in (messages or {}).items():
        add_message(proto, name, fields)
    return proto


def add_message(proto: FileDescriptorProto, name: str, fields: str) -> None:
    """Add a message with these fields."""
    message = proto.message_type.add(name=name)
    for number, text in enumerate(filter(None, fields.split(", ")), start=1):
        *label, kind, field = text.split()
        made = message.field.add(name=field, number=number)
        made.label = REPEATED if label else OPTIONAL
        if hasattr(FieldDescriptorProto, f"TYPE_{kind.upper()}"):
            made.type = getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}")
        else:
            made.type_name = f".acme.{kind}"


def services(*files: FileDescriptorProto) -> list[ServiceDescriptor]:
    """The services of files, in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for proto in files:
        pool.AddSerializedFile(proto.SerializeToString())
    return [pool.FindServiceByName(f"{f.package}.{s.name}") for f in files for s in f.service]


def usual(**rpcs: tuple[str, str]) -> FileDescriptorProto:
    """A service with the usual Initialize, and other RPCs."""
    return file({"Initialize": (ASK, GOT), **rpcs})


def bind(*files: FileDescriptorProto, **about: Any) -> Binding:  # noqa: ANN401 - fields of Target
    """Bind a target with these descriptors."""
    target = Target(Identity("acme"), Address("localhost:1"), Path(), **about)
    return Binding(target, services(*files))


def words(binding: Binding) -> dict[str, str]:
    """What was inferred."""
    opening = binding.opening
    return {
        "initialize": opening.method.name,
        "resource": str(opening.resource),
        "behavior": str(opening.behavior),
        "session": str(opening.session),
        "new": str(opening.new),
        "close": binding.close.method.name,
        "close_session": str(binding.close.session),
    }


def numbers(binding: Binding) -> list[int]:
    """The three behaviours on the wire."""
    return [binding.opening.numbers[behavior] for behavior in Behavior]


def read(binding: Binding, rpc: str, data: bytes) -> Any:  # noqa: ANN401 - made at run time
    """A request as the server reads it."""
    method = binding.opening.method.containing_service.methods_by_name[rpc]
    return message_factory.GetMessageClass(method.input_type).FromString(data)


def answered(binding: Binding, rpc: str, **fields: object) -> bytes:
    """An answer as the server sends it."""
    method = binding.opening.method.containing_service.methods_by_name[rpc]
    made = message_factory.GetMessageClass(method.output_type)(**fields)
    return bytes(made.SerializeToString())


# What is inferred ---------------------------------------------------------------------------------


def test___names_of_the_guide___bound___all_are_inferred() -> None:
    binding = bind(usual(Close=(ID, ""), Write=(f"{ID}, string text", "")))

    assert words(binding) == {
        "initialize": "Initialize",
        "resource": "resource_name",
        "behavior": "initialization_behavior",
        "session": "session_id",
        "new": "new_session_initialized",
        "close": "Close",
        "close_session": "session_id",
    }
    assert numbers(binding) == [0, 1, 2]
    assert binding.service == "acme.Acme"


@pytest.mark.parametrize(
    ("ask", "got", "inferred"),
    [
        ("string file_path, Behavior b", "string session_name, bool new_session", "file_path"),
        ("string session_name, Behavior b", GOT, "session_name"),
        ("string fileName, Behavior b", GOT, "fileName"),
        ("string mode, string resourceName, Behavior b", GOT, "resourceName"),
        ("string mode, string file_path, Behavior b", GOT, "file_path"),
        ("Where where, Behavior b", GOT, "where.path"),
    ],
)
def test___spelling_from_the_field___bound___is_recognised(
    ask: str, got: str, inferred: str
) -> None:
    rpcs = {"Open": (ask, got), "Close": ("string id", "")}

    binding = bind(file(rpcs, messages={"Where": "string path"}))

    assert words(binding)["resource"] == inferred


def test___everything_renamed___bound___is_inferred_by_its_shape() -> None:
    rpcs = {
        "Fetch": ("string shelf, Wish wish", "string ticket, bool fresh"),
        "Scribble": ("string ticket, string text", ""),
        "PutBack": ("string ticket", ""),
        "Peek": ("string ticket", "string text"),
    }

    binding = bind(file(rpcs, {"Wish": ("WISH_ANY", "WISH_CREATE", "WISH_JOIN")}))

    assert words(binding) == {
        "initialize": "Fetch",
        "resource": "shelf",
        "behavior": "wish",
        "session": "ticket",
        "new": "fresh",
        "close": "PutBack",
        "close_session": "ticket",
    }


def test___everything_renamed___mapped___needs_no_inference() -> None:
    rpcs = {
        "Fetch": ("string shelf, string room, Wish wish, Wish other", "string a, string b, bool c"),
        "Scribble": ("string a, string b", ""),
        "PutBack": ("string x, string y", ""),
    }
    names = Names(
        "acme.Acme", "Fetch", "PutBack", "room", "wish", "b", "c", "y",
        {Behavior.UNSPECIFIED: "P", Behavior.INITIALIZE_NEW: "R", Behavior.ATTACH_TO_EXISTING: 1},
    )  # fmt: skip

    binding = bind(file(rpcs, {"Wish": ("P", "Q", "R")}), names=names)

    assert list(words(binding).values()) == ["Fetch", "room", "wish", "b", "c", "PutBack", "y"]
    assert numbers(binding) == [0, 2, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (NI_VALUES, [0, 1, 2]),
        (("INITIALIZE_NEW", "AUTO", "ATTACH_TO_EXISTING"), [1, 0, 2]),
        (("NONE", "ATTACH", "NEW"), [0, 2, 1]),
        (("X_UNKNOWN", "X_DEFAULT", "X_ATTACH", "X_NEW"), [1, 3, 2]),
        (
            (
                "S_UNSPECIFIED",
                "S_CREATE_NEW",
                "S_ATTACH_TO_EXISTING",
                "S_NEW_THEN_DETACH",
                "S_ATTACH_THEN_CLOSE",
            ),
            [0, 1, 2],
        ),
    ],
)
def test___behaviours_by_other_names___bound___numbers_are_told_by_the_words(
    values: Sequence[str], expected: list[int]
) -> None:
    binding = bind(file({"Open": (ASK, GOT), "Close": (ID, "")}, {"Behavior": values}))

    assert numbers(binding) == expected


@pytest.mark.parametrize("name", ["CloseFile", "release_lock", "EndSession", "Disconnect"])
def test___close_by_another_name___bound___is_recognised(name: str) -> None:
    rpcs = {"Reset": (ID, ""), name: (ID, ""), "Weekend": (ID, "")}

    assert words(bind(usual(**rpcs)))["close"] == name


def test___rpcs_that_close_other_things___bound___the_one_with_an_id_only() -> None:
    rpcs = {"CloseValve": (f"{ID}, int32 valve", ""), "Close": (ID, ""), "CloseAll": ("", "")}

    assert words(bind(usual(**rpcs)))["close"] == "Close"


def test___two_services___bound___the_one_with_sessions() -> None:
    other = file({"Sum": ("int32 a", "int32 b")}, {}, package="other")

    assert bind(other, usual(Close=(ID, ""))).service == "acme.Acme"


def test___driver_of_the_device_server___bound___key_is_the_session_name() -> None:
    rpcs = {
        "Init": ("string session_name, string resource_name, Behavior b", "S vi, bool new"),
        "Close": ("S vi", ""),
    }

    device = file(rpcs, messages={"S": "string name, uint32 id"})

    assert words(bind(device, dialect="grpc-device"))["resource"] == "session_name"
    assert words(bind(device))["resource"] == "resource_name"
    assert words(bind(device))["session"] == words(bind(device))["close_session"] == "vi.name"


# What leaves a doubt ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rpcs", "names", "said"),
    [
        (
            {"Open": (ASK, GOT), "Reopen": (ASK, GOT), "Close": (ID, "")},
            Names(),
            (
                "Several RPCs would initialize: acme.Acme/Open, acme.Acme/Reopen. Write under "
                '[service] which: initialize = "acme.Acme/Open"'
            ),
        ),
        ({"Close": (ID, "")}, Names(), "No RPC is like Initialize: its request would have an enum"),
        (
            {"Open": ("string a, string b, Behavior c", GOT), "Close": (ID, "")},
            Names(),
            (
                "Which field of acme.OpenRequest is the resource cannot be told. Write under "
                '[service]: resource = "a", or one of a, b.'
            ),
        ),
        (
            {"Open": (ASK, "string a, string b, bool c"), "Close": (ID, "")},
            Names(),
            'session = "a", or one of a, b.',
        ),
        (
            {"Open": (ASK, "string a, bool b, bool c"), "Close": (ID, "")},
            Names(),
            'new = "b", or one of b, c.',
        ),
        (
            {"Open": ("string a, Behavior b, Behavior c", GOT), "Close": (ID, "")},
            Names(),
            'behavior = "b", or one of b, c.',
        ),
        (
            {"Open": ("Behavior b", GOT), "Close": (ID, "")},
            Names(),
            "acme.OpenRequest has no field that could be the resource",
        ),
        (
            {"Open": (ASK, GOT), "Shut": (ID, ""), "Lock": (ID, "")},
            Names(),
            (
                "Which RPC of acme.Acme closes a session cannot be told. Write under [service] "
                'which of these does: close = "...": Shut, Lock.'
            ),
        ),
        (
            {"Open": (ASK, GOT), "Sum": ("int32 a", "int32 b")},
            Names(),
            'close = "...": Open, Sum.',
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(service="Other"),
            "[service] name = 'Other': there is no such service. There is acme.Acme.",
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(initialize="Opn"),
            "[service] initialize = 'Opn': acme.Acme has no such RPC. It has Open, Close.",
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(close="Shut"),
            "[service] close = 'Shut': acme.Acme has no such RPC. It has Open, Close.",
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(resource="session_id"),
            (
                "[service] resource = 'session_id': OpenRequest has no such field that fits. These "
                "would: resource_name."
            ),
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(close_session="x"),
            (
                "[service] close_session = 'x': CloseRequest has no such field that fits. These "
                "would: session_id."
            ),
        ),
        (
            {"Open": (ASK, GOT), "Close": (ID, "")},
            Names(behaviors={Behavior.UNSPECIFIED: "AUTO"}),
            "[service.behaviors] 'AUTO': the enum has no such value. It has B_UNSPECIFIED, ",
        ),
    ],
)
def test___descriptors_that_leave_a_doubt___bound___error_has_the_line_to_write(
    rpcs: Mapping[str, tuple[str, str]], names: Names, said: str
) -> None:
    with pytest.raises(TargetError) as error:
        bind(file(rpcs), names=names)

    assert said in str(error.value)


def test___enum_with_names_that_say_nothing___mapped_in_part___error_has_the_line() -> None:
    odd = file({"Open": (ASK, GOT), "Close": (ID, "")}, {"Behavior": ("A", "B", "C")})
    names = Names(initialize="Open", behavior="initialization_behavior")

    with pytest.raises(TargetError) as error:
        bind(odd, names=names)

    assert str(error.value) == (
        "Which value of initialization_behavior means UNSPECIFIED cannot be told. Write under "
        '[service.behaviors]: unspecified = "...", one of A, B, C.'
    )


def test___streaming_rpc___named___error() -> None:
    proto = usual(Close=(ID, ""))
    proto.service[0].method[1].server_streaming = True

    with pytest.raises(TargetError, match=r"close = 'Close' is a stream: name an RPC with one re"):
        bind(proto, names=Names(close="Close"))


def test___service_and_rpc_in_one_name___bound___is_understood() -> None:
    binding = bind(
        file({"Open": (ASK, GOT), "Reopen": (ASK, GOT), "Close": (ID, "")}),
        names=Names(initialize="acme.Acme/Reopen", close="acme.Acme/Close"),
    )

    assert words(binding)["initialize"] == "Reopen"


# Calls --------------------------------------------------------------------------------------------


def test___calls___said___go_to_the_right_rpcs() -> None:
    uses = [UseCall("Write"), UseCall("Read")]
    binding = bind(usual(Close=(ID, ""), Write=(ID, ""), Read=(ID, "")), uses=uses)

    assert binding.method(Initialize("R", 0)) == "/acme.Acme/Initialize"
    assert binding.method(Close("s")) == "/acme.Acme/Close"
    assert binding.method(Use("s"), 1) == "/acme.Acme/Read"


@pytest.mark.parametrize("behavior", Behavior)
def test___initialize___said___has_resource_behaviour_and_configuration(behavior: int) -> None:
    rpcs = {"Open": (f"{ASK}, int32 speed, string mode", GOT), "Close": (ID, "")}
    values = ("B_ATTACH", "B_AUTO", "B_NEW")
    binding = bind(file(rpcs, {"Behavior": values}), configuration={"speed": 3, "mode": "x"})

    data = binding.request(Initialize("R", behavior), {"speed": 9}, 0, "")

    request = read(binding, "Open", data)
    assert request.resource_name == "R"
    assert values[request.initialization_behavior] == ("B_AUTO", "B_NEW", "B_ATTACH")[behavior]
    assert (request.speed, request.mode) == (9, "x")


@pytest.mark.parametrize(
    ("values", "behavior", "sent"),
    [
        (NI_VALUES, 3, 3),
        (NI_VALUES, -1, -1),
        (NI_VALUES, 2**31 - 1, 2**31 - 1),
        ((*NI_VALUES, "B_INITIALIZE_THEN_DETACH"), 3, 7),
    ],
)
@pytest.mark.parametrize("syntax", ["proto3", "proto2"])
def test___behaviour_that_nobody_knows___said___is_one_on_the_wire(
    values: Sequence[str], behavior: int, sent: int, syntax: str
) -> None:
    rpcs = {"Open": (ASK, GOT), "Close": (ID, "")}
    binding = bind(file(rpcs, {"Behavior": values}, syntax=syntax))

    data = binding.request(Initialize("R", behavior), {}, 0, "")

    open_enums = bind(file(rpcs, {"Behavior": values}))
    request = read(open_enums, "Open", data)
    assert (request.resource_name, request.initialization_behavior) == ("R", sent)


def test___behaviour_in_an_inner_message___said___is_there() -> None:
    rpcs = {"Open": ("string resource_name, How how", GOT), "Close": (ID, "")}
    binding = bind(file(rpcs, messages={"How": "int32 x, Behavior b"}))

    for behavior in (2, 5):
        request = read(binding, "Open", binding.request(Initialize("R", behavior), {}, 0, ""))
        assert (request.resource_name, request.how.b) == ("R", behavior)


def test___initialize_answered___read___id_and_flag() -> None:
    binding = bind(usual(Close=(ID, "")))
    data = answered(binding, "Initialize", session_id="s1", new_session_initialized=True)

    assert binding.answer(Initialize("R", 0), data, 0) == (Answer("OK", "s1", new=True), "")
    assert binding.answer(Initialize("R", 0), b"", 0) == (Answer("OK", "", new=False), "")


def test___answer_that_is_none___read___value_error() -> None:
    binding = bind(usual(Close=(ID, "")))

    with pytest.raises(ValueError, match="the answer is no InitializeResponse"):
        binding.answer(Initialize("R", 0), b"\xff", 0)


def test___use_with_a_value___said_and_read___is_in_its_place() -> None:
    rpcs = {
        "Write": (f"{ID}, string text, repeated string more, uint32 number", ""),
        "Read": (ID, "uint32 number, bool flag"),
        "Close": (ID, ""),
    }
    fields = {"text": "say {value}", "more": ["{value}", "b"], "number": "{value}"}
    uses = [UseCall("Write", request=fields, writes=True), UseCall("Read", answer="number"),
            UseCall("Read", answer="flag")]  # fmt: skip
    binding = bind(usual(**rpcs), uses=uses)

    request = read(binding, "Write", binding.request(Use("s1"), {}, 0, "17"))

    assert request.session_id == "s1"
    assert (request.text, list(request.more), request.number) == ("say 17", ["17", "b"], 17)
    reading = answered(binding, "Read", number=0, flag=True)
    assert binding.answer(Use("s1"), reading, 1) == (Answer("OK"), "0")
    assert binding.answer(Use("s1"), reading, 2) == (Answer("OK"), "true")
    assert binding.answer(Use("s1"), b"", 0) == (Answer("OK"), "")


@pytest.mark.parametrize("kind", ["int32", "uint64", "sint64", "fixed32"])
def test___ids_that_are_numbers___said_and_read___are_texts_here(kind: str) -> None:
    rpcs = {"Open": (ASK, f"{kind} id, bool new"), "Close": (f"{kind} id", "")}
    binding = bind(file(rpcs))

    def sent(session: str) -> int:
        return int(read(binding, "Close", binding.request(Close(session), {}, 0, "")).id)

    assert binding.numeric_ids
    assert binding.answer(Initialize("R", 0), answered(binding, "Open", id=7), 0)[0].session == "7"
    assert binding.answer(Initialize("R", 0), answered(binding, "Open", id=0), 0)[0].session == ""
    assert [sent("7"), sent("")] == [7, 0]
    made_up = [sent(text) for text in ("no-such-session", "7 ", "7x", "0_7", str(10**30))]
    assert all(number >= 10**9 for number in made_up)
    assert len(set(made_up)) == len(made_up)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (
            {"configuration": {"sped": 1}},
            "[initialize] does not fit acme.InitializeRequest",
        ),
        ({"bad_configuration": {"sped": 1}}, "[initialize.bad] does not fit acme.InitializeReq"),
        (
            {"uses": [UseCall("Write", request={"txt": "a"})]},
            "Its fields are session_id, text.",
        ),
        ({"uses": [UseCall("Rite")]}, "[[use]] rpc = 'Rite': acme.Acme has no such RPC. It has I"),
        ({"uses": [UseCall("Write", session="text2")]}, "[[use]] session = 'text2': WriteRequest"),
        ({"uses": [UseCall("Write", answer="a")]}, "[[use]] answer = 'a': WriteResponse has no su"),
    ],
)
def test___fields_that_do_not_fit___bound___error_lists_those_that_there_are(
    about: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(TargetError) as error:
        bind(usual(Close=(ID, ""), Write=(f"{ID}, string text", "")), **about)

    assert said in str(error.value)


def test___initialize_with_and_without_more___looked_at___says_so() -> None:
    assert not bind(usual(Close=(ID, ""))).has_configuration
    assert bind(file({"Open": (f"{ASK}, bool reset", GOT), "Close": (ID, "")})).has_configuration
