"""Starting installed services: one start for all who wait, told at once when it fails, ended.

The services are small scripts. They reach the test through a socket, the *bell*, which registers
on their behalf, tells the test what they say, and sends them on when the test says so.
"""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from session_fakes.discovery import (
    Activator,
    Location,
    Registration,
    Registry,
    Service,
    ServiceConfig,
    read_serviceconfig,
)
from session_fakes.errors import FakeError, Refusal
from session_fakes.fidelity import holds

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the services of these tests are shell scripts"
)
PATIENCE = 60

PRELUDE = """
import json, os, signal, socket, sys
bell = socket.create_connection(("127.0.0.1", int(os.environ["BELL"])))
lines = bell.makefile()
def say(**words):
    bell.sendall((json.dumps(words) + "\\n").encode())
    return lines.readline().strip()
def register(name="C", version="1.0.0"):
    return say(register=name, version=version)
def serve():
    lines.readline()
"""
SERVES = "register(); serve()"


@dataclass
class Bell:
    """Where the services of a test ring."""

    registry: Registry
    port: int
    said: queue.Queue[dict[str, object]] = field(default_factory=queue.Queue[dict[str, object]])
    go: threading.Event = field(default_factory=threading.Event)

    def hear(self) -> dict[str, object]:
        """The next thing that a service says; that it has left, too."""
        return self.said.get(timeout=PATIENCE)

    def accept(self, server: socket.socket, threads: list[threading.Thread]) -> None:
        """Talk with every service that rings."""
        while True:
            connection, _ = server.accept()
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile() as lines:
            try:
                for line in lines:
                    connection.sendall(f"{self._answer(json.loads(line))}\n".encode())
            except OSError:
                pass  # It was killed in the middle of a word.
        self.said.put({"left": True})

    def _answer(self, words: dict[str, str]) -> str:
        if "register" in words:
            given = (words["version"],) if words["version"] else ()
            service = Service("A service", words["register"], ("I",), given)
            answer = self.registry.register(Registration(service, Location("localhost", "1")))
        elif "unregister" in words:
            self.registry.unregister(words["unregister"])
            answer = ""
        else:
            answer = ""
        self.said.put(dict(words))
        if "ready" in words:
            self.go.wait(PATIENCE)
        return answer


@dataclass
class World:
    """A registry, installed services, and everything that has to be put away."""

    folder: Path
    registry: Registry
    bell: Bell
    pool: ThreadPoolExecutor
    activators: list[Activator] = field(default_factory=list[Activator])
    asked_to_wait: queue.Queue[float] = field(default_factory=queue.Queue[float])

    def script(self, body: str, *, name: str = "start", shell: str = "exec {}") -> None:
        """Write a service and the shell script that starts it."""
        (self.folder / f"{name}.py").write_text(PRELUDE + body)
        line = shell.format(f"'{sys.executable}' -S -E '{self.folder / name}.py'")
        (self.folder / f"{name}.sh").write_text(f"#!/bin/sh\n{line}\n")

    def config(
        self, *, name: str = "start", service_class: str = "C", version: str = "1.0.0"
    ) -> list[ServiceConfig]:
        """Write and read the file of a service."""
        entry = {
            "displayName": "A service",
            "serviceClass": service_class,
            "providedInterface": "I",
            "version": version,
            "path": f"{name}.bat",
        }
        file = self.folder / f"{name}.serviceconfig"
        file.write_text(json.dumps({"services": [entry]}))
        return read_serviceconfig(file)

    def activator(
        self,
        body: str | None = SERVES,
        *,
        wait: Callable[[threading.Event, float], bool] | None = None,
        grace: float = PATIENCE,
        time_limit: float = PATIENCE,
        shell: str = "exec {}",
        version: str = "1.0.0",
    ) -> Activator:
        """An activator, with a service installed unless the body is None."""
        activator = Activator(
            self.registry,
            lambda: {"BELL": str(self.bell.port)},
            wait=wait or self.waits,
            grace=grace,
            time_limit=time_limit,
        )
        self.activators.append(activator)
        if body is not None:
            self.script(body, shell=shell)
            activator.install(self.config(version=version))
        return activator

    def waits(self, event: threading.Event, seconds: float) -> bool:
        """Wait, and tell the test that somebody does."""
        self.asked_to_wait.put(seconds)
        return event.wait(seconds)

    def resolving(
        self, activator: Activator, *, woken: threading.Event | None = None
    ) -> Future[Registration]:
        """Resolve in a thread."""
        return self.pool.submit(lambda: activator.resolve("I", woken=woken))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    registry = Registry()
    threads: list[threading.Thread] = []
    with ThreadPoolExecutor(12) as pool, socket.create_server(("127.0.0.1", 0)) as server:
        bell = Bell(registry, server.getsockname()[1])
        world = World(tmp_path, registry, bell, pool)
        accepting = threading.Thread(target=_quietly, args=(bell, server, threads), daemon=True)
        accepting.start()
        try:
            yield world
        finally:
            bell.go.set()
            for activator in world.activators:
                activator.close()
            server.shutdown(socket.SHUT_RDWR)
            for thread in [accepting, *threads]:
                thread.join(PATIENCE)


