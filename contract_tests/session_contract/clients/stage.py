"""What the checks of clients try their target with: its driver, and gates of the witness."""

from __future__ import annotations

import itertools
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from session_contract.clients.caller import Caller
from session_contract.clients.process import DriverProcess
from session_contract.clients.shapes import services_of
from session_contract.clients.target import ClientTarget, Program, PythonClient
from session_contract.clients.trace import Trace
from session_contract.clients.witness import Gate, Shared
from session_contract.clients.words import Words
from session_contract.results.run_result import Cell
from session_contract.subject.finding import TargetDied
from session_contract.subject.record import Journal
from session_contract.subject.target import TargetError, Unreachable
from session_contract.subject.templates import fill
from session_spec.matrix import SdkBehavior

DRIVER = Path(__file__).with_name("python_driver.py")
SHORT_LIMITS = (0.15, 1.0, 6.0)
"""Seconds that a client is told for its calls where one is never answered.

A machine may be too slow for the first: what then looks wrong is tried again with the next.
"""


class Stage:
    """A client that can be made, and the servers that it is led to."""

    def __init__(
        self,
        target: ClientTarget,
        words: Words,
        driver: DriverProcess,
        journal: Journal,
        folder: Path,
        discovery: Any = None,  # noqa: ANN401 - the environment's, if there is one
    ) -> None:
        """Put a target before the checks.

        Args:
            target: What its user says of it.
            words: How its service says things.
            driver: What makes clients.
            journal: Where the calls are kept that the witness sees.
            folder: A folder of this run, the ``{tmp}`` of the target.
            discovery: The fake Discovery that clients find their server with.
        """
        self.target = target
        self.words = words
        self.driver = driver
        self.journal = journal
        self.executions = 1
        """How often the check that runs has put its requirement to the test."""
        self._folder = folder
        self._discovery = discovery
        self._scope = ""
        self._unique = itertools.count(1)
        self._run = uuid.uuid4().hex[:8]
        self._callers: list[Caller] = []
        self._played: dict[object, Caller] = {}

    @property
    def reached(self) -> Counter[Cell]:
        """Nothing here is left to chance."""
        return Counter()

    def begin_check(self, scope: str) -> None:
        """From now on, clients belong to this check."""
        self._scope = scope
        self.executions = 1

    def end_check(self) -> None:
        """End the gates of the check."""
        while self._callers:
            self._callers.pop().over.close()

    # Clients ----------------------------------------------------------------------------------

    def shared(self, *, is_open: bool = False) -> Shared:
        """A fresh resource, with a session that somebody has open or without."""
        values = {"tmp": str(self._folder), "here": str(self.target.here)}
        unique = f"{self._run}-{next(self._unique)}"
        resource = fill(self.target.resource, {**values, "unique": unique})
        return Shared(resource, self.words.new_id() if is_open else "")

    def caller(self, shared: Shared | None = None, *, is_open: bool = False) -> Caller:
        """A client that is not made yet, at a gate of its own."""
        shared = shared or self.shared(is_open=is_open)
        name = f"client {next(self._unique)}"
        trace = Trace(shared.resource)
        if shared.session:
            trace.name(shared.session)
        gate = Gate(name, self.words, shared, trace, self.journal, self._scope)
        caller = Caller(name, gate, shared, trace, self.driver)
        caller.hang = self.target.limits.hang
        caller.over.callback(gate.stop)
        self._callers.append(caller)
        if self._discovery and (registered := self.target.registered):
            caller.discovery = self._discovery.address
            caller.registered = partial(
                self._discovery.registered_as, registered.interface, registered.service_class
            )
        return caller

    def next_client(self, caller: Caller, *, is_open: bool) -> None:
        """Let another client come to the gate of one that is gone."""
        caller.name = f"client {next(self._unique)}"
        with caller.shared.lock:
            caller.shared.session = self.words.new_id() if is_open else ""

    def relayed(self, caller: Caller) -> Any:  # noqa: ANN401 - the environment's relay
        """A relay between a client that is not made yet and its gate."""
        from session_contract import environment

        relay = caller.over.enter_context(environment.relay(caller.gate.address))
        caller.address = relay.address
        return relay

    def once(self, what: object, play: Callable[[], Caller]) -> Caller:
        """Play something whose trace several checks look at, if it was not played yet."""
        if what not in self._played:
            self._played[what] = play()
        return self._played[what]

    def judge(self, *callers: Caller) -> None:
        """Raise Violated for the first of these of which the model does not allow something."""
        for caller in callers:
            violation = caller.trace.violation(self.target.claims)
            if violation:
                raise caller.report(violation)

    def patiently(
        self, play: Callable[[float], Caller], came_to_it: Callable[[Caller], bool]
    ) -> Caller:
        """Play something in which a call gets no answer, until a slow machine is no excuse.

        Args:
            play: Plays it, with a client that is told this many seconds for its calls.
            came_to_it: Whether it came to what it is about.
        """
        for seconds in SHORT_LIMITS[:-1]:
            caller = play(seconds)
            looks_right = came_to_it(caller) and not caller.trace.violation(self.target.claims)
            if looks_right or caller.trace.saw("Hung"):
                return caller
        return play(SHORT_LIMITS[-1])


