"""Makes a ``Target`` of the file that describes it, or of flags."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from session_contract.subject.target import (
    DEFAULT_STOPS,
    Address,
    Command,
    Descriptors,
    Identity,
    Limits,
    Names,
    Place,
    Resources,
    Servicer,
    Target,
    TargetError,
    UseCall,
)
from session_contract.subject.toml_files import Section, nearest, read_toml
from session_spec.matrix import Behavior
from session_spec.requirement import CLAIMS

STOPS = ("SIGTERM", "SIGINT", "CTRL_BREAK", "stdin-close", "enter")
"""How a server can be asked to stop."""
_FOREIGN_STOPS = {True: ("SIGTERM", "SIGINT"), False: ("CTRL_BREAK",)}
DIALECTS = ("standard", "grpc-device")

_BEHAVIORS = {
    "unspecified": Behavior.UNSPECIFIED,
    "initialize_new": Behavior.INITIALIZE_NEW,
    "attach_to_existing": Behavior.ATTACH_TO_EXISTING,
}


def load_target(path: Path) -> Target:
    """Read the file of a server; a TargetError names what is wrong, and what to write instead."""
    path = path.absolute()
    top = read_toml(path)
    target = server_target(top, path.parent)
    top.finish()
    return target


def target_from_flags(
    *,
    address: str | None = None,
    command: str | None = None,
    servicer: str | None = None,
    proto: Path | None = None,
    include: Sequence[Path] = (),
    name: str = "",
    service: str = "",
    claims: Iterable[str] = (),
    dialect: str = "standard",
) -> Target:
    """Describe a target whose names can all be inferred.

    Args:
        address: Where a server listens that runs already.
        command: The command line that starts one, with ``{port}`` for its port.
        servicer: A Python function ``module:name`` that adds a servicer to a server.
        proto: A .proto file or a descriptor set; by default the server is asked by reflection.
        include: Folders in which the .proto finds what it imports.
        name: What the report calls it.
        service: Its gRPC service, if it has several.
        claims: What is claimed beyond the core.
        dialect: ``standard``, or ``grpc-device``.
    """
    places = {"address": address, "command": shlex.split(command or ""), "servicer": servicer}
    data = {
        "target": {
            **{key: value for key, value in places.items() if value},
            "name": name or address or servicer or command or "",
            "claims": list(claims),
            "dialect": dialect,
        },
        "descriptors": {
            "source": str(proto or "reflection"),
            "include": [str(folder) for folder in include],
        },
        "service": {"name": service},
    }
    return server_target(Section("flags", "", data), Path.cwd())


def server_target(top: Section, here: Path) -> Target:
    """The server that a target file describes, or flags do."""
    about = top.section("target")
    initialize = top.section("initialize")
    known_failures = about.text("known_failures")
    target = Target(
        identity=identity(about),
        place=place(about, here),
        here=here,
        descriptors=read_descriptors(top.section("descriptors"), here),
        names=read_names(top.section("service")),
        resources=_resources(top.section("resource")),
        bad_configuration=initialize.table("bad"),
        slow_configuration=initialize.table("slow"),
        configuration={k: v for k, v in initialize.data.items() if k not in ("bad", "slow")},
        uses=[_use(section) for section in top.sections("use")],
        claims=frozenset(about.words("claims", CLAIMS["server"])),
        dialect=_dialect(about),
        limits=limits(top.section("limits")),
        known_failures=here / known_failures if known_failures else None,
    )
    about.finish()
    _check_claims(about, target)
    return target


def identity(about: Section) -> Identity:
    """What ``[target]`` says of any target: its name, its version, whom to ask."""
    # Known to whoever chose this loader.
    about.text("class")
    about.texts("needs")
    name = about.text("name")
    if not name:
        raise about.error("name", "is missing: say what the report is to call the target")
    return Identity(name, about.text("version"), about.text("contact"))


def place(about: Section, here: Path) -> Place:
    """What ``[target]`` says of where a target is: its address, its command, or a servicer."""
    address, servicer = about.text("address"), about.text("servicer")
    argv = about.texts("command")
    folder = here / about.text("folder", ".")
    environment = about.table("environment")
    if [bool(address), bool(servicer), bool(argv)].count(True) != 1:
        raise about.error("address", "or command or servicer has to be there, and only one of them")
    if argv:
        return _command(about, argv, folder, environment)
    for key in ("start", "environment"):
        if about.table(key):
            raise about.error(key, "is for a target with a command: leave it out")
    if servicer:
        return _servicer(about, servicer, folder)
    return _address(about, address)


def _address(about: Section, address: str) -> Address:
    if re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}", address):
        return Address(address)
    raise about.error("address", f"is {address!r}: write host and port, such as 127.0.0.1:50051")


def _servicer(about: Section, function: str, folder: Path) -> Servicer:
    if re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", function):
        return Servicer(function, folder)
    raise about.error("servicer", f"is {function!r}: write module:function")


def _command(
    about: Section, argv: Sequence[str], folder: Path, environment: dict[str, object]
) -> Command:
    start = about.section("start")
    for key, value in environment.items():
        if not isinstance(value, str):
            raise about.error("environment", f"has {key} = {value!r}: write a text in quotes")
    command = Command(
        argv,
        folder,
        {key: str(value) for key, value in environment.items()},
        ready_output=_pattern(start),
        ready_file=start.flag("ready_file"),
        within=start.seconds("within", Command.within),
        stops=stops_here(start.words("stops", STOPS, Command.stops)),
        grace=start.seconds("grace", Command.grace),
    )
    start.finish()
    _check_ready(start, command)
    return command


def stops_here(named: Sequence[str], *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """The ways to stop that this system has, so that one target file serves all systems.

    On Windows SIGTERM is a kill, and SIGINT reaches no other process (unverified).
    """
    here = tuple(how for how in named if how not in _FOREIGN_STOPS[windows])
    return here or (DEFAULT_STOPS[windows] if named else ())


def _pattern(start: Section) -> str:
    pattern = start.text("ready_output")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise start.error("ready_output", f"is no regular expression: {error}") from None
    return pattern


def _check_ready(start: Section, command: Command) -> None:
    """The kit has to learn at which address a server listens that it started."""
    texts = [*command.argv, *command.environment.values()]
    has_port = any("{port}" in text for text in texts)
    has_file = any("{ready_file}" in text for text in texts)
    groups = re.compile(command.ready_output).groupindex
    if command.ready_file and not has_file:
        raise start.error("ready_file", "is true: put {ready_file} into the command, too")
    if not (has_port or command.ready_file or {"port", "address"} & set(groups)):
        raise start.error(
            "ready_output",
            "has to tell the address: put {port} into the command, or {ready_file} with ready_file"
            " = true, or give ready_output a group, as in 'listening on .*:(?P<port>[0-9]+)'",
        )
    if {"enter", "stdin-close"} <= set(command.stops):
        raise start.error("stops", "has enter and stdin-close: make a target file for each")


def read_descriptors(section: Section, here: Path) -> Descriptors:
    """Where ``[descriptors]`` says that messages are known from."""
    source = section.text("source", Descriptors.source)
    include = tuple(here / folder for folder in section.texts("include"))
    section.finish()
    return Descriptors(source if source == "reflection" else str(here / source), include)


def read_names(section: Section) -> Names:
    """What ``[service]`` says that things are called."""
    keys = ("initialize", "close", "resource", "behavior", "session", "new", "close_session")
    names = Names(
        service=section.text("name"),
        **{key: section.text(key) for key in keys},
        behaviors=_behaviors(section),
    )
    section.finish()
    return names


def _behaviors(section: Section) -> dict[Behavior, str | int]:
    behaviors: dict[Behavior, str | int] = {}
    for key, value in section.table("behaviors").items():
        if key not in _BEHAVIORS:
            raise section.error("behaviors", f"has {key!r}; {nearest(key, _BEHAVIORS)}", end="")
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise section.error(
                "behaviors", f"has {key} = {value!r}: write the value's name or number"
            )
        behaviors[_BEHAVIORS[key]] = value
    return behaviors


def _resources(section: Section) -> Resources:
    resources = Resources(
        name=section.text("name", Resources.name),
        slow=section.text("slow"),
        **{key: section.texts(key) for key in ("setup", "cleanup", "slow_setup", "gone")},
    )
    section.finish()
    if "{unique}" not in resources.name:
        raise section.error("name", "is the same each time: put {unique} into it")
    return resources


def _use(section: Section) -> UseCall:
    use = UseCall(
        rpc=section.text("rpc"),
        session=section.text("session"),
        request=section.table("request"),
        answer=section.text("answer"),
        writes=section.flag("writes"),
    )
    section.finish()
    if not use.rpc:
        raise section.error("rpc", "is missing: name the RPC that uses a session")
    if use.writes and "{value}" not in str(use.request):
        raise section.error("writes", 'is true: put "{value}" into its request')
    return use


def _dialect(about: Section) -> str:
    dialect = about.text("dialect", "standard")
    if dialect not in DIALECTS:
        raise about.error("dialect", f"is {dialect!r}; {nearest(dialect, DIALECTS)}", end="")
    return dialect


def limits(section: Section) -> Limits:
    """The table ``[limits]``."""
    found = Limits(call=section.seconds("call", Limits.call))
    section.finish()
    return found


def _check_claims(about: Section, target: Target) -> None:
    """What is claimed has to be possible to check."""
    needs = {
        "use": (target.uses, "an RPC to check it with: add a [[use]]"),
        "independent": (target.resources.slow, "a resource that takes long: set [resource] slow"),
    }
    for claim in sorted(target.claims):
        is_there, need = needs.get(claim, (True, ""))
        if not is_there:
            raise about.error("claims", f"has {claim!r}, which needs {need}")
        if claim in ("restart", "hosting") and not isinstance(target.place, Command):
            raise about.error("claims", f"has {claim!r}, which needs a command to start the server")


__all__ = [
    "DIALECTS",
    "STOPS",
    "TargetError",
    "identity",
    "limits",
    "load_target",
    "place",
    "read_descriptors",
    "read_names",
    "server_target",
    "stops_here",
    "target_from_flags",
]
