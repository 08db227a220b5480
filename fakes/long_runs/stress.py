"""Stresses reservations: many clients, few sessions, and clients that give up or die."""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2 as pb,
)
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2_grpc as stubs,
)

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from long_runs.shared import Progress, RunLog, channel_to, logged_run, pin_map_xml
from session_fakes.station import FakeStation

TAG = "session-fakes-caller"
"""Metadata that the station shows with a reservation: here the client and its turn."""
LIMIT = 120.0
"""Seconds after which a call that was not answered counts as forgotten: a lost wake-up."""
STOP_LIMIT = 10.0
"""Seconds that a station may take to stop while the machine is busy."""
MOST_FAILURES = 20
"""Of one repetition: the rest says nothing new."""
EXAMPLE = """example:
  python fakes/long_runs/stress.py --stations 16 --repetitions 200 --log stress.jsonl

exit code: 0 no failure; 1 failures, listed and in the log; 2 wrong usage; 130 interrupted (the same
  command with the same --log goes on)
"""


@dataclass(frozen=True)
class Size:
    """How much happens in one repetition."""

    clients: int = 50
    sessions: int = 20
    turns: int = 4


@dataclass(frozen=True)
class Plan:
    """One turn of a client: what it asks, and how it ends."""

    pins: tuple[str, ...]
    timeout_ms: int
    ending: str
    """``waits``, ``cancels`` its call, ``dies`` with its channel, or has a ``deadline``."""
    after: float
    """Seconds until it cancels, dies, or its deadline comes."""
    holds: float
    """Seconds that it keeps what it got."""


def make_plan(chance: random.Random, size: Size) -> Plan:
    """Choose a turn."""
    count = chance.choice([1, 1, 2, 2, 3, 4, 6, size.sessions])
    pins = chance.sample(range(size.sessions), min(count, size.sessions))
    return Plan(
        tuple(f"P{pin}" for pin in pins),
        chance.choice([0, 1, 5, 20, 60, -1, -1, -1]),
        chance.choices(["waits", "cancels", "dies", "deadline"], [60, 15, 15, 10])[0],
        chance.choice([0.0, 0.001, 0.005, 0.02, 0.05]),
        chance.choice([0.0, 0.0, 0.001, 0.005]),
    )


class Ledger:
    """Who holds what, as the clients know it: written after the OK, cleared before the return."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}

    def take(self, names: list[str], who: str) -> list[str]:
        """Write down that somebody holds sessions; return what cannot be."""
        with self._lock:
            wrong = [
                f"{name} was given to {who} while {self._holders[name]} held it"
                for name in names
                if name in self._holders
            ]
            self._holders.update(dict.fromkeys(names, who))
        return wrong

    def give_back(self, names: list[str]) -> None:
        """Write down that nobody holds these sessions any more."""
        with self._lock:
            for name in names:
                self._holders.pop(name, None)


@dataclass
class Scene:
    """What the clients of one repetition share."""

    station: FakeStation
    stopping: threading.Event
    limit: float = LIMIT
    ledger: Ledger = field(default_factory=Ledger)
    failures: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    abandoned: set[str] = field(default_factory=set[str])
    """Calls that their clients gave up: what they got nevertheless has to be freed."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, text: str) -> None:
        """Keep a failure."""
        with self.lock:
            if len(self.failures) < MOST_FAILURES:
                self.failures.append(text)

    def count(self, what: str) -> None:
        """Count something for the log."""
        with self.lock:
            self.counts[what] += 1

    def abandon(self, tag: str) -> None:
        """Say that nobody will ever return what this call may have got."""
        with self.lock:
            self.abandoned.add(tag)

    def sweep(self) -> None:
        """Free what was granted to calls that were given up meanwhile."""
        for session in self.station.sessions():
            found = re.search(r"at '([^']*)'", session.holder)
            with self.lock:
                orphan = found is not None and found[1] in self.abandoned
            if orphan and self.station.release(session.name):
                self.count("orphans")