def _quietly(bell: Bell, server: socket.socket, threads: list[threading.Thread]) -> None:
    try:
        bell.accept(server, threads)
    except OSError:
        return  # The test is over.


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


@holds("DISC-ACTIVATE")
def test___an_installed_service___resolve___starts_it_and_answers_its_registration(
    world: World,
) -> None:
    activator = world.activator(SERVES)

    found = activator.resolve("I")

    assert (found.service.service_class, found.service.version) == ("C", "1.0.0")
    (started,) = activator.started()
    assert (started.service_class, started.version) == ("C", "1.0.0")
    assert started.registration_id == found.id
    assert started.file == world.folder / "start.serviceconfig"
    assert activator.resolve("I", "C", "1.0.0") == found
    assert world.bell.hear() == {"register": "C", "version": "1.0.0"}
    assert world.bell.said.empty()


def test___a_started_service___looking_around___has_its_own_group_and_no_input(
    world: World,
) -> None:
    activator = world.activator(
        "say(input=sys.stdin.read(), leads=os.getpgrp() == os.getpid(), here=os.getcwd(),"
        " names=sorted(os.environ)); " + SERVES
    )

    activator.resolve("I")

    heard = world.bell.hear()
    assert (heard["input"], heard["leads"], heard["here"]) == ("", True, str(world.folder))
    assert "BELL" in str(heard["names"])
    assert "HOME" not in str(heard["names"])


def test___a_running_service___resolve___starts_nothing(world: World) -> None:
    activator = world.activator(SERVES)
    developers = Registration(Service("Mine", "C", ("I",)), Location("localhost", "9"))
    mine = world.registry.register(developers)

    assert activator.resolve("I").id == mine
    assert activator.started() == []
    world.registry.unregister(mine)
    assert activator.resolve("I").id != mine


def test___it_registers_while_we_look___resolve___starts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    activator = world.activator(SERVES)
    look_up = world.registry.lookup

    def look_up_too_early(*asked: str) -> Registration | Service:
        found = look_up(*asked)
        if isinstance(found, Service):
            service = Service("Mine", "C", ("I",))
            world.registry.register(Registration(service, Location("localhost", "9")))
        return found

    monkeypatch.setattr(world.registry, "lookup", look_up_too_early)

    assert activator.resolve("I").location.insecure_port == "9"
    assert activator.started() == []
    assert world.bell.said.empty()


@holds("DISC-ACTIVATE-ONCE")
def test___many_resolvers___resolve___wait_for_one_start(world: World) -> None:
    activator = world.activator("say(ready=True); " + SERVES)

    resolving = [world.resolving(activator) for _ in range(8)]
    for _ in resolving:
        world.asked_to_wait.get(timeout=PATIENCE)
    world.bell.go.set()

    assert len({future.result(PATIENCE).id for future in resolving}) == 1
    heard = [world.bell.hear() for _ in range(2)]
    assert heard[0] == {"ready": True}
    assert world.bell.said.empty()


