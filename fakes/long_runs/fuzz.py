"""Sends a station random, mutated and senseless requests; it has to answer, and to stay sane."""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import logging
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as discovery
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2 as pin_maps
from ni.measurementlink.pinmap.v1 import pin_map_service_pb2_grpc as pin_map_stubs
from ni.measurementlink.sessionmanagement.v1 import (
    session_management_service_pb2 as pb,
)

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from long_runs.nonsense import MAPS, VALID_XML, request_bytes
from long_runs.shared import Progress, RunLog, UsageError, channel_to, logged_run
from session_fakes.station import FakeStation

ROUND = 500
"""Requests between two looks at the state; each round begins with a station as new."""
IN_FLIGHT = 16
PATIENCE = 0.2
"""Seconds that the client of a call gives it: one that waits for sessions comes back by then."""
LIMIT = 60.0
"""Seconds after which an answer counts as missing."""
LONGEST_TEXT = 8000
"""Characters of a status text: it travels in a header, which gRPC wants below 8 kB."""
UNREADABLE = ("INTERNAL", "Exception deserializing request!")
"""What gRPC itself answers to bytes that are no message of the type."""
CODES = frozenset(
    {
        "OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION",
        "UNAVAILABLE", "UNIMPLEMENTED", "DEADLINE_EXCEEDED",
    }
)  # fmt: skip
MOST_FAILURES = 20
"""Of one round: the rest says nothing new."""
EXAMPLE = """example:
  python fakes/long_runs/fuzz.py --requests 100000 --log fuzz.jsonl

exit code: 0 no failure; 1 failures, listed and in the log; 2 wrong usage; 130 interrupted (the same
  command with the same --log goes on)
"""


def _patience(method: str) -> float:
    """The seconds that a call is given: only one that may wait for sessions gets few."""
    return PATIENCE if method.startswith("Reserve") else LIMIT


@dataclass
class Round:
    """Some requests to one service, one look at the state."""

    station: FakeStation
    port: int
    counts: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    registered: list[str] = field(default_factory=list[str])
    """Ids of services: no chance would find them."""

    def fail(self, text: str) -> None:
        """Keep a failure."""
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(text)

    def begin(self) -> None:
        """Make the station as new, with pin maps that can be used."""
        self.station.reset()
        with channel_to(self.station.pin_map_service.port) as channel:
            stub: Any = pin_map_stubs.PinMapServiceStub(channel)
            for name, xml in zip(MAPS, VALID_XML, strict=False):
                request = pin_maps.UpdatePinMapFromXmlRequest(pin_map_id=name, pin_map_xml=xml)
                stub.UpdatePinMapFromXml(request, timeout=LIMIT)

    def send(self, service: ServiceDescriptor, chance: random.Random, requests: int) -> None:
        """Send requests, several at a time, and judge each answer."""
        waiting: deque[tuple[MethodDescriptor, bytes, Any]] = deque()
        with channel_to(self.port) as channel:
            calls = {method.name: _raw_call(channel, method) for method in service.methods}
            for _ in range(requests):
                if len(waiting) >= IN_FLIGHT:
                    self._judge(*waiting.popleft())
                method = chance.choice(service.methods)
                kind, data = self._request(chance, method)
                self.counts[kind] += 1
                tags = _metadata(chance)
                future = calls[method.name].future(
                    data, timeout=_patience(method.name), metadata=tags
                )
                waiting.append((method, data, future))
            while waiting:
                self._judge(*waiting.popleft())

    def _request(self, chance: random.Random, method: MethodDescriptor) -> tuple[str, bytes]:
        if method.name == "UnregisterService" and self.registered and chance.random() < 0.3:
            number = chance.choice(self.registered)
            request = discovery.UnregisterServiceRequest(registration_id=number)
            return "sensible", request.SerializeToString()
        return request_bytes(chance, method.input_type)

    def _judge(self, method: MethodDescriptor, data: bytes, call: Any) -> None:  # noqa: ANN401
        where = f"{method.name} of {data[:300]!r} ({len(data)} bytes)"
        try:
            error = call.exception(timeout=LIMIT)
        except grpc.FutureTimeoutError:
            self.fail(f"{where} was not answered")
            return
        code, text = call.code().name, call.details() or ""
        self.counts[code] += 1
        for wrong in _wrong_answer(method, data, code, text):
            self.fail(f"{where}: {wrong}")
        if error is None and not _readable(_parsed(method.output_type, call.result())):
            self.fail(f"{where}: the answer cannot be read")
        elif error is None and method.name == "RegisterService":
            answer = discovery.RegisterServiceResponse.FromString(call.result())
            self.registered.append(answer.registration_id)

    def check_state(self) -> None:
        """The views work and agree, nobody waits, nothing went wrong inside; then reset."""
        station = self.station
        _until(lambda: not station.waiting(), f"{station.waiting()} wait", self.fail)
        for wrong in _inconsistencies(station):
            self.fail(wrong)
        for trace in station.internal_errors:
            self.fail(f"internal error: {trace}")
        station.internal_errors.clear()
        station.reset()
        for wrong in _not_as_new(station):
            self.fail(wrong)


