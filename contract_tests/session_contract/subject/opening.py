"""Opens a target for a run: its server, its descriptors, its words, its resources."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from session_contract.subject.binding import Binding
from session_contract.subject.descriptors import Shapes, load_shapes
from session_contract.subject.finding import NotEstablished
from session_contract.subject.placing import place
from session_contract.subject.record import Journal
from session_contract.subject.subject import Subject
from session_contract.subject.target import Command, Target, TargetError, Unreachable
from session_contract.subject.templates import filled

_TO_PREPARE = 60.0
"""Seconds that a command of the target file has."""


@contextmanager
def open_subject(
    target: Target,
    folder: Path,
    journal: Journal,
) -> Generator[Subject, None, None]:
    """Put a target before the checks; at the end, what was started is ended.

    Args:
        target: What its user says of it.
        folder: A folder of this run, the ``{tmp}`` of the target.
        journal: Where all calls are kept.

    Raises:
        TargetError: What the target file says cannot be.
        Unreachable: The server does not start, or does not answer.
    """
    target = with_paths(target, folder)
    resources = Preparing(target, folder)
    with ExitStack() as stack:
        discovery = stack.enter_context(open_discovery(target))
        host = stack.enter_context(closing(place(target, folder, discovery)))
        stack.callback(resources.clean_up)
        binding = bind(target, host.address)
        prepare, run = resources.set_up, resources.run
        yield Subject(target, host, binding, journal, folder, prepare, run, discovery)


def needs_discovery(target: Target) -> bool:
    """Whether the server is to register with a fake Discovery."""
    place = target.place
    return isinstance(place, Command) and (
        "hosting" in target.claims
        or any("{discovery}" in text for text in [*place.argv, *place.environment.values()])
    )


def open_discovery(target: Target) -> AbstractContextManager[Any]:
    """The fake Discovery, if the target needs one; it brings packages that others do without."""
    if not needs_discovery(target):
        return nullcontext()
    from session_contract import environment

    return environment.discovery()


def bind(target: Target, address: str) -> Binding:
    """Learn the words of the target whose server is at this address."""
    return Binding(target, shapes_at(target, address).services)


def shapes_at(target: Target, address: str) -> Shapes:
    """The descriptors of the target whose server is at this address."""
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        return load_shapes(target.descriptors, channel, target.limits.call)


def with_paths(target: Target, folder: Path) -> Target:
    """The target with ``{tmp}`` and ``{here}`` of its arguments filled in."""
    values = {"tmp": str(folder), "here": str(target.here)}
    return replace(
        target,
        configuration=filled(target.configuration, values),
        bad_configuration=filled(target.bad_configuration, values),
        slow_configuration=filled(target.slow_configuration, values),
        uses=[replace(use, request=filled(use.request, values)) for use in target.uses],
    )


class Preparing:
    """Runs the commands of a target file that make and remove resources."""

    def __init__(self, target: Target, folder: Path) -> None:
        """Prepare resources of this target."""
        self._resources = target.resources
        self._names: list[str] = []
        self._values = {
            "tmp": str(folder),
            "here": str(target.here),
            "python": sys.executable,
        }

    def set_up(self, name: str) -> None:
        """Make the resource with this name."""
        self._names.append(name)
        self.run(self._resources.setup, name)

    def run(self, command: Sequence[str], name: str) -> None:
        """Run a command for the resource with this name; NotEstablished says how it failed."""
        if not command:
            return
        argv: list[str] = filled(list(command), {**self._values, "name": name})
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_TO_PREPARE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotEstablished(
                f"[resource] the command {argv[0]} cannot be run: {error}."
            ) from None
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").strip()
            raise NotEstablished(
                f"[resource] the command {argv[0]} failed for {name}, exit code {done.returncode}"
                f"{': ' + said if said else ''}."
            )

    def clean_up(self) -> None:
        """Remove what was made, as far as that can be done: a verdict does not depend on it."""
        while self._names:
            with suppress(NotEstablished):
                self.run(self._resources.cleanup, self._names.pop())


__all__ = [
    "Preparing",
    "TargetError",
    "Unreachable",
    "bind",
    "needs_discovery",
    "open_discovery",
    "open_subject",
    "shapes_at",
    "with_paths",
]