class Client(threading.Thread):
    """One client: a connection of its own, some turns one after the other."""

    def __init__(self, scene: Scene, name: str, plans: list[Plan]) -> None:
        super().__init__(name=name, daemon=True)
        self._scene = scene
        self._plans = plans
        self._connect()

    def _connect(self) -> None:
        self._channel = channel_to(self._scene.station.session_management.port)
        self._stub: Any = stubs.SessionManagementServiceStub(self._channel)

    def _connect_anew(self) -> None:
        self._channel.close()
        self._connect()

    def run(self) -> None:
        """Play all turns; what goes wrong in here is a failure of the repetition."""
        try:
            for number, plan in enumerate(self._plans):
                if self._scene.stopping.is_set():
                    break
                self._turn(plan, f"{self.name} turn {number}")
        except Exception as error:  # the end of a thread is seen by nobody else
            self._scene.fail(f"{self.name} failed itself: {error!r}")
        finally:
            self._channel.close()

    def _turn(self, plan: Plan, tag: str) -> None:
        started = time.monotonic()
        call = self._stub.ReserveSessions.future(
            _request(self._scene.station, plan),
            metadata=((TAG, tag),),
            timeout=0.001 + plan.after if plan.ending == "deadline" else None,
        )
        self._give_up(call, plan)
        code = self._code_of(call, plan, tag)
        self._scene.count(code)
        if plan.ending == "dies":
            self._connect_anew()
        if code == "OK":
            self._use(call.result(), plan, tag)
        else:
            self._scene.abandon(tag)
            self._check_refusal(call, code, plan, tag, time.monotonic() - started)

    def _give_up(self, call: Any, plan: Plan) -> None:  # noqa: ANN401 - gRPC's call is untyped
        if plan.ending in {"cancels", "dies"}:
            time.sleep(plan.after)
            if plan.ending == "cancels":
                call.cancel()
            elif not call.done():
                self._channel.close()

    def _code_of(self, call: Any, plan: Plan, tag: str) -> str:  # noqa: ANN401
        try:
            call.exception(timeout=self._scene.limit)
        except grpc.FutureTimeoutError:
            self._scene.fail(f"{tag} was forgotten for {self._scene.limit:g} s: {plan}")
            call.cancel()
            return "FORGOTTEN"
        except grpc.FutureCancelledError:
            return "CANCELLED"
        return str(call.code().name)

    def _check_refusal(
        self,
        call: Any,  # noqa: ANN401
        code: str,
        plan: Plan,
        tag: str,
        took: float,
    ) -> None:
        if code == "UNAVAILABLE":
            text = call.details() or ""
            if plan.timeout_ms < 0 or "wanted" not in text:
                self._scene.fail(f"{tag} got UNAVAILABLE: {text!r}; {plan}")
            elif took < plan.timeout_ms / 1000 - 0.002:
                self._scene.fail(f"{tag} got UNAVAILABLE after {took:.4f} s: {plan}")
            return
        fits = {
            "CANCELLED": plan.ending in {"cancels", "dies"},
            "DEADLINE_EXCEEDED": plan.ending == "deadline",
            "FORGOTTEN": True,
        }
        if not fits.get(code, False):
            self._scene.fail(f"{tag} got {code}: {call.details()!r}; {plan}")

    def _use(self, response: pb.ReserveSessionsResponse, plan: Plan, tag: str) -> None:
        names = [session.session.name for session in response.sessions]
        for wrong in self._scene.ledger.take(names, tag):
            self._scene.fail(wrong)
        wanted = {f"Custom-dev{pin[1:]}" for pin in plan.pins}
        if set(names) != wanted or len(names) != len(wanted):
            self._scene.fail(f"{tag} asked for {sorted(wanted)} and got {names}")
        if not all(s.session_reserved and not s.session_exists for s in response.sessions):
            self._scene.fail(f"{tag} got sessions with wrong marks: {response}")
        time.sleep(plan.holds)
        self._scene.ledger.give_back(names)
        request = pb.UnreserveSessionsRequest(sessions=response.sessions)
        self._stub.UnreserveSessions(request, timeout=self._scene.limit)


def _request(station: FakeStation, plan: Plan) -> pb.ReserveSessionsRequest:
    request = pb.ReserveSessionsRequest(
        pin_or_relay_names=plan.pins, timeout_in_milliseconds=plan.timeout_ms
    )
    request.pin_map_context.pin_map_id = station.pin_map_id
    return request


def repetition(
    seed: str, pin_map: Path, stopping: threading.Event, size: Size, limit: float = LIMIT
) -> dict[str, Any]:
    """Stress one new station; return counts and failures."""
    chance = random.Random(seed)
    plans = [[make_plan(chance, size) for _ in range(size.turns)] for _ in range(size.clients)]
    started = time.monotonic()
    station = FakeStation(pin_map)
    station.start()
    scene = Scene(station, stopping, limit)
    try:
        clients = [Client(scene, f"client {n}", plan) for n, plan in enumerate(plans)]
        for client in clients:
            client.start()
        _wait_for(clients, scene)
        _check_the_end(scene, size)
    finally:
        _stop(scene)
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - started, 3),
        "counts": dict(sorted(scene.counts.items())),
        "failures": scene.failures,
    }


