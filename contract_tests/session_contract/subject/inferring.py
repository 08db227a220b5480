"""Finds out which RPC opens a session, which closes it, and which field is what.

Where the descriptors leave a doubt it does not guess: the error lists what would fit, and the line
to write into the target file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from session_contract.subject.fields import (
    CHOICE,
    ENUM,
    FLAG,
    ID,
    NUMBERS,
    TEXT,
    Path,
    fields_of,
    find,
    spelled,
)
from session_contract.subject.target import Names, TargetError, UseCall
from session_spec.matrix import Behavior

_RESOURCE = ("resource_name", "file_path", "resource", "session_name", "resource_id", "path")
_DEVICE_RESOURCE = ("session_name",)
_SESSION = ("session_id", "session_name", "session", "session.name", "session.id", "vi.name")
_NEW = ("new_session_initialized", "new_session", "created", "is_new", "new")
_BEHAVIOR = ("initialization_behavior", "session_initialization_behavior", "behavior")

_CLOSES = {
    *("close", "release", "destroy", "dispose", "free", "end", "delete", "disconnect"),
    *("unlock", "uninitialize", "deinitialize", "finalize", "terminate"),
}
_ATTACHES = {"ATTACH", "EXISTING", "JOIN", "REUSE"}
_CREATES = {"NEW", "CREATE"}
_EITHER = {"UNSPECIFIED", "AUTO", "DEFAULT", "ANY"}


@dataclass(frozen=True)
class Opening:
    """The RPC that initializes, and its fields."""

    method: MethodDescriptor
    resource: Path
    behavior: Path
    session: Path
    new: Path
    numbers: Mapping[Behavior, int]
    """The behaviours as they are on the wire."""


@dataclass(frozen=True)
class OnSession:
    """Another RPC, and its field that names the session."""

    method: MethodDescriptor
    session: Path
    answer: Path | None = None
    """Of a use that reads: the field with what it read."""


def infer_opening(
    services: Sequence[ServiceDescriptor], names: Names, *, grpc_device: bool
) -> Opening:
    """Find the RPC that initializes, and its fields."""
    method = _initialize(_chosen(services, names.service), names)
    request, response = method.input_type, method.output_type
    behavior = _behavior(request, names)
    resources = (_DEVICE_RESOURCE if grpc_device else ()) + _RESOURCE
    return Opening(
        method,
        resource=_field(request, names.resource, TEXT, "resource", resources),
        behavior=behavior,
        session=_field(response, names.session, ID, "session", _SESSION),
        new=_field(response, names.new, FLAG, "new", _NEW),
        numbers=_numbers(behavior, names.behaviors),
    )


def infer_close(opening: Opening, names: Names) -> OnSession:
    """Find the RPC that closes a session."""
    service = opening.method.containing_service
    if names.close:
        method = _method(service, names.close, "[service] close")
    else:
        method = _only(_closing(service, opening), service, "close", "closes a session")
    return OnSession(method, session_field(method, opening, names.close_session, "close_session"))


def infer_use(opening: Opening, use: UseCall) -> OnSession:
    """Find the RPC of a use."""
    method = _method(opening.method.containing_service, use.rpc, "[[use]] rpc")
    session = session_field(method, opening, use.session, "session", section="[[use]]")
    if not use.answer:
        return OnSession(method, session)
    types = TEXT + NUMBERS + FLAG
    return OnSession(method, session, find(method.output_type, use.answer, types, "[[use]] answer"))


def session_field(
    method: MethodDescriptor, opening: Opening, name: str, key: str, section: str = "[service]"
) -> Path:
    """The field of a request that names the session."""
    types = NUMBERS if opening.session.field.type in NUMBERS else TEXT
    same = (str(opening.session), opening.session.field.name)
    spellings = (*(text.lower() for text in same), *_SESSION)
    return _field(method.input_type, name, types, key, spellings, section)


def takes_session(method: MethodDescriptor, opening: Opening) -> bool:
    """Whether an RPC seems to name a session."""
    try:
        session_field(method, opening, "", "session")
    except TargetError:
        return False
    return not (method.client_streaming or method.server_streaming)


# RPCs ---------------------------------------------------------------------------------------------


def _chosen(services: Sequence[ServiceDescriptor], name: str) -> Sequence[ServiceDescriptor]:
    if not name:
        return services
    chosen = [service for service in services if name in (service.full_name, service.name)]
    if not chosen:
        there = ", ".join(service.full_name for service in services)
        raise TargetError(f"[service] name = {name!r}: there is no such service. There is {there}.")
    return chosen


def _initialize(services: Sequence[ServiceDescriptor], names: Names) -> MethodDescriptor:
    if names.initialize:
        return _one_named(services, names.initialize)
    fit = [m for service in services for m in service.methods if _initializes(m, names)]
    if len(fit) == 1:
        return fit[0]
    if fit:
        raise TargetError(
            f"Several RPCs would initialize: {', '.join(_full(method) for method in fit)}. Write "
            f'under [service] which: initialize = "{_full(fit[0])}"'
        )
    there = ", ".join(_full(method) for service in services for method in service.methods)
    raise TargetError(
        "No RPC is like Initialize: its request would have an enum with values such as "
        "INITIALIZE_NEW and ATTACH_TO_EXISTING, its answer an id and a flag. Write under [service] "
        f'which does: initialize = "...", behavior = "..." and more. There is {there or "none"}.'
    )


def _one_named(services: Sequence[ServiceDescriptor], name: str) -> MethodDescriptor:
    plain = name.rpartition("/")[2]
    fit = [m for service in services for m in service.methods if name in (m.name, _full(m))]
    if len(fit) == 1:
        return fit[0]
    if len(fit) > 1:
        raise TargetError(
            f"Several services have an RPC {name}. Write the service, too, under [service]: "
            f'initialize = "{_full(fit[0])}"'
        )
    return _method(services[0], plain, "[service] initialize")


def _initializes(method: MethodDescriptor, names: Names) -> bool:
    if method.client_streaming or method.server_streaming:
        return False
    request, response = method.input_type, method.output_type
    if not (fields_of(response, ID) and fields_of(response, FLAG)):
        return False
    if names.behavior:
        return any(str(path) == names.behavior for path in fields_of(request, CHOICE))
    return any(_is_behavior(path.field.enum_type) for path in fields_of(request, ENUM))


def _closing(service: ServiceDescriptor, opening: Opening) -> list[MethodDescriptor]:
    """The RPCs that may close: by name; else those that take an id only, and answer nothing."""
    others = [m for m in service.methods if m.name != opening.method.name]
    fit = [method for method in others if takes_session(method, opening)]
    named = [method for method in fit if _words(method.name) & _CLOSES]
    bare = [m for m in named or fit if len(m.input_type.fields) == 1]
    if named:
        return bare if len(named) > 1 and bare else named
    return [method for method in bare if not method.output_type.fields]


def _method(service: ServiceDescriptor, name: str, key: str) -> MethodDescriptor:
    method = service.methods_by_name.get(name.rpartition("/")[2])
    if method is None:
        there = ", ".join(m.name for m in service.methods)
        raise TargetError(f"{key} = {name!r}: {service.full_name} has no such RPC. It has {there}.")
    if method.client_streaming or method.server_streaming:
        raise TargetError(f"{key} = {name!r} is a stream: name an RPC with one request and answer.")
    return method


def _only(
    fit: Sequence[MethodDescriptor], service: ServiceDescriptor, key: str, what: str
) -> MethodDescriptor:
    if len(fit) == 1:
        return fit[0]
    names = ", ".join(method.name for method in fit or service.methods)
    raise TargetError(
        f"Which RPC of {service.full_name} {what} cannot be told. Write under [service] which of "
        f'these does: {key} = "...": {names}.'
    )


def _full(method: MethodDescriptor) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


# Fields -------------------------------------------------------------------------------------------


def _field(
    message: Descriptor,
    name: str,
    types: Sequence[int],
    key: str,
    spellings: Sequence[str],
    section: str = "[service]",
) -> Path:
    """The field that is named; else one with a spelling that is known; else the only one."""
    if name:
        return find(message, name, types, f"{section} {key}")
    fields = fields_of(message, types)
    known = spelled(fields, spellings)
    if known or len(fields) == 1:
        return known or fields[0]
    raise _doubt(fields, message, section, key)


def _doubt(fields: Sequence[Path], message: Descriptor, section: str, key: str) -> TargetError:
    if not fields:
        return TargetError(
            f"{message.full_name} has no field that could be the {key.replace('_', ' ')}: name "
            f"another RPC under {section}, or check the descriptors."
        )
    return TargetError(
        f"Which field of {message.full_name} is the {key.replace('_', ' ')} cannot be told. Write "
        f'under {section}: {key} = "{fields[0]}", or one of '
        f"{', '.join(str(path) for path in fields)}."
    )


def _behavior(request: Descriptor, names: Names) -> Path:
    if names.behavior:
        return find(request, names.behavior, CHOICE, "[service] behavior")
    enums = fields_of(request, ENUM)
    fit = [path for path in enums if _is_behavior(path.field.enum_type)]
    known = spelled(fit, _BEHAVIOR)
    if known or len(fit) == 1:
        return known or fit[0]
    raise _doubt(fit or enums, request, "[service]", "behavior")


# Behaviours ---------------------------------------------------------------------------------------


def _is_behavior(enum: EnumDescriptor | None) -> bool:
    return enum is not None and len(enum.values) >= 3 and len(_inferred_numbers(enum)) == 3


def _numbers(path: Path, given: Mapping[Behavior, str | int]) -> dict[Behavior, int]:
    """The number of each behaviour: as given, else as the names of the values tell."""
    enum = path.field.enum_type
    numbers = dict(_inferred_numbers(enum)) if enum else {b: int(b) for b in Behavior}
    for behavior, value in given.items():
        numbers[behavior] = _number(enum, value) if isinstance(value, str) else value
    missing = [behavior.name for behavior in Behavior if behavior not in numbers]
    if missing:
        values = ", ".join(value.name for value in enum.values) if enum else ""
        raise TargetError(
            f"Which value of {path} means {missing[0]} cannot be told. Write under "
            f'[service.behaviors]: {missing[0].lower()} = "...", one of {values}.'
        )
    return numbers


def _number(enum: EnumDescriptor | None, name: str) -> int:
    values = {value.name: value.number for value in enum.values} if enum else {}
    if name not in values:
        there = f"It has {', '.join(values)}." if values else "Write a number."
        raise TargetError(f"[service.behaviors] {name!r}: the enum has no such value. {there}")
    return values[name]


def _inferred_numbers(enum: EnumDescriptor) -> dict[Behavior, int]:
    """The numbers of the behaviours that the names of the values leave no doubt about."""
    words = _value_words(enum)
    tests: dict[Behavior, Callable[[set[str]], bool]] = {
        Behavior.ATTACH_TO_EXISTING: lambda w: bool(w & _ATTACHES) and "OR" not in w,
        Behavior.INITIALIZE_NEW: lambda w: bool(w & _CREATES) and not w & (_ATTACHES | {"OR"}),
        Behavior.UNSPECIFIED: lambda w: bool(w & _EITHER),
    }
    found: dict[Behavior, int] = {}
    for behavior, fits in tests.items():
        numbers = [number for number, w in words.items() if fits(w) and "THEN" not in w]
        if len(numbers) == 1:
            found[behavior] = numbers[0]
    left = set(words) - set(found.values())
    if Behavior.UNSPECIFIED not in found and len(found) == 2 and len(left) == 1:
        found[Behavior.UNSPECIFIED] = left.pop()
    return found


def _value_words(enum: EnumDescriptor) -> dict[int, set[str]]:
    """The words of each value's name, without the prefix that all of them have."""
    names = [value.name.upper() for value in enum.values]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    prefix = "".join(letters[0] for letters in alike).rpartition("_")[0]
    return {
        value.number: set(value.name.upper().removeprefix(prefix).split("_"))
        for value in enum.values
    }


__all__ = [
    "OnSession",
    "Opening",
    "infer_close",
    "infer_opening",
    "infer_use",
    "session_field",
    "takes_session",
]
