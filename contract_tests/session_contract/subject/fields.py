"""Fields of messages, also of messages inside messages: ``session.name``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from session_contract.subject.target import TargetError

TEXT = (FieldDescriptor.TYPE_STRING,)
FLAG = (FieldDescriptor.TYPE_BOOL,)
NUMBERS = (
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT32,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED32,
    FieldDescriptor.TYPE_SFIXED64,
)
ID = TEXT + NUMBERS
CHOICE = (FieldDescriptor.TYPE_ENUM, *NUMBERS[:4])
"""What can hold a behaviour: an enum, or a number that is written like one."""
ENUM = (FieldDescriptor.TYPE_ENUM,)
_DEPTH = 2


@dataclass(frozen=True)
class Path:
    """The way to a field: through messages, if there are several steps."""

    steps: tuple[FieldDescriptor, ...]

    def __str__(self) -> str:
        return ".".join(step.name for step in self.steps)

    @property
    def field(self) -> FieldDescriptor:
        """The field that it leads to."""
        return self.steps[-1]

    def get(self, message: Any) -> Any:  # noqa: ANN401 - any message, any value
        """The value of the field."""
        for step in self.steps:
            message = getattr(message, step.name)
        return message

    def set(self, message: Any, value: object) -> None:  # noqa: ANN401
        """Give the field a value."""
        for step in self.steps[:-1]:
            message = getattr(message, step.name)
        setattr(message, self.field.name, value)


def find(message: Descriptor, name: str, types: Sequence[int], key: str) -> Path:
    """The field that the target file names; a TargetError lists those that there are."""
    fields = fields_of(message, types)
    for path in fields:
        if str(path) == name:
            return path
    raise TargetError(
        f"{key} = {name!r}: {message.name} has no such field that fits. {_listed(fields)}"
    )


def fields_of(message: Descriptor, types: Sequence[int], depth: int = _DEPTH) -> list[Path]:
    """The fields of these types that hold one value, those of inner messages last."""
    singular = [field for field in message.fields if not is_repeated(field)]
    fields = [Path((field,)) for field in singular if field.type in types]
    if depth > 1:
        fields += _inner(singular, types, depth - 1)
    return fields


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field holds many values."""
    # Newer protobuf has a property for it, and warns of the label.
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(getattr(field, "label", None) == FieldDescriptor.LABEL_REPEATED)


def spelled(paths: Iterable[Path], spellings: Sequence[str]) -> Path | None:
    """The field with the first of these spellings that there is."""
    by_name = {str(path).lower().replace("_", ""): path for path in paths}
    for spelling in spellings:
        if path := by_name.get(spelling.replace("_", "")):
            return path
    return None


def _inner(fields: Iterable[FieldDescriptor], types: Sequence[int], depth: int) -> Iterator[Path]:
    for field in fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type:
            for path in fields_of(field.message_type, types, depth):
                yield Path((field, *path.steps))


def _listed(fields: Sequence[Path]) -> str:
    names = ", ".join(str(path) for path in fields)
    return f"These would: {names}." if names else "None would."


__all__ = [
    "CHOICE",
    "ENUM",
    "FLAG",
    "ID",
    "NUMBERS",
    "TEXT",
    "Path",
    "fields_of",
    "find",
    "is_repeated",
    "spelled",
]
