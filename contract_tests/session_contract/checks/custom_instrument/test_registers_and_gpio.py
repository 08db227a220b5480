"""Register maps that break a rule, random calls in a row, and writes at the same time."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from session_contract.checks.budget import Budget
from session_contract.checks.custom_instrument.speaking import Speaker
from session_contract.checks.marking import requirement
from session_contract.profiles.device import BAD, GOOD, open_instrument
from session_contract.profiles.served import Client, Served
from session_contract.subject.finding import Event as Seen
from session_spec.class_models import InstrumentModel
from session_spec.class_models.instrument import CHANNELS, PORTS, REGISTERS
from session_spec.examples import Event
from session_spec.model import Violation

_INSTRUMENTS = ("DUT1", "DUT2")
_TO_MEET = 60.0
"""Seconds that the clients have to come together."""
_RANDOM = (
    *("DEVICE-READ-BACK", "DEVICE-GPIO-BACK", "DEVICE-MASK-WRITE", "DEVICE-MASK-READ"),
    *("DEVICE-REFUSED", "DEVICE-SEPARATE", "DEVICE-KEEPS", "DEVICE-RESET"),
)


@pytest.mark.parametrize("name", BAD)
@requirement("DEVICE-MAP-BAD", 2, kind="input")
def test___a_register_map_that_breaks_a_rule___opened_with___refused_with_its_line(
    served: Served, client: Client, name: str
) -> None:
    text, line = BAD[name]
    path = served.folder / f"{served.fresh()}.csv"
    path.write_text(text, encoding="utf-8")

    answer = open_instrument(client, served.fresh(), path)

    if answer.code != "INVALID_ARGUMENT":
        raise served.violated("DEVICE-MAP-BAD", f"INVALID_ARGUMENT is due, not {answer.code}")
    if not re.search(rf"(?<!\d){line}(?!\d)", answer.details.replace(str(path), "")):
        raise served.violated("DEVICE-MAP-BAD", f"the text does not name line {line}")


def _cases() -> list[Any]:
    return [
        pytest.param(name, marks=requirement(name, 1, kind="stateful"), id=name) for name in _RANDOM
    ]


@pytest.mark.parametrize("name", _cases())
def test___random_calls_in_a_row___answered___as_the_model_says(
    served: Served, client: Client, budget: Budget, seed: int, name: str
) -> None:
    assert client.name
    rounds = max(1, budget.programs // 25)

    for number in range(rounds):
        random = Random(f"{seed} {name} {number}")
        served.events.clear()
        _walk(Speaker(served), _course(random, budget.steps))

    served.executions = rounds


def _walk(speaker: Speaker, events: Iterable[Event]) -> None:
    """Make calls one after the other, each answer held against the model."""
    model, seen = InstrumentModel(), list[Seen]()
    state = model.initial()
    for event in events:
        answered = replace(event, outcome=tuple(speaker.read(event, speaker.call(event))))
        told = f"{event.call}({', '.join(event.arguments)}) -> {' '.join(answered.outcome or ())}"
        seen.append(Seen(event.actor or "client", told))
        verdict = model.apply(state, answered)
        if isinstance(verdict, Violation):
            raise speaker.complain(verdict.requirement, verdict.sentence, seen)
        (state,) = verdict


def _course(random: Random, steps: int) -> Iterator[Event]:
    """Calls at random: each write is followed by a read of what it may have changed."""
    yield from (_event("Initialize", name) for name in _INSTRUMENTS)
    for _ in range(steps):
        yield from _step(random, random.choice(_INSTRUMENTS))


def _event(call: str, *arguments: object, actor: str = "") -> Event:
    return Event(call, tuple(map(str, arguments)), None, actor)


def _step(random: Random, name: str) -> list[Event]:
    actor = random.choice(["", "another"])
    register = random.choice([*REGISTERS] * 4 + ["CONFIG_9"])
    port, channel = random.choice([*range(PORTS)] * 4 + [PORTS]), random.randrange(CHANNELS)
    mask, state = random.choice([0, 255, 256, random.randrange(256)]), random.randrange(300)
    reads = [
        _event("ReadRegister", name, register, actor=actor),
        _event("ReadGpioPort", name, port, 255),
        *(_event("ReadGpioPort", other, port, 255) for other in _INSTRUMENTS),
    ]
    written = random.choice(
        [
            [_event("WriteRegister", name, register, random.choice([state, 256, 0, 255]))],
            [_event("WriteGpioChannel", name, port, channel, random.choice(["high", "low"]))],
            [_event("WriteGpioPort", name, port, mask, state, actor=actor)],
            [
                _event("ReadGpioPort", name, port, mask),
                _event("ReadGpioChannel", name, port, channel),
            ],
            _anew(random, name),
        ]
    )
    return [*written, *reads]


def _anew(random: Random, name: str) -> list[Event]:
    reset = random.choice([(), ("reset",)])
    is_closed = random.random() < 0.7  # otherwise it attaches, and the reset counts for nothing
    return [*([_event("Close", name)] if is_closed else []), _event("Initialize", name, *reset)]


@requirement("DEVICE-MASK-TOGETHER", 1, kind="race")
def test___writes_of_different_lines___at_once___all_count(
    served: Served, client: Client, budget: Budget
) -> None:
    path = served.folder / f"{served.fresh()}.csv"
    path.write_text(GOOD, encoding="utf-8")
    opened = served.given(open_instrument(client, served.fresh(), path))
    clients = [served.client(f"client {channel}") for channel in range(CHANNELS)]
    gate = threading.Barrier(CHANNELS, timeout=_TO_MEET)

    def write(channel: int, level: int) -> str:
        gate.wait()
        given = {"mask": 1 << channel, "state": level << channel}
        session = opened.session_id
        return clients[channel].call("WriteGpioPort", session_id=session, port=3, **given).code

    with ThreadPoolExecutor(CHANNELS) as pool:
        for number in range(budget.closing):
            served.events.clear()
            level = (number + 1) % 2
            codes = set(pool.map(write, range(CHANNELS), [level] * CHANNELS))
            answer = client.call("ReadGpioPort", session_id=opened.session_id, port=3, mask=255)
            found = served.given(answer).state
            if codes != {"OK"} or found != level * 255:
                raise served.violated(
                    "DEVICE-MASK-TOGETHER",
                    f"of 8 lines, each set {'high' if level else 'low'} by a client of its own, "
                    f"the port has 0x{found:02X}; the writes answered {', '.join(sorted(codes))}",
                )
    served.executions = budget.closing
