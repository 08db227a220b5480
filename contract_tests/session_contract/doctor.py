"""Goes through a target step by step, and says of each fault what to write instead.

It tries what the checks rely on: that the server can be reached, which RPC is what, one session
from its start to its end. Whether the server is right is for the checks to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from session_contract.subject.binding import Binding
from session_contract.subject.finding import NotEstablished
from session_contract.subject.lane import Lane
from session_contract.subject.opening import Preparing, bind, open_discovery, with_paths
from session_contract.subject.placing import place
from session_contract.subject.record import Journal, Record
from session_contract.subject.subject import Host, Subject
from session_contract.subject.target import (
    Address,
    Command,
    Servicer,
    Target,
    TargetError,
    Unreachable,
)
from session_spec.matrix import Behavior
from session_spec.model import OK, Answer

REGISTERS_WITHIN = 10.0
SLOW_WITHIN = 60.0
SLOW_LEAST = 0.1
"""Seconds; less cannot be told from a machine that is busy."""


@dataclass(frozen=True)
class Step:
    """One step, and how it went."""

    name: str
    text: str
    """What was found; of a step that failed, what is wrong and what to do."""
    failed: bool = False


def examine(target: Target, folder: Path) -> Generator[Step, None, None]:
    """Go through a target that was read already.

    Args:
        target: The target.
        folder: Its ``{tmp}``.

    Yields:
        Each step when it is done. After one that failed come those that do not need it.

    Raises:
        Unreachable: The server does not start, or does not answer.
    """
    with ExitStack() as stack:
        try:
            target = with_paths(target, folder)
            discovery = stack.enter_context(open_discovery(target))
            host = stack.enter_context(closing(place(target, folder, discovery)))
            yield Step("server", _server(target, host))
            wire = bind(target, host.address)
        except TargetError as error:
            yield Step("target", str(error), failed=True)
            return
        yield from _words(wire)
        resources = Preparing(target, folder)
        subject = Subject(
            target, host, wire, Journal(), folder, resources.set_up, resources.run, discovery
        )
        stack.callback(resources.clean_up)
        stack.callback(subject.end_check)
        for steps in (_session, _refused, _slow, _stops):
            yield from _tried(steps, subject)


def _server(target: Target, host: Host) -> str:
    how = {Address: "answers", Command: "was started, and answers", Servicer: "is served here"}
    return f"{how[type(target.place)]} at {host.address}"


def _words(wire: Binding) -> Iterator[Step]:
    opening, close = wire.opening, wire.close
    yield Step(
        "initialize",
        f"{wire.service}/{opening.method.name}: resource {opening.resource}, behaviour "
        f"{opening.behavior}; answers id {opening.session}, flag {opening.new}",
    )
    numbers = ", ".join(f"{behavior.name} {opening.numbers[behavior]}" for behavior in Behavior)
    yield Step("behaviours", numbers)
    yield Step("close", f"{close.method.name}: id {close.session}")


def _tried(steps: Callable[[Subject], Iterator[Step]], subject: Subject) -> Iterator[Step]:
    """The steps, with a fault of the target for its user to read."""
    try:
        yield from steps(subject)
    except (NotEstablished, TargetError) as error:
        yield Step(steps.__name__.strip("_"), str(error), failed=True)
    except Unreachable as error:
        yield Step("start again", str(error), failed=True)


def _session(subject: Subject) -> Iterator[Step]:
    """One session: created, attached to, used, closed."""
    lane, resource = subject.lane("doctor"), subject.fresh()
    created = lane.initialize(resource, Behavior.INITIALIZE_NEW)
    session = _id(created)
    if not session:
        yield Step("create", f"{_said(created)}{_remedy(created)}", failed=True)
        return
    yield Step("create", f"{_said(created)}: the session {session} of {resource}")
    attached = lane.initialize(resource, Behavior.ATTACH_TO_EXISTING)
    yield _expected("attach", attached, is_right=_id(attached) == session)
    yield from _used(subject, lane, session)
    closed = lane.close_session(session)
    yield _expected("close it", closed, is_right=closed.code == OK)


def _used(subject: Subject, lane: Lane, session: str) -> Iterator[Step]:
    for number, use in enumerate(subject.target.uses):
        record = lane.use(session, use=number, value="1")
        if record.code != OK:
            remedy = "correct the request of that [[use]]."
            yield Step("use", f"{_said(record)}: {remedy}", failed=True)
        else:
            read = f", and reads {record.value!r}" if use.answer else ""
            yield Step("use", f"{_said(record)}{read}")


def _refused(subject: Subject) -> Iterator[Step]:
    """A configuration that is said to be refused."""
    bad = subject.target.bad_configuration
    if not bad:
        return
    lane = subject.lane("doctor")
    record = lane.initialize(subject.fresh(), Behavior.INITIALIZE_NEW, configuration=bad)
    remedy = "set [initialize.bad] to values that a create refuses."
    fault = f"{_said(record)} for a create: {remedy}"
    failed = record.code in (OK, "lost")
    yield Step("initialize.bad", fault if failed else _said(record), failed)


def _slow(subject: Subject) -> Iterator[Step]:
    """The resource that takes long to open."""
    name = subject.slow()
    if not name:
        return
    lane, configuration = subject.lane("doctor"), subject.target.slow_configuration
    began = time.monotonic()
    record = lane.initialize(name, 1, configuration=configuration, timeout=SLOW_WITHIN)
    seconds = time.monotonic() - began
    text = f"{_said(record)} after {seconds:.2f} s"
    if record.code != OK or seconds < SLOW_LEAST:
        text += ": make [resource] slow one that opens, and takes a second or more."
        yield Step("slow", text, failed=True)
    else:
        yield Step("slow", text)


def _stops(subject: Subject) -> Iterator[Step]:
    """What becomes of a server that the kit starts: registered, stopped, killed, started again."""
    command = subject.target.place
    if not isinstance(command, Command):
        return
    if "hosting" in subject.target.claims:
        yield _registered(subject)
        for how in command.stops:
            yield _stopped(how, subject.host.stop(how))
            subject.host.start()
    if "restart" in subject.target.claims:
        subject.host.kill()
        subject.host.start()
        yield Step("start again", f"killed; answers at {subject.host.address}")


def _stopped(how: str, code: int | None) -> Step:
    if code == 0:
        return Step(f"stop {how}", "exit code 0")
    ended = "It did not end in time" if code is None else f"It ended with exit code {code}"
    remedy = "see [target.start] stops and grace, or leave the claim hosting out."
    return Step(f"stop {how}", f"{ended}: {remedy}", failed=True)


def _registered(subject: Subject) -> Step:
    if subject.discovery.wait_registered(1, REGISTERS_WITHIN):
        return Step("registered", "with Discovery")
    return Step(
        "registered",
        f"Nobody registered with Discovery within {REGISTERS_WITHIN:g} s: put {{discovery}} into "
        "the command, the address of the kit's Discovery, or leave the claim hosting out.",
        failed=True,
    )


def _expected(name: str, record: Record, *, is_right: bool) -> Step:
    """A step that a right server passes: it is the server that has to change, or the names."""
    if is_right:
        return Step(name, _said(record))
    remedy = f"which is not what is due: see the names above, or {_JUDGE}."
    return Step(name, f"{_said(record)}, {remedy}", failed=True)


def _remedy(created: Record) -> str:
    if created.code == OK:
        return " without an id: name its field, [service] session."
    if created.code == "lost":
        return ": set [limits] call if it takes longer, or see what the server prints."
    return (
        ". If it needs further arguments, give them under [initialize]; names of resources are "
        f"made as [resource] name says. Else {_JUDGE}."
    )


_JUDGE = "let session-contract run judge the server"


def _said(record: Record) -> str:
    text = f" ({record.details})" if record.details else ""
    return f"{record.rpc} answered {record.code}{text}"


def _id(record: Record) -> str:
    return record.answer.session if isinstance(record.answer, Answer) else ""
