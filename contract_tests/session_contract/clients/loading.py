"""Makes a ``ClientTarget`` of the file that describes it, or of flags."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from session_contract.clients.target import (
    ClientTarget,
    Limits,
    Program,
    PythonClient,
    Registered,
)
from session_contract.subject.loading import identity, read_descriptors, read_names
from session_contract.subject.target import Descriptors
from session_contract.subject.toml_files import Section
from session_spec.requirement import CLAIMS

_FUNCTION = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")
_ABOUT_PYTHON = ("arguments", "keywords", "then", "close", "use", "python")
PYTHON_STUBS = "module:"
"""Begins a source of descriptors that is a Python module: ``module:my_package.stubs.my_pb2``."""


def client_target(top: Section, here: Path) -> ClientTarget:
    """The client that a target file describes, or flags do."""
    about, client = top.section("target"), top.section("client")
    known_failures = about.text("known_failures")
    driver = _driver(about, client, here)
    target = ClientTarget(
        identity=identity(about),
        driver=driver,
        here=here,
        descriptors=_descriptors(top.section("descriptors"), here),
        names=read_names(top.section("service")),
        registered=_registered(top.section("discovery")),
        resource=_resource(top.section("resource")),
        answers=_answers(top),
        uses=client.flag("uses") or bool(isinstance(driver, PythonClient) and driver.use),
        claims=frozenset(about.words("claims", CLAIMS["client"])),
        limits=_limits(top.section("limits")),
        known_failures=here / known_failures if known_failures else None,
    )
    client.finish()
    about.finish()
    _check(about, target)
    return target


def client_from_flags(
    *,
    client: str,
    proto: Path | None = None,
    include: Sequence[Path] = (),
    name: str = "",
    service: str = "",
    claims: Iterable[str] = (),
) -> ClientTarget:
    """Describe a Python client whose arguments and names can all be inferred.

    Args:
        client: ``module:name`` of the class, or of a function that makes it.
        proto: The .proto file or descriptor set of its server.
        include: Folders in which the .proto finds what it imports.
        name: What the report calls it.
        service: The gRPC service that it calls, if there are several.
        claims: What is claimed beyond the core.
    """
    data = {
        "target": {
            "class": "client",
            "client": client,
            "name": name or client,
            "claims": list(claims),
        },
        "descriptors": {
            "source": str(proto or ""),
            "include": [str(folder) for folder in include],
        },
        "service": {"name": service},
    }
    return client_target(Section("flags", "", data), Path.cwd())


def _driver(about: Section, client: Section, here: Path) -> Program | PythonClient:
    name, argv = about.text("client"), about.texts("command")
    folder = here / about.text("folder", ".")
    if bool(name) == bool(argv):
        raise about.error("client", "or command has to be there, and only one of them")
    if argv:
        for key in _ABOUT_PYTHON:
            if key in client.data:
                raise client.error(key, "is for a Python client: the program knows by itself")
        return Program(argv, folder, _environment(about))
    if not _FUNCTION.fullmatch(name):
        raise about.error("client", f"is {name!r}: write module:name")
    made = PythonClient(
        name,
        folder,
        python=_python(client, here),
        arguments=_list(client, "arguments"),
        keywords=client.table("keywords") if "keywords" in client.data else None,
        then=_list(client, "then"),
        close=client.text("close", PythonClient.close),
        use=_use(client.section("use")) if "use" in client.data else {},
    )
    _check_made(client, made)
    return made


def _environment(about: Section) -> dict[str, str]:
    environment = about.table("environment")
    for key, value in environment.items():
        if not isinstance(value, str):
            raise about.error("environment", f"has {key} = {value!r}: write a text in quotes")
    return environment


def _python(client: Section, here: Path) -> str:
    python = client.text("python")
    # A path is one of the target file's folder; a mere name is looked for as the shell would.
    return str(here / python) if "/" in python or "\\" in python else python or sys.executable


def _list(client: Section, key: str) -> list[object] | None:
    return client.items(key) if key in client.data else None


def _use(section: Section) -> dict[str, object]:
    use: dict[str, object] = {
        "call": section.text("call"),
        "arguments": section.items("arguments"),
        "keywords": section.table("keywords"),
    }
    section.finish()
    if not use["call"]:
        raise section.error("call", "is missing: name a method of the client that calls its server")
    return use


def _check_made(client: Section, made: PythonClient) -> None:
    """Things to make inside of arguments have to be named as the client is."""
    given = [made.arguments or (), made.keywords or {}, made.then or (), made.use]
    for table in _tables(given):
        name = table.get("make")
        if name is not None and not _FUNCTION.fullmatch(str(name)):
            raise client.error("arguments", f"have make = {name!r}: write module:name")


def _tables(data: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, Mapping):
        table = cast("Mapping[str, object]", data)
        yield table
        data = list(table.values())
    if isinstance(data, (list, tuple)):
        for value in cast("list[object]", data):
            yield from _tables(value)


def _descriptors(section: Section, here: Path) -> Descriptors:
    source = section.text("source")
    if not source or source == "reflection":
        raise section.error(
            "source", "has to name the .proto of the client's server, a descriptor set, or "
            f'Python stubs as "{PYTHON_STUBS}my_package.my_pb2"',
        )  # fmt: skip
    if source.startswith(PYTHON_STUBS):
        section.finish()
        return Descriptors(source)
    return read_descriptors(section, here)


def _registered(section: Section) -> Registered | None:
    interface, service_class = section.text("interface"), section.text("class")
    section.finish()
    if bool(interface) != bool(service_class):
        raise section.error("interface", "and class go together: a client asks Discovery for both")
    return Registered(interface, service_class) if interface else None


def _resource(section: Section) -> str:
    name = section.text("name", ClientTarget.resource)
    section.finish()
    if "{unique}" not in name:
        raise section.error("name", "is the same each time: put {unique} into it")
    return name


def _answers(top: Section) -> dict[str, Mapping[str, object]]:
    answers = top.table("answers")
    for rpc, message in answers.items():
        if not isinstance(message, dict):
            raise top.error("answers", f"has {rpc} = {message!r}: write a table of its fields")
    return answers


def _limits(section: Section) -> Limits:
    limits = Limits(
        hang=section.seconds("hang", Limits.hang), start=section.seconds("start", Limits.start)
    )
    section.finish()
    return limits


def _check(about: Section, target: ClientTarget) -> None:
    """What is claimed has to be possible to check."""
    driver = target.driver
    if "tidy" in target.claims and isinstance(driver, PythonClient) and not driver.close:
        raise about.error("claims", "has 'tidy', which needs a method that closes: [client] close")


__all__ = ["PYTHON_STUBS", "client_from_flags", "client_target"]