def _wait_for(clients: list[Client], scene: Scene) -> None:
    """Wait for all clients; each may take as long as all its calls together, no longer."""
    deadline = time.monotonic() + 3 * scene.limit
    for client in clients:
        while client.is_alive():
            client.join(0.01)
            scene.sweep()
            if time.monotonic() > deadline:
                scene.fail(f"{client.name} never came back: a deadlock")
                return


def _check_the_end(scene: Scene, size: Size) -> None:
    """When all clients are done, everything has to be free, and nobody may wait."""
    station = scene.station
    quiet, deadline = 0, time.monotonic() + scene.limit / 4
    while quiet < 3 and time.monotonic() < deadline:
        scene.sweep()
        quiet = 0 if station.sessions() or station.waiting() else quiet + 1
        time.sleep(0.005)
    for session in station.sessions():
        scene.fail(f"{session.name} is still held by {session.holder}")
    for waiting in station.waiting():
        scene.fail(f"{waiting.holder} still waits for {waiting.wanted}")
    if not scene.failures and not scene.stopping.is_set():
        _check_all_can_be_had(scene, size)
    for call in station.calls:
        if call.code not in {"OK", "UNAVAILABLE", "CANCELLED"}:
            scene.fail(f"the station answered {call}")
    for trace in station.internal_errors:
        scene.fail(f"internal error: {trace}")


def _check_all_can_be_had(scene: Scene, size: Size) -> None:
    everything = tuple(f"P{pin}" for pin in range(size.sessions))
    last = Client(scene, "last client", [Plan(everything, 0, "waits", 0.0, 0.0)])
    before = scene.counts["OK"]
    last.start()
    last.join(scene.limit)
    if scene.counts["OK"] != before + 1:
        scene.fail("in the end not all sessions could be reserved at once")


def _stop(scene: Scene) -> None:
    stopper = threading.Thread(target=scene.station.stop, daemon=True)
    stopper.start()
    stopper.join(STOP_LIMIT)
    if stopper.is_alive():
        scene.fail(f"the station did not stop within {STOP_LIMIT:g} s")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)

    def everything(log: RunLog) -> str:
        with tempfile.TemporaryDirectory() as folder:
            pin_map = Path(folder, "stress.pinmap")
            pin_map.write_text(pin_map_xml(options.sessions), encoding="utf-8")
            _run_all(log, pin_map, options)
        return f"{len(log.finished)} repetitions of a station's stress"

    return logged_run("stress", options.log, options.seed, everything)


def _run_all(log: RunLog, pin_map: Path, options: argparse.Namespace) -> None:
    stopping = threading.Event()
    keys = [
        f"{number}/{station}"
        for number in range(options.repetitions)
        for station in range(options.stations)
    ]
    size = Size(options.clients, options.sessions, options.turns)
    todo = iter([key for key in keys if key not in log.finished])
    progress = Progress(len(keys))
    ends = time.monotonic() + options.minutes * 60
    running: dict[Future[dict[str, Any]], str] = {}
    pool = ThreadPoolExecutor(options.stations)
    try:
        while True:
            while len(running) < options.stations and time.monotonic() < ends:
                key = next(todo, None)
                if key is None:
                    break
                seed = f"{log.seed}/{key}"
                running[pool.submit(repetition, seed, pin_map, stopping, size)] = key
            if not running:
                break
            for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                log.add(running.pop(future), future.result())
            progress.show(len(log.finished), f"failures: {len(log.failures)}")
    finally:
        stopping.set()
        pool.shutdown(cancel_futures=True)
        progress.end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stress.py",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, size = parser.add_argument, Size()
    add("--stations", type=_count, default=16, help="side by side in this process")
    add("--repetitions", type=_count, default=200, help="for each of them, on a new station each")
    add("--clients", type=_count, default=size.clients, help="of each station")
    add("--sessions", type=_count, default=size.sessions, help="that they want")
    add("--turns", type=_count, default=size.turns, help="of each client")
    add("--seed", type=int, help="else one by chance, or that of the log")
    add("--log", type=Path, metavar="FILE", help="JSON lines; finished repetitions are kept")
    add("--minutes", type=float, default=math.inf, help="start no repetition after that")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
