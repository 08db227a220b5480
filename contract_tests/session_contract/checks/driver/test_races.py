"""Many initializations of one name at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.driver.server import Answered, DeviceClient, DeviceServer
from session_spec.matrix import Behavior

_CLIENTS = 32
_AT_MOST = 500
_TO_MEET = 10.0
"""Seconds that the clients have to come together."""


@requirement("DRIVER-ONE-CREATOR", 1, kind="race")
def test___many_autos_at_once___answered___one_initializes_and_all_have_the_session(
    server: DeviceServer, budget: Budget
) -> None:
    rounds = min(budget.creating // 30, _AT_MOST)
    clients = [server.client(f"client {n}") for n in range(1, _CLIENTS + 1)]
    gate = threading.Barrier(_CLIENTS, timeout=_TO_MEET)

    def initialize(client: DeviceClient, name: str) -> Answered:
        gate.wait()
        return client.initialize(name, Behavior.UNSPECIFIED)

    with ThreadPoolExecutor(_CLIENTS) as pool:
        for _ in range(rounds):
            server.events.clear()
            name = server.fresh()
            _judge(server, list(pool.map(initialize, clients, [name] * _CLIENTS)), name)
            clients[0].close(name)
    server.executions = rounds


def _judge(server: DeviceServer, answers: list[Answered], name: str) -> None:
    creators = sum(answer.new for answer in answers)
    codes = {answer.code for answer in answers}
    sessions = {answer.session for answer in answers}
    if creators != 1 or codes != {"OK"} or sessions != {name}:
        raise server.violated(
            "DRIVER-ONE-CREATOR",
            f"of {len(answers)} initializations at once {creators} say that the session is new; "
            f"they answer {', '.join(sorted(codes))}",
        )
