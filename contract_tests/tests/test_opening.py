"""A target from its description to its end: server, words, resources, calls."""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from session_contract.subject.finding import NotEstablished
from session_contract.subject.hosting import answers
from session_contract.subject.loading import load_target
from session_contract.subject.opening import needs_discovery, open_subject
from session_contract.subject.record import Journal
from session_contract.subject.target import (
    Address,
    Command,
    Identity,
    Resources,
    Servicer,
    Target,
    TargetError,
    Unreachable,
    UseCall,
)
from session_fakes.network.relay import Relay
from session_spec.matrix import Behavior
from session_spec.model import Answer

HERE = Path(__file__).parent
TARGETS = HERE.parent / "targets"
LOCKS = Target(
    Identity("locks"),
    Servicer("lock_server:add_to", HERE),
    HERE,
    uses=[UseCall("WriteNote", request={"text": "{here} {value}"}, answer="text", writes=True)],
)
_TO_GREET = 0.5
"""Seconds: more than a client waits that thinks only of coming back quickly."""
NOTE = (
    "import pathlib, sys; do, folder, name = sys.argv[1:];"
    "open(pathlib.Path(folder) / 'notes', 'a').write(f'{do} {name}\\n')"
)


def noting(do: str) -> tuple[str, ...]:
    """A command that notes for which resource it was run."""
    return ("{python}", "-c", NOTE, do, "{tmp}", "{name}")


def test___target_with_reflection___opened_and_called___answers_are_those_of_the_model(
    tmp_path: Path,
) -> None:
    journal = Journal()

    with open_subject(LOCKS, tmp_path, journal) as subject:
        lane, resource = subject.lane(), subject.fresh()
        created = lane.initialize(resource, Behavior.INITIALIZE_NEW)
        attached = lane.initialize(resource, Behavior.ATTACH_TO_EXISTING)
        used = lane.use("t1", value="hello")
        closed = [lane.close_session("t1") for _ in range(2)]
        subject.end_check()

    assert created.answer == Answer("OK", "t1", new=True)
    assert attached.answer == Answer("OK", "t1")
    assert (used.code, used.value, used.rpc) == ("OK", f"{HERE} hello", "WriteNote")
    assert [record.code for record in closed] == ["OK", "NOT_FOUND"]
    assert len(journal.records) == 5


def test___address___opened_and_left___server_goes_on(tmp_path: Path) -> None:
    with open_subject(LOCKS, tmp_path, Journal()) as server:
        target = replace(LOCKS, place=Address(server.host.address))
        for _ in range(2):
            with open_subject(target, tmp_path, Journal()) as subject:
                assert subject.lane().close_session("t9").code == "NOT_FOUND"
                subject.end_check()


def test___server_that_is_slow_to_greet___called___answers(tmp_path: Path) -> None:
    with open_subject(LOCKS, tmp_path, Journal()) as subject, Relay(subject.host.address) as relay:
        relay.stall("answers")
        heal = threading.Timer(_TO_GREET, relay.heal)
        heal.start()

        record = subject.lane(address=relay.address).close_session("t9")
        heal.join()
        subject.end_check()

    assert record.code == "NOT_FOUND"


def test___server_that_is_slow_to_greet___waited_for___gets_all_the_time_there_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not answers(f"127.0.0.1:{silent.getsockname()[1]}", _TO_GREET)
        silent.accept()[0].close()

        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test___resources___used_and_left___are_set_up_before_and_cleaned_up_after(
    tmp_path: Path,
) -> None:
    resources = Resources(
        "r-{unique}", noting("make"), noting("drop"), "s-{unique}", noting("slow"), noting("gone")
    )

    with open_subject(replace(LOCKS, resources=resources), tmp_path, Journal()) as subject:
        first, slow, second = subject.fresh(), subject.slow(), subject.fresh()
        subject.make_gone(second)

    assert (tmp_path / "notes").read_text().splitlines() == [
        f"make {first}",
        f"slow {slow}",
        f"make {second}",
        f"gone {second}",
        f"drop {second}",
        f"drop {first}",
    ]
    assert len({first, slow, second}) == 3


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((sys.executable, "-c", "print('no disk'); exit(3)"), "failed for .*exit code 3: no disk"),
        (("no-such-command",), "the command no-such-command cannot be run"),
    ],
)
def test___setup_that_fails___used___not_established(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    target = replace(LOCKS, resources=Resources(setup=command, cleanup=command))

    with (
        open_subject(target, tmp_path, Journal()) as subject,
        pytest.raises(NotEstablished, match=said),
    ):
        subject.fresh()


def test___target_without_reflection___opened___error_and_server_ended(tmp_path: Path) -> None:
    target = replace(LOCKS, place=Servicer("lock_server:add_silent", HERE))

    with (
        pytest.raises(TargetError, match="offers no reflection"),
        open_subject(target, tmp_path, Journal()),
    ):
        pass


def test___nobody_there___opened___unreachable(tmp_path: Path) -> None:
    target = replace(LOCKS, place=Address("127.0.0.1:1"), limits=replace(LOCKS.limits, call=0.2))

    with pytest.raises(Unreachable), open_subject(target, tmp_path, Journal()):
        pass


@pytest.mark.parametrize(
    ("place", "claims", "needed"),
    [
        (Command(("x", "{discovery}"), HERE), (), True),
        (Command(("x",), HERE, {"A": "{discovery}"}), (), True),
        (Command(("x",), HERE), ("hosting",), True),
        (Command(("x",), HERE), ("restart",), False),
        (Address("localhost:1"), (), False),
    ],
)
def test___target___looked_at___needs_discovery_when_it_names_it(
    place: Address | Command, claims: tuple[str, ...], needed: bool
) -> None:
    assert needs_discovery(replace(LOCKS, place=place, claims=frozenset(claims))) is needed


@pytest.mark.parametrize("name", ["file_logger", "custom_instrument"])
def test___target_of_a_reference___opened_and_called___answers(name: str, tmp_path: Path) -> None:
    target = load_target(TARGETS / f"{name}.toml")

    with open_subject(target, tmp_path, Journal()) as subject:
        assert subject.discovery.wait_registered(1, 60)
        lane = subject.lane()
        session = getattr(lane.initialize(subject.fresh(), 0).answer, "session", "")
        used = [lane.use(session, use=number, value="17") for number in range(len(target.uses))]
        slow = lane.initialize(
            subject.slow(), 1, configuration=subject.target.slow_configuration, timeout=60
        )
        subject.end_check()

    assert [record.code for record in used] == ["OK"] * len(target.uses)
    assert {record.value for record in used} <= {"", "17"}
    assert (slow.code, slow.details) == ("OK", "")
    assert slow.ended - slow.started > 0.1