def _raw_call(channel: grpc.Channel, method: MethodDescriptor) -> Any:  # noqa: ANN401
    path = f"/{method.containing_service.full_name}/{method.name}"
    bare: Any = channel
    return bare.unary_unary(path)


def _metadata(chance: random.Random) -> tuple[tuple[str, str], ...]:
    """Now and then what a redirected client says of itself, or something like it."""
    text = chance.choice(["", "1 a.py", f"{os.getpid()} b.py", "99999999999 c", "x y", "-1", " "])
    key = chance.choice(["session-fakes-process", "session-fakes-caller"])
    return ((key, text),) if chance.random() < 0.2 else ()


def _parsed(descriptor: Any, data: bytes) -> Message | None:  # noqa: ANN401 - of a message
    try:
        return GetMessageClass(descriptor).FromString(data)
    except (DecodeError, UnicodeDecodeError):
        return None


def _readable(message: Message | None) -> bool:
    """Whether all of it can be read: older protobuf looks late at the texts of a map."""
    if message is None:
        return False
    try:
        MessageToDict(message)
    except (UnicodeDecodeError, SerializeToJsonError):
        return False
    return True


def _wrong_answer(
    method: MethodDescriptor, data: bytes, code: str, text: str
) -> Generator[str, None, None]:
    """What cannot be in an answer."""
    request = _parsed(method.input_type, data)
    if not _readable(request):
        # A text in a map that nobody looked at, in older protobuf, hurts nobody.
        unseen = code in CODES and request is not None
        if (code, text) != UNREADABLE and code != "DEADLINE_EXCEEDED" and not unseen:
            yield f"{code} for bytes that cannot be read: {text!r}"
    elif code not in CODES:
        yield f"{code}: {text!r}"
    if code == "DEADLINE_EXCEEDED" and not method.name.startswith("Reserve"):
        yield f"not answered within {LIMIT:g} s"
    if len(text) > LONGEST_TEXT or any(ord(c) < 32 for c in text):
        yield f"a status text of {len(text)} characters: {text[:200]!r}"


def _inconsistencies(station: FakeStation) -> Generator[str, None, None]:
    """What cannot be in the state of a station where no call runs."""
    sessions = station.sessions()
    names = [session.name for session in sessions]
    if len(set(names)) != len(names):
        yield f"sessions that are there twice: {names}"
    for session in sessions:
        if not (session.reserved or session.registered):
            yield f"{session} is neither reserved nor registered"
        if not session.holder or session.since is None:
            yield f"{session} has nobody who made it so"
    if [s.session.name for s in _asked(station)] != names:
        yield "GetSessions and the view of the sessions differ"
    static = [service for service in station.services() if service.static]
    if len(static) > 3:
        yield f"too many services of the station's own: {static}"
    held = sum(s.reserved + s.registered for s in sessions)
    kinds = Counter(leak.kind for leak in station.leaks())
    if kinds["reservation"] + kinds["session registration"] != held:
        yield f"the leaks {kinds} and the sessions {sessions} differ"


def _asked(station: FakeStation) -> list[pb.SessionInformation]:
    """What GetSessions answers."""
    with channel_to(station.session_management.port) as channel:
        call = channel.unary_unary(
            f"/{pb.DESCRIPTOR.services_by_name['SessionManagementService'].full_name}/GetSessions",
            request_serializer=pb.GetSessionsRequest.SerializeToString,
            response_deserializer=pb.GetSessionsResponse.FromString,
        )
        answer: pb.GetSessionsResponse = call(pb.GetSessionsRequest(), timeout=LIMIT)
        return list(answer.sessions)


