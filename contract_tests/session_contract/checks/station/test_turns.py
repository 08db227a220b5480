"""Several clients that take turns on one session."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from session_contract.checks.budget import Budget
from session_contract.checks.marking import requirement
from session_contract.checks.station.asking import LONG, LoadedMap, unreserve
from session_contract.station.station import Client, Station
from session_contract.subject.finding import NotEstablished

_CLIENTS = 4


class _Turns:
    """What clients see that reserve, look who else holds the session, and unreserve."""

    def __init__(self, station: Station, rounds: int) -> None:
        self.most_at_once = 0
        self.codes: set[str] = set()
        self._station = station
        self._rounds = rounds
        self._loaded = LoadedMap(station)
        self._holding = 0
        self._lock = threading.Lock()
        clients = [station.client(f"client {n + 1}") for n in range(_CLIENTS)]
        with ThreadPoolExecutor(_CLIENTS) as pool:
            list(pool.map(self._take_turns, clients))
        station.executions = rounds * _CLIENTS

    def _take_turns(self, client: Client) -> None:
        for _ in range(self._rounds):
            answer = client.ask(
                client.stubs.sessions.ReserveSessions, self._loaded.reserve("A", timeout=LONG)
            )
            self.codes.add(answer.code)
            if not answer.ok:
                return
            self._hold(1)
            self._hold(-1)
            client.ask(client.stubs.sessions.UnreserveSessions, unreserve(answer.message.sessions))

    def _hold(self, change: int) -> None:
        """Count who certainly holds the session: the answer was there, and it is not given back."""
        with self._lock:
            self._holding += change
            self.most_at_once = max(self.most_at_once, self._holding)


@requirement("RES-HELD", 1, kind="race")
def test___clients_that_wait___taking_turns___never_hold_the_session_together(
    station: Station, budget: Budget
) -> None:
    turns = _Turns(station, budget.cycles // 5)

    if turns.most_at_once > 1:
        raise station.violated("RES-HELD", f"{turns.most_at_once} clients hold one session at once")


@requirement("RES-WAITS", 1, kind="race")
def test___clients_that_wait___taking_turns___all_have_theirs(
    station: Station, budget: Budget
) -> None:
    turns = _Turns(station, budget.cycles // 5)

    if "UNAVAILABLE" in turns.codes:
        raise station.violated("RES-WAITS", f"a call that may wait {LONG} ms is refused at once")
    if turns.codes != {"OK"}:
        raise NotEstablished(f"Turns end with {', '.join(sorted(turns.codes))}.")
