"""What a .proto says, as short sentences, and what stubs say; where both agree, they are the same.

Only names, numbers and types count, and types by their last name: enough to see that one was
changed without the other. protoc alone says whether a .proto is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

_SKIPPED = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
_PART = re.compile(
    r"\b(?P<kind>message|enum|service|oneof|extend)\s+(?P<name>[\w.]+)\s*\{"
    r"|rpc\s+(?P<rpc>\w+)\s*\(\s*(?P<asks>stream\s+)?(?P<request>[\w.]+)\s*\)\s*returns"
    r"\s*\(\s*(?P<answers>stream\s+)?(?P<answer>[\w.]+)\s*\)"
    r"|(?P<many>repeated\s+)?(?:optional\s+)?(?P<type>map\s*<[^>]+>|[\w.]+)\s+(?P<field>\w+)\s*="
    r"\s*(?P<number>\d+)[^;{}]*;"
    r"|(?P<value>\w+)\s*=\s*(?P<code>-?(?:0x)?[0-9a-fA-F]+)[^;{}]*;"
    r"|(?P<open>\{)|(?P<close>\})"
)
_STATEMENT = re.compile(r"\b(?:option|syntax|import|package|reserved|extensions)\b[^;{}]*;")


class Proto:
    """A .proto.

    Attributes:
        path: Where it is.
        package: Its package.
        sentences: What it says, each with its line.
    """

    def __init__(self, path: Path, text: str) -> None:
        """Read it."""
        self.path = path
        clean = _SKIPPED.sub(_blank, text)
        found = _PACKAGE.search(clean)
        self.package = found[1] if found else ""
        self.sentences = dict(_sentences(_STATEMENT.sub(_blank, clean)))

    @property
    def services(self) -> dict[str, int]:
        """The gRPC names of its services, with their lines."""
        prefix = f"{self.package}." if self.package else ""
        told = ((sentence.split(), line) for sentence, line in self.sentences.items())
        return {prefix + words[1]: line for words, line in told if words[0] == "service"}


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    rooms: list[tuple[str, str]] = []
    for part in _PART.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["close"]:
            rooms[-1:] = []
        elif part["open"]:
            rooms.append(("", ""))
        else:
            if sentence := _sentence(part, ".".join(name for _, name in rooms if name)):
                yield sentence, line
            if part["kind"]:
                # The fields of a oneof are those of its message.
                name = "" if part["kind"] == "oneof" else part["name"]
                rooms.append((part["kind"], name))


def _sentence(part: re.Match[str], room: str) -> str:
    """What a part says; nothing for one that only holds others."""
    inside = f"{room}." if room else ""
    if part["rpc"]:
        request = _last(part["request"], streams=bool(part["asks"]))
        answer = _last(part["answer"], streams=bool(part["answers"]))
        return f"rpc {inside}{part['rpc']} ({request}) returns ({answer})"
    if part["field"]:
        kind = _last(re.sub(r"\s", "", part["type"]))
        many = "repeated " if part["many"] else ""
        return f"field {many}{kind} {inside}{part['field']} = {part['number']}"
    if part["value"]:
        return f"value {inside}{part['value']} = {_number(part['code'])}"
    return f"{part['kind']} {inside}{part['name']}" if part["kind"] in _TOLD else ""


_TOLD = ("message", "enum", "service")


def _number(code: str) -> int:
    return int(code, 16 if "x" in code else 10)


def _last(type_name: str, *, streams: bool = False) -> str:
    """A type by its last name."""
    if type_name.startswith("map<"):
        key, value = type_name[4:-1].split(",")
        return f"map<{key},{_last(value)}>"
    return f"{'stream ' if streams else ''}{type_name.rpartition('.')[2]}"


def sentences_of_stubs(content: bytes) -> set[str]:
    """What the descriptor of stubs says, as ``Proto.sentences`` would."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import DecodeError

    try:
        file = FileDescriptorProto.FromString(content)
    except DecodeError:
        return set()
    told = {sentence for message in file.message_type for sentence in _of_message(message, "")}
    for enum in file.enum_type:
        told |= {
            f"enum {enum.name}",
            *(f"value {enum.name}.{v.name} = {v.number}" for v in enum.value),
        }
    for service in file.service:
        told.add(f"service {service.name}")
        for rpc in service.method:
            request = _last(rpc.input_type, streams=rpc.client_streaming)
            answer = _last(rpc.output_type, streams=rpc.server_streaming)
            told.add(f"rpc {service.name}.{rpc.name} ({request}) returns ({answer})")
    return told


def _of_message(message: DescriptorProto, room: str) -> Iterator[str]:
    name = room + message.name
    yield f"message {name}"
    for enum in message.enum_type:
        yield f"enum {name}.{enum.name}"
        yield from (f"value {name}.{enum.name}.{v.name} = {v.number}" for v in enum.value)
    entries = {each.name: each for each in message.nested_type if each.options.map_entry}
    for nested in message.nested_type:
        if nested.name not in entries:
            yield from _of_message(nested, f"{name}.")
    for field in message.field:
        yield f"field {_type(field, entries)} {name}.{field.name} = {field.number}"


def _type(field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
    last = field.type_name.rpartition(".")[2]
    if last in entries:
        key, value = entries[last].field
        return f"map<{_type(key, {})},{_type(value, {})}>"
    kind = last or field.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"repeated {kind}" if field.label == field.LABEL_REPEATED else kind
