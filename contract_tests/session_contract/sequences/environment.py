"""The stage of a sequence: fakes of NI's services, its servers behind witnesses, its plug-ins.

The one module of this room that knows the fakes.
"""

from __future__ import annotations

import itertools
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from session_contract.results.run_result import Cell
from session_contract.sequences import pin_maps
from session_contract.sequences.pin_maps import Resource
from session_contract.sequences.seen import CallSeen, Run, StepSeen
from session_contract.sequences.target import Model, PlugIn, SequenceServer, SequenceTarget
from session_contract.sequences.witness import Witness
from session_contract.subject.binding import Binding
from session_contract.subject.opening import open_subject
from session_contract.subject.record import Journal
from session_contract.subject.subject import Subject
from session_contract.subject.target import TargetError, Unreachable
from session_contract.subject.templates import fill, filled
from session_fakes.errors import FakeError
from session_fakes.serving.calls import RecordedCall
from session_fakes.station import FakeStation
from session_fakes.teststand import SequenceFile, SequenceRunner, Step, StepResult, modules
from session_fakes.teststand.holdings import makers_of
from session_fakes.teststand.steps import update_pin_map

_REGISTERS_WITHIN = 10.0
"""Seconds that a server has to register with Discovery."""
_STARTS_WITHIN = 60.0
"""Seconds that a plug-in has."""
_NOBODY_ELSE = 4.0
"""Seconds that a call may wait for a session while one step runs after the other: in vain."""
_TURNS = 60.0
"""Seconds likewise while several steps run, which take turns."""
_LOOKS = 10
_AN_HOUR = 3600.0
_CALLS = {
    "ReserveSessions": "Reserve",
    "ReserveAllRegisteredSessions": "ReserveAll",
    "UnreserveSessions": "Unreserve",
    "RegisterSessions": "Register",
    "UnregisterSessions": "Unregister",
}
_OWN = "("
"""How the names of the kit's own steps begin: nobody answers for them."""


@dataclass(frozen=True)
class Served:
    """A server of the sequence, and the witness before it."""

    about: SequenceServer
    subject: Subject
    witness: Witness


