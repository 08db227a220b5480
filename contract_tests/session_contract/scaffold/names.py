"""What a new project calls things: what was asked for, and the rest made of it; all is checked."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RPC_NAMES = ("Initialize", "Close")
RESOURCE_FIELD = "resource_name"
LONGEST = 30
"""Characters of a name: longer ones break the lines of code that they stand in."""

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
_DOTTED = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")
_SUFFIX = re.compile(r"_(name|path|id|key|file|address)$")
_TAKEN_MODULES = {
    *("click", "google", "grpc", "grpc_tools", "ni", "nidaqmx", "nidcpower", "nidigital", "nidmm"),
    *("nifgen", "niscope", "niswitch", "numpy", "pytest", "session_contract", "session_fakes"),
    *("session_reference", "session_spec", "aux", "con", "nul", "prn", "tests", "make_stubs"),
}
_TAKEN_FIELDS = {
    *("address", "behavior", "channel", "closes", "context", "discovery_client", "request"),
    *("grpc_channel_pool", "initialization_behavior", "new_session_initialized", "self"),
    *("session_id", "timeout", "warm_up_seconds"),
}
_LIKE_DIGITS = {"I", "O", "l"}
_EXAMPLE_RPCS = {"ReadNote", "WriteNote"}


class ScaffoldError(Exception):
    """A project cannot be made; the text says why, and what to do."""


@dataclass(frozen=True)
class Names:
    """The names of a project.

    Attributes:
        project: The folder, the Python package and the .proto.
        service: The gRPC service, and the prefix of Python's classes.
        package: The proto package.
        service_class: The class for Discovery.
        opening: The RPC that initializes.
        closing: The RPC that closes.
        resource_field: The field with the resource.
    """

    project: str
    service: str
    package: str
    service_class: str
    opening: str
    closing: str
    resource_field: str

    @property
    def full_name(self) -> str:
        """The gRPC name of the service."""
        return f"{self.package}.{self.service}"

    @property
    def noun(self) -> str:
        """What the resource is called in prose."""
        return _SUFFIX.sub("", self.resource_field).replace("_", " ")

    @property
    def display_name(self) -> str:
        """What people read on the station."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.service)


def names(
    project: str,
    *,
    rpc_names: Sequence[str] = RPC_NAMES,
    resource_field: str = RESOURCE_FIELD,
    service: str = "",
    package: str = "",
    service_class: str = "",
) -> Names:
    """Make all names of those that were asked for; ScaffoldError when one cannot be used."""
    if len(rpc_names) != 2:
        raise ScaffoldError(
            f"--rpc-names has {len(rpc_names)}: name the RPC that opens and the one that closes, "
            "as in AcquireLock,ReleaseLock. RPCs of your own are added in the project."
        )
    service, package = service or _camel(project), package or project
    made = Names(
        project=project,
        service=service,
        package=package,
        service_class=service_class or f"{package}.{service}",
        opening=rpc_names[0],
        closing=rpc_names[1],
        resource_field=resource_field,
    )
    for fault in _faults(made):
        raise ScaffoldError(fault)
    return made


def _faults(made: Names) -> Iterator[str]:
    yield from _shape("NAME", made.project, _SNAKE, "my_service", _snake(made.project))
    yield from _shape("--service", made.service, _CAMEL, "MyService", _camel(made.service))
    for name in (made.opening, made.closing):
        yield from _shape("--rpc-names", name, _CAMEL, "AcquireLock", _camel(name))
    yield from _shape(
        "--resource-field", made.resource_field, _SNAKE, "lock_name", _snake(made.resource_field)
    )
    yield from _shape("--package", made.package, _DOTTED, "acme.locks.v1", _snake(made.package), 60)
    yield from _shape("--service-class", made.service_class, _DOTTED, "acme.Locks", "", 90)
    yield from _clashes(made)


def _shape(
    flag: str, name: str, form: re.Pattern[str], example: str, near: str, longest: int = LONGEST
) -> Iterator[str]:
    """What is wrong with a name for itself."""
    if not form.fullmatch(name):
        better = near if form.fullmatch(near) else example
        yield f"{flag} is {name!r}, which Python or a .proto cannot have: write {better}."
    elif name in _LIKE_DIGITS:
        yield f"{flag} is {name!r}, which looks like a digit: choose another one."
    elif any(keyword.iskeyword(part) for part in name.split(".")):
        yield f"{flag} is {name!r}, a word of Python: choose another one, such as {example}."
    elif len(name) > longest:
        yield f"{flag} is {name!r}, of {len(name)} letters: choose one of at most {longest}."


def _clashes(made: Names) -> Iterator[str]:
    """Names that each could be used, but not together, or not beside what is there."""
    if made.project in _TAKEN_MODULES | set(sys.stdlib_module_names):
        yield (
            f"NAME is {made.project!r}, which Python knows as another module: choose another one, "
            f"such as {made.project}_service."
        )
    if made.resource_field in _TAKEN_FIELDS:
        yield (
            f"--resource-field is {made.resource_field!r}, which the project calls something else: "
            "choose another one, such as lock_name."
        )
    if made.opening == made.closing or {made.opening, made.closing} & _EXAMPLE_RPCS:
        yield (
            f"--rpc-names has {made.opening} and {made.closing}: name two that differ, and are "
            f"none of the example's {', '.join(sorted(_EXAMPLE_RPCS))}."
        )
    rpcs = {made.opening, made.closing, *_EXAMPLE_RPCS}
    messages = {f"{rpc}{end}" for rpc in rpcs for end in ("Request", "Response")}
    if made.service in messages | {"SessionInitializationBehavior"}:
        yield f"--service is {made.service!r}, which is a message of the project: choose another."


def _camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))


def _snake(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return "_".join(re.findall(r"[a-z0-9]+", words.lower()))
