"""What the checks of hosting make of a server's life."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from ni.measurementlink.discovery.v1 import discovery_service_pb2 as messages
from ni.measurementlink.discovery.v1 import discovery_service_pb2_grpc as stubs

from session_contract import environment
from session_contract.checks.server import test_hosted
from session_contract.checks.server.lives import Life
from session_contract.environment import Registration
from session_contract.subject.finding import NotEstablished, Violated
from session_contract.subject.record import Record
from session_contract.subject.subject import Subject
from session_contract.subject.target import Command, Identity, Target
from session_spec.model import LOST, Answer, Initialize

CALL = Record(1, "client", Initialize("R", 1), Answer("OK", "s1", new=True), 1.0, 3.0)
GOOD = Life(
    "SIGTERM", [Registration("localhost:1", served=True)], True, [], 0, CALL, asked=2.0, heard=3.0
)
TARGET = Target(Identity("a server"), Command(["server"], Path()), Path())


class _Watched:
    """As much of a subject as these checks ask for."""

    target = TARGET


def _check(name: str, life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry out the check of this requirement."""

    def lives(_: object) -> list[Life]:
        return [GOOD, life]

    monkeypatch.setattr(test_hosted, "lives", lives)
    checks: list[Any] = [getattr(test_hosted, n) for n in dir(test_hosted) if n.startswith("test_")]
    chosen = next(c for c in checks if c.pytestmark[0].args[0] == name)
    cast("Callable[[Subject], None]", chosen)(cast("Subject", _Watched()))


@pytest.mark.parametrize(
    ("name", "life", "text"),
    [
        ("HOST-REGISTERS", replace(GOOD, registrations=[], listed=False), "it did not register"),
        ("HOST-REGISTERS", replace(GOOD, listed=False), "registration was refused"),
        (
            "HOST-SERVE-FIRST",
            replace(GOOD, registrations=[Registration("localhost:1", served=False)]),
            "localhost:1 was registered before it answered",
        ),
        ("HOST-UNREGISTERS", replace(GOOD, left=["localhost:1"]), "is still registered"),
        ("HOST-EXIT-CODE", replace(GOOD, exit_code=None), "did not end within its grace period"),
        ("HOST-EXIT-CODE", replace(GOOD, exit_code=-15), "exit code -15, 0 is due"),
        (
            "HOST-CALLS-FINISH",
            replace(GOOD, running=replace(CALL, answer=LOST, ended=math.inf)),
            "got no answer",
        ),
        (
            "HOST-CALLS-FINISH",
            replace(GOOD, running=replace(CALL, answer=Answer("INTERNAL"))),
            "INTERNAL",
        ),
    ],
)
def test___a_life_with_one_fault___checked___violates_that_requirement(
    name: str, life: Life, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(name, GOOD, monkeypatch)

    with pytest.raises(Violated, match=text) as caught:
        _check(name, life, monkeypatch)

    assert caught.value.finding.requirement == name
    assert "stopped by SIGTERM" in caught.value.finding.facts


@pytest.mark.parametrize(
    ("name", "life", "text"),
    [
        ("HOST-CALLS-FINISH", replace(GOOD, running=None), "set .resource. slow"),
        ("HOST-CALLS-FINISH", replace(GOOD, asked=9.0), "make it slower"),
        (
            "HOST-CALLS-FINISH",
            replace(GOOD, running=replace(CALL, answer=LOST, ended=math.inf), heard=7.1),
            "grace period of 5 s was over",
        ),
        ("HOST-UNREGISTERS", replace(GOOD, listed=False), "HOST-REGISTERS is violated"),
    ],
)
def test___a_life_that_shows_nothing___checked___not_established(
    name: str, life: Life, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotEstablished, match=text):
        _check(name, life, monkeypatch)


@pytest.mark.parametrize(
    ("life", "decides"),
    [
        (GOOD, True),
        (replace(GOOD, running=None), True),
        (replace(GOOD, heard=1.9), False),
        (replace(GOOD, heard=7.1), False),
    ],
)
def test___a_life___looked_at___decides_unless_its_call_was_too_quick_or_too_slow(
    life: Life, decides: bool
) -> None:
    assert life.decides(TARGET.place.grace if isinstance(TARGET.place, Command) else 0) is decides


def _register(address: str, interfaces: list[str]) -> None:
    with grpc.insecure_channel(address) as channel:
        request = messages.RegisterServiceRequest(
            service_description=messages.ServiceDescriptor(
                display_name="x", service_class="y", provided_interfaces=interfaces
            ),
            location=messages.ServiceLocation(location="localhost", insecure_port="1"),
        )
        stubs.DiscoveryServiceStub(channel).RegisterService(request)


def test___a_port_where_nobody_is___registered___noted_as_not_served() -> None:
    with environment.discovery() as discovery:
        _register(discovery.address, ["z"])

        assert discovery.wait_registered(1, 10)
        assert discovery.wait_listed(["localhost:1"], 10)
        assert discovery.registered == [Registration("localhost:1", served=False)]


def test___a_registration_that_is_refused___sent___noted_and_not_listed() -> None:
    with environment.discovery() as discovery:
        with pytest.raises(grpc.RpcError):
            _register(discovery.address, [])

        assert discovery.wait_registered(1, 10)
        assert not discovery.wait_listed(["localhost:1"], 0.05)
        assert not discovery.wait_listed([], 10)