class Stage:
    """Where a sequence is run, as often as the checks want."""

    def __init__(
        self, target: SequenceTarget, folder: Path, station: FakeStation, servers: Sequence[Served]
    ) -> None:
        """Prepare the steps of a target.

        Raises:
            TargetError: A step cannot be loaded, or the pin map cannot be used.
        """
        self.executions = 1
        self.reached: Counter[Cell] = Counter()
        self.target = target
        self.servers = servers
        self.station = station
        self.setup = self._steps("setup", target.setup)
        self.main = self._steps("main", target.main)
        self.cleanup = self._steps("cleanup", target.cleanup)
        self.process_setup = self._steps("process_setup", target.process_setup)
        self.process_cleanup = self._steps("process_cleanup", target.process_cleanup)
        self.failing = self._steps("failing", target.failing)
        self._folder = folder
        self._name, self._plays = uuid.uuid4().hex[:8], itertools.count(1)
        self.begin()

    def _steps(self, group: str, texts: Iterable[str]) -> list[Step]:
        folder = self.target.folder
        try:
            return [modules.step(str(folder / text) if ".py:" in text else text) for text in texts]
        except FakeError as error:
            raise TargetError(f"[sequence] {group}: {error}") from None

    # A play ------------------------------------------------------------------------------------

    def begin(self, *, another_site: bool = False) -> None:
        """Begin anew: nothing is open, registered or reserved, and resources are fresh."""
        for server in self.servers:
            lane = server.subject.lane("kit")
            for session in server.witness.open_sessions():
                lane.close_session(session)
            server.witness.calls.clear()
            server.witness.refuses_use = ""
            server.subject.end_check()
        self.station.forget_sessions()
        self.station.faults.clear()
        values = {
            "unique": f"{self._name}-{next(self._plays)}",
            "tmp": str(self._folder),
            "here": str(self.target.here),
        }
        xml = fill(self.target.pin_map.read_text(encoding="utf-8-sig"), values)
        self._pin_map = self._folder / f"{values['unique']}.pinmap"
        xml = pin_maps.with_another_site(xml) if another_site else xml
        self._pin_map.write_text(xml, encoding="utf-8")
        types = [name for server in self.servers for name in server.about.types]
        self._resources = pin_maps.resources(xml, types)

    @property
    def resources(self) -> list[str]:
        """The names of the resources that are judged."""
        return [resource.name for resource in self._resources]

    def run(
        self,
        *,
        setup: Sequence[Step] | None = None,
        main: Sequence[Step] | None = None,
        over: bool = True,
    ) -> Run:
        """Run the sequence once, in one execution; steps that are not given are the target's."""
        before = [*self.process_setup, *self.setup] if setup is None else setup
        after = [*self.cleanup, *self.process_cleanup]
        middle = self.main if main is None else main
        sequence = self._sequence([self._update_pin_map(), *before], middle, after)
        return self._play(sequence, over=over)

    def run_together(self, sockets: int) -> Run:
        """Run Main in several test sockets at once, between one Setup and one Cleanup."""
        sequence = replace(
            self._sequence([], self.main, []),
            process_setup=[self._update_pin_map(), *self.process_setup, *self.setup],
            process_cleanup=[*self.cleanup, *self.process_cleanup],
        )
        return self._play(sequence, "parallel", sockets)

    def run_as_declared(self, sockets: int, meet: Callable[[], object]) -> Run:
        """Run two units with the process model of the target.

        Args:
            sockets: How many test sockets the models have that have any.
            meet: Called in each socket before its Cleanup begins.
        """
        waits = self.own("the sockets meet", meet)
        sequence = replace(
            self._sequence(self.setup, self.main, [waits, *self.cleanup]),
            process_setup=[self._update_pin_map(), *self.process_setup],
            process_cleanup=self.process_cleanup,
        )
        model = "sequential" if self.target.model == "single" else self.target.model
        return self._play(sequence, model, None if model == "sequential" else sockets)

    def _update_pin_map(self) -> Step:
        return update_pin_map(self._pin_map, name=f"{_OWN}Update Pin Map)")

    def _sequence(
        self, setup: Sequence[Step], main: Sequence[Step], cleanup: Sequence[Step]
    ) -> SequenceFile:
        return SequenceFile(setup, main, cleanup, home=self.target.folder)

    def _play(
        self,
        sequence: SequenceFile,
        model: Model = "single",
        sockets: int | None = None,
        *,
        over: bool = True,
    ) -> Run:
        before = self.station.calls.last_seq
        seen = {id(server): len(server.witness.calls) for server in self.servers}
        self._runner = SequenceRunner(sequence, self.station, model=model, sockets=sockets)
        with _impatient(self.station, _TURNS if sockets else _NOBODY_ELSE):
            report = self._runner.run()
        ran = [step for step in report.steps if step.outcome != "Not run"]
        calls = [
            call for server in self.servers for call in server.witness.calls[seen[id(server)] :]
        ]
        asked = (self._seen(call, ran) for call in self.station.calls.since(before))
        calls += [call for call in asked if call is not None]
        return Run([_step(step) for step in ran if not step.name.startswith(_OWN)], calls, over)

    # What happens to it ------------------------------------------------------------------------

    def own(self, name: str, action: Callable[[], object]) -> Step:
        """A step of the kit's own."""
        return Step(f"{_OWN}{name})", lambda _: action())

    def aborting(self) -> Step:
        """A step during which somebody aborts the run: not even Cleanup follows."""
        return self.own("somebody aborts the run", lambda: self._runner.abort())

    def terminating(self) -> Step:
        """A step during which somebody terminates the run: only Cleanup follows."""
        return self.own("somebody terminates the run", lambda: self._runner.terminate())

    def tolerated(self, step: Step) -> Step:
        """The same step; when it fails, the steps after it run nevertheless."""

        def act(execution: Any) -> object:  # noqa: ANN401 - what steps are given
            try:
                return step.action(execution)
            except (Exception, SystemExit):
                return False

        return replace(step, action=act)

    def refuse_use(self) -> None:
        """Let the next use of a session fail."""
        for server in self.servers:
            server.witness.refuses_use = "INTERNAL"

    def refused_use(self) -> bool:
        """Whether a use was let fail; it is not from now on."""
        refused = any(not server.witness.refuses_use for server in self.servers)
        for server in self.servers:
            server.witness.refuses_use = ""
        return refused

    def refuse_reservations(self) -> None:
        """Let all reservations by pins be refused, as if somebody else held the sessions."""
        text = "The kit answers as if somebody else had reserved them."
        self.station.faults.on("ReserveSessions").fail("UNAVAILABLE", text)

    def close_behind_its_back(self) -> None:
        """Close all open sessions, as a server that was started again has."""
        for server in self.servers:
            lane = server.subject.lane("kit")
            for session in server.witness.open_sessions():
                lane.close_session(session)

    def open_for_somebody_else(self) -> list[str]:
        """Open a session of each resource; the codes of those that were not opened."""
        codes: list[str] = []
        for resource in self._resources:
            for server in self.servers:
                if not server.about.types or resource.type_id in server.about.types:
                    lane = server.subject.lane("kit")
                    codes.append(lane.initialize(resource.name, 1).code)
        return [code for code in codes if code != "OK"]

    # What was seen -----------------------------------------------------------------------------

    def _seen(self, call: RecordedCall, steps: Sequence[StepResult]) -> CallSeen | None:
        """A call to Session Management; None for other calls, and for those of other types."""
        name = _CALLS.get(call.method)
        if name is None:
            return None
        given = name in ("Reserve", "ReserveAll")
        message: Any = call.response if given else call.request
        everything = [] if message is None else [each.session for each in _infos(message)]
        names = self._names(message)
        if everything and not names:
            return None
        if given and call.code != "OK":
            type_id = str(getattr(call.request, "instrument_type_id", ""))
            names = [r.name for r in self._resources if type_id in ("", r.type_id)]
        makers = tuple(step.number for step in makers_of(call, steps))
        arguments = () if name == "ReserveAll" else tuple(names)
        answered = tuple(names) if name == "ReserveAll" and call.code == "OK" else ()
        times = (call.started, call.started + call.elapsed)
        return CallSeen(*times, name, arguments, (call.code, *answered), makers)

    def _names(self, message: Any) -> list[str]:  # noqa: ANN401 - a message, or None
        judged = self.resources
        infos = [] if message is None else _infos(message)
        return [str(info.resource_name) for info in infos if info.resource_name in judged]