def _not_as_new(station: FakeStation) -> Generator[str, None, None]:
    """What is not as it should be after a reset."""
    if station.sessions() or station.waiting() or station.leaks() or len(station.calls):
        yield f"a reset left {station.leaks()}, {len(station.calls)} calls"
    if not all(service.static for service in station.services()):
        yield f"a reset left the services {station.services()}"


def _until(holds: Callable[[], bool], what: str, fail: Callable[[str], None]) -> None:
    """Wait for something that comes soon: the station hears late that a client has gone."""
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            fail(f"still, after 10 s: {what}")
            return
        time.sleep(0.005)


# The console --------------------------------------------------------------------------------------


class Console:
    """Everything that the process writes to standard error and logs as a warning or worse."""

    def __init__(self) -> None:
        self.text = ""


@contextlib.contextmanager
def watched_console() -> Generator[Console, None, None]:
    """Catch what is written to standard error, by Python or by gRPC's core."""
    console, logged = Console(), io.StringIO()
    handler = logging.StreamHandler(logged)
    handler.setLevel(logging.WARNING)
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        logging.getLogger().addHandler(handler)
        try:
            yield console
        finally:
            logging.getLogger().removeHandler(handler)
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            console.text = logged.getvalue() + file.read().decode(errors="replace")


@contextlib.contextmanager
def loopback_only() -> Generator[None, None, None]:
    """Look no names up: services registered under odd names must not ask a name server."""
    look_up = socket.getaddrinfo

    def guarded(host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - of any signature
        if host not in {"localhost", "127.0.0.1", "::1"}:
            raise socket.gaierror(socket.EAI_NONAME, "only loopback, here")
        return look_up(host, *rest, **more)

    with mock.patch.object(socket, "getaddrinfo", guarded):
        yield


# The command --------------------------------------------------------------------------------------


def one_round(
    station: FakeStation, service: ServiceDescriptor, seed: str, requests: int = ROUND
) -> dict[str, Any]:
    """Send requests to a station and look at it; return counts and failures."""
    started = time.monotonic()
    now = Round(station, _port(station, service))
    with loopback_only(), watched_console() as console:
        now.begin()
        now.send(service, random.Random(seed), requests)
        now.check_state()
    if console.text:
        now.fail(f"on the console: {console.text[:2000]}")
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - started, 3),
        "counts": dict(sorted(now.counts.items())),
        "failures": now.failures,
    }


def _port(station: FakeStation, service: ServiceDescriptor) -> int:
    servers = (station.discovery, station.pin_map_service, station.session_management)
    names = [one.descriptor.full_name for one in station.rpcs()]
    return servers[names.index(service.full_name)].port


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)

    def everything(log: RunLog) -> str:
        _run_all(log, options)
        counts: Counter[str] = Counter()
        for result in log.finished.values():
            counts.update(result["counts"])
        print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        return f"{sum(r['requests'] for r in log.finished.values())} requests"

    return logged_run("fuzz", options.log, options.seed, everything)


def _run_all(log: RunLog, options: argparse.Namespace) -> None:
    with FakeStation(seed=log.seed) as station:
        services = _chosen([one.descriptor for one in station.rpcs()], options.service)
        rounds = -(-options.requests // ROUND)
        parts = [(f"{s.name}/{n}", s, n) for n, s in itertools.product(range(rounds), services)]
        progress = Progress(len(parts) * ROUND)
        try:
            for key, service, number in parts:
                if key not in log.finished:
                    requests = min(ROUND, options.requests - number * ROUND)
                    result = one_round(station, service, f"{log.seed}/{key}", requests)
                    log.add(key, {"requests": requests, **result})
                progress.show(len(log.finished) * ROUND, f"failures: {len(log.failures)}")
        finally:
            progress.end()


def _chosen(services: list[ServiceDescriptor], name: str | None) -> list[ServiceDescriptor]:
    if name is None:
        return services
    found = [service for service in services if service.name == name]
    if not found:
        names = ", ".join(service.name for service in services)
        raise UsageError(f"there is no service {name!r}, but {names}.")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fuzz.py",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--requests", type=int, default=100_000, help="to each service")
    add("--service", metavar="NAME", help="only this one: PinMapService, for example")
    add("--seed", type=int, help="else one by chance, or that of the log")
    add("--log", type=Path, metavar="FILE", help="JSON lines; finished rounds are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
