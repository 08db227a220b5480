"""The servicer of the instrument under traffic of 32 threads, without sockets to slow them down."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import grpc
import pytest

from session_reference import custom_instrument
from session_reference.custom_instrument.server import DeviceCommunicationServicer
from session_reference.custom_instrument.stubs import device_comm_service_pb2 as messages

MAP = str(Path(custom_instrument.__file__).with_name("register_map.csv"))
BEHAVIORS = messages.SessionInitializationBehavior.values()
CROWD = 32
STEPS = int(os.environ.get("RACE_ROUNDS", "150"))
"""How much each thread does; ``nox -s races`` has them do more."""
LIMIT = 90.0
"""Seconds after which a thread of these tests is stuck."""
Answer = TypeVar("Answer")


class StatusError(Exception):
    """What ``abort`` raises; ``code`` is the status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class Context:
    """As much of a call's context as the servicer uses, for a client that never gives up."""

    def is_active(self) -> bool:
        """Yes."""
        return True

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """End the call with a status."""
        raise StatusError(code, details)


CONTEXT: Any = Context()


class Client:
    """A client that calls the servicer itself."""

    def __init__(self, servicer: DeviceCommunicationServicer) -> None:
        self._servicer = servicer

    def initialize(
        self, name: str, behavior: messages.SessionInitializationBehavior.ValueType
    ) -> str:
        """Initialize; return the id."""
        request = messages.InitializeRequest(
            resource_name=name,
            protocol=messages.I2C,
            register_map_path=MAP,
            initialization_behavior=behavior,
        )
        return self._servicer.Initialize(request, CONTEXT).session_id

    def read(self, session_id: str) -> int:
        """Read a register."""
        request = messages.ReadRegisterRequest(session_id=session_id, register_name="USER_DATA_0")
        return self._servicer.ReadRegister(request, CONTEXT).value

    def write(self, session_id: str, value: int) -> None:
        """Write that register."""
        request = messages.WriteRegisterRequest(
            session_id=session_id, register_name="USER_DATA_0", value=value
        )
        self._servicer.WriteRegister(request, CONTEXT)

    def read_channel(self, session_id: str, port: int, channel: int) -> bool:
        """Read a GPIO channel."""
        request = messages.ReadGpioChannelRequest(session_id=session_id, port=port, channel=channel)
        return self._servicer.ReadGpioChannel(request, CONTEXT).state

    def write_channel(self, session_id: str, port: int, channel: int, state: bool) -> None:
        """Write a GPIO channel."""
        request = messages.WriteGpioChannelRequest(
            session_id=session_id, port=port, channel=channel, state=state
        )
        self._servicer.WriteGpioChannel(request, CONTEXT)

    def close(self, session_id: str) -> None:
        """Close."""
        self._servicer.Close(messages.CloseRequest(session_id=session_id), CONTEXT)


@pytest.fixture(autouse=True)
def switches_all_the_time() -> Iterator[None]:
    """Let Python switch between threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def client() -> Client:
    """A client of a new servicer; it has no state, so that all threads may use it."""
    return Client(DeviceCommunicationServicer())


def at_once(programs: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run these programs, each in a thread of its own; they begin at the same moment."""
    barrier = Barrier(len(programs))

    def run(program: Callable[[], Answer]) -> Answer:
        barrier.wait(LIMIT)
        return program()

    with ThreadPoolExecutor(len(programs)) as pool:
        return list(pool.map(run, programs, timeout=LIMIT))


def visit(client: Client, seed: int) -> Counter[str]:
    """Do anything with four instruments, whose values differ; count what was answered."""
    chance = random.Random(seed)
    answers: Counter[str] = Counter()
    session_ids = dict.fromkeys(range(4), "never")
    for _ in range(STEPS):
        number = chance.randrange(4)
        session_id = session_ids[number]
        try:
            match chance.randrange(4):
                case 0:
                    behavior = chance.choice(BEHAVIORS)
                    session_ids[number] = client.initialize(f"DUT {number}", behavior)
                case 1:
                    value = client.read(session_id)
                    answers["own value" if value % 4 == number else f"value {value}"] += 1
                case 2:
                    client.write(session_id, number + 4 * chance.randrange(64))
                case _:
                    client.close(session_id)
        except StatusError as status:
            answers[status.code.name] += 1
    return answers


def test___32_clients___call_anything_on_four_instruments___never_mixed_and_never_internal(
    client: Client,
) -> None:
    for number in range(4):
        session_id = client.initialize(f"DUT {number}", BEHAVIORS[0])
        client.write(session_id, number)

    answers = sum(at_once([partial(visit, client, seed) for seed in range(CROWD)]), Counter[str]())

    assert answers.keys() == {"own value", "NOT_FOUND", "ALREADY_EXISTS"}


def toggle(client: Client, port: int, channel: int) -> int:
    """Toggle a channel that nobody else writes, whoever closes meanwhile; count lost writes."""

    def persist(call: Callable[[str], Answer]) -> Answer:
        while True:
            session_id = client.initialize("DUT", BEHAVIORS[0])
            try:
                return call(session_id)
            except StatusError as status:
                assert status.code is grpc.StatusCode.NOT_FOUND  # noqa: PT017 - another closed it

    lost = 0
    for turn in range(STEPS // 2):
        high = turn % 2 == 0
        persist(partial(client.write_channel, port=port, channel=channel, state=high))
        lost += persist(partial(client.read_channel, port=port, channel=channel)) != high
        if turn % 4 == channel % 4:
            persist(client.close)
    return lost


def test___32_clients___each_toggles_its_channel_while_others_close___no_write_is_lost(
    client: Client,
) -> None:
    channels = product(range(4), range(8))

    assert at_once([partial(toggle, client, *each) for each in channels]) == [0] * CROWD
