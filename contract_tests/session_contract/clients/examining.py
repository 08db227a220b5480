"""Goes through a client target step by step, and says of each fault what to write instead."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

from session_contract.clients.caller import Caller
from session_contract.clients.shapes import services_of
from session_contract.clients.stage import Stage, make_driver, open_discovery, rehearse
from session_contract.clients.target import ClientTarget, PythonClient
from session_contract.clients.words import Words
from session_contract.doctor import Step
from session_contract.subject.finding import NotEstablished, TargetDied
from session_contract.subject.record import Journal
from session_contract.subject.target import AnyTarget, TargetError, Unreachable
from session_spec.matrix import Behavior, SdkBehavior


def examine(target: AnyTarget, folder: Path) -> Generator[Step, None, None]:
    """Go through a target that was read already.

    Args:
        target: The target.
        folder: Its ``{tmp}``.

    Yields:
        Each step when it is done.

    Raises:
        Unreachable: The driver does not start, or does not answer.
    """
    assert isinstance(target, ClientTarget)
    try:
        yield from _steps(target, folder)
    except (TargetError, NotEstablished) as error:
        yield Step("target", str(error), failed=True)
    except TargetDied as died:
        raise Unreachable(str(died)) from None


def _steps(target: ClientTarget, folder: Path) -> Iterator[Step]:
    words = Words(services_of(target), target.names, target.answers)
    yield from _words(words)
    with ExitStack() as stack:
        discovery = stack.enter_context(open_discovery(target))
        driver = make_driver(target, folder, discovery)
        stack.callback(driver.close)
        stage = Stage(target, words, driver, Journal(), folder, discovery)
        stack.callback(stage.end_check)
        if isinstance(target.driver, PythonClient):
            yield Step("driver", driver.ask("describe", target.limits.hang).text)
        others = rehearse(stage)
        if others:
            yield Step("other calls", ", ".join(others))
        yield from _session(stage)
        yield _counts(stage)


def _words(words: Words) -> Iterator[Step]:
    opening, close = words.opening, words.close
    yield Step(
        "initialize",
        f"{words.service.full_name}/{opening.method.name}: resource {opening.resource}, behaviour "
        f"{opening.behavior}; answers id {opening.session}, flag {opening.new}",
    )
    numbers = ", ".join(f"{behavior.name} {opening.numbers[behavior]}" for behavior in Behavior)
    yield Step("behaviours", numbers)
    yield Step("close", f"{close.method.name}: id {close.session}")


def _session(stage: Stage) -> Iterator[Step]:
    """One client: entered, used, closed, left."""
    caller = stage.caller()
    caller.enter(SdkBehavior.AUTO)
    seen = caller.trace.saw("Initialize")
    if not (caller.is_inside and seen):
        what = caller.said[-1] if caller.said else "nothing was raised"
        called = "called" if seen else "did not call"
        remedy = "see how [client] says it is made, and what the driver does with the address"
        yield Step("enter", f"the client {called} the server; {what}: {remedy}.", failed=True)
        return
    yield Step("enter", "the server was called, and the body began")
    yield from _optional(stage, caller)
    caller.leave()
    yield Step("leave", caller.trace.told()[-1].text)


def _optional(stage: Stage, caller: Caller) -> Iterator[Step]:
    """What not every driver can do."""
    if stage.target.uses:
        before = dict(caller.gate.others)
        done = caller.use()
        called = done and caller.gate.others != before
        remedy = "name a method in [client.use] that calls the server once"
        yield Step("use", "called" if called else f"it called nothing: {remedy}.", not called)
    if caller.close():
        called = caller.trace.saw("Close")
        yield Step("close first", "Close was sent" if called else "nothing was sent", not called)
    elif "tidy" in stage.target.claims:
        yield Step("close first", "the driver cannot: see the claim tidy", failed=True)


def _counts(stage: Stage) -> Step:
    counts = stage.driver.ask("remains", stage.target.limits.hang).remains
    if counts:
        return Step("remains", ", ".join(f"{kind}: {count}" for kind, count in counts.items()))
    return Step(
        "remains",
        "the driver counts nothing, which the claim tidy needs",
        failed="tidy" in stage.target.claims,
    )