@holds("DISC-ACTIVATE-FAILED")
def test___it_ends_before_it_registers___resolve___fails_with_code_and_output(
    world: World,
) -> None:
    activator = world.activator("print('no licence', flush=True); sys.exit(3)")

    refusal = refusal_of(lambda: activator.resolve("I"))

    assert refusal.code == "FAILED_PRECONDITION"
    for part in ("FAILED", "'C'", "start.serviceconfig:1", "exit code 3", "no licence"):
        assert part in refusal.text
    world.script(SERVES)  # The next resolve tries again.
    assert activator.resolve("I").service.service_class == "C"


@holds("DISC-ACTIVATE-FAILED")
def test___many_resolvers___it_ends___are_all_told(world: World) -> None:
    activator = world.activator("say(ready=True); os.kill(os.getpid(), signal.SIGKILL)")

    resolving = [world.resolving(activator) for _ in range(4)]
    for _ in resolving:
        world.asked_to_wait.get(timeout=PATIENCE)
    world.bell.go.set()

    errors = [future.exception(PATIENCE) for future in resolving]
    assert all("signal 9" in str(error) for error in errors)
    assert len(set(map(id, errors))) == len(errors)


@holds("DISC-ACTIVATE-FAILED")
def test___it_does_not_register___resolve___ends_it_and_shows_its_output(world: World) -> None:
    def impatient(event: threading.Event, seconds: float) -> bool:
        world.asked_to_wait.put(seconds)
        assert world.bell.hear() == {"thinking": True}
        return event.is_set()

    activator = world.activator(
        "print('thinking', flush=True); say(thinking=True); serve()", wait=impatient, time_limit=7
    )

    refusal = refusal_of(lambda: activator.resolve("I"))

    assert refusal.code == "FAILED_PRECONDITION"
    assert "within 7 s" in refusal.text
    assert "thinking" in refusal.text
    assert 0 < world.asked_to_wait.get() <= 7
    assert world.bell.hear() == {"left": True}
    assert activator.started() == []


def test___two_resolvers___out_of_time___are_both_told(world: World) -> None:
    over, both = threading.Event(), threading.Barrier(2)

    def impatient(event: threading.Event, _: float) -> bool:
        both.wait(PATIENCE)
        over.wait(PATIENCE)
        return event.is_set()

    activator = world.activator("say(ready=True)", wait=impatient)
    resolving = [world.resolving(activator) for _ in range(2)]
    world.bell.hear()
    over.set()

    assert ["within" in str(each.exception(PATIENCE)) for each in resolving] == [True, True]


@holds("DISC-ACTIVATE-FAILED")
def test___no_script___resolve___says_which(world: World) -> None:
    activator = world.activator(None)
    activator.install(world.config())

    refusal = refusal_of(lambda: activator.resolve("I"))

    assert refusal.code == "FAILED_PRECONDITION"
    assert "cannot be started" in refusal.text
    assert "start.sh" in refusal.text


def test___a_script_that_is_no_program___resolve___says_so(world: World) -> None:
    activator = world.activator(SERVES)
    script = world.folder / "start.sh"
    script.write_bytes(b"#!/no/such/interpreter\n")
    script.chmod(0o755)

    assert "cannot be started" in refusal_of(lambda: activator.resolve("I")).text


def test___wild_output___resolve___shows_a_short_plain_tail(world: World) -> None:
    activator = world.activator(
        "sys.stdout.buffer.write(b'x' * 300000 + b'\\n' * 3 + b'\\x1b[2J\\xff\\xe2\\x98\\x83last')"
    )

    text = refusal_of(lambda: activator.resolve("I")).text

    assert text.endswith("\\x1b[2J\\\\xff\\u2603last")
    assert text.isascii()
    assert len(text) < 3000