def _infos(message: Any) -> list[Any]:  # noqa: ANN401 - a message with sessions
    return list(message.sessions)


def _step(step: StepResult) -> StepSeen:
    section = step.group.removeprefix("Process")
    failed = step.outcome in ("Error", "Failed", "Terminated")
    times = (step.started, step.ended)
    return StepSeen(step.number, section, step.name, failed, *times, step.error, step.socket)


@contextmanager
def _impatient(station: FakeStation, seconds: float) -> Generator[None, None, None]:
    """Let nobody wait for ever for a session that nobody gives back, inside a ``with`` block.

    The station's time moves on, so that limits of waiting calls are reached; calls without a limit
    are refused.
    """
    over = threading.Event()

    def watch() -> None:
        waited = 0
        while not over.wait(seconds / _LOOKS):
            waited = waited + 1 if station.waiting() else 0
            if waited == _LOOKS:
                station.clock.advance(_AN_HOUR)
            elif waited > 2 * _LOOKS:
                station.forget_sessions()

    thread = threading.Thread(target=watch, name="impatience", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Opening ------------------------------------------------------------------------------------------


@contextmanager
def open_stage(
    target: SequenceTarget, folder: Path, journal: Journal
) -> Generator[Stage, None, None]:
    """Put a sequence on a stage; at the end, what was started is ended.

    Raises:
        TargetError: What the target file says cannot be.
        Unreachable: A server or a plug-in does not start.
    """
    with ExitStack() as stack:
        station = stack.enter_context(FakeStation())
        servers = [
            stack.enter_context(_served(server, folder, journal, station))
            for server in target.servers
        ]
        stage = Stage(target, folder, station, servers)
        for plug_in in target.plug_ins:
            _launch(plug_in, station, folder, target.here)
        yield stage


@contextmanager
def _served(
    server: SequenceServer, folder: Path, journal: Journal, station: FakeStation
) -> Generator[Served, None, None]:
    """A server behind a witness, which Discovery answers in its place."""
    with ExitStack() as stack:
        subject = stack.enter_context(open_subject(server.target, folder, journal))
        assert isinstance(subject.wire, Binding)
        address, now = subject.host.address, station.clock.now
        witness = stack.enter_context(closing(Witness(address, subject.wire, now)))
        interface, service_class = _known_as(server, subject)
        place = f"localhost:{witness.port}"
        stack.enter_context(station.registered(interface, service_class, place))
        yield Served(server, subject, witness)


def _known_as(server: SequenceServer, subject: Subject) -> tuple[str, str]:
    """What clients ask Discovery for: as the target file says, or as the server registers."""
    if server.interface and server.service_class:
        return server.interface, server.service_class
    discovery = subject.discovery
    if discovery is None or not discovery.wait_registered(1, _REGISTERS_WITHIN):
        raise TargetError(
            f"[[server]] {server.target.identity.name} does not register with the kit's Discovery:"
            " write interface and service_class, as clients ask for them, or put {discovery} into"
            " its command."
        )
    registered = discovery.registered[-1]
    return server.interface or registered.interfaces[0], registered.service_class


def _launch(plug_in: PlugIn, station: FakeStation, folder: Path, here: Path) -> None:
    values = {"python": sys.executable, "tmp": str(folder), "here": str(here)}
    try:
        station.launch(
            filled(list(plug_in.argv), values), cwd=plug_in.folder, timeout=_STARTS_WITHIN
        )
    except FakeError as error:
        raise Unreachable(f"[[plug_in]] {error}") from None


__all__ = ["Resource", "Served", "Stage", "open_stage"]