# Opening ------------------------------------------------------------------------------------------


@contextmanager
def open_stage(
    target: ClientTarget, folder: Path, journal: Journal
) -> Generator[Stage, None, None]:
    """Put a client before the checks; at the end, what was started is ended.

    Raises:
        TargetError: What the target file says cannot be.
        Unreachable: The driver does not start, or does not answer.
    """
    words = Words(services_of(target), target.names, target.answers)
    with ExitStack() as stack:
        discovery = stack.enter_context(open_discovery(target))
        driver = make_driver(target, folder, discovery)
        stack.callback(driver.close)
        stage = Stage(target, words, driver, journal, folder, discovery)
        stack.callback(stage.end_check)
        rehearse(stage)
        yield stage


def open_discovery(target: ClientTarget) -> AbstractContextManager[Any]:
    """The fake Discovery, if clients are to find their server with it."""
    if not target.registered:
        return nullcontext()
    from session_contract import environment

    return environment.discovery()


def make_driver(target: ClientTarget, folder: Path, discovery: Any = None) -> DriverProcess:  # noqa: ANN401
    """The driver of a target, which starts when it is first told something."""
    driver = target.driver
    values = {
        "tmp": str(folder),
        "here": str(target.here),
        "python": sys.executable,
        "discovery": discovery.address if discovery else "",
    }
    environment: dict[str, str] = dict(discovery.environment if discovery else os.environ)
    # What gRPC's core thinks of connections that we cut is no word of the client's.
    environment.setdefault("GRPC_VERBOSITY", "ERROR")
    if isinstance(driver, Program):
        own = {key: fill(text, values) for key, text in driver.environment.items()}
        argv = [fill(text, values) for text in driver.argv]
        environment |= own
    else:
        argv = [driver.python, str(DRIVER), str(_recipe(driver, folder, values))]
    return DriverProcess(argv, driver.folder, environment, start=target.limits.start)


def _recipe(client: PythonClient, folder: Path, values: Mapping[str, str]) -> Path:
    """Write down how the client is made, for the driver."""
    recipe = {
        key: getattr(client, key)
        for key in ("make", "arguments", "keywords", "then", "close", "use")
    }
    path = folder / "recipe.json"
    known = {key: values[key] for key in ("tmp", "here")}
    text = json.dumps({**recipe, "folder": str(client.folder.resolve())})
    escaped = {key: json.dumps(each)[1:-1] for key, each in known.items()}
    path.write_text(fill(text, escaped), encoding="utf-8")
    return path


def rehearse(stage: Stage) -> Sequence[str]:
    """Make and leave one client; a TargetError when it fails before it has called anybody.

    Such a client was described wrongly, rather than made wrongly; what it called otherwise is
    returned.
    """
    caller = stage.caller()
    try:
        if caller.enter(SdkBehavior.AUTO):
            caller.leave()
        elif caller.trace.saw("Hung"):
            raise Unreachable(
                f"The first client did not come back within {caller.hang:g} s, though its server "
                "answers: see what it waits for, or set [limits] hang."
            )
        elif not caller.trace.saw("Initialize") and not caller.gate.others and caller.said:
            raise TargetError(
                f"The client fails before it has called the server: {caller.said[-1]}. Does "
                "[client] say how it is made, and [discovery] as what it looks for its server?"
            )
    except TargetDied as died:
        raise Unreachable(str(died)) from None
    finally:
        with suppress(TargetError):
            stage.end_check()
    return list(caller.gate.others)