def test___the_caller_leaves___resolve___ends_and_the_start_goes_on(world: World) -> None:
    activator = world.activator("say(ready=True); " + SERVES)
    woken = threading.Event()
    leaving = world.resolving(activator, woken=woken)
    world.asked_to_wait.get(timeout=PATIENCE)

    woken.set()

    error = leaving.exception(PATIENCE)
    assert isinstance(error, Refusal)
    assert error.code == "CANCELLED"
    staying = world.resolving(activator)
    world.asked_to_wait.get(timeout=PATIENCE)
    world.bell.go.set()
    assert staying.result(PATIENCE).service.service_class == "C"


@holds("DISC-ACTIVATE-OTHER")
def test___it_registers_as_another_version___resolve___says_so_and_starts_no_second(
    world: World,
) -> None:
    activator = world.activator("register(version=''); serve()")

    for _ in range(2):
        refusal = refusal_of(lambda: activator.resolve("I", "C", "1.0.0"))
        assert refusal.code == "FAILED_PRECONDITION"
        for part in ("version 0.0.1", "version 1.0.0", "start.serviceconfig:1"):
            assert part in refusal.text

    assert world.bell.hear() == {"register": "C", "version": ""}
    assert world.bell.said.empty()
    assert activator.resolve("I").service.version == "0.0.1"


def test___it_has_unregistered___resolve___starts_it_again(world: World) -> None:
    activator = world.activator(
        "mine = register()\n"
        "if not os.path.exists('before'):\n"
        "    open('before', 'w').close(); say(ready=1); say(unregister=mine)\n"
        "serve()"
    )
    first = activator.resolve("I")
    world.bell.go.set()
    heard = [world.bell.hear() for _ in range(3)]
    assert heard[-1] == {"unregister": first.id}

    assert activator.resolve("I").id != first.id


def test___it_unregisters_at_once___resolve___says_so(world: World) -> None:
    world.registry.on_registered(lambda entry: world.registry.unregister(entry.id))
    activator = world.activator(SERVES)

    refusal = refusal_of(lambda: activator.resolve("I"))

    assert refusal.code == "FAILED_PRECONDITION"
    assert "has unregistered already" in refusal.text


def test___two_versions___resolve___starts_the_one_asked_for(world: World) -> None:
    activator = world.activator(None)
    for name, version in (("one", "1.0.0"), ("two", "2.0.0")):
        world.script(f"register(version='{version}'); serve()", name=name)
        activator.install(world.config(name=name, version=version))

    assert activator.resolve("I", version="1.0.0").service.version == "1.0.0"
    assert activator.resolve("I").service.version == "1.0.0"
    assert activator.resolve("I", version="2.0.0").service.version == "2.0.0"
    assert activator.resolve("I").service.version == "2.0.0"


def test___two_versions_starting___one_registers___answers_who_waits_for_it(
    world: World,
) -> None:
    activator = world.activator(None)
    world.script("say(ready=1); register(version='1.0.0'); serve()", name="one")
    world.script("register(version='2.0.0'); serve()", name="two")
    activator.install(world.config(name="one", version="1.0.0"))
    activator.install(world.config(name="two", version="2.0.0"))

    first = world.pool.submit(lambda: activator.resolve("I", "C", "1.0.0"))
    assert world.bell.hear() == {"ready": 1}
    assert activator.resolve("I", "C", "2.0.0").service.version == "2.0.0"
    assert not first.done()
    world.bell.go.set()

    assert first.result(PATIENCE).service.version == "1.0.0"


def test___the_same_installed_twice___install___names_both_files(world: World) -> None:
    activator = world.activator(SERVES)

    with pytest.raises(FakeError) as caught:
        activator.install(world.config(name="again"))

    assert "again.serviceconfig:1" in str(caught.value)
    assert "start.serviceconfig:1" in str(caught.value)


def test___known_without_a_file___resolve___is_not_found(world: World) -> None:
    activator = world.activator(None)
    world.registry.install(Service("A service", "C", ("I",)))

    assert refusal_of(lambda: activator.resolve("I")).code == "NOT_FOUND"


