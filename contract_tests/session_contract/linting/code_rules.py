"""Faults of Python code, alone and beside .serviceconfig files and .proto files."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from session_contract.linting.config_rules import near_grpc_name
from session_contract.linting.files import Project
from session_contract.linting.finding import RULES, Finding
from session_contract.linting.sources import Module, Names, Text, argument, called, last_name

_RESOLVES = ("resolve_service", "resolve_service_with_information")
_ABORTS = {"abort", "abort_with_status"}
_BROAD = {"Exception", "BaseException"}
_ALIKE = 0.9


class Asked(NamedTuple):
    """What a client asks Discovery for."""

    interface: Text | None
    service_class: Text | None


def clients(project: Project) -> Iterator[Finding]:
    """Clients that ask for a service that is almost, but not quite, one of the project."""
    offered = [
        (service.word("serviceClass"), service.interfaces)
        for config in project.configs
        for service in config.services
    ]
    asked = {each: None for module in project.code for each in _asked(module, project.names)}
    for each in asked:
        yield from _mismatch(each, offered)


def _asked(module: Module, names: Names) -> Iterator[Asked]:
    for call in module.calls(*_RESOLVES):
        interface = names.text(module, argument(call, 0, "provided_interface"))
        yield Asked(interface, names.text(module, argument(call, 1, "service_class")))
    by_name = {key.upper().lstrip("_"): text for key, text in module.constants.items()}
    classes = [text for key, text in by_name.items() if key.endswith("SERVICE_CLASS")]
    interfaces = [
        text for key, text in by_name.items() if re.search("SERVICE_INTERFACE(_NAME)?$", key)
    ]
    if len(classes) == len(interfaces) == 1:
        yield Asked(interfaces[0], classes[0])


def _mismatch(asked: Asked, offered: list[tuple[str, list[str]]]) -> Iterator[Finding]:
    """What is wrong with a question; nothing with one for a service of somebody else."""
    interface, service_class = asked
    of_class = [
        interfaces for name, interfaces in offered if service_class and name == service_class.value
    ]
    of_interface = [
        name for name, interfaces in offered if interface and interface.value in interfaces
    ]
    if of_class and interface and not any(interface.value in each for each in of_class):
        if known := [each for interfaces in of_class for each in interfaces]:
            yield _wrong(interface, "interface", known)
    elif of_interface and service_class and not of_class:
        yield _wrong(service_class, "class", of_interface)
    elif not of_class and not of_interface:
        yield from _near(service_class, "class", [name for name, _ in offered])
        yield from _near(
            interface, "interface", [each for _, several in offered for each in several]
        )


def _near(text: Text | None, what: str, known: list[str]) -> Iterator[Finding]:
    if text and text.value and difflib.get_close_matches(text.value, known, 1, cutoff=_ALIKE):
        yield _wrong(text, what, known)


def _wrong(text: Text, what: str, known: list[str]) -> Finding:
    (near,) = difflib.get_close_matches(text.value, known, 1, cutoff=0) or known[:1]
    fault = f"the client asks Discovery for the {what} {text.value!r}, which no .serviceconfig has"
    remedy = f"write {near!r} here, or {text.value!r} there"
    return Finding(RULES["client-service"], text.path, text.line, fault, remedy)


def grpc_names(project: Project) -> Iterator[Finding]:
    """Services of the hosting module that have another name than in the .proto."""
    known = {name for proto in project.protos for name in proto.services}
    for module in project.modules:
        for call in module.calls("Service"):
            name = project.names.text(module, argument(call, 0, "full_name"))
            if name and (near := near_grpc_name(name.value, known)):
                fault = f"{name.value!r} is no service of a .proto here"
                yield Finding(RULES["proto-name"], name.path, name.line, fault, f"write {near!r}")


def aborts(project: Project) -> Iterator[Finding]:
    """Aborts of a call that are caught again."""
    for module in project.modules:
        found = {
            call.lineno: None
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Try) and any(map(_catches_all, node.handlers))
            for call in _aborts(node.body)
        }
        for line in found:
            remedy = "raise an error of your own here, and abort where nothing catches it"
            fault = "the broad except below catches what context.abort raises"
            yield Finding(RULES["abort-in-try"], module.path, line, fault, remedy)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches any exception, and does more than to raise it again."""
    is_raised_again = isinstance(handler.body[0], ast.Raise) and handler.body[0].exc is None
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    is_broad = any(kind is None or last_name(kind) in _BROAD for kind in kinds)
    return is_broad and not is_raised_again


def _aborts(body: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """The aborts that run inside: not those of functions that are only defined there."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call) and _is_abort(node):
            yield node
        yield from _aborts(ast.iter_child_nodes(node))


def _is_abort(call: ast.Call) -> bool:
    """Whether it is the abort of a gRPC context, by whatever name that goes."""
    if called(call) not in _ABORTS or not isinstance(call.func, ast.Attribute):
        return False
    owner = last_name(call.func.value).lower()
    return owner in ("context", "ctx") or "context" in owner or "StatusCode" in ast.dump(call)


def default_clients(project: Project) -> Iterator[Finding]:
    """DiscoveryClient() as the default of an argument."""
    for module in project.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if isinstance(default, ast.Call) and called(default) == "DiscoveryClient":
                        fault = f"the default of an argument of {node.name} is made at import"
                        remedy = "write None, and make one in the body: client or DiscoveryClient()"
                        yield Finding(
                            RULES["default-client"], module.path, default.lineno, fault, remedy
                        )
