"""Faults of .serviceconfig files, alone and beside the code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from session_contract.linting.configs import Service
from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding, Mend

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}(\.{_NUMBER}){{2,3}}")
_RESERVED = "0.0.1"
_NEEDED = {
    "displayName": 'add "displayName", the name that people read',
    "serviceClass": 'add "serviceClass", a name that no other service has',
    "path": 'add "path": "start.bat", for Discovery to start the service by',
    "providedInterfaces": 'add "providedInterfaces": ["package.Service"]',
}
_KEYS = {*_NEEDED, "annotations", "descriptionUrl", "providedInterface", "version"}


def files(project: Project) -> Iterator[Finding]:
    """Files that cannot be read, and comments where they cannot be."""
    measurements = set(_configs_of_measurements(project))
    for config in project.configs:
        if config.fault:
            remedy = 'write JSON: {"services": [{"displayName": …, "serviceClass": …}]}'
            yield Finding(
                RULES["config-syntax"], config.path, config.fault_line, config.fault, remedy
            )
        elif config.comment_line and config.path.name in measurements:
            yield Finding(
                RULES["config-comment"], config.path, config.comment_line,
                "a comment stands in a file that NI's MeasurementService reads", "take it out",
            )  # fmt: skip


def _configs_of_measurements(project: Project) -> Iterator[str]:
    """The names of the files that measurements of NI's SDK read."""
    for module in project.modules:
        if any(module.calls("MeasurementService")):
            yield from re.findall(r"[\w.-]+\.serviceconfig", module.text)


def services(project: Project) -> Iterator[Finding]:
    """What each service says of itself."""
    measurements = set(_configs_of_measurements(project))
    for config in project.configs:
        for service in config.services:
            yield from _keys(service)
            yield from _interfaces(service, is_measurement=config.path.name in measurements)
            yield from _version(service)
            yield from _path(service)


def _keys(service: Service) -> Iterator[Finding]:
    for key in service.data:
        near = difflib.get_close_matches(key, _KEYS - set(service.data), 1, cutoff=0.8)
        if key not in _KEYS and near:
            yield _finding("config-key", service, key, f"{key!r} is no key", f"write {near[0]!r}")
    for key in ("version", "path", "descriptionUrl"):
        if not isinstance(service.data.get(key, ""), str):
            yield _finding("config-key", service, key, f"{key} is no text", "put it in quotes")
    there = {key: service.word(key).strip() for key in _NEEDED}
    there["providedInterfaces"] = "".join(service.interfaces)
    for key, value in there.items():
        if not value:
            yield _finding("config-key", service, key, f"{key} is missing or empty", _NEEDED[key])


def _interfaces(service: Service, *, is_measurement: bool) -> Iterator[Finding]:
    several, single = service.data.get("providedInterfaces"), service.data.get("providedInterface")
    if isinstance(several, str):
        yield _finding(
            "config-interfaces", service, "providedInterfaces", "providedInterfaces is one text",
            "write a list",
            _replaced(r'("providedInterfaces"\s*:\s*)("(?:\\.|[^"\\])*")', r"\1[\2]"),
        )  # fmt: skip
    elif single is not None and several is None and is_measurement:
        yield _finding(
            "config-interfaces", service, "providedInterface",
            "providedInterface is not read by NI's MeasurementService",
            "write providedInterfaces, a list",
            _replaced(
                r'"providedInterface"(\s*:\s*)("(?:\\.|[^"\\])*")', r'"providedInterfaces"\1[\2]'
            ),
        )  # fmt: skip
    elif isinstance(several, list) and single is not None and single not in several:
        fault = "providedInterface and providedInterfaces say different things"
        remedy = "keep providedInterfaces, with all of them"
        yield _finding("config-interfaces", service, "providedInterface", fault, remedy)


def _version(service: Service) -> Iterator[Finding]:
    version = service.word("version")
    if version == _RESERVED:
        fault, remedy = f"{_RESERVED} is reserved for services without a version", "use 1.0.0"
        yield _finding("config-version", service, "version", fault, remedy)
    elif version and not _VERSION.fullmatch(version):
        better = _better_version(version)
        mend = _replaced(
            rf'("version"\s*:\s*"){re.escape(version)}"', rf'\g<1>{better}"'
        ) if better else None  # fmt: skip
        fault = f"version is {version!r}, not of the form 1.2.3 or 1.2.3.4"
        yield _finding(
            "config-version", service, "version", fault, f"write {better or '1.0.0'}", mend
        )


def _better_version(version: str) -> str:
    """The version that was meant, if it was of numbers."""
    numbers = version.removeprefix("v").split(".")
    if len(numbers) > 4 or not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
        return ""
    return ".".join([*(str(int(number)) for number in numbers), "0", "0"][: max(3, len(numbers))])


def _path(service: Service) -> Iterator[Finding]:
    path = service.word("path")
    if path and not (service.path.parent / path.replace("\\", "/")).is_file():
        fault = f"path is {path!r}, and no such file lies beside this one"
        yield _finding("config-path", service, "path", fault, "write that file, or correct path")


def _finding(
    rule: str, service: Service, key: str, fault: str, remedy: str, mend: Mend | None = None
) -> Finding:
    return Finding(RULES[rule], service.path, service.line(key), fault, remedy, mend)


def _replaced(pattern: str, by: str) -> Mend:
    return lambda content: re.sub(pattern.encode(), by.encode(), content)


def interfaces_of_protos(project: Project) -> Iterator[Finding]:
    """Interfaces that were to be the gRPC name of a service, and are not quite."""
    known = {name for proto in project.protos for name in proto.services}
    for config in project.configs:
        for service in config.services:
            for interface in service.interfaces:
                if near := near_grpc_name(interface, known):
                    key = (
                        "providedInterfaces"
                        if "providedInterfaces" in service.data
                        else "providedInterface"
                    )
                    fault = f"the interface {interface!r} is no service of a .proto here"
                    yield _finding("proto-name", service, key, fault, f"write {near!r}")


def near_grpc_name(name: str, known: set[str]) -> str:
    """The gRPC name that was meant; empty where the name is one, or none was meant.

    NI's samples have interfaces that are no gRPC names, so only a name that is the same but for its
    letter case or its package is taken for one.
    """
    if name in known:
        return ""
    last = name.rpartition(".")[2].casefold()
    for each in sorted(known):
        if each.casefold() == name.casefold() or each.rpartition(".")[2].casefold() == last:
            return each
    near = difflib.get_close_matches(name, known, 1, cutoff=0.9)
    return near[0] if near else ""