@holds("DISC-ACTIVATE-END")
def test___started_services___close___asks_them_to_end_and_nobody_else(world: World) -> None:
    activator = world.activator(
        "signal.signal(signal.SIGTERM, lambda *_: (say(unregister=mine), os._exit(0)));"
        "mine = register(); say(up=True); serve()"
    )
    activator.resolve("I")
    world.bell.hear()
    assert world.bell.hear() == {"up": True}
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        activator.close()
        activator.close()

        assert "unregister" in world.bell.hear()
        assert world.registry.active() == []
        assert other.poll() is None
        other.communicate(b"\n", timeout=PATIENCE)
    assert refusal_of(lambda: activator.resolve("I")).code == "UNAVAILABLE"


@holds("DISC-ACTIVATE-END")
def test___a_deaf_service___close___kills_it_after_the_grace(world: World) -> None:
    activator = world.activator(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SERVES, grace=0.05
    )
    activator.resolve("I")
    world.bell.hear()

    activator.close()

    assert world.bell.hear() == {"left": True}


@holds("DISC-ACTIVATE-END")
def test___a_service_under_a_shell___close___ends_the_service_too(world: World) -> None:
    activator = world.activator(
        "signal.signal(signal.SIGTERM, lambda *_: (say(bye=True), os._exit(0))); "
        "register(); say(up=1); serve()",
        shell="{}; true",
    )
    activator.resolve("I")
    heard = [world.bell.hear() for _ in range(2)]
    assert heard[-1] == {"up": 1}

    activator.close()

    assert world.bell.hear() == {"bye": True}


@holds("DISC-ACTIVATE-RESET")
def test___a_started_service___reset___is_ended_and_started_anew_when_resolved(
    world: World,
) -> None:
    activator = world.activator("register(); say(up=os.getpid()); serve()")
    activator.resolve("I")
    world.bell.hear()
    first = world.bell.hear()["up"]

    activator.reset()
    assert world.bell.hear() == {"left": True}
    world.registry.evict_all()
    assert activator.started() == []

    activator.resolve("I")
    world.bell.hear()
    assert world.bell.hear()["up"] != first


@holds("DISC-ACTIVATE-RESET")
def test___somebody_waits___reset___tells_at_once(world: World) -> None:
    activator = world.activator("say(ready=True); serve()")
    waiting = world.resolving(activator)
    world.bell.hear()

    activator.reset()

    error = waiting.exception(PATIENCE)
    assert isinstance(error, Refusal)
    assert (error.code, "was reset" in error.text) == ("UNAVAILABLE", True)


def test___reset_before_the_second_look___resolve___starts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    activator = world.activator(SERVES)
    look_up, looks = world.registry.lookup, iter([lambda: None, activator.reset])

    def look_up_and_reset(*asked: str) -> Registration | Service:
        next(looks)()
        return look_up(*asked)

    monkeypatch.setattr(world.registry, "lookup", look_up_and_reset)

    assert refusal_of(lambda: activator.resolve("I")).code == "UNAVAILABLE"
    assert activator.started() == []


def test___somebody_waits___close___tells_at_once(world: World) -> None:
    activator = world.activator("say(ready=True); serve()")
    waiting = world.resolving(activator)
    world.bell.hear()

    activator.close()

    error = waiting.exception(PATIENCE)
    assert isinstance(error, Refusal)
    assert error.code == "UNAVAILABLE"


def test___started_and_closed___threads___are_gone(world: World) -> None:
    activator = world.activator(SERVES)
    activator.resolve("I")
    assert any("discovery-process" in thread.name for thread in threading.enumerate())

    activator.close()

    left = [thread.name for thread in threading.enumerate() if "discovery-process" in thread.name]
    assert left == []


def test___signals_of_the_terminal___to_us___do_not_reach_the_services(world: World) -> None:
    # Its own session: Ctrl-C in the terminal ends the station, which then ends them in order.
    activator = world.activator("say(session=os.getsid(0) == os.getpid()); " + SERVES)

    activator.resolve("I")

    assert world.bell.hear() == {"session": True}
